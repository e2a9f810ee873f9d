"""Inside the sandbox: what `rolecall roles --write` adds to the config file, read by botocore and used by the AWS CLI.

Prints what holds.
"""

import json
import os
import subprocess
from pathlib import Path

from botocore.session import Session

_SOURCE, _NAMES = "ada", "{account_id}.{role}"
_HUB = "arn:aws:iam::100000000002:role/Deployer"


def _run(*command: str) -> str:
    # A program that fails ends this too, with what it said on stderr.
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


def _profiles() -> dict[str, dict]:
    return Session().full_config["profiles"]


# The sandbox's own file has a profile for each of her roles: this one has one, and what other tools read.
config = Path(os.environ["TMPDIR"], "config")
config.write_text(
    "# mine\n[profile ada]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 4\n\n"
    f"[profile hub]\nrole_arn = {_HUB}\nsource_profile = ada\n[sso-session corp]\nsso_region = eu-west-1"
)
mine = config.read_text()
os.environ["AWS_CONFIG_FILE"] = str(config)

before = _profiles()
command = ("rolecall", "roles", _SOURCE, "--hops", "1", "--write", "--yes", "--json", "--profile-name", _NAMES)
first = json.loads(_run(*command))["write"]
after = _profiles()
added = {name: after[name] for name in after.keys() - before.keys()}
wanted = {entry["profile"]: entry["role_arn"] for entry in first["added"]}

again = json.loads(_run(*command))["write"]
name = next(name for name, arn in wanted.items() if arn.endswith(":role/Owner"))
account = name.partition(".")[0]
told = json.loads(_run("aws", "sts", "get-caller-identity", "--profile", name, "--output", "json"))
ours = json.loads(_run("rolecall", "whoami", name, "--json"))

print(
    json.dumps(
        {
            "several profiles are written": first["written"] and len(wanted) > 1,
            "to the file that AWS_CONFIG_FILE names, after all that was there": config.read_text().startswith(mine),
            "botocore reads what was there as before": all(after[name] == before[name] for name in before),
            "botocore reads the new profiles with their roles": {n: p.get("role_arn") for n, p in added.items()} == wanted,
            "none for a role that has a profile": _HUB not in wanted.values(),
            "each is assumed with the credentials that found it": {p.get("source_profile") for p in added.values()} == {_SOURCE},
            # The AWS CLI takes none from a source profile.
            "each has her region": {p.get("region") for p in added.values()} == {"us-east-1"},
            "they are named as was asked": all(n == f"{a.split(':')[4]}.{a.rpartition('/')[2]}" for n, a in wanted.items()),
            "the AWS CLI uses one": ":assumed-role/Owner/" in told["Arn"] and told["Account"] == account,
            "rolecall uses it too": ours["account"] == account,
            "a second time nothing is written": not again["written"] and {e["profile"] for e in again["kept"]} == set(wanted),
        }
    )
)
