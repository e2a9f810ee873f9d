"""A case, the processes it starts, and the run of many."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from . import lonely, scan
from .places import VENV, WORK, rolecall

# In the home of every case: a tool that reads the user's own files instead of the sandbox's shows up as this one.
_HOSTILE = "[default]\naws_access_key_id = AKIACANARYHOSTILE0000\naws_secret_access_key = CANARYSECRETHOSTILE\n"


class Failed(Exception):
    """A case did not hold; says why in a line or two."""


def check(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


@dataclass(frozen=True)
class Done:
    """A process that ended."""

    code: int
    out: str
    err: str

    def ok(self) -> "Done":
        if self.code:
            raise Failed(f"exit {self.code}: {_tail(self.err)}")
        return self


@dataclass
class Room:
    """What one case has: a folder and an environment of its own, and everything its processes said."""

    folder: Path
    said: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of ours but the path: no AWS_*, no certificates, a home of its own, the highest log level."""
        return {
            "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
            "ROLECALL_LOG": "trace",
            **more,
        }

    def run(
        self, command: list[str], *, env: dict[str, str] | None = None, seconds: float = 60, secret_out: bool = False
    ) -> Done:
        """Runs a command to its end or ours. `secret_out`: its contract is to print credentials on stdout."""
        with self.start(command, env=env) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                end(process)
                out, err = process.communicate()
                raise Failed(f"still running after {seconds:.0f} s: {_tail(err)}") from None
            finally:
                self.said += ([] if secret_out else [out]) + [err]
            left = lonely.of_group(process.pid)
            end(process)
            check(not left, f"left running: {', '.join(left)}")
        return Done(process.returncode, out, err)

    def start(
        self, command: list[str], *, env: dict[str, str] | None = None, output: TextIO | int = subprocess.PIPE
    ) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            env=self.environment() if env is None else env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )

    def stop_agents(self) -> str:
        """Ends the agents that the case's commands started: they would wait for the next one for a quarter of an hour."""
        why = ""
        for socket in sorted(self.folder.rglob("agent.sock")):
            env = self.environment(ROLECALL_RUNTIME_DIR=str(socket.parent))
            stopped = subprocess.run(
                [rolecall(), "agent", "stop"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
            )
            if stopped.returncode:
                why += f"\nan agent was not stopped: {_tail(stopped.stderr)}"
        return why

    def leaks(self) -> list[str]:
        """The secrets in what was said and in what was left on disk."""
        found = scan.find("\n".join(self.said), self.secrets)
        for path in (self.folder / "tmp").rglob("*"):
            if path.is_file() and not path.is_symlink():
                text = path.read_text(errors="backslashreplace")
                found += [f"{name} in {path.name}" for name in scan.find(text, self.secrets)]
        return found


@dataclass(frozen=True)
class Case:
    name: str
    hold: Callable[[Room], None]


def end(process: subprocess.Popen) -> None:
    """Ends a process and all it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_all(cases: Iterable[Case], jobs: int, alone: Iterable[Case] = ()) -> int:
    """Runs the cases, then those that want the machine for themselves, a line each, then the count; not zero if any did not hold."""
    rooms = WORK / "rooms"
    shutil.rmtree(rooms, ignore_errors=True)
    passed = failed = 0
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_one, case, rooms / case.name.replace("/", ".")) for case in cases]
        for done in as_completed(running):
            name, seconds, why = done.result()
            passed, failed = _count(name, seconds, why, passed, failed)
    for case in alone:
        passed, failed = _count(*_one(case, rooms / case.name.replace("/", ".")), passed, failed)
    left = lonely.others()
    passed, failed = _count("nothing left running", 0.0, ", ".join(left), passed, failed)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def _count(name: str, seconds: float, why: str, passed: int, failed: int) -> tuple[int, int]:
    print(f"{'FAIL' if why else 'ok'} {name} {seconds:.1f}", flush=True)
    for line in why.splitlines():
        print(f"     {line}", flush=True)
    return (passed, failed + 1) if why else (passed + 1, failed)


def _one(case: Case, folder: Path) -> tuple[str, float, str]:
    home = folder / "home/.aws"
    home.mkdir(parents=True)
    (folder / "tmp").mkdir(mode=0o700)
    (home / "credentials").write_text(_HOSTILE)
    room = Room(folder)
    start = time.monotonic()
    try:
        case.hold(room)
        why = ""
    except Failed as failure:
        why = str(failure)
    except Exception as failure:
        # A fault of the driver's own fails its case and no other.
        why = f"{type(failure).__name__}: {failure}"
    seconds = time.monotonic() - start
    why += room.stop_agents()
    leaks = room.leaks()
    if leaks:
        why += f"\nleaked: {', '.join(leaks)}"
    return case.name, seconds, _masked(why.strip(), room)


def _masked(text: str, room: Room) -> str:
    return "(not shown: it holds a secret)" if scan.find(text.partition("\nleaked:")[0], room.secrets) else text


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-6:])
