"""Installs and builds what the cases run: the only part that needs the network."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import browser, vault
from .places import GO_CLIENT, HERE, MOTO_PYTHON, MOTO_VENV, PYTHON, ROOT, RUST_TARGET, VENV, WORK, rolecall

# Debian 12 has one version of Ceph, and what it does is written down in docs/enforcement.md.
_CEPH = "16.2"
_CEPH_PACKAGES = ("ceph-mon", "ceph-osd", "radosgw", "ceph-common")
_CEPH_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")


def everything() -> None:
    WORK.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(_timed, "rust", _rust)
        steps = {
            "python": _python,
            "moto": _moto,
            "ceph": _ceph,
            "chromium": _chromium,
            "keyrings": _keyrings,
            "javascript": _javascript,
            "simulate": _simulate,
            "go": _go,
        }
        for name, step in steps.items():
            _timed(name, step)
        slow.result()
    _timed("rolecall", _rolecall)
    _timed("examples", _examples)


def _timed(name: str, step: Callable[[], None]) -> None:
    start = time.monotonic()
    step()
    print(f"ready {name} {time.monotonic() - start:.1f}", flush=True)


def _python() -> None:
    _venv(VENV, PYTHON, HERE / "requirements.txt")


def _moto() -> None:
    _venv(MOTO_VENV, MOTO_PYTHON, HERE / "requirements-moto.txt")


def _venv(folder: Path, python: str, wanted: Path) -> None:
    def install() -> None:
        _call([sys.executable, "-m", "venv", "--clear", str(folder)])
        _call([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(wanted)])
        _call([python, "-m", "pip", "check"])

    _once(wanted, folder / "stamp", install)


def _ceph() -> None:
    """From Debian's own archive; as another user than root, whoever looks after the machine has to have installed it."""
    missing = [program for program in _CEPH_PROGRAMS if not shutil.which(program)]
    if missing and (os.geteuid() != 0 or not shutil.which("apt-get")):
        raise SystemExit(
            f"{', '.join(missing)} not found: Ceph is installed by root on Debian 12, "
            f"with apt-get install --no-install-recommends {' '.join(_CEPH_PACKAGES)}"
        )
    if missing:
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        _call(["apt-get", "update"], more=quiet)
        _call(["apt-get", "install", "--yes", "--no-install-recommends", *_CEPH_PACKAGES], more=quiet)
    found = subprocess.run(["radosgw", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    if not found.startswith(f"ceph version {_CEPH}."):
        raise SystemExit(f"Ceph {_CEPH} is what the cases are written for, and here is: {found.strip() or 'none'}")


def _chromium() -> None:
    """From Debian's own archive. Elsewhere the cases that want it are skipped, and the run says so."""
    if shutil.which(browser.PROGRAM) or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _call(["apt-get", "update"], more=quiet)
    _call(["apt-get", "install", "--yes", "--no-install-recommends", browser.PROGRAM], more=quiet)


def _keyrings() -> None:
    """From Debian's own archive. Elsewhere the cases that want them are skipped, and the run says so."""
    if not vault.missing() or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _call(["apt-get", "update"], more=quiet)
    _call(["apt-get", "install", "--yes", "--no-install-recommends", *vault.PACKAGES], more=quiet)


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
    programs = ["-p", "client", "-p", "resolve"]
    _call(["cargo", "build", "--quiet", "--locked", *programs, "--target-dir", str(RUST_TARGET)], HERE / "rust")


def _rolecall() -> None:
    if "ROLECALL_BIN" not in os.environ:
        _call(["cargo", "build", "--quiet", "--release", "--locked"], ROOT)
    if not Path(rolecall()).is_file():
        raise SystemExit(f"{rolecall()} is not there")


def _examples() -> None:
    _call(["cargo", "build", "--quiet", "--locked", "-p", "rolecall", "--example", "decide", "--example", "worlds"], ROOT)


def _once(wanted: Path, stamp: Path, step: Callable[[], None]) -> None:
    """Takes a step again only when the file it installs from has changed."""
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        step()
        stamp.write_text(digest)


def _call(command: list[str], folder: Path = HERE, more: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (more or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        raise SystemExit(f"could not prepare: {' '.join(command)}")
