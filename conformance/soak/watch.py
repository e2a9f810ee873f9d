"""What a process holds, as the kernel counts it; and which process the agent is."""

import json
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


def agent_pid() -> int | None:
    """Asked of the agent itself, in its own language; none where there is none."""
    path = Path(os.environ["ROLECALL_RUNTIME_DIR"]) / "agent.sock"
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(2)
            agent.connect(str(path))
            agent.sendall(b'{"v":1,"say":"status"}\n')
            said = agent.makefile().readline()
        return json.loads(said)["say"]["status"]["pid"]
    except (OSError, ValueError, KeyError):
        return None


@dataclass
class Held:
    """Kilobytes in memory and open files, over time."""

    name: str
    taken: list[tuple[float, int, int]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> tuple[int, int] | None:
        within = [(memory, files) for at, memory, files in self.taken if begin <= at < end]
        return tuple(map(max, zip(*within, strict=True))) if within else None


class Watch:
    """Looks at processes again and again until it is told to stop."""

    def __init__(self) -> None:
        self.of: dict[int, Held] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def add(self, pid: int, name: str) -> None:
        self.of.setdefault(pid, Held(name))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(1):
            for pid, held in list(self.of.items()):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
                    held.taken.append((time.monotonic(), memory, _files(pid)))
                except (OSError, StopIteration):
                    continue


def _files(pid: int) -> int:
    """A hardened process shows its open files to root alone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0
