"""Nothing secret shows. Every case is scanned when it ends; these look where the others do not go."""

import json
import time
from functools import partial
from urllib.parse import quote

from . import scan
from .cases import Case, Room, check
from .places import HERE, PYTHON, rolecall
from .sandbox import by_exec, inside


def _surroundings(room: Room) -> None:
    """The child's environment, every command line and every file, seen from under `exec`."""
    out = room.run(inside(by_exec([PYTHON, str(HERE / "py/inside.py")]))).ok().out
    seen = json.loads(out)
    environment = seen["environment"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE"):
        check(name not in environment, f"the child has {name}")
    for name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_ENDPOINT_URL"):
        check(environment.get(name), f"the child lacks {name}")
    check(environment.get("AWS_REGION") == environment.get("AWS_DEFAULT_REGION") == "us-east-1", "the region is lost")
    check(environment.get("AWS_EC2_METADATA_DISABLED") == "true", "the child may ask the instance for credentials")
    check(environment.get("AWS_SDK_LOAD_CONFIG") == "1", "JavaScript v2 would read the user's own files")
    check(not seen["shared_credentials"].strip(), "the child's credentials file is not empty")
    check(not seen["files_with_secrets"], f"secrets in {seen['files_with_secrets']}")

    token = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    check(any("exec blah" in line for line in seen["command_lines"]), "rolecall's own command line was not seen")
    check(not any(token in line for line in seen["command_lines"]), "the endpoint's token is on a command line")


def _quiet(command: list[str], code: int, room: Room) -> None:
    """A command at the highest log level: the scan at the end of every case does the rest."""
    secret_out = command[0] in ("credential-process", "env")
    done = room.run(inside(["rolecall", *command]), secret_out=secret_out)
    check(done.code == code, f"ends with {done.code}: {done.err[-400:]}")
    calls_nothing = command[0] in ("plan", "profiles")
    check(done.err or calls_nothing, "says nothing at the highest log level: the scan would prove nothing")
    if secret_out:
        check("CANARYSECRET" in done.out and "CANARYTOKEN" in done.out, "the session is not the sandbox's")


def _demo(room: Room) -> None:
    start = time.monotonic()
    room.run([rolecall(), "demo"]).ok()
    seconds = time.monotonic() - start
    check(seconds < 20, f"the demo took {seconds:.0f} s")


def _scan_finds(room: Room) -> None:
    """A deliberate leak, in every dress: a scan that misses one proves nothing elsewhere."""
    leak = ["rolecall", "exec", "blah", "--env", "--", "printenv", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    out = room.run(inside(leak), secret_out=True).ok().out
    leaky = Room(room.folder, [f"a log line with {out}"])
    check({"CANARYSECRET raw", "CANARYTOKEN raw"} <= set(leaky.leaks()), f"found only {leaky.leaks()}")

    secret = out.splitlines()[0]
    for form, dress in scan.dresses(secret).items():
        check(scan.find(f"before{dress}after", [secret]), f"a secret in the dress {form} is not found")
    check(scan.find(quote(json.dumps({"key": secret}), safe="")), "a secret quoted twice is not found")
    check(not scan.find("CANARY ASIACANARY0000 nothing here"), "an access key id is taken for a secret")


_QUIET = {
    "whoami": (["whoami", "blah"], 0),
    "plan": (["plan", "chained"], 0),
    "profiles": (["profiles", "--json"], 0),
    "credential-process": (["credential-process", "chained"], 0),
    "env": (["env", "blah", "--shell", "bash"], 0),
    "exec-env": (["exec", "partner", "--env", "--", "true"], 0),
    "refused": (["whoami", "arn:aws:iam::666666666666:role/NoSuchRole", "--source-profile", "joe"], 1),
    "unknown-profile": (["whoami", "blahh"], 1),
}

CASES = [
    Case("secrets/surroundings", _surroundings),
    *(Case(f"secrets/{name}", partial(_quiet, command, code)) for name, (command, code) in _QUIET.items()),
    Case("secrets/demo", _demo),
    Case("secrets/scan-finds-a-leak", _scan_finds),
]
