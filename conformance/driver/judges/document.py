"""Documents that are written by the cases, and held to be what they found: docs/enforcement.md, unless told otherwise."""

import difflib
import threading
from pathlib import Path

from ..cases import Failed
from ..places import ROOT

PATH = ROOT / "docs/enforcement.md"
_LOCK = threading.Lock()

_NEW = """# What AWS enforces, and what stands in for it

Made by `conformance/run --only judges --write`, and held to by every `conformance/run`: a rule of AWS a row, the request
that shows it sent to the sandbox, to [MiniStack](https://pypi.org/project/ministack/) 1.5.33 (`AUTH=true`), to Ceph's
object gateway 16.2 and to [moto](https://pypi.org/project/moto/) 5.2.5 (in its auth mode). The column AWS says what the
document in the last column says, and nothing else: there was no AWS to ask.

<!-- begin: matrix -->
<!-- end: matrix -->

<!-- begin: policies -->
<!-- end: policies -->
"""


def hold(section: str, found: str, write: bool, path: Path = PATH, new: str = _NEW) -> None:
    """A section of the document is what was found; or becomes it."""
    begin, end = f"<!-- begin: {section} -->\n", f"<!-- end: {section} -->\n"
    with _LOCK:
        text = path.read_text() if path.exists() else new
        if begin not in text:
            # A document that others write has no such section yet.
            text = f"{text.rstrip()}\n\n{begin}{end}"
        before, _, rest = text.partition(begin)
        there, _, after = rest.partition(end)
        if write:
            path.write_text(f"{before}{begin}{found}{end}{after}")
        elif there != found:
            differ = [
                line
                for line in difflib.unified_diff(there.splitlines(), found.splitlines(), "docs", "found", n=0, lineterm="")
            ]
            raise Failed(f"docs/{path.name} is not what was found (--write rewrites it):\n" + "\n".join(differ[2:14]))


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def head(*cells: str) -> str:
    return row(*cells) + "|" + "---|" * len(cells) + "\n"
