"""Where things are, and the programs the cases run."""

import os
import socket
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
WORK = HERE / ".work"

VENV = WORK / "venv"
PYTHON = str(VENV / "bin/python")
MOTO_VENV = WORK / "moto"
MOTO_PYTHON = str(MOTO_VENV / "bin/python")
GO_CLIENT = str(WORK / "go-client")
RUST_TARGET = WORK / "rust"
RUST_CLIENT = str(RUST_TARGET / "debug/client")
RUST_RESOLVE = str(RUST_TARGET / "debug/resolve")


def rolecall() -> str:
    """The binary under test: ROLECALL_BIN, else the release build."""
    given = os.environ.get("ROLECALL_BIN")
    if given:
        return str(Path(given).resolve())
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "release/rolecall")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
