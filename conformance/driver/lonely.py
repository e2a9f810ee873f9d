"""A network namespace with loopback and nothing else, and a process namespace that ends with us.

No client can reach out of the first, and no process outlives the second.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def again(arguments: list[str]) -> int:
    """Starts the driver again, alone."""
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    alone = ["unshare", *root, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.call([*alone, sys.executable, "-m", "driver", "--lonely", *arguments])


def bring_up_loopback() -> None:
    interfaces = [name for _, name in socket.if_nameindex()]
    if interfaces != ["lo"]:
        raise SystemExit(f"not alone: interfaces {interfaces}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def others() -> list[str]:
    """The command lines of the living processes in our namespace that are not us."""
    return [command for pid, _, command in _living() if pid != os.getpid()]


def of_group(group: int) -> list[str]:
    """The command lines of a process group's living processes."""
    return [command for _, its_group, command in _living() if its_group == group]


def _living() -> Iterator[tuple[int, int, str]]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as command:
                state, _, group, *_ = stat.read().rpartition(")")[2].split()
                if state != "Z":
                    yield int(pid), int(group), command.read().replace("\0", " ").strip() or f"process {pid}"
        except (FileNotFoundError, ProcessLookupError):
            continue
