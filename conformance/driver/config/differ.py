"""Compares three outcomes field by field."""

import re
from dataclasses import dataclass, replace

from .outcome import UNSEEN, Outcome
from .trees import Case

_OF_A_HOP = ("external_id", "session_name", "duration", "region", "url")


@dataclass(frozen=True)
class Difference:
    """One field in which rolecall says something else than an SDK."""

    case: Case
    # "outcome" for the source and the roles, "warning" for one that is missing, else the field's name; with the number of
    # the hop where it has one.
    field: str
    hop: int | None
    botocore: object
    rust: object
    rolecall: object
    # The three outcomes as they are.
    told: tuple[Outcome, Outcome, Outcome]

    @property
    def agreed(self) -> bool:
        """Whether the two SDKs say the same, and rolecall alone does not."""
        return self.botocore == self.rust

    def __str__(self) -> str:
        place = self.field if self.hop is None else f"{self.field} of hop {self.hop + 1}"
        kind = "alone" if self.agreed else "not with Rust"
        return f"{kind}: {place}: botocore {self.botocore}, Rust {self.rust}, rolecall {self.rolecall}"


def differences(case: Case, told: tuple[Outcome, Outcome, Outcome]) -> list[Difference]:
    """Where rolecall differs from the SDK for Rust, and with that from both where the two agree.

    Fields of a chain are compared only where all three have the same one.
    """
    botocore, rust, rolecall = told
    if rust.source and UNSEEN in rust.source.split():
        told = botocore, rust, rolecall = tuple(_without_region(each) for each in told)
    if rolecall.shape() != rust.shape():
        return [Difference(case, "outcome", None, _words(botocore), _words(rust), _words(rolecall), told)]
    if rust.error or botocore.error:
        return []
    if botocore.shape() != rust.shape():
        warned = any(re.search("botocore|the AWS CLI", each) for each in rolecall.warnings)
        silent = Difference(case, "warning", None, _words(botocore), _words(rust), "no warning", told)
        return [] if warned else [silent]
    found = []
    for field in ("region", "mfa"):
        theirs, rusts, ours = (getattr(each, field) for each in told)
        if ours != rusts:
            found.append(Difference(case, f"chain's {field}", None, theirs, rusts, ours, told))
    for number, hops in enumerate(zip(botocore.hops, rust.hops, rolecall.hops)):
        for field in _OF_A_HOP:
            theirs, rusts, ours = (getattr(hop, field) for hop in hops)
            # A call without a signature has no region that could be seen.
            if ours != rusts and not (field == "region" and rusts is None):
                found.append(Difference(case, field, number, theirs, rusts, ours, told))
    return found


def _words(outcome: Outcome) -> str:
    return "error" if outcome.error else " > ".join(map(str, outcome.shape()))


def _without_region(outcome: Outcome) -> Outcome:
    """The same with an Identity Center whose region is not told."""
    words = (outcome.source or "").split()
    return replace(outcome, source=" ".join([*words[:3], UNSEEN, *words[4:]])) if words[:1] == ["sso"] else outcome
