"""The four that are asked, started in a case's room, each as what `ask` wants to know of it."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .. import ministack
from ..cases import Failed, Room, end
from ..ceph import gateway
from ..places import HERE, MOTO_PYTHON, free_port, rolecall

Judged = dict[str, Any]
NAMES = ("sandbox", "MiniStack", "Ceph RGW", "moto")


@contextmanager
def started(room: Room, name: str) -> Iterator[Judged]:
    with ExitStack() as stack:
        start = {"sandbox": _sandboxes, "MiniStack": _ministack, "Ceph RGW": _ceph, "moto": _moto}[name]
        judged = {"name": name, **stack.enter_context(start(room))}
        if name != "sandbox":
            # The sandbox has an issuer of its own.
            judged["issuer"] = stack.enter_context(_issuer(room))
        yield judged


@contextmanager
def _issuer(room: Room) -> Iterator[Judged]:
    said = room.folder / "issuer.log"
    with open(said, "w") as log:
        process = room.start([MOTO_PYTHON, str(HERE / "py/issuer.py")], output=log)
    try:
        yield _ready(said)
    finally:
        end(process)
        process.wait()


def _ready(said: Path) -> Judged:
    """The line of JSON that a process prints when it is ready."""
    for _ in range(400):
        if said.read_text().endswith("\n"):
            return json.loads(said.read_text())
        time.sleep(0.05)
    raise Failed(f"nothing in {said.name}")


@contextmanager
def _sandboxes(room: Room) -> Iterator[Judged]:
    """One as it is, and one whose sessions end after two seconds."""
    with ExitStack() as stack:
        judged = stack.enter_context(_sandbox(room, "sandbox"))
        yield judged | {"hasty": stack.enter_context(_sandbox(room, "hasty", "--session-seconds", "2"))}


@contextmanager
def _sandbox(room: Room, name: str, *more: str) -> Iterator[Judged]:
    said = room.folder / f"{name}.log"
    with open(said, "w") as log:
        command = [rolecall(), "sandbox", "--json", "--empty", *more]
        process = room.start(command, env=room.environment(ROLECALL_LOG="off"), output=log)
    try:
        ready = _ready(said)
        pairs = {account["id"]: [account["access_key_id"], account["secret_access_key"]] for account in ready["accounts"]}
        yield {"endpoint": ready["endpoint"], "admins": pairs}
    finally:
        end(process)
        process.wait()


@contextmanager
def _ministack(room: Room) -> Iterator[Judged]:
    with ministack.server(room) as endpoint:
        room.secrets.append(ministack.ROOT_SECRET)
        roots = {account: [account, ministack.ROOT_SECRET] for account in ("111111111111", "222222222222")}
        yield {"endpoint": endpoint, "admins": roots}


@contextmanager
def _ceph(room: Room) -> Iterator[Judged]:
    with gateway(room, hasty=True) as ceph:
        first = ceph.user("first", caps="users=*")
        pair = [first["aws_access_key_id"], first["aws_secret_access_key"]]
        yield {"endpoint": ceph.endpoint, "hasty": ceph.hasty_endpoint, "first": pair}


@contextmanager
def _moto(room: Room) -> Iterator[Judged]:
    port = str(free_port())
    with open(room.folder / "moto.log", "w") as log:
        command = [MOTO_PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
        process = room.start(command, output=log)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            raise Failed("moto does not answer")
        yield {"endpoint": endpoint}
    finally:
        end(process)
        process.wait()
