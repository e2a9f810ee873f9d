"""The product against Ceph's gateway: an STS of its own writing, whose answers differ from AWS's in many small ways.

It has no GetCallerIdentity and knows no ExternalId. It writes errors as S3 does, leaves the role's id out, and its access
keys look like nobody's.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from .cases import Case, Room, check
from .ceph import Gateway, gateway
from .places import HERE, PYTHON, rolecall
from .wire import hasty

ROLE = "arn:aws:iam::222222222222:role/Reader"
MISSING = "arn:aws:iam::222222222222:role/NoSuchRole"

_CONFIG = "".join(
    f"\n[profile {user}]\nregion = us-east-1\n"
    f"\n[profile {name}]\nrole_arn = {ROLE}\nsource_profile = {user}\nregion = us-east-1\n"
    for user, name in (("joe", "theirs"), ("eve", "not-hers"))
)
_ONLY_LISTS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}]}
_REPORTS = str(HERE / "py/reports.py")


@contextmanager
def _seeded(room: Room) -> Iterator[tuple[Gateway, dict[str, str]]]:
    """A seeded gateway, the files of its users, and the environment to use it in."""
    with gateway(room) as ceph:
        joe, eve = ceph.user("joe", "111111111111"), ceph.user("eve", "111111111111")
        admin = ceph.user("administrator", "222222222222", "roles=*;user-policy=*")
        env = room.environment(AWS_ENDPOINT_URL=ceph.endpoint, ROLECALL_RUNTIME_DIR=str(room.folder / "tmp/run"))
        keys = {name.upper(): value for name, value in admin.items()} | {"AWS_DEFAULT_REGION": "us-east-1"}
        room.run([PYTHON, str(HERE / "py/seed_rgw.py")], env=env | keys).ok()
        aws = room.folder / "home/.aws"
        (aws / "config").write_text(_CONFIG)
        with open(aws / "credentials", "a") as credentials:
            for user, pair in (("joe", joe), ("eve", eve)):
                credentials.write(f"\n[{user}]\n" + "".join(f"{name} = {value}\n" for name, value in pair.items()))
        yield ceph, env


def _rounds(out: str, written: str = "") -> list[dict]:
    rounds = [json.loads(line) for line in out.splitlines()]
    check(rounds, "no round")
    for one in rounds:
        check(one["objects"] == ["2026.txt"], f"saw {one['objects']}")
        check(one["written"] == written, f"writing says {one['written'] or 'nothing'}")
    return rounds


def _exec(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    _rounds(room.run([rolecall(), "exec", "theirs", "--", PYTHON, _REPORTS, "1"], env=env).ok().out)
    # What is seen there is the role's, not the user's own.
    own = room.run([PYTHON, _REPORTS, "0"], env=env | {"AWS_PROFILE": "joe"})
    check(own.code and "NoSuchBucket" in own.err, f"the user sees the role's bucket: {own.err[-300:]}")


def _renewal(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    """Across several ends: another session each time, and no round that fails."""
    seconds, lifetime = 14, 5
    with hasty(ceph.endpoint, lifetime) as (sts, asked):
        command = [rolecall(), "exec", "theirs", "--", PYTHON, _REPORTS, str(seconds)]
        rounds = _rounds(room.run(command, env=env | {"AWS_ENDPOINT_URL_STS": sts}).ok().out)
    keys = {one["access_key_id"] for one in rounds}
    check(len(rounds) >= 10, f"{len(rounds)} rounds")
    check(len(keys) >= seconds // lifetime + 1, f"{len(keys)} sessions in {seconds} s, each of which lives {lifetime} s")
    check(len(asked) >= len(keys), f"{len(asked)} calls for {len(keys)} sessions")
    for one in asked:
        check(one["Action"] == "AssumeRole" and one["DurationSeconds"] == "3600", f"asked for {one}")


def _session_policy(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    """Written with blanks, which the gateway reads only if a form has them as %20."""
    policy = json.dumps(_ONLY_LISTS, indent=1)
    command = [rolecall(), "exec", "theirs", "--policy", policy, "--", PYTHON, _REPORTS, "0"]
    _rounds(room.run(command, env=env).ok().out, written="AccessDenied")


def _credential_process(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    out = room.run([rolecall(), "credential-process", "theirs"], env=env, secret_out=True).ok().out
    session = json.loads(out)
    room.secrets += [session["SecretAccessKey"], session["SessionToken"]]
    check(session["Version"] == 1 and session.get("AccountId") in (None, "222222222222"), f"says {sorted(session)}")
    handed = {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    _rounds(room.run([PYTHON, _REPORTS, "0"], env=env | handed).ok().out)


def _refused(room: Room, env: dict[str, str], command: list[str], says: str) -> None:
    """One sentence and its hints, no output, the exit code of a failure of our own; then once more for the scan."""
    done = room.run([rolecall(), *command], env=env | {"ROLECALL_LOG": "off"})
    told = " ".join(command)
    check(done.code == (125 if command[0] == "exec" else 1), f"{told} ends with {done.code}: {done.err}")
    check(not done.out, f"{told} prints {done.out!r}")
    first, *hints = done.err.strip().splitlines() or [""]
    check(re.search(says, first), f"{told} says: {first}")
    check(20 < len(first) < 300 and 1 <= len(hints) <= 4, f"{told} is not one clear sentence: {done.err}")
    room.run([rolecall(), *command], env=env)


def _refusal(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    denied = rf"\(STS refused: AccessDenied\) \(at {ROLE}\)"
    for command in (["credential-process", "not-hers"], ["exec", "not-hers", "--", "true"]):
        _refused(room, env, command, denied)
    _refused(room, env, ["exec", MISSING, "--source-profile", "joe", "--", "true"], r"STS refused: NoSuchEntity")


def _whoami(room: Room, ceph: Gateway, env: dict[str, str]) -> None:
    """There is no such call there: said as that, and not as a proxy's doing."""
    for target in ("joe", "theirs"):
        _refused(room, env, ["whoami", target], r"does not offer GetCallerIdentity \(STS refused: MethodNotAllowed\)")


def _case(hold: Callable[[Room, Gateway, dict[str, str]], None], room: Room) -> None:
    with _seeded(room) as (ceph, env):
        hold(room, ceph, env)


CASES = [
    Case("rgw/exec", partial(_case, _exec)),
    Case("rgw/renewal", partial(_case, _renewal)),
    Case("rgw/session-policy", partial(_case, _session_policy)),
    Case("rgw/credential-process", partial(_case, _credential_process)),
    Case("rgw/refusal", partial(_case, _refusal)),
    Case("rgw/whoami", partial(_case, _whoami)),
]
