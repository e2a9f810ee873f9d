"""Makes a surprise small: whatever can go while it stays a surprise of the same kind, goes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from .trees import Case


def smallest(case: Case, holds: Callable[[Case], bool]) -> Case:
    """The case without every line and every variable that it does not need. `holds`: whether it still surprises."""
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in _smaller(case):
            if holds(smaller):
                case, shrunk = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    """First the large pieces: a file, a section, then lines and variables."""
    for path, text in case.files.items():
        if not text:
            continue
        yield replace(case, files=case.files | {path: None})
        lines = text.split("\n")
        heads = [at for at, line in enumerate(lines) if line.lstrip("\ufeff").startswith("[")]
        for begin, end in zip(heads, [*heads[1:], len(lines)]):
            if len(heads) > 1:
                yield replace(case, files=case.files | {path: "\n".join(lines[:begin] + lines[end:])})
        for at in range(len(lines)):
            yield replace(case, files=case.files | {path: "\n".join(lines[:at] + lines[at + 1 :])})
    for name in case.env:
        yield replace(case, env={each: value for each, value in case.env.items() if each != name})
