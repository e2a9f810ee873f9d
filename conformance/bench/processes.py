"""Processes and how long they take, for the tables."""

import configparser
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

Env = Mapping[str, str]
WARM_UP = 5


def spawned(command: list[str], env: Env) -> subprocess.Popen:
    # Without these two Python forks itself instead of spawning.
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "close_fds": False, "restore_signals": False}
    return subprocess.Popen(command, env=env, **quiet)


def ended(process: subprocess.Popen) -> None:
    if code := process.wait():
        raise SystemExit(f"exit {code}: {' '.join(process.args)}")


def milliseconds(command: list[str], env: Env) -> float:
    start = time.perf_counter_ns()
    process = spawned(command, env)
    ended(process)
    return (time.perf_counter_ns() - start) / 1e6


def at_once(count: int, command: list[str], env: Env) -> float:
    """As many processes as fast as they can be started, until the last has ended."""
    start = time.perf_counter_ns()
    processes = [spawned(command, env) for _ in range(count)]
    for process in processes:
        ended(process)
    return (time.perf_counter_ns() - start) / 1e6


Subject = Callable[[], float]


def subject(command: list[str], env: Env) -> Subject:
    return lambda: milliseconds(command, env)


def interleaved(runs: int, *subjects: Subject) -> list[list[float]]:
    """So that whatever else the machine does hits all alike."""
    for _ in range(min(WARM_UP, runs)):
        for take in subjects:
            take()
    taken = [[] for _ in subjects]
    for _ in range(runs):
        for times, take in zip(taken, subjects, strict=True):
            times.append(take())
    return taken


HEAD = "| what | rolecall | beside | it takes | ratio | target |\n|---|---|---|---|---|---|"


def row(what: str, ours: list[float], beside: str, theirs: list[float], target: str = "–") -> None:
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"| {what} | {_short(ours)} | {beside} | {_short(theirs)} | {ratio:.2f} | {target} |", flush=True)


def _short(times: list[float]) -> str:
    if len(times) < 5:
        return f"{statistics.median(times):.0f} ms"
    return f"{statistics.median(times):.2f} ms ({statistics.quantiles(times, n=20)[-1]:.2f})"


def sandbox(path: str, said: object = None, method: str | None = None) -> object:
    """One of the sandbox's own calls."""
    body = None if said is None else json.dumps(said).encode()
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/_sandbox/{path}", body, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.load(answer)


def calls(*operations: str) -> int:
    counts = sandbox("counts")
    return sum(counts.get(operation, 0) for operation in operations or ("AssumeRole", "GetSessionToken"))


def stop_agent(runtime: Path) -> None:
    """Asked in its own language, and waited for: what follows is measured without it."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.connect(str(runtime / "agent.sock"))
        agent.sendall(b'{"v":1,"say":"stop"}\n')
        while agent.recv(4096):
            pass


def joes_keys() -> dict[str, str]:
    file = configparser.RawConfigParser()
    file.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    joe = file["joe"]
    return {"AWS_ACCESS_KEY_ID": joe["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": joe["aws_secret_access_key"]}
