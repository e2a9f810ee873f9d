"""Asks the three about thousands of cases: whatever they disagree about is listed, and whatever is listed occurs."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..cases import Case as Suite
from ..cases import Room, check
from ..judges import document
from ..places import ROOT
from . import shrink, trees
from .ask import Asker
from .differ import Difference, differences
from .known import KNOWN, Kind, reason
from .outcome import Outcome
from .trees import Case

COUNT = 2400
SEED = 4
_ASKERS = 2
_SHOWN = 3


@dataclass
class Answered:
    case: Case
    told: tuple[Outcome, Outcome, Outcome]

    def surprises(self) -> list[Difference]:
        return [each for each in differences(self.case, self.told) if not reason(each)]


def cases(write: bool, keep: Path | None) -> list[Suite]:
    return [Suite(f"config/{COUNT}-trees", lambda room: _hold(room, write, keep))]


def _hold(room: Room, write: bool, keep: Path | None) -> None:
    made = trees.cases(COUNT, SEED)
    with ExitStack() as ends, ThreadPoolExecutor(_ASKERS) as pool:
        askers = [ends.enter_context(Asker(room.folder / f"asker-{number}")) for number in range(_ASKERS)]
        shares = pool.map(lambda asker, share: [*_answers(asker, share)], askers, _shares(made))
        answered = sorted((each for share in shares for each in share), key=lambda each: each.case.name)
        surprised = [each for each in answered if each.surprises()]
        smallest = [_shrunk(askers[0], each) for each in (surprised if keep else _various(surprised)[:_SHOWN])]
    for asker in askers:
        room.said += asker.said
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for each in smallest:
            (keep / f"{each.case.name}.txt").write_text(_readable(each))

    usable = sum(1 for each in answered if not any(outcome.error for outcome in each.told))
    check(usable >= COUNT // 3, f"only {usable} of {COUNT} trees are something to all three")
    met = Counter(name for each in answered for name in {known.name for known in map(reason, _all(each)) if known})
    told = {"cases": COUNT, "resolved by all three": usable, "known": met, "surprises": len(surprised)}
    (room.folder / "told.json").write_text(json.dumps(told, indent=1))
    shown = "\n\n".join(map(_readable, smallest[:_SHOWN]))
    check(not surprised, f"{len(surprised)} disagreements that nobody knows, such as\n{shown}")
    gone = [known.name for known in KNOWN if not met[known.name]]
    check(not gone, f"no longer a disagreement: {', '.join(gone)}")
    _document(met, usable, write)


def _various(surprised: list[Answered]) -> list[Answered]:
    """One of each kind first."""
    kinds = {(first.field, first.agreed): each for each in reversed(surprised) for first in each.surprises()[:1]}
    return [*kinds.values(), *(each for each in surprised if each not in kinds.values())]


def _shares(made: list[Case]) -> Iterator[list[Case]]:
    return (made[number::_ASKERS] for number in range(_ASKERS))


def _answers(asker: Asker, share: list[Case]) -> Iterator[Answered]:
    for case in share:
        yield Answered(case, asker.ask(case))


def _all(answered: Answered) -> list[Difference]:
    return differences(answered.case, answered.told)


def _shrunk(asker: Asker, answered: Answered) -> Answered:
    first = answered.surprises()[0]

    def holds(case: Case) -> bool:
        again = Answered(case, asker.ask(case)).surprises()
        return any((each.field, each.agreed) == (first.field, first.agreed) for each in again)

    case = shrink.smallest(answered.case, holds)
    return Answered(case, asker.ask(case))


def _readable(answered: Answered) -> str:
    case = answered.case
    lines = [f"{case.name}: {' '.join(case.ask)}  ({', '.join(case.told) or 'as made'})"]
    lines += [f"  ${name}={value}" for name, value in case.env.items()]
    for path, text in case.files.items():
        if text:
            lines += [f"  ~/{path}", *(f"    | {line}" for line in text.split("\n"))]
    for who, outcome in zip(("botocore", "Rust", "rolecall"), answered.told):
        lines.append(f"  {who}: {json.dumps({key: value for key, value in outcome.as_json().items() if value})}")
    told = "\n".join([*lines, *(f"  {each}" for each in answered.surprises())])
    # Only the canaries themselves are looked for, and these are no secrets but their names.
    return told.replace("CANARYSECRET", "a-secret").replace("CANARYTOKEN", "a-token")


def _document(met: Counter[str], usable: int, write: bool) -> None:
    """The list in docs/config.md is what was found."""

    def table(kind: Kind) -> str:
        rows = [(known.name, known.reason, str(met[known.name])) for known in KNOWN if known.kind is kind]
        return document.head("rolecall", "why", "cases") + "".join(document.row(*row) for row in rows)

    found = f"""## Where it differs

`conformance/run --only config` makes {COUNT} config files, credentials files and environments from a seed, half of them wrong in
one way or another, and has each resolved by botocore, by the AWS SDK for Rust and by `rolecall plan`: the source, the roles, what
each is assumed with, and where. {usable} of them are something to all three. Every disagreement is in one of these lists, with how
many cases show it. One that is not listed fails the run, and so does a row that no case shows any more.

botocore and the SDK for Rust agree with each other, and rolecall does otherwise:

{table(Kind.ALONE)}
The two disagree, and rolecall does not do as the SDK for Rust:

{table(Kind.APART)}
The two disagree about who the user is, rolecall does as the SDK for Rust, and `plan` does not warn of it:

{table(Kind.SILENT)}"""
    document.hold("differs", found, write, ROOT / "docs/config.md", "# The AWS files\n")
