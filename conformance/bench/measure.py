"""Times whole processes inside the sandbox, interleaved so that whatever else the machine does hits all alike.

usage: rolecall sandbox -- measure.py ROLECALL MINIMAL RUNS
"""

import configparser
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROLE = "arn:aws:iam::666666666666:role/BlahRole"
WARM_UP = 10


def milliseconds(command: list[str], env: dict[str, str]) -> float:
    start = time.perf_counter_ns()
    # Without these two Python forks itself instead of spawning.
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, close_fds=False, restore_signals=False)
    code = process.wait()
    spent = time.perf_counter_ns() - start
    if code:
        raise SystemExit(f"exit {code}: {' '.join(command)}")
    return spent / 1e6


def interleaved(runs: int, *subjects: tuple[list[str], dict[str, str]]) -> list[list[float]]:
    for _ in range(WARM_UP):
        for command, env in subjects:
            milliseconds(command, env)
    taken = [[] for _ in subjects]
    for _ in range(runs):
        for times, (command, env) in zip(taken, subjects, strict=True):
            times.append(milliseconds(command, env))
    return taken


def row(what: str, ours: list[float], beside: str, theirs: list[float], target: str) -> str:
    cells = [what, *map(in_short, (ours,)), beside, *map(in_short, (theirs,))]
    ratio = statistics.median(ours) / statistics.median(theirs)
    return "| " + " | ".join([*cells, f"{ratio:.2f}", target]) + " |"


def in_short(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ms ({statistics.quantiles(times, n=20)[-1]:.2f})"


def joes_keys() -> dict[str, str]:
    file = configparser.RawConfigParser()
    file.read(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws/credentials")
    return {"AWS_ACCESS_KEY_ID": file["joe"]["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": file["joe"]["aws_secret_access_key"]}


def main(rolecall: str, minimal: str, runs: int) -> None:
    plain = {name: value for name, value in os.environ.items() if name != "ROLECALL_LOG"}
    print(f"Median wall time of a process (95th percentile), {runs} interleaved runs after {WARM_UP}.\n")
    print("| what | rolecall | beside | it takes | ratio | target |")
    print("|---|---|---|---|---|---|")
    keys = plain | joes_keys()
    ours, theirs, least = interleaved(
        runs,
        ([rolecall, "credential-process", "blah"], plain),
        ([minimal, ROLE], keys),
        ([minimal, ROLE, "--no-tls"], keys),
    )
    what = "`credential-process`, cold, STS on loopback, plain HTTP"
    print(row(what, ours, "minimal aws-sdk-rust program", theirs, "≤ 1.3"))
    print(row(what, ours, "the same built without TLS", least, "≤ 1.3"))
    ours, theirs = interleaved(runs, ([rolecall, "--version"], plain), (["/bin/true"], plain))
    print(row("`rolecall --version`", ours, "`/bin/true`", theirs, ""), flush=True)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
