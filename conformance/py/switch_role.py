"""Inside the sandbox: a link is followed to the switch page, and the page of all links is searched. Prints what holds."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from browser import Browser

_HOSTILE = "<img src=x onerror=\"document.title='owned'\"> & Söhne\u202e"
_ACCOUNTS, _ROLES = 1000, 10


def _rolecall(*arguments: str) -> str:
    return subprocess.run(["rolecall", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


def _found(accounts: int, roles: int) -> None:
    """What `rolecall roles` keeps, of a large organization; a name of it is not a friend's."""
    caller = "arn:aws:iam::111111111111:user/joe.bloggs"
    ids = [f"{222200000000 + number}" for number in range(accounts)]
    names = {id: {"name": f"team-{number:04} production", "alias": f"t{number:04}"} for number, id in enumerate(ids)}
    names["666666666666"] = {"name": _HOSTILE, "alias": "blah"}
    found = [
        {
            "arn": f"arn:aws:iam::{id}:role/ops/Role{number:02}",
            "caller": caller,
            "source": "joe",
            "verdict": "allowed" if number else "conditional",
            "conditions": [] if number else ["sts:ExternalId"],
        }
        for id in ids
        for number in range(roles)
    ]
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "rolecall"
    state.mkdir(parents=True, exist_ok=True)
    (state / "roles.json").write_text(json.dumps({"version": 1, "accounts": names, "roles": found}))


def _soon(what: Callable[[], bool]) -> bool:
    """Whether it comes true: a page is drawn when the machine has time for it."""
    end = time.monotonic() + 15
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _rows(browser: Browser) -> int:
    return browser.run("document.querySelectorAll('section:not([hidden]) li:not([hidden])').length")


def _link(holds: dict[str, bool]) -> None:
    url = _rolecall("switch-role", "blah", "--display-name", "Prod & <Co>", "--color", "red").strip()
    with Browser() as browser:
        browser.open(url)
        text = browser.text()
        for what in ("666666666666", "arn:aws:iam::666666666666:role/BlahRole", "Prod & <Co>", "f2b0a9"):
            holds[f"the switch page shows {what}"] = what in text
        holds["the switch page can be seen"] = browser.screenshot(Path("switch.png"))
        browser.open(url.replace("BlahRole", "blahrole"))
        holds["another role is refused there"] = "Invalid information" in browser.text()


def _page(holds: dict[str, bool]) -> None:
    _found(3, 4)
    path = Path("links.html").resolve()
    _rolecall("switch-role", "--all", str(path))
    address = path.as_uri()
    with Browser(scripts=False) as browser:
        browser.open(address)
        dom = browser.dom()
        holds["without scripts every role is listed"] = dom.count("<li") == 15 and 'id="tools" role="search" hidden' in dom
    with Browser() as browser:
        browser.open(address)
        holds["every role is listed"] = _rows(browser) == 15
        holds["the page can be seen"] = browser.screenshot(Path("links.png"))
        holds["no name becomes markup"] = browser.run("document.images.length") == 0 and browser.run("document.title") == "Switch role"
        browser.press("/")
        holds["a slash goes to the search"] = _soon(lambda: browser.run("document.activeElement.id") == "q")
        browser.type("BLAH blahr")
        holds["the search finds one"] = _soon(lambda: _rows(browser) == 1)
        holds["the search says how many"] = _soon(lambda: "1 of 15 roles" in browser.text())
        browser.screenshot(Path("searched.png"))
        browser.press("Escape")
        holds["escape shows all again"] = _soon(lambda: _rows(browser) == 15)
        browser.type("no such role")
        holds["nothing found is said"] = _soon(lambda: _rows(browser) == 0 and "No role fits" in browser.text())
        browser.press("Escape")
        browser.type("team-0001/role0")
        holds["account and role in one"] = _soon(lambda: _rows(browser) == 4)
        holds["a dead one says why"] = _soon(lambda: "No link: it wants an ExternalId" in browser.text())
        browser.press("ArrowDown")
        browser.press("ArrowDown")
        browser.press("ArrowUp")
        focused = "document.activeElement.textContent"
        holds["arrows go through the links"] = _soon(lambda: browser.run(focused) == "ops/Role01")
        browser.press("Escape")
        browser.type("blahrole")
        browser.press("Enter")
        browser.wait_for("Page.loadEventFired")
        browser.wait_for("Page.loadEventFired") if "Role ARN" not in browser.text() else None
        holds["enter opens the first"] = _soon(lambda: "arn:aws:iam::666666666666:role/BlahRole" in browser.text())
        holds["it asked for nothing else"] = not [text for text in browser.failed if "favicon" not in text and "404" not in text]
    with Browser(dark=True) as browser:
        browser.open(f"{address}#q=role02%20team")
        holds["the address searches"] = _rows(browser) == 3
        holds["the dark page can be seen"] = browser.screenshot(Path("dark.png"))
    with Browser(width=390, height=700) as browser:
        browser.open(address)
        holds["a narrow page can be seen"] = browser.screenshot(Path("narrow.png"))
        holds["a narrow page is not wider"] = browser.run("document.documentElement.scrollWidth <= innerWidth")


def _large(holds: dict[str, bool]) -> None:
    _found(_ACCOUNTS, _ROLES)
    path = Path("large.html").resolve()
    start = time.monotonic()
    _rolecall("switch-role", "--all", str(path))
    seconds = time.monotonic() - start
    size = path.stat().st_size
    with Browser() as browser:
        opened = browser.open(path.as_uri())
        search = """(() => {
          const box = document.getElementById("q"), times = [];
          for (const word of ["t", "te", "team", "team-0", "team-0777", "role09", "", "zzz"]) {
            const start = performance.now();
            box.value = word;
            box.dispatchEvent(new Event("input"));
            document.body.offsetHeight;
            times.push(performance.now() - start);
          }
          return Math.max(...times);
        })()"""
        slowest = browser.run(search)
        browser.run("location.hash = '#q=team-0777/role09'; new Promise((done) => setTimeout(done, 100))")
        holds["one of ten thousand is found"] = _soon(lambda: _rows(browser) == 1)
        browser.screenshot(Path("large.png"))
    said = f"written in {seconds:.2f} s, {size / 1e6:.1f} MB, opened in {opened:.2f} s, slowest search {slowest:.0f} ms"
    print(said, file=sys.stderr)
    # How quick it is depends on the machine and is only told; how large it is does not.
    holds["it is small enough"] = size < 8e6


holds: dict[str, bool] = {}
{"link": _link, "page": _page, "large": _large}[sys.argv[1]](holds)
print(json.dumps(holds))
