"""`rolecall roles` of somebody with twenty policies and two hundred roles, every call answered 50 ms late, beside the same
calls one after the other; and the answer to a tab with thousands of profiles and roles to choose from.

usage: discover.py world                                 prints the world
       rolecall sandbox --world WORLD --fault … -- discover.py measure ROLECALL [RIVALS]
       discover.py walk                                  (what is beside it: boto, where a python has it)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import HEAD, Env, interleaved, milliseconds, row, sandbox, subject

HOME, FAR = "111111111111", 50
ROLES, INLINE, MANAGED, OF_GROUP = 200, 8, 8, 4
PROFILES, INDEXED = 5_000, 10_000
# Who it is; the lists of what is attached to his group, which he is in; the policy; its text: each needs the one before.
STEPS = 5


def world() -> str:
    """One account: joe with his policies, and the roles they are about."""

    def statement(n: int) -> str:
        # Each grants ten roles: a user's inline policies have 2,048 characters together.
        roles = f"arn:aws:iam::{HOME}:role/Role{n or ''}?"
        return f'{{ Effect = "Allow", Action = "sts:AssumeRole", Resource = "{roles}" }}'

    text = f'profile = [{{ name = "joe", account = "{HOME}", user = "joe" }}]\n\n[[account]]\nid = "{HOME}"\nname = "one"\n\n'
    look = '{ Effect = "Allow", Action = ["iam:Get*", "iam:List*", "organizations:*"], Resource = "*" }'
    for n in range(MANAGED):
        more = f", {look}" if n == 0 else ""
        text += f'[[account.policy]]\nname = "m{n}"\ndocument = [{statement(n)}{more}]\n\n'
    attached = ", ".join(f'"m{n}"' for n in range(MANAGED))
    text += '[[account.group]]\nname = "people"\n'
    text += "".join(f"policies.g{n} = [{statement(n)}]\n" for n in range(MANAGED, MANAGED + OF_GROUP))
    text += f'\n[[account.user]]\nname = "joe"\ngroups = ["people"]\nattached = [{attached}]\n'
    text += "".join(f"policies.i{n} = [{statement(n)}]\n" for n in range(MANAGED + OF_GROUP, MANAGED + OF_GROUP + INLINE))
    trust = f'[{{ Effect = "Allow", Action = "sts:AssumeRole", Principal = {{ AWS = "{HOME}" }} }}]'
    text += "".join(f'\n[[account.role]]\nname = "Role{n}"\ntrust = {trust}\n' for n in range(ROLES))
    return text


def walk() -> None:
    """Everything that discovery reads, as a script reads it."""
    from botocore.session import Session

    session = Session(profile="joe")
    made = {name: session.create_client(name, region_name="us-east-1") for name in ("sts", "iam", "organizations")}
    iam = made["iam"]
    made["sts"].get_caller_identity()
    iam.get_user(UserName="joe")
    try:
        made["organizations"].describe_organization()
    except made["organizations"].exceptions.AWSOrganizationsNotInUseException:
        pass
    iam.list_account_aliases()
    attached = iam.list_attached_user_policies(UserName="joe")["AttachedPolicies"]
    for name in iam.list_user_policies(UserName="joe")["PolicyNames"]:
        iam.get_user_policy(UserName="joe", PolicyName=name)
    for group in iam.list_groups_for_user(UserName="joe")["Groups"]:
        attached += iam.list_attached_group_policies(GroupName=group["GroupName"])["AttachedPolicies"]
        for name in iam.list_group_policies(GroupName=group["GroupName"])["PolicyNames"]:
            iam.get_group_policy(GroupName=group["GroupName"], PolicyName=name)
    for policy in attached:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
    # As the SDK and the CLI have it: pages of a hundred.
    print(sum(len(page["Roles"]) for page in iam.get_paginator("list_roles").paginate()))


def counted(command: list[str], env: Env) -> int:
    before = sum(sandbox("counts").values())
    milliseconds(command, env)
    return sum(sandbox("counts").values()) - before


def measure(rolecall: str, beside: Path | None) -> None:
    env = {name: value for name, value in os.environ.items() if name != "ROLECALL_LOG"} | {"ROLECALL_AGENT": "off"}
    ours = [rolecall, "roles", "joe", "--json"]
    found = json.loads(subprocess.run(ours, env=env, check=True, capture_output=True, text=True).stdout)
    allowed = [role for role in found["roles"] if role["verdict"] == "allowed"]
    if len(allowed) != ROLES or found["unread"]:
        raise SystemExit(f"{len(allowed)} roles are allowed, {found['unread']} is unread")
    python = beside / "venv/bin/python" if beside else None
    theirs = [str(python or sys.executable), __file__, "walk"]
    what = f"`rolecall roles`, {MANAGED + OF_GROUP + INLINE} policies and {ROLES} roles, {FAR} ms a call"
    print(f"\n{counted(ours, env)} calls of rolecall, {counted(theirs, env)} of the script.\n\n{HEAD}")
    taken, other = interleaved(10, subject(ours, env), subject(theirs, env))
    row(what, taken, "a script of botocore, call after call", other, "< 2 s")
    least = STEPS * FAR
    ratio = statistics.median(taken) / least
    print(f"| the same | {statistics.median(taken):.0f} ms | {STEPS} calls that need each other | {least} ms | {ratio:.2f} | – |")
    with tempfile.TemporaryDirectory() as folder:
        complete(rolecall, env, Path(folder))


def complete(rolecall: str, env: Env, home: Path) -> None:
    """A tab, in a home with many profiles and roles."""
    aws, state = home / ".aws", home / ".local/state/rolecall"
    aws.mkdir()
    state.mkdir(parents=True, mode=0o700)
    profiles = (
        f"[profile team-{n % 50}/account-{n}]\nrole_arn = arn:aws:iam::{200_000_000_000 + n}:role/Reader\n"
        f"source_profile = joe\nregion = eu-west-1\n\n"
        for n in range(PROFILES)
    )
    (aws / "config").write_text("[profile joe]\nregion = eu-west-1\n\n" + "".join(profiles))
    accounts = {str(300_000_000_000 + n): {"name": f"account {n}", "alias": None} for n in range(INDEXED // 10)}
    roles = [
        {
            "arn": f"arn:aws:iam::{account}:role/Role{n}",
            "caller": f"arn:aws:iam::{HOME}:user/joe",
            "source": "joe",
            "verdict": "allowed",
            "conditions": [],
        }
        for account in accounts
        for n in range(10)
    ]
    index = state / "roles.json"
    index.write_text(json.dumps({"version": 1, "accounts": accounts, "roles": roles}))
    index.chmod(0o600)
    bare = {"PATH": env["PATH"], "HOME": str(home)}
    for line, least in (("rolecall exec ", PROFILES), ("rolecall exec team-7/account-4", 10), ("rolecall exec 3000000004", 10)):
        command = [rolecall, "complete", "bash", "--", line, " \t\n\"'><=;|&(:"]
        lines = subprocess.run(command, env=bare, check=True, capture_output=True, text=True).stdout.count("\n")
        if lines < least:
            raise SystemExit(f"{lines} candidates for `{line}`")
        taken, true = interleaved(50, subject(command, bare), subject(["/bin/true"], bare))
        row(f"a tab after `{line}`: {lines} candidates", taken, "`/bin/true`", true, "< 50 ms")


match sys.argv[1:]:
    case ["world"]:
        print(world(), end="")
    case ["walk"]:
        walk()
    case ["measure", rolecall, *rest]:
        measure(rolecall, Path(rest[0]) if rest else None)
    case _:
        raise SystemExit(__doc__)
