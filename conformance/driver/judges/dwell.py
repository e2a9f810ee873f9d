"""Builds worlds in MiniStack, finds the roles in each with `rolecall roles`, and assumes every role. Runs where boto3 is.

    python3 -m driver.judges.dwell WORLDS ROLECALL HOME

WORLDS is what the library's example `worlds` printed, HOME an empty directory. The endpoint and the secret of every
account's root stand in the environment: ENDPOINT, ROOT_SECRET. Prints a line for each world: what discovery found, and
whether each role could be assumed. Whatever rolecall says otherwise goes to stderr; the keys it was given, to HOME/keys.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Json = dict[str, Any]
REGION = "us-east-1"
ENDPOINT, ROOT_SECRET = os.environ["ENDPOINT"], os.environ["ROOT_SECRET"]
HUB = "arn:aws:iam::111111111111:role/Hub"

_SESSION = boto3.Session(region_name=REGION)
_ONCE = Config(retries={"total_max_attempts": 1})


def client(service: str, key: str, secret: str, token: str | None = None) -> Any:
    pair = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}
    return _SESSION.client(service, endpoint_url=ENDPOINT, config=_ONCE, **pair)


def build(world: Json, roots: dict[str, Any]) -> dict[str, str]:
    """Makes the accounts anew, and gives joe's key."""
    reset = urllib.request.Request(f"{ENDPOINT}/_ministack/reset", data=b"", method="POST")
    with urllib.request.urlopen(reset, timeout=30):
        pass
    for account in world["accounts"]:
        _account(roots[account["id"]], account)
    if world["target"] == "hub":
        # A trust policy that names joe is enough in AWS, and is not here: docs/enforcement.md has it. He is not who asks.
        own = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": HUB}
        document = json.dumps({"Version": "2012-10-17", "Statement": own})
        roots[HUB.split(":")[4]].put_user_policy(UserName="joe", PolicyName="hub", PolicyDocument=document)
    key = roots[world["accounts"][0]["id"]].create_access_key(UserName="joe")["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def _account(iam: Any, account: Json) -> None:
    iam.create_account_alias(AccountAlias=account["alias"])
    arns = {}
    for name, text in account["managed"]:
        arns[name] = iam.create_policy(PolicyName=name, PolicyDocument=text)["Policy"]["Arn"]
    for group in account["groups"]:
        iam.create_group(GroupName=group["name"], Path=group["path"])
        for name, text in group["inline"]:
            iam.put_group_policy(GroupName=group["name"], PolicyName=name, PolicyDocument=text)
    for user in account["users"]:
        iam.create_user(UserName=user["name"], Path=user["path"], **_more(user, arns))
        for group in user["groups"]:
            iam.add_user_to_group(GroupName=group, UserName=user["name"])
        for name, text in user["inline"]:
            iam.put_user_policy(UserName=user["name"], PolicyName=name, PolicyDocument=text)
        for name in user["attached"]:
            iam.attach_user_policy(UserName=user["name"], PolicyArn=arns[name])
    for role in account["roles"]:
        named = {"RoleName": role["name"], "Path": role["path"], "AssumeRolePolicyDocument": role["trust"]}
        iam.create_role(**named, **_more(role, arns))
        for name, text in role["inline"]:
            iam.put_role_policy(RoleName=role["name"], PolicyName=name, PolicyDocument=text)


def _more(holder: Json, arns: dict[str, str]) -> Json:
    more: Json = {}
    if holder["team"]:
        more["Tags"] = [{"Key": "team", "Value": holder["team"]}]
    if holder["boundary"]:
        more["PermissionsBoundary"] = arns[holder["boundary"]]
    return more


def find(world: Json, key: dict[str, str], rolecall: str, home: Path) -> Json:
    """What `rolecall roles` says, asked as a user asks."""
    aws = home / ".aws"
    aws.mkdir(parents=True, exist_ok=True)
    (aws / "config").write_text(
        f"[profile joe]\nregion = {REGION}\n\n"
        f"[profile hub]\nregion = {REGION}\nrole_arn = {HUB}\nsource_profile = joe\n"
    )
    (aws / "credentials").write_text(
        f"[joe]\naws_access_key_id = {key['key']}\naws_secret_access_key = {key['secret']}\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "ROOT_SECRET"}
    # Each world has new keys: no session of the last one, and no agent to keep it.
    env |= {"HOME": str(home), "AWS_ENDPOINT_URL": ENDPOINT, "ROLECALL_AGENT": "off"}
    command = [rolecall, "roles", world["target"], "--json", "--all", "--hops", str(world["hops"])]
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise SystemExit(f"world {world['seed']}: rolecall roles ends with {done.returncode}: {done.stderr[-400:]}")
    return json.loads(done.stdout)


def assume_all(world: Json, key: dict[str, str]) -> dict[str, bool]:
    """Whether each role can be assumed by a call that carries nothing but what it must."""
    sts = client("sts", key["key"], key["secret"])
    if world["target"] == "hub":
        session = sts.assume_role(RoleArn=HUB, RoleSessionName="hub")["Credentials"]
        sts = client("sts", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    return {role: _assumed(sts, role) for role in world["roles"]}


def _assumed(sts: Any, role: str) -> bool:
    try:
        sts.assume_role(RoleArn=role, RoleSessionName="brute-force")
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False


def main(worlds: Path, rolecall: str, home: Path) -> None:
    roots = {}
    for line in worlds.read_text().splitlines():
        world = json.loads(line)
        for account in world["accounts"]:
            if account["id"] not in roots:
                roots[account["id"]] = client("iam", account["id"], ROOT_SECRET)
        key = build(world, roots)
        with open(home / "keys", "a") as keys:
            keys.write(key["secret"] + "\n")
        found = find(world, key, rolecall, home)
        print(json.dumps({"seed": world["seed"], "found": found, "works": assume_all(world, key)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
