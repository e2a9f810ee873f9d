"""What lies around every case: tokens, programs and sign-ins, the same in each home. The two files are the case's."""

import hashlib
import json
from pathlib import Path

TOKENS = ("token-a", "token-b")
PROCESSES = ("process-a", "process-b")
START_URLS = ("https://corp.awsapps.com/start", "https://lab.awsapps.com/start")
SESSIONS = ("corp", "lab")
LOGINS = ("arn:aws:iam::111122223333:user/alice", "arn:aws:sts::111122223333:assumed-role/console/bob")
# The access key of every environment that has one: whatever a resolver signs with it came from there.
ENVIRONMENT_KEY = "AKIAENVIRONMENT00000"
# Stands in a case for the home it is asked in.
HOME = "@HOME@"
_END = "2099-01-01T00:00:00Z"


def build(home: Path) -> None:
    for folder in (".aws/sso/cache", ".aws/login/cache", "bin", "tokens", "elsewhere"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    for name in TOKENS:
        (home / "tokens" / name).write_text(f"CANARYTOKEN-{name}")
    for name in PROCESSES:
        keys = {"Version": 1, "AccessKeyId": process_key(name), "SecretAccessKey": "CANARYSECRET"}
        program = home / "bin" / name
        program.write_text(f"#!/bin/sh\necho '{json.dumps(keys | {'SessionToken': 'CANARYTOKEN', 'Expiration': _END})}'\n")
        program.chmod(0o755)
    for name in (*SESSIONS, *START_URLS):
        known = {"accessToken": f"CANARYTOKEN-{name}", "expiresAt": _END, "region": "us-east-1", "startUrl": name}
        path = home / ".aws/sso/cache" / f"{hashlib.sha1(name.encode()).hexdigest()}.json"
        path.write_text(json.dumps(known))
    for name in LOGINS:
        access = {
            "accessKeyId": login_key(name),
            "secretAccessKey": "CANARYSECRET",
            "sessionToken": "CANARYTOKEN",
            "accountId": "111122223333",
            "expiresAt": _END,
        }
        known = {
            "accessToken": access,
            "tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4",
            "clientId": "arn:aws:signin:::devtools/same-device",
            "refreshToken": "CANARYTOKEN",
            "idToken": "CANARYTOKEN",
            "dpopKey": "CANARYSECRET",
        }
        path = home / ".aws/login/cache" / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
        path.write_text(json.dumps(known))


def process_key(name: str) -> str:
    return f"ASIA{name.replace('-', '').upper():X<16}"


def login_key(name: str) -> str:
    return f"ASIALOGIN{name.rpartition('/')[2].upper():X<11}"


def settle(home: Path, files: dict[str, str | None]) -> None:
    """Puts a case's files there, and takes away those of the one before."""
    for name, text in files.items():
        path = home / name
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(text.replace(HOME, str(home)).encode())
