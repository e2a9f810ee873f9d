"""Inside `rolecall sandbox --world organization`: botocore and rolecall use each other's sign-in."""

import json
import os
import subprocess
from pathlib import Path

import boto3

HOME = Path(os.environ["HOME"])
CACHE = HOME / ".aws/sso/cache"


def rolecall(*arguments: str) -> str:
    browser = HOME / "browser"
    browser.write_text('#!/bin/sh\nexec curl -s -L "$1&user=omar" >/dev/null\n')
    browser.chmod(0o700)
    environment = os.environ | {"BROWSER": str(browser)}
    return subprocess.run(["rolecall", *arguments], env=environment, check=True, capture_output=True, text=True).stdout


def by_botocore(profile: str) -> str:
    return boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Arn"]


def token_file() -> Path:
    return next(path for path in CACHE.iterdir() if "accessToken" in path.read_text())


def end_soon() -> dict:
    """The token as botocore finds it in its last minutes."""
    token = json.loads(token_file().read_text()) | {"expiresAt": "2020-01-01T00:00:00Z"}
    token_file().write_text(json.dumps(token))
    return token


signed_in = json.loads(rolecall("login", "sso-admin", "--json"))
found = {"rolecall signs in, botocore uses it": by_botocore("sso-admin") == signed_in["identity"]}
before = end_soon()
found["botocore renews it"] = by_botocore("sso-readonly").endswith("/omar")
renewed = json.loads(token_file().read_text())
found["botocore wrote another"] = renewed["accessToken"] != before["accessToken"]
identity = json.loads(rolecall("whoami", "sso-admin", "--json"))
found["rolecall uses what botocore wrote"] = identity["arn"] == signed_in["identity"]
end_soon()
rolecall("whoami", "sso-admin")
again = json.loads(token_file().read_text())
found["rolecall writes what botocore writes"] = list(again) == list(renewed)
found["botocore uses what rolecall renewed"] = by_botocore("sso-admin") == signed_in["identity"]
print(json.dumps(found))
