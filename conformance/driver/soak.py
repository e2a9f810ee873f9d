"""The soak, in short: conformance/soak/run does it for as long as one likes."""

import sys
import tempfile

from .cases import Case, Room, check
from .places import HERE, rolecall

_SHORT = ["--seconds", "80", "--session-seconds", "30", "--keys", "400"]


def _hold(room: Room) -> None:
    # Of two hundred clients at the highest log level nobody would read a word. A socket's path is short: not in the room.
    env = room.environment(PYTHONPATH=str(HERE), ROLECALL_BIN=rolecall(), TMPDIR=tempfile.gettempdir())
    del env["ROLECALL_LOG"]
    done = room.run([sys.executable, "-m", "soak", *_SHORT], env=env, seconds=170)
    print(done.out, end="", flush=True)
    check(done.code == 0, f"{done.out}\n{done.err[-2000:]}")


# Alone, when everything else is done: it takes the whole machine.
CASES = [Case("soak/short", _hold)]
