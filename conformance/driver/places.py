"""Where things are, and the programs the cases run."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
WORK = HERE / ".work"

VENV = WORK / "venv"
PYTHON = str(VENV / "bin/python")
GO_CLIENT = str(WORK / "go-client")
RUST_TARGET = WORK / "rust"
RUST_CLIENT = str(RUST_TARGET / "debug/client")


def rolecall() -> str:
    """The binary under test: ROLECALL_BIN, else the release build."""
    given = os.environ.get("ROLECALL_BIN")
    if given:
        return str(Path(given).resolve())
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "release/rolecall")
