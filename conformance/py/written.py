"""Inside the sandbox: what `rolecall roles --write` adds to the config file, read by botocore and used by the AWS CLI.

Prints what holds.
"""

import json
import os
import subprocess

from botocore.session import Session

_SOURCE, _NAMES = "ada", "{account_id}.{role}"


def _run(*command: str) -> str:
    # A program that fails ends this too, with what it said on stderr.
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


def _profiles() -> dict[str, dict]:
    return Session().full_config["profiles"]


before = _profiles()
command = ("rolecall", "roles", _SOURCE, "--hops", "1", "--write", "--yes", "--json", "--profile-name", _NAMES)
first = json.loads(_run(*command))["write"]
after = _profiles()
added = {name: after[name] for name in after.keys() - before.keys()}
wanted = {entry["profile"]: entry["role_arn"] for entry in first["added"]}

again = json.loads(_run(*command))["write"]
name = next(name for name, arn in wanted.items() if arn.endswith(":role/ReadOnly"))
account = name.partition(".")[0]
told = json.loads(_run("aws", "sts", "get-caller-identity", "--profile", name, "--output", "json"))
ours = json.loads(_run("rolecall", "whoami", name, "--json"))

print(
    json.dumps(
        {
            "several profiles are written": first["written"] and len(wanted) > 5,
            "to the file that AWS_CONFIG_FILE names": first["file"] == os.environ["AWS_CONFIG_FILE"],
            "botocore reads what was there as before": all(after[name] == before[name] for name in before),
            "botocore reads the new profiles with their roles": {n: p.get("role_arn") for n, p in added.items()} == wanted,
            "each is assumed with the credentials that found it": {p.get("source_profile") for p in added.values()} == {_SOURCE},
            "they are named as was asked": all(n == f"{a.split(':')[4]}.{a.rpartition('/')[2]}" for n, a in wanted.items()),
            "the AWS CLI uses one": ":assumed-role/ReadOnly/" in told["Arn"] and told["Account"] == account,
            "rolecall uses it too": ours["account"] == account,
            "a second time nothing is written": not again["written"] and {e["profile"] for e in again["kept"]} == set(wanted),
        }
    )
)
