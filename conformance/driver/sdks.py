"""Each SDK, as a program of its own, uses the role across expiries: under `exec`, through `credential_process`, and with
nothing but instance metadata."""

import json
import math
import re
from functools import partial

from .cases import Case, Room, check
from .places import GO_CLIENT, HERE, PYTHON, RUST_CLIENT
from .sandbox import by_credential_process, by_exec, by_imds, inside

SECONDS = 14
SESSION_SECONDS = 5

_PROGRAMS = {
    "boto3": [PYTHON, str(HERE / "py/client.py")],
    "cli-v1": [str(HERE / "cli/client.sh")],
    "js-v2": ["node", str(HERE / "js/v2.js")],
    "js-v3": ["node", str(HERE / "js/v3.js")],
    "go-v2": [GO_CLIENT],
    "rust": [RUST_CLIENT],
}
_DELIVERIES = {"exec": by_exec, "credential-process": by_credential_process}
# Those that take what instance metadata hands out for what it is. JavaScript v2 loses its callback over a session that
# ends within 15 seconds.
_BY_IMDS = ["js-v3", "go-v2", "rust"]

# botocore gives what instance metadata hands out at least 17 minutes more than it has, and asks no sooner (its
# `_evaluate_expiration`): a session of seconds dies in its hands, whoever serves it. So three runs, each
# within a session, and an expiry between them.
_THRICE = 'set -e; "$@" 1; sleep 6; "$@" 1; sleep 6; "$@" 1'


def rounds_hold(out: str, seconds: int = SECONDS, session_seconds: int = SESSION_SECONDS) -> None:
    """Every round under the role, seeing its bucket, and so many sessions as the time demands."""
    rounds = [json.loads(line) for line in out.splitlines()]
    check(len(rounds) >= 3, f"{len(rounds)} rounds")
    for one in rounds:
        arn = one["arn"]
        check(re.fullmatch(r"arn:aws:sts::666666666666:assumed-role/BlahRole/[\w+=,.@-]{2,64}", arn), f"acted as {arn}")
        check("blah-reports" in one["buckets"], f"saw the buckets {one['buckets']}")
        check(one["message_id"], "published without a message id")
    keys = {one["access_key_id"] for one in rounds}
    wanted = min(math.ceil(seconds / session_seconds), len(rounds))
    check(len(keys) >= wanted, f"{len(keys)} sessions in {seconds} s, each of which lives {session_seconds} s")


def _case(program: list[str], deliver, room: Room) -> None:
    command = deliver([*program, str(SECONDS)])
    rounds_hold(room.run(inside(command, session_seconds=SESSION_SECONDS)).ok().out)


def _boto3_by_imds(room: Room) -> None:
    command = by_imds(["bash", "-c", _THRICE, "thrice", *_PROGRAMS["boto3"]])
    rounds_hold(room.run(inside(command, session_seconds=SESSION_SECONDS)).ok().out, 12)


CASES = [
    Case(f"sdk/{sdk}/{delivery}", partial(_case, program, deliver))
    for sdk, program in _PROGRAMS.items()
    for delivery, deliver in _DELIVERIES.items()
]
CASES += [Case(f"sdk/{sdk}/imds", partial(_case, _PROGRAMS[sdk], by_imds)) for sdk in _BY_IMDS]
CASES += [Case("sdk/boto3/imds", _boto3_by_imds)]
