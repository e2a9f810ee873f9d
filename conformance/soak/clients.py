"""The clients: processes that ask `credential-process` as an SDK would, and pollers of an endpoint under `exec`.

Each answer is one line of a file: who asked for what, when it came, when it ends, and what STS said of it.
"""

import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import TextIO

from .aws import Sts

ROLE = "arn:aws:iam::666666666666:role/BlahRole"
REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-central-1", "sa-east-1")
# Seconds that a client does something else between two questions.
THINKS = 1.5
# Of a hundred processes so many are killed while they work.
KILLED = 4


def target(key: int) -> list[str]:
    """Equal keys are equal sessions; each has a name by which STS and the witness know it."""
    region = REGIONS[key % len(REGIONS)]
    return [ROLE, "--source-profile", "joe", "--session-name", f"soak-{key:05}", "--region", region]


def choose(keys: int, dice: random.Random) -> int:
    """Half of all questions are for a twentieth of the keys, so that many wait for the same."""
    return dice.randrange(max(keys // 20, 1) if dice.random() < 0.5 else keys)


class Diary:
    """What was asked and answered, a line each."""

    def __init__(self, file: TextIO, truth: str) -> None:
        self._file, self._lock, self._truth = file, threading.Lock(), truth
        self._own = threading.local()

    def answer(self, kind: str, key: int, asked: float, said: dict) -> None:
        now, wall = time.monotonic(), time.time()
        if not hasattr(self._own, "sts"):
            self._own.sts = Sts(self._truth)
        token = said.get("SessionToken") or said.get("Token")
        whose = self._own.sts.whose(said["AccessKeyId"], said["SecretAccessKey"], token)
        ends = datetime.fromisoformat(said["Expiration"]).timestamp()
        self._write(
            kind=kind,
            key=key,
            asked=asked,
            answered=now,
            remains=ends - wall,
            ends=ends,
            id=said["AccessKeyId"],
            arn=whose.arn,
            error=whose.error,
            weighed=time.monotonic() - now,
        )

    def none(self, kind: str, key: int, asked: float, why: str) -> None:
        self._write(kind=kind, key=key, asked=asked, answered=time.monotonic(), none=why)

    def _write(self, **line: object) -> None:
        text = json.dumps(line) + "\n"
        with self._lock:
            self._file.write(text)


def _processes(rolecall: str, keys: int, until: float, seed: int, diary: Diary) -> None:
    dice = random.Random(seed)
    time.sleep(dice.random() * THINKS)
    while time.monotonic() < until:
        key, asked = choose(keys, dice), time.monotonic()
        process = subprocess.Popen(
            [rolecall, "credential-process", *target(key)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if dice.random() * 100 < KILLED:
            time.sleep(dice.random() * 0.05)
            process.kill()
            process.communicate()
            diary.none("killed", key, asked, "")
        else:
            out, err = process.communicate()
            if process.returncode:
                diary.none("process", key, asked, err.strip() or f"exit {process.returncode}")
            else:
                diary.answer("process", key, asked, json.loads(out))
        time.sleep(dice.expovariate(1 / THINKS))


def _poller(key: int, until: float, seed: int, diary: Diary) -> None:
    dice = random.Random(seed)
    token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    request = urllib.request.Request(
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"Authorization": token}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        asked = time.monotonic()
        try:
            with opener.open(request, timeout=5) as answer:
                diary.answer("endpoint", key, asked, json.load(answer))
        except urllib.error.HTTPError as error:
            diary.none("endpoint", key, asked, f"{error.code} {error.read().decode()}")
        except OSError as error:
            diary.none("endpoint", key, asked, str(error))
        time.sleep(dice.expovariate(2))


def _main(kind: str, plan: dict) -> None:
    with open(plan["file"], "w") as file:
        diary = Diary(file, plan["truth"])
        if kind == "processes":
            what, first = _processes, (plan["rolecall"], plan["keys"])
        else:
            what, first = _poller, (plan["key"],)
        threads = [
            threading.Thread(target=what, args=(*first, plan["until"], plan["seed"] * 1000 + n, diary))
            for n in range(plan["clients"])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
