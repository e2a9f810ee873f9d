"""The profiles that `rolecall roles --write` adds, as botocore and the AWS CLI see them."""

import json

from .cases import Case, Room, check
from .places import HERE, PYTHON, rolecall


def _written(room: Room) -> None:
    command = [rolecall(), "sandbox", "--world", "organization", "--", PYTHON, str(HERE / "py/written.py")]
    found = json.loads(room.run(command).ok().out)
    check(found, "nothing was looked at")
    for what, holds in found.items():
        check(holds, f"not so: {what}")


CASES = [Case("roles/write", _written)]
