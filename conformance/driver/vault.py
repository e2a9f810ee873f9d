"""A user's key rests in the vault and nowhere else, and boto3 uses the role from there: with GNOME Keyring, with the
encrypted file, whose format age's own program opens, and with the kernel's keyring."""

import json
import re
import shutil
from functools import partial

from .cases import Case, Room, check
from .places import HERE, PYTHON
from .sandbox import inside

# What each place wants of the machine. Debian has them as dbus, gnome-keyring, libsecret-tools and age.
_PROGRAMS = {
    "secret-service": ["dbus-daemon", "gnome-keyring-daemon", "secret-tool"],
    "file": ["age"],
    "kernel": [],
}
PACKAGES = ["age", "dbus", "gnome-keyring", "keyutils", "libsecret-tools"]


def missing() -> list[str]:
    """The programs that are not on this machine."""
    return sorted(name for names in _PROGRAMS.values() for name in names if not shutil.which(name))


def why_not(case: Case) -> str:
    """Why a case cannot be run here, if it cannot."""
    wanted = _PROGRAMS.get(case.name.removeprefix("vault/"), [])
    lacking = [name for name in wanted if not shutil.which(name)]
    return f"not on this machine: {', '.join(lacking)}" if lacking else ""


def _rests(place: str, room: Room) -> None:
    out = room.run(inside([PYTHON, str(HERE / "py/vault.py"), place]), seconds=180).ok().out
    rounds = json.loads(out.splitlines()[-1])
    check(len(rounds) >= 2, f"{len(rounds)} rounds")
    for one in rounds:
        arn = one["arn"]
        check(re.fullmatch(r"arn:aws:sts::666666666666:assumed-role/BlahRole/[\w+=,.@-]{2,64}", arn), f"acted as {arn}")
        check("blah-reports" in one["buckets"], f"saw the buckets {one['buckets']}")


CASES = [Case(f"vault/{place}", partial(_rests, place)) for place in _PROGRAMS]
