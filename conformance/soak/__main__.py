"""Many clients of one agent for a while, with short sessions and faults; then what has to hold of it.

The soak starts itself inside the sandbox. A witness stands before STS, clients ask by `credential-process` and by the
endpoints of a few `exec`, some are killed, and so is the agent; for a session's length STS is away. Every session that is handed out is shown to STS
at once. One line for each thing that has to hold; not zero if one does not.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from driver.places import rolecall

from .clients import target
from .ledger import Ledger
from .watch import Watch, agent_pid

# Of so many `exec`, each with an endpoint that this many poll.
ENDPOINTS, POLLERS = 4, 10
# Processes that start the clients, so that none of them is held up by the others.
STARTERS = 2
# How often each: what AWS never answers is thrown away by whoever called.
FAULTS = {
    "throttle": 3,
    "server-error": 6,
    "unavailable": 3,
    "reset": 6,
    "delay=1500ms": 6,
    "hang": 1,
    "garbage": 1,
    "truncated-xml": 1,
    "already-expired": 1,
    "other-role": 1,
}


def _faults(fault: str | None) -> None:
    """One more, or none at all."""
    body, method = (json.dumps({"fault": fault}).encode(), "POST") if fault else (None, "DELETE")
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/faults", body, method=method)
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def _watched_agent(watch: Watch, name: str, seconds: float) -> int:
    """The agent, once there is one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if pid := agent_pid():
            watch.add(pid, name)
            return pid
        time.sleep(0.2)
    raise SystemExit(f"FAIL there is no agent within {seconds:.0f} s")


def _inside(options: argparse.Namespace, folder: Path) -> int:
    truth, dice = os.environ["AWS_ENDPOINT_URL"], random.Random(options.seed)
    calls = folder / "calls"
    own = [sys.executable, "-m"]
    witness = subprocess.Popen(
        [*own, "soak.witness", truth.rpartition(":")[2], str(calls)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen = os.environ | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{witness.stdout.readline().strip()}", "ROLECALL_AGENT": "on", "ROLECALL_LOG": "error"}
    begin = time.monotonic()
    until = begin + options.seconds
    plan = {"truth": truth, "until": until, "rolecall": options.inside, "keys": options.keys}
    processes = max(options.clients - ENDPOINTS * POLLERS, STARTERS)
    answers, running, watch = [], [], Watch()

    def start(kind: str, under: list[str], number: int, **more: object) -> subprocess.Popen:
        answers.append(folder / f"answers-{number}")
        said = plan | {"file": str(answers[-1]), "seed": options.seed * 100 + number, **more}
        command = [*under, *own, "soak.clients", kind, json.dumps(said)]
        running.append(subprocess.Popen(command, env=seen, stdin=subprocess.DEVNULL))
        return running[-1]

    for number in range(STARTERS):
        start("processes", [], number, clients=processes // STARTERS)
    for key in range(ENDPOINTS):
        under = [options.inside, "exec", *target(key), "--"]
        endpoint = start("pollers", under, STARTERS + key, key=key, clients=POLLERS)
        watch.add(endpoint.pid, f"endpoint {key}")

    _watched_agent(watch, "the first agent", 20)
    names, weights = list(FAULTS), list(FAULTS.values())
    to_kill, killed, planned = begin + options.seconds * 0.25, 0.0, 0
    # For as long as a session lives STS answers nobody, so that they end, and nobody is to be given one that has.
    away = (begin + options.seconds * 0.5, begin + options.seconds * 0.5 + options.session_seconds)
    is_away = False
    while (now := time.monotonic()) < until - 2:
        if not killed and now >= to_kill:
            os.kill(_watched_agent(watch, "the first agent", 5), signal.SIGKILL)
            killed = now
            agent = _watched_agent(watch, "the agent after it", 20)
        if is_away != (away[0] <= now < away[1]):
            is_away = not is_away
            _faults(None)
            _faults("AssumeRole:unavailable:always") if is_away else None
        if not is_away:
            _faults(f"AssumeRole:{dice.choices(names, weights)[0]}:1")
            planned += 1
        time.sleep(dice.uniform(0.2, 1.2))
    lives = agent_pid() == agent
    for process in running:
        process.wait(60)
    watch.stop()
    witness.stdin.close()
    witness.wait(10)

    ledger = Ledger(answers, calls, killed, away)
    ledger.all(options.keys, options.seconds / options.session_seconds)
    found = f"{planned} faults planned, the agent killed once and started again by who needed it"
    ledger.check("an agent lives to the end", [] if lives else ["it is gone, or another one"], found)
    for pid, held in watch.of.items():
        if not held.name.startswith("the first"):
            first = killed if pid == agent else begin
            ledger.growth(held, (first, away[0]), (away[1] + 4, until), 1024)
    return 1 if ledger.failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance/soak/run", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long [default: 600]")
    parser.add_argument("--session-seconds", type=int, default=60, help="how long each session lives [default: 60]")
    parser.add_argument("--keys", type=int, default=2000, help="different sessions [default: 2000]")
    parser.add_argument("--clients", type=int, default=200, help="at the same time [default: 200]")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is chosen by chance")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave what was written down there")
    parser.add_argument("--inside", metavar="ROLECALL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        around = [rolecall(), "sandbox", "--session-seconds", str(options.session_seconds), "--"]
        return subprocess.call([*around, sys.executable, "-m", "soak", *sys.argv[1:], "--inside", rolecall()])
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return _inside(options, options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return _inside(options, Path(folder))


sys.exit(main())
