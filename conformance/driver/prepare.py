"""Installs and builds what the cases run: the only part that needs the network."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .places import GO_CLIENT, HERE, PYTHON, ROOT, RUST_TARGET, VENV, WORK, rolecall


def everything() -> None:
    WORK.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(_timed, "rust", _rust)
        for name, step in (("python", _python), ("javascript", _javascript), ("simulate", _simulate), ("go", _go)):
            _timed(name, step)
        slow.result()
    _timed("rolecall", _rolecall)
    _timed("decide", _decide)


def _timed(name: str, step: Callable[[], None]) -> None:
    start = time.monotonic()
    step()
    print(f"ready {name} {time.monotonic() - start:.1f}", flush=True)


def _python() -> None:
    def install() -> None:
        _call([sys.executable, "-m", "venv", "--clear", str(VENV)])
        _call([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(HERE / "requirements.txt")])
        _call([PYTHON, "-m", "pip", "check"])

    _once(HERE / "requirements.txt", VENV / "stamp", install)


def _javascript() -> None:
    _node(HERE / "js")


def _simulate() -> None:
    _node(HERE / "simulate")


def _node(folder: Path) -> None:
    _once(
        folder / "package-lock.json",
        folder / "node_modules/.stamp",
        lambda: _call(["npm", "ci", "--ignore-scripts", "--silent"], folder),
    )


def _go() -> None:
    _call(["go", "build", "-mod=readonly", "-o", GO_CLIENT, "."], HERE / "go")


def _rust() -> None:
    _call(["cargo", "build", "--quiet", "--locked", "-p", "client", "--target-dir", str(RUST_TARGET)], HERE / "rust")


def _rolecall() -> None:
    if "ROLECALL_BIN" not in os.environ:
        _call(["cargo", "build", "--quiet", "--release", "--locked"], ROOT)
    if not Path(rolecall()).is_file():
        raise SystemExit(f"{rolecall()} is not there")


def _decide() -> None:
    _call(["cargo", "build", "--quiet", "--locked", "-p", "rolecall", "--example", "decide"], ROOT)


def _once(wanted: Path, stamp: Path, step: Callable[[], None]) -> None:
    """Takes a step again only when the file it installs from has changed."""
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        step()
        stamp.write_text(digest)


def _call(command: list[str], folder: Path = HERE) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        raise SystemExit(f"could not prepare: {' '.join(command)}")
