"""Links, opened in a real browser: headless Chromium, which has loopback and nothing else."""

import json
import shutil
from functools import partial

from .cases import Case, Room, check
from .places import HERE, PYTHON, rolecall

PROGRAM = "chromium"
# What one case is about, in `conformance/py`, and how long it may take.
_SECONDS = 180


def _opened(program: str, arguments: tuple[str, ...], room: Room) -> None:
    command = [rolecall(), "sandbox", "--", PYTHON, str(HERE / "py" / program), *arguments]
    found = json.loads(room.run(command, seconds=_SECONDS).ok().out)
    check(found, "nothing was looked at")
    for what, holds in found.items():
        check(holds, f"not so: {what}")


CASES = [
    Case("browser/switch-role", partial(_opened, "switch_role.py", ("link",))),
    Case("browser/links", partial(_opened, "switch_role.py", ("page",))),
    Case("browser/many-links", partial(_opened, "switch_role.py", ("large",))),
    Case("browser/console", partial(_opened, "console.py", ())),
]


def why_not() -> str:
    """Why they cannot run; empty where they can."""
    return "" if shutil.which(PROGRAM) else f"there is no {PROGRAM}: root on Debian 12 gets it by itself"
