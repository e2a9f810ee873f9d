"""One sign-in to Identity Center, shared by rolecall and botocore through the AWS CLI's cache."""

import json

from .cases import Case, Room, check
from .places import HERE, PYTHON, rolecall


def _shared(room: Room) -> None:
    command = [rolecall(), "sandbox", "--world", "organization", "--", PYTHON, str(HERE / "py/sso.py")]
    found = json.loads(room.run(command).ok().out)
    for what, holds in found.items():
        check(holds, what)


CASES = [Case("sso/shared", _shared)]
