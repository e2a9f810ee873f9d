"""Worlds made at random, built in MiniStack: `rolecall roles` must agree with assuming every role, wherever it says denied,
or allowed and knows both sides. MiniStack reads some policies otherwise than AWS: a disagreement is understood where the
library comes to MiniStack's answer with those quirks in the case, and any other fails the run.
"""

import json
from collections import Counter
from functools import partial
from typing import Any

from .. import ministack
from ..cases import Case, Room, check
from ..places import HERE, PYTHON, rolecall
from ..policy_cases import NOW
from ..simulate import example
from . import document, quirks
from .policies import library

WORLDS = 50
# So much has to be compared, or the case shows nothing.
_LEAST = {"allowed": 20, "denied": 100}

Json = dict[str, Any]


def _dwelt(room: Room, worlds: str) -> list[Json]:
    """What discovery found in each world, and what came of assuming everything."""
    path, home = room.folder / "worlds", room.folder / "tmp/joe"
    path.write_text(worlds)
    home.mkdir()
    with ministack.server(room) as endpoint:
        room.secrets.append(ministack.ROOT_SECRET)
        env = room.environment(ENDPOINT=endpoint, ROOT_SECRET=ministack.ROOT_SECRET, PYTHONPATH=str(HERE))
        command = [PYTHON, "-m", "driver.judges.dwell", str(path), rolecall(), str(home)]
        out = room.run(command, env=env, seconds=240).ok().out
    room.secrets += (home / "keys").read_text().split()
    # They are the user's own, and have to be on disk.
    (home / "keys").unlink()
    (home / ".aws/credentials").unlink()
    return [json.loads(line) for line in out.splitlines()]


def _case(world: Json, role: str) -> Json:
    """The request for a role, as the library's evaluator takes it; of what an organization says, MiniStack knows nothing."""
    home, *_ = world["accounts"]
    managed = {name: json.loads(text) for name, text in home["managed"]}
    (joe,), is_hub = home["users"], world["target"] == "hub"
    asks = next(one for one in home["roles"] if one["name"] == "Hub") if is_hub else joe
    groups = [] if is_hub else [group for group in home["groups"] if group["name"] in joe["groups"]]
    inline = [json.loads(text) for holder in (asks, *groups) for _, text in holder["inline"]]
    user, hub = f"arn:aws:iam::{home['id']}:user/staff/joe", f"arn:aws:iam::{home['id']}:role/Hub"
    owner, name = role.split(":")[4], role.rpartition("/")[2]
    account = next(account for account in world["accounts"] if account["id"] == owner)
    trust = next(one["trust"] for one in account["roles"] if one["name"] == name)
    context = {
        "aws:PrincipalArn": hub if is_hub else user,
        "aws:PrincipalAccount": home["id"],
        "aws:PrincipalType": "AssumedRole" if is_hub else "User",
        "aws:PrincipalTag/team": asks["team"],
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": owner,
        "aws:SourceIp": "127.0.0.1",
        "aws:SecureTransport": "false",
        "aws:CurrentTime": NOW,
        "sts:RoleSessionName": "brute-force",
    }
    more = {"aws:MultiFactorAuthPresent": "false", "aws:TokenIssueTime": NOW} if is_hub else {"aws:username": "joe"}
    return {
        "id": f"{world['seed']} {role}",
        "kind": "trust",
        "principal": f"arn:aws:sts::{home['id']}:assumed-role/Hub/hub" if is_hub else user,
        "role": hub if is_hub else None,
        "user": None,
        "action": "sts:AssumeRole",
        "resource": role,
        "resource_account": owner,
        "identity": [*inline, *(managed[name] for name in asks["attached"])],
        "boundary": managed[asks["boundary"]] if asks["boundary"] else None,
        "session": None,
        "scps": None,
        "trust": json.loads(trust),
        "resource_policy": None,
        "context": context | more,
    }


def _discovery(write: bool, room: Room) -> None:
    printed = room.run([example("worlds"), str(WORLDS)]).ok().out
    worlds = [json.loads(line) for line in printed.splitlines()]
    dwelt = _dwelt(room, printed)
    check([one["seed"] for one in dwelt] == list(range(WORLDS)), f"{len(dwelt)} of {WORLDS} worlds were played")
    cases = {}
    for world in worlds:
        cases |= {case["id"]: case for case in (_case(world, role) for role in world["roles"])}
    works = {f"{one['seed']} {role}": done for one in dwelt for role, done in one["works"].items()}
    check(works.keys() == cases.keys(), "not every role of every world was asked for")

    its = quirks.of("MiniStack")
    seen = _seen(room, cases, its)
    for id, done in works.items():
        told = f"{id}: MiniStack lets it be assumed: {done}, and its quirks do not say why"
        check(done == seen[id], f"{told}: {json.dumps(cases[id])}")

    said = {f"{one['seed']} {role['role_arn']}": role for one in dwelt for role in one["found"]["roles"]}
    certain = {
        id: role["verdict"]
        for id, role in said.items()
        if id in works and (role["verdict"] == "denied" or role["verdict"] == "allowed" and role["trust"] == "read")
    }
    otherwise = [id for id, verdict in certain.items() if works[id] != (verdict == "allowed")]
    plain = _seen(room, {id: cases[id] for id in certain}, [])
    for id, verdict in certain.items():
        check(plain[id] == (verdict == "allowed"), f"{id}: discovery says {verdict}, the library otherwise: {said[id]}")
    counts = Counter(certain.values())
    for verdict, least in _LEAST.items():
        check(counts[verdict] >= least, f"{verdict}: only {counts[verdict]} are compared")
    # Without its line, this many of the disagreements would have no reason.
    disagreed, lines = {id: cases[id] for id in otherwise}, []
    for quirk in its:
        without = _seen(room, disagreed, [one for one in its if one is not quirk])
        lines.append((quirk, sum(works[id] != without[id] for id in otherwise)))
    document.hold("discovery", _rendered(worlds, works, counts, Counter(certain[id] for id in otherwise), lines), write)


def _seen(room: Room, cases: dict[str, Json], its: list[quirks.Quirk]) -> dict[str, bool]:
    return library(room, [quirks.seen(case, its) for case in cases.values()])


def _rendered(worlds: list[Json], works: dict, counts: Counter, otherwise: Counter, lines: list) -> str:
    bound = sum(world["organization"] is not None for world in worlds)
    text = (
        "\n## Discovery\n\n"
        f"`rolecall roles --all --hops N` in the first {WORLDS} of the worlds that the test `discover` makes, built in MiniStack, "
        f"and beside it an AssumeRole for each of the {len(works)} roles: {sum(works.values())} are granted. Compared is what "
        "discovery calls denied, and what it calls allowed where it read both sides. MiniStack has no control policies: "
        f"the {bound} worlds with an organization are built without it.\n\n"
    )
    text += document.head("discovery says", "compared", "MiniStack agrees")
    for verdict in _LEAST:
        text += document.row(verdict, str(counts[verdict]), str(counts[verdict] - otherwise[verdict]))
    text += (
        "\nEvery other answer is understood: the library comes to MiniStack's answer for each of all the roles, with the "
        "stand-in's quirks in the case. The number is of the disagreements that have no reason without that line.\n\n"
    )
    text += document.head("what MiniStack does otherwise", "disagreements", "the AWS document that decides")
    shown = [(quirk, count) for quirk, count in lines if count]
    return text + "".join(document.row(quirk.does, str(count), quirk.document) for quirk, count in shown) + "\n"


def cases(write: bool) -> list[Case]:
    return [Case("judges/discovery", partial(_discovery, write))]
