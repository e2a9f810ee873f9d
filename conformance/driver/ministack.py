"""The product against MiniStack with IAM enforced: users, trust policies and ExternalIds as someone else reads AWS."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial

from .cases import Case, Failed, Room, check, end
from .places import HERE, PYTHON, free_port, rolecall

EXTERNAL_ID = "told-to-joe"
# The secret of every account's root; py/seed_ministack.py knows it too.
ROOT_SECRET = "rootsecret"
ROLE = "arn:aws:iam::222222222222:role/Reader"
ACTS_AS = "arn:aws:sts::222222222222:assumed-role/Reader/"

_CONFIG = f"""
[profile joe]
region = us-east-1

[profile theirs]
role_arn = {ROLE}
source_profile = joe
external_id = {EXTERNAL_ID}
region = us-east-1

[profile wrong]
role_arn = {ROLE}
source_profile = joe
external_id = told-to-no-one
region = us-east-1
"""


@contextmanager
def server(room: Room) -> Iterator[str]:
    """Starts a MiniStack that enforces IAM, and gives its endpoint."""
    port = str(free_port())
    settings = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": port,
        "EDGE_PORT": port,
        "STATE_DIR": str(room.folder / "state"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": "rootkey0000000000000",
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "MINISTACK_ACCOUNT_ID": "111111111111",
    }
    endpoint = f"http://127.0.0.1:{port}"
    with open(room.folder / "ministack.log", "w") as log:
        process = room.start([PYTHON, "-m", "ministack"], env=room.environment(**settings), output=log)
    try:
        _wait(endpoint)
        yield endpoint
    finally:
        end(process)
        process.wait()


@contextmanager
def _seeded(room: Room) -> Iterator[dict[str, str]]:
    """A seeded MiniStack, the user's files, and the environment to use it in."""
    with server(room) as endpoint:
        seeded = room.run([PYTHON, str(HERE / "py/seed_ministack.py"), endpoint, EXTERNAL_ID], secret_out=True).ok()
        keys = json.loads(seeded.out)
        room.secrets.append(keys["secret_access_key"])
        aws = room.folder / "home/.aws"
        (aws / "config").write_text(_CONFIG)
        with open(aws / "credentials", "a") as credentials:
            credentials.write("\n[joe]\n" + "".join(f"aws_{name} = {value}\n" for name, value in keys.items()))
        yield room.environment(AWS_ENDPOINT_URL=endpoint, ROLECALL_RUNTIME_DIR=str(room.folder / "tmp/run"))


def _wait(endpoint: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise Failed("MiniStack does not answer")


def _whoami(room: Room, env: dict[str, str]) -> None:
    out = room.run([rolecall(), "whoami", "theirs", "--json"], env=env).ok().out
    told = json.loads(out)
    check(ACTS_AS in out, f"whoami says {told}")
    check(told.get("account") == "222222222222", f"whoami says {told}")


def _credential_process(room: Room, env: dict[str, str]) -> None:
    out = room.run([rolecall(), "credential-process", "theirs"], env=env, secret_out=True).ok().out
    session = json.loads(out)
    room.secrets += [session["SecretAccessKey"], session["SessionToken"]]
    check(session["Version"] == 1, f"Version is {session['Version']!r}")
    ends = datetime.strptime(session["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    left = (ends - datetime.now(timezone.utc)).total_seconds()
    check(25 * 60 <= left <= 3600, f"the session is said to live {left:.0f} s more")

    handed = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    _sees_their_bucket(room.run([PYTHON, str(HERE / "py/buckets.py")], env=env | handed).ok().out)


def _exec(room: Room, env: dict[str, str]) -> None:
    command = [rolecall(), "exec", "theirs", "--", PYTHON, str(HERE / "py/buckets.py")]
    _sees_their_bucket(room.run(command, env=env).ok().out)


def _sees_their_bucket(out: str) -> None:
    seen = json.loads(out)
    check(seen["arn"].startswith(ACTS_AS), f"acted as {seen['arn']}")
    check(seen["buckets"] == ["their-reports"], f"saw the buckets {seen['buckets']}")


def _wrong_external_id(room: Room, env: dict[str, str]) -> None:
    quiet = env | {"ROLECALL_LOG": "off"}
    for command in (["whoami", "wrong"], ["credential-process", "wrong"], ["exec", "wrong", "--", "true"]):
        done = room.run([rolecall(), *command], env=quiet)
        own_failure = 125 if command[0] == "exec" else 1
        check(done.code == own_failure, f"{command[0]} ends with {done.code}: {done.err}")
        check(not done.out, f"{command[0]} prints {done.out!r}")
        first, *hints = done.err.strip().splitlines() or [""]
        check(ROLE in done.err, f"{command[0]} does not name the role: {done.err}")
        check(20 < len(first) < 300 and len(hints) <= 4, f"{command[0]} is not one clear sentence: {done.err}")
        room.run([rolecall(), *command], env=env)


def _case(hold: Callable[[Room, dict[str, str]], None], room: Room) -> None:
    with _seeded(room) as env:
        hold(room, env)


CASES = [
    Case("ministack/whoami", partial(_case, _whoami)),
    Case("ministack/credential-process", partial(_case, _credential_process)),
    Case("ministack/exec", partial(_case, _exec)),
    Case("ministack/wrong-external-id", partial(_case, _wrong_external_id)),
]
