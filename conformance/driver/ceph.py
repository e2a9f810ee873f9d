"""A Ceph object gateway with its STS, as Debian packs it: one monitor, one store in memory, one gateway, on loopback.

A tenant whose name is twelve digits is an account to it. Nothing is shared with a Ceph that may be on the machine: its
configuration, sockets and data are in the case's own folder, and its processes are ours to end.
"""

import http.client
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .cases import Failed, Room, end
from .places import free_port

_CONFIG = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
log file = {folder}/$name.log
# A socket's path may have 107 bytes, and nobody asks these processes anything.
admin socket =
pid file =
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data = {folder}/mon
mon data avail crit = 1
mon data avail warn = 1
osd objectstore = memstore
memstore device bytes = 1073741824
osd data = {folder}/osd
# A lone monitor has nobody to wait for.
paxos propose interval = 0.05
paxos min wait = 0.01

"""

_GATEWAY = """
[client.{name}]
# With authentication off, the default `secure` never connects.
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw data = {folder}/{name}
rgw s3 auth use sts = true
# Sixteen bytes, for sessions that end with this process.
rgw sts key = {sts_key}
rgw sts min session duration = {shortest}
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
rgw dynamic resharding = false
"""


@dataclass(frozen=True)
class Gateway:
    """A gateway that answers."""

    endpoint: str
    # Another one with the same users, roles and buckets, where a session may be as short as a second; if it was wanted.
    hasty_endpoint: str
    room: Room
    config: Path

    def user(self, name: str, account: str = "", caps: str = "") -> dict[str, str]:
        """Makes a user of an account, and gives the keys in the words of the credentials file."""
        owner = ["--tenant", account] if account else []
        may = ["--caps", caps] if caps else []
        made = self.room.run(
            ["radosgw-admin", "--conf", str(self.config), "--name", "client.rgw", "user", "create", *owner, "--uid", name]
            + ["--display-name", name, *may],
            secret_out=True,
        )
        key = json.loads(made.ok().out)["keys"][0]
        self.room.secrets.append(key["secret_key"])
        return {"aws_access_key_id": key["access_key"], "aws_secret_access_key": key["secret_key"]}


@contextmanager
def gateway(room: Room, hasty: bool = False) -> Iterator[Gateway]:
    folder = room.folder / "ceph"
    ports = {name: free_port() for name in (("rgw", "hasty") if hasty else ("rgw",))}
    for part in ("mon", "osd", *ports):
        (folder / part).mkdir(parents=True)
    (folder / "keyring").touch()
    config, fsid, monitor = folder / "ceph.conf", str(uuid.uuid4()), free_port()
    sts_key = uuid.uuid4().hex[:16]
    room.secrets.append(sts_key)
    text = _CONFIG.format(fsid=fsid, folder=folder, mon=monitor)
    for name, port in ports.items():
        shortest = 1 if name == "hasty" else 900
        text += _GATEWAY.format(name=name, port=port, folder=folder, sts_key=sts_key, shortest=shortest)
    config.write_text(text)

    def tool(*command: str) -> str:
        return room.run([*command, "--conf", str(config)], secret_out=True).ok().out

    running: list[subprocess.Popen] = []

    def daemon(*command: str) -> None:
        with open(folder / f"{command[0]}.{command[2]}.out", "w") as log:
            running.append(room.start([*command, "--foreground", "--conf", str(config)], output=log))

    try:
        room.run(
            ["monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}]", str(folder / "monmap")]
        ).ok()
        tool("ceph-mon", "--id", "a", "--mkfs", "--monmap", str(folder / "monmap"))
        daemon("ceph-mon", "--id", "a")
        store = str(uuid.uuid4())
        tool("ceph", "--connect-timeout", "30", "osd", "new", store)
        tool("ceph-osd", "--id", "0", "--mkfs", "--osd-uuid", store)
        daemon("ceph-osd", "--id", "0")
        for name, port in ports.items():
            # One after the other: the first makes the pools.
            daemon("radosgw", "--name", f"client.{name}")
            _wait(port, running[-1])
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        yield Gateway(urls["rgw"], urls.get("hasty", ""), room, config)
    finally:
        for process in reversed(running):
            end(process)
            process.wait()


def _wait(port: int, process: subprocess.Popen) -> None:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        finally:
            connection.close()
    raise Failed("the Ceph object gateway does not answer")
