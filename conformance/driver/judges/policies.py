"""Generated policies, played over the wire: the sandbox must do as the library says. So must a stand-in once its quirks
are in the cases, or the disagreement is not understood and the run fails.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ..cases import Case, Room, check
from ..places import HERE, PYTHON
from ..policy_cases import cases as generated
from ..simulate import decide_binary
from . import document, quirks, servers

COUNT, SEED = 3000, 7
_NAMES = ("sandbox", "MiniStack", "Ceph RGW")

Json = dict[str, Any]
Verdicts = dict[str, bool]


def library(room: Room, asked: list[Json]) -> Verdicts:
    """Whether the library allows each."""
    path = room.folder / f"asked{len(list(room.folder.glob('asked*')))}"
    path.write_text("".join(json.dumps(case) + "\n" for case in asked))
    out = room.run(["bash", "-c", 'exec "$0" <"$1"', decide_binary(), str(path)], seconds=120).ok().out
    return {one["id"]: one["verdict"] == "allowed" for one in map(json.loads, out.splitlines())}


def _played(room: Room, name: str) -> dict[str, Json]:
    """What a backend did with each case."""
    own = Room(room.folder / name.replace(" ", "-").lower(), room.said, room.secrets)
    for part in ("home", "tmp"):
        (own.folder / part).mkdir(parents=True)
    with servers.started(own, name) as judged:
        env = own.environment(JUDGED=json.dumps(judged), PYTHONPATH=str(HERE))
        command = [PYTHON, "-m", "driver.judges.play", str(COUNT), str(SEED)]
        out = own.run(command, env=env, seconds=240).ok().out
    return {one["id"]: one["got"] for one in map(json.loads, out.splitlines())}


def _policies(write: bool, room: Room) -> None:
    made = {case["id"]: case for case in generated(COUNT, SEED) if case["realizable"]}
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(_NAMES, pool.map(partial(_played, room), _NAMES), strict=True))
    summary, quirky = [], []
    for name, all_got in found.items():
        check(all_got.keys() == made.keys(), f"{name} was not asked every case")
        got = {id: one["kind"] == "allowed" for id, one in all_got.items() if one["kind"] in ("allowed", "refused")}
        for id, one in all_got.items():
            unplayed = one["kind"] in ("not offered", "no setup") and name != "sandbox"
            check(id in got or unplayed, f"{id}: {name} says {one}: {json.dumps(made[id])}")
        played, its = [made[id] for id in got], quirks.of(name)
        plain, understood = library(room, played), library(room, [quirks.seen(case, its) for case in played])
        for id, allowed in got.items():
            told = f"the library allows {plain[id]}, {name} {allowed}, and its quirks do not say why"
            check(allowed == understood[id], f"{id}: {told}: {json.dumps(made[id])}")
        otherwise = sum(got[id] != plain[id] for id in got)
        summary.append((name, len(got), len(got) - otherwise, otherwise, len(made) - len(got)))
        for quirk in its:
            without = library(room, [quirks.seen(case, [one for one in its if one is not quirk]) for case in played])
            count = sum(got[id] != without[id] for id in got)
            check(count, f"no case shows that of {name}: {quirk.does}")
            quirky.append((quirk, count))
    document.hold("policies", _rendered(summary, quirky), write)


def _rendered(summary: list[tuple], quirky: list[tuple[quirks.Quirk, int]]) -> str:
    text = f"\n## Generated policies\n\n{_LEGEND}\n\n"
    text += document.head("", "played", "as the library", "otherwise", "not played")
    text += "".join(document.row(*map(str, line)) for line in summary) + f"\n{_QUIRKS}\n\n"
    text += document.head("stand-in", "what it does otherwise", "cases", "the AWS document that decides")
    return text + "".join(document.row(one.backend, one.does, str(count), one.document) for one, count in quirky) + "\n"


_LEGEND = (
    f"`conformance/driver/policy_cases.py` makes {COUNT} cases from the seed {SEED}; those that need nothing but users, "
    "roles, buckets and topics are played, with real requests. The verdict is the evaluator's, in "
    "`crates/rolecall/src/policy`. The sandbox must agree in every case. Not played is what a stand-in has no operation "
    "for, or whose policies it does not take: the object gateway knows no actions but those of S3, IAM and STS."
)
_QUIRKS = (
    "Every other answer is understood: with these in the case, the library comes to the stand-in's answer in all of them. "
    "The number is of the cases whose answer it would miss without that line."
)


def cases(write: bool) -> list[Case]:
    return [Case("judges/policy-cases", partial(_policies, write))]
