"""Resolves credentials with botocore from the environment and the files it finds, and prints what it would call.

One JSON case a line on stdin, {"env": {…}, "ask": ["profile", NAME] | ["default"] | ["role", ARN]}, one JSON line back: every
request, and nothing leaves the process. Each case is a fork of its own, because botocore keeps what it has read. HOME
has to be the cases' before this starts: botocore looks at it when it is imported.
"""

import json
import os
import sys
import warnings
from urllib.parse import parse_qs, urlsplit

import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.httpsession
import botocore.loaders
import botocore.session

END = "2099-01-01T00:00:00Z"
CALLS: list[dict] = []
CLASSES = {
    "ProfileNotFound": "no_profile",
    "NoCredentialsError": "no_credentials",
    "NoRegionError": "call",
    "CredentialRetrievalError": "call",
}


class Raw:
    def __init__(self, text: str) -> None:
        self._text = text.encode()

    def stream(self, **_rest):
        yield self._text


def send(_self, request):
    CALLS.append(
        {
            "method": request.method,
            "url": request.url,
            "body": text(request.body),
            "headers": {name.lower(): text(value) for name, value in request.headers.items()},
        }
    )
    status, answered = answer(request.method, request.url, text(request.body), len(CALLS))
    return botocore.awsrequest.AWSResponse(request.url, status, {}, Raw(answered))


def text(value) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def answer(method: str, url: str, body: str, number: int) -> tuple[int, str]:
    """An AWS that grants everything."""
    key = f"ASIACANARY{number:010}"
    secrets = {"SecretAccessKey": "CANARYSECRET", "Token": "CANARYTOKEN", "Expiration": END}
    for action in parse_qs(body).get("Action", []):
        return 200, (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>CANARYSECRET</SecretAccessKey>"
            f"<SessionToken>CANARYTOKEN</SessionToken><Expiration>{END}</Expiration></Credentials><AssumedRoleUser>"
            "<Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId>"
            f"</AssumedRoleUser></{action}Result></{action}Response>"
        )
    path = urlsplit(url).path
    if path == "/latest/api/token" and method == "PUT":
        return 200, "CANARYTOKENOFIMDS"
    if path.rstrip("/") == "/latest/meta-data/iam/security-credentials":
        return 200, "instance-role"
    if path == "/latest/meta-data/iam/security-credentials/instance-role":
        return 200, json.dumps({"Code": "Success", "AccessKeyId": "ASIAINSTANCEMETADATA", **secrets})
    if path.startswith("/latest/"):
        return 404, ""
    if path.startswith("/federation/credentials"):
        role = {"secretAccessKey": "CANARYSECRET", "sessionToken": "CANARYTOKEN", "expiration": 4070908800000}
        return 200, json.dumps({"roleCredentials": {"accessKeyId": key, **role}})
    return 200, json.dumps({"AccessKeyId": "ASIACONTAINERCANARY0", **secrets})


def tell(ask: list[str], loader) -> dict:
    named = ask[1] if ask[0] == "profile" else None
    told: dict = {"region": None}
    try:
        session = botocore.session.Session(profile=named)
        session.register_component("data_loader", loader)
        told["region"] = session.get_config_variable("region")
        resolver = session.get_component("credential_provider")
        resolver.get_provider("assume-role")._prompter = lambda _prompt: "123456"
        credentials = session.get_credentials()
        if credentials is None:
            return told | {"error": "no_credentials", "message": "none found"}
        told["access_key_id"] = credentials.get_frozen_credentials().access_key
        if ask[0] == "role":
            session.create_client("sts").assume_role(RoleArn=ask[1], RoleSessionName="probe")
    except Exception as error:
        name = type(error).__name__
        # What has no class of its own is a setting, or botocore stumbling over one.
        return told | {"error": CLASSES.get(name, "config"), "message": f"{name}: {error}"}
    return told


def one(case: dict, loader, into: int) -> None:
    os.environ.clear()
    os.environ.update(case["env"])
    told = tell(case["ask"], loader)
    with os.fdopen(into, "w") as pipe:
        json.dump({"told": told, "calls": CALLS}, pipe)


def main() -> None:
    warnings.simplefilter("ignore")
    botocore.httpsession.URLLib3Session.send = send
    # Stands for the library that renews a console sign-in: the ones here need no renewal, and without it none is read.
    botocore.credentials.EC = object()
    loader = botocore.loaders.create_loader()
    # What is read here, each fork has already.
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    warm = botocore.session.Session()
    warm.register_component("data_loader", loader)
    for service, region in (("sts", "us-east-1"), ("sso", "us-east-1")):
        warm.create_client(service, region, aws_access_key_id="AKIAWARM", aws_secret_access_key="x")
    for line in sys.stdin:
        case = json.loads(line)
        out, into = os.pipe()
        child = os.fork()
        if not child:
            os.close(out)
            # Whatever a process of the case says must not land between our lines.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                one(case, loader, into)
            finally:
                os._exit(0)
        os.close(into)
        with os.fdopen(out) as pipe:
            answered = pipe.read()
        os.waitpid(child, 0)
        print(answered or json.dumps({"told": {"error": "config", "message": "ended"}, "calls": []}), flush=True)


main()
