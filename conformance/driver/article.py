"""The article's JavaScript v2 program: as written, corrected, and with only its service part. docs/article.md."""

import json

from .cases import Case, Room, check
from .places import HERE
from .sandbox import by_exec, inside
from .sdks import SECONDS, SESSION_SECONDS, rounds_hold


def _program(name: str, seconds: int) -> list[str]:
    return ["node", str(HERE / f"js/article/{name}.js"), str(seconds)]


def _as_joe(command: list[str]) -> list[str]:
    """As the article has it: the program starts from the long-term keys of a user."""
    return ["env", "AWS_PROFILE=joe", "AWS_SDK_LOAD_CONFIG=1", *command]


def _as_written(room: Room) -> None:
    command = _as_joe(_program("as-written", SESSION_SECONDS + 1))
    out = room.run(inside(command, session_seconds=SESSION_SECONDS)).ok().out
    steps = {step.pop("step"): step for step in map(json.loads, out.splitlines())}
    first = steps["fresh"]["access_key_id"]

    check(steps["fresh"]["call"] == "ok", f"the fresh session is refused: {steps['fresh']}")
    check(steps["expired"]["ended"], "the session had not ended")
    check(steps["expired"]["needs_refresh"] is False, "needsRefresh() saw the end of the session")
    check(steps["remedy"]["call"] == "ExpiredToken", f"after the end the calls say {steps['remedy']['call']}")
    check(steps["remedy"]["needs_refresh"] is True, "the failed call did not mark the credentials")
    check(steps["forced"]["bare_refresh"] == "TypeError", "refresh() works without a callback")
    check(steps["forced"]["call"] == "ExpiredToken", "refresh() revived the session")
    check(steps["right name"]["wrong_name"] is False, "needsRefresh() reads expiryTime")
    check(steps["right name"]["right_name"] is True, "needsRefresh() does not read expireTime")
    check(steps["right name"]["call"] == "ExpiredToken", "refresh() revived the session, given the right name")
    check({step["access_key_id"] for step in steps.values()} == {first}, "refresh() fetched other credentials")


def _corrected(room: Room) -> None:
    command = _as_joe(_program("corrected", SECONDS))
    rounds_hold(room.run(inside(command, session_seconds=SESSION_SECONDS)).ok().out)


def _service_only(room: Room) -> None:
    command = by_exec(_program("service-only", SECONDS))
    rounds_hold(room.run(inside(command, session_seconds=SESSION_SECONDS)).ok().out)


CASES = [
    Case("article/as-written", _as_written),
    Case("article/corrected", _corrected),
    Case("article/service-only", _service_only),
]
