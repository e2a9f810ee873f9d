"""Generated policies, played over the wire: the sandbox must do as the library says, and where a stand-in does not, one
sentence says why and which document of AWS decides it.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..cases import Case, Room, check
from ..places import DECIDE, HERE, PYTHON
from ..policy_cases import HOME, cases as generated
from . import document, servers

COUNT, SEED = 3000, 7
_NAMES = ("sandbox", "MiniStack", "Ceph RGW")

Json = dict[str, Any]
Verdicts = dict[str, bool]

_ANY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
_BY_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"},
}


@dataclass(frozen=True)
class Said:
    """What the library says of a case, and of its two halves."""

    allowed: bool
    # If the user's own policies allowed everything, and if the role trusted his whole account.
    by_trust: bool
    by_own: bool


@dataclass(frozen=True)
class Class:
    """Why a stand-in answers otherwise: what it does, which cases that concerns, and who decides it."""

    backend: str
    does: str
    document: str
    concerns: Callable[[Json, Said, bool], bool]


def _text(case: Json) -> str:
    return json.dumps([case["identity"], case["boundary"], case["trust"]])


CLASSES: tuple[Class, ...] = ()


def _library(room: Room, asked: list[Json]) -> Verdicts:
    path = room.folder / f"asked{len(list(room.folder.glob('asked*')))}"
    path.write_text("".join(json.dumps(case) + "\n" for case in asked))
    out = room.run(["bash", "-c", 'exec "$0" <"$1"', DECIDE, str(path)], seconds=120).ok().out
    return {one["id"]: one["verdict"] == "allowed" for one in map(json.loads, out.splitlines())}


def _said(room: Room, played: list[Json]) -> dict[str, Said]:
    plain = _library(room, played)
    by_trust = _library(room, [case | {"identity": [_ANY], "boundary": None} for case in played])
    by_own = _library(room, [case | {"trust": case["trust"] and _BY_ACCOUNT} for case in played])
    return {id: Said(plain[id], by_trust[id], by_own[id]) for id in plain}


def _played(room: Room, name: str) -> dict[str, Json]:
    own = Room(room.folder / name.replace(" ", "-").lower(), room.said, room.secrets)
    for part in ("home", "tmp"):
        (own.folder / part).mkdir(parents=True)
    with servers.started(own, name) as judged:
        env = own.environment(JUDGED=json.dumps(judged), PYTHONPATH=str(HERE))
        command = [PYTHON, "-m", "driver.judges.play", str(COUNT), str(SEED)]
        out = own.run(command, env=env, seconds=240).ok().out
    return {one["id"]: one["got"] for one in map(json.loads, out.splitlines())}


def _policies(write: bool, room: Room) -> None:
    played = {case["id"]: case for case in generated(COUNT, SEED) if case["realizable"]}
    said = _said(room, list(played.values()))
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(_NAMES, pool.map(partial(_played, room), _NAMES)))
    for id, got in found["sandbox"].items():
        wanted = "allowed" if said[id].allowed else "refused"
        check(got["kind"] == wanted, f"{id}: the library says {wanted}, the sandbox {got}: {json.dumps(played[id])}")
    counts = {name: {"played": 0, "agree": 0, "not played": 0} for name in _NAMES}
    of_class = dict.fromkeys(range(len(CLASSES)), 0)
    for name in _NAMES:
        check(found[name].keys() == played.keys(), f"{name} was not asked every case")
        for id, got in found[name].items():
            if got["kind"] not in ("allowed", "refused"):
                check(got["kind"] != "broken" and name != "sandbox", f"{id}: {name} says {got}: {json.dumps(played[id])}")
                counts[name]["not played"] += 1
                continue
            counts[name]["played"] += 1
            allowed = got["kind"] == "allowed"
            if allowed == said[id].allowed:
                counts[name]["agree"] += 1
                continue
            mine = (n for n, one in enumerate(CLASSES) if one.backend == name and one.concerns(played[id], said[id], allowed))
            number = next(mine, None)
            check(number is not None, f"{id}: {name} says {got['kind']}, and no class of CLASSES says why: {json.dumps(played[id])}")
            of_class[number] += 1
    idle = [CLASSES[n].does for n, count in of_class.items() if not count]
    check(not idle, f"nothing is of the class: {idle}")
    document.hold("policies", _rendered(counts, of_class), write)


def _rendered(counts: dict[str, dict[str, int]], of_class: dict[int, int]) -> str:
    text = "\n## Generated policies\n\n" + _LEGEND + "\n\n" + document.head("", "played", "as the library", "otherwise", "not played")
    for name, of in counts.items():
        cells = (of["played"], of["agree"], of["played"] - of["agree"], of["not played"])
        text += document.row(name, *map(str, cells))
    text += "\n" + document.head("stand-in", "does otherwise, because", "cases", "who decides")
    for number, one in enumerate(CLASSES):
        text += document.row(one.backend, one.does, str(of_class[number]), one.document)
    return text + "\n"


_LEGEND = (
    f"`conformance/driver/policy_cases.py` makes them: {COUNT} cases from the seed {SEED}, and those that need nothing but "
    "users, roles, buckets and topics are played. The verdict is the library's evaluator's. What a stand-in has no operation "
    "for, or no policy language for, is not played there; for the object gateway that is most, since it takes no policy that "
    "names what is not S3."
)


def cases(write: bool) -> list[Case]:
    return [Case("judges/policy-cases", partial(_policies, write))]
