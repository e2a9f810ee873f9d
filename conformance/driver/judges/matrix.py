"""Every check against every backend: the sandbox must do as AWS does, and what the others do is written down."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..cases import Case, Failed, Room, check
from ..places import HERE, PYTHON
from . import document, servers

Row = dict[str, Any]

_AREAS = {
    "signature": "Signatures and access keys",
    "presigned": "Signatures in links",
    "trust": "Trust policies across accounts: who may assume a role",
    "create": "Trust policies that cannot be",
    "identity": "The caller's own policies, across accounts",
    "group": "Groups",
    "version": "Versions of managed policies",
    "boundary": "The caller's permissions boundary, across accounts",
    "home": "Inside one account",
    "external-id": "ExternalId",
    "name": "Session names",
    "duration": "Durations",
    "policy": "Session policies that cannot be",
    "tags": "Session tags",
    "source-identity": "Source identity",
    "token": "Session tokens",
    "expired": "Expiry",
    "role": "What a role's session may do",
    "account": "Accounts are apart",
    "session-policy": "Session policies only take away",
    "changed": "Sessions whose role has changed",
    "chain": "Role chaining",
    "caller": "GetCallerIdentity",
    "session-token": "GetSessionToken",
    "mfa": "MFA devices",
    "federation": "GetFederationToken",
    "web-identity": "AssumeRoleWithWebIdentity",
}
AS_AWS, VACUOUS, OTHER_CODE = "as AWS", "as AWS (vacuous)", "other code"
ALLOWED, REFUSED, NOT_OFFERED, BROKEN, NO_SETUP = (
    "allowed though AWS refuses",
    "refused though AWS allows",
    "n/a",
    "error",
    "cannot be set up",
)


def verdict(one: Row, rows: dict[str, Row]) -> str:
    """What a backend did, beside what AWS does."""
    aws, got = one["aws"], one["got"]
    told = f"{got['status']} {got['code'] or 'without a code'}"
    if got["kind"] == "not offered":
        return NOT_OFFERED
    if got["kind"] == "no setup":
        return f"{NO_SETUP} ({got['code']})"
    if got["kind"] == "broken":
        return f"{BROKEN} {got['status']}"
    if aws["kind"] == "allowed":
        return AS_AWS if got["kind"] == "allowed" else f"{REFUSED} ({told})"
    if got["kind"] == "allowed":
        return ALLOWED
    if aws["code"] and (aws["status"], aws["code"]) != (got["status"], got["code"]):
        return f"{OTHER_CODE} ({told})"
    control = rows.get(one["control"])
    return VACUOUS if control and control["got"]["kind"] != "allowed" else AS_AWS


def asked(room: Room, name: str) -> dict[str, Row]:
    """Every check's row, from one backend."""
    own = Room(room.folder / name.replace(" ", "-").lower(), room.said, room.secrets)
    for part in ("home", "tmp"):
        (own.folder / part).mkdir(parents=True)
    with servers.started(own, name) as judged:
        env = own.environment(JUDGED=json.dumps(judged), PYTHONPATH=str(HERE))
        out = own.run([PYTHON, "-m", "driver.judges.ask"], env=env, seconds=240).ok().out
    return {one["id"]: one for one in map(json.loads, out.splitlines())}


def _matrix(write: bool, room: Room) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(servers.NAMES, pool.map(partial(asked, room), servers.NAMES), strict=True))
    verdicts = {name: {id: verdict(one, rows) for id, one in rows.items()} for name, rows in found.items()}
    differs = {id: said for id, said in verdicts["sandbox"].items() if said != AS_AWS}
    if differs:
        rows = found["sandbox"]
        raise Failed(
            "the sandbox does not do as AWS does:\n"
            + "\n".join(f"{id}: AWS {rows[id]['aws_told']}, the sandbox {said}" for id, said in differs.items())
        )
    check(len({tuple(rows) for rows in found.values()}) == 1, "not every backend was asked everything")
    document.hold("matrix", _rendered(found["sandbox"], verdicts), write)


def _rendered(rows: dict[str, Row], verdicts: dict[str, dict[str, str]]) -> str:
    text = f"\n## The rules\n\n{len(rows)} requests. {_LEGEND}\n" + _summary(verdicts)
    for area, title in _AREAS.items():
        of_area = {id: one for id, one in rows.items() if id.split("/")[0] == area}
        if of_area:
            text += f"\n### {title}\n\n" + document.head("check", "rule", "AWS", *servers.NAMES, "AWS source")
        for id, one in of_area.items():
            cells = (verdicts[name][id] for name in servers.NAMES)
            text += document.row(f"`{id}`", one["rule"], one["aws_told"], *cells, one["source"])
    left_out = [id for id in rows if id.split("/")[0] not in _AREAS]
    check(not left_out, f"no area for {left_out}")
    return text + "\n"


_LEGEND = (
    '"As AWS" is the outcome and, where the document has them, status and code. "Vacuous" is a refusal that proves '
    'nothing: the same request done right is refused there too. "Cannot be set up" says what came before the request and '
    "failed."
)


def _summary(verdicts: dict[str, dict[str, str]]) -> str:
    kinds = (AS_AWS, VACUOUS, ALLOWED, REFUSED, OTHER_CODE, NO_SETUP, BROKEN, NOT_OFFERED)
    text = "\n" + document.head("", *kinds)
    for name, said in verdicts.items():
        # The first that fits: one is the beginning of another.
        counts = dict.fromkeys(kinds, 0)
        for one in said.values():
            counts[next(kind for kind in sorted(kinds, key=len, reverse=True) if one.startswith(kind))] += 1
        text += document.row(name, *(str(counts[kind]) for kind in kinds))
    return text


def cases(write: bool) -> list[Case]:
    return [Case("judges/matrix", partial(_matrix, write))]
