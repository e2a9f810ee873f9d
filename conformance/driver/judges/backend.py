"""What a check needs of an AWS: accounts, users, roles, buckets, and an answer told apart. Runs where boto3 is.

Everything here is boto3's own API, so that one check asks all backends the same. What a backend has another way to make,
its class in `backends` makes that way; what it has no way to make raises `NotOffered`.
"""

import hashlib
import itertools
import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

HOME, AWAY = "111111111111", "222222222222"
REGION = "us-east-1"
# Whom the tokens of web identities are for.
AUDIENCE = "judged"

# A client that sends what it is told to, once: limits are the server's to know.
_CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
    read_timeout=30,
)
# How servers say that they do not have an operation.
_NOT_OFFERED = ("InvalidAction", "MethodNotAllowed", "NotImplemented", "UnknownOperation", "UnknownOperationException")
_NEVER_BEFORE = itertools.count(1)


class NotOffered(Exception):
    """The backend has no such operation."""


@dataclass(frozen=True)
class Keys:
    id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True)
class User:
    account: str
    name: str
    arn: str
    keys: Keys


@dataclass(frozen=True)
class Role:
    account: str
    name: str
    arn: str


@dataclass(frozen=True)
class Outcome:
    """What a backend did with a request: `kind` is allowed, refused, broken (a 5xx), not offered or no setup."""

    kind: str
    status: int = 0
    code: str = ""


def fresh(kind: str) -> str:
    """A name nobody has had before."""
    return f"{kind}{next(_NEVER_BEFORE)}"


def compact(document: Any) -> str:
    """JSON without blanks: one of the servers takes the `+` of a form for a plus."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


def allow(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> dict:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def policy(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def judged(status: int, code: str) -> Outcome:
    if code in _NOT_OFFERED or status in (405, 501):
        return Outcome("not offered", status, code)
    return Outcome("broken" if status >= 500 else "refused" if status >= 300 else "allowed", status, code)


def code_in(body: bytes) -> str:
    """The code of an error, in whatever envelope it comes."""
    found = re.search(rb"<Code>\s*([\w.]+)\s*</Code>", body) or re.search(rb'"(?:__type|code)"\s*:\s*"([\w.#]+)"', body)
    return found[1].decode() if found else ""


class Backend:
    name = ""
    # The shortest session that may be asked for, in seconds, and where it ends that soon.
    shortest = 1
    # Whether an AssumeRole is a matter of the caller's own policies as well, as it is on AWS.
    asks_caller = True

    def __init__(self, endpoint: str, admins: dict[str, Keys]) -> None:
        self.endpoint, self.admins = endpoint, admins
        self._session = boto3.Session()
        self._clients: dict[tuple, Any] = {}
        self._last = (0, b"")
        self._providers: dict[str, str] = {}
        # The names of the policies each user has of his own.
        self._own: dict[str, set[str]] = {}

    # ------------------------------------------------------------------------------------------ asking

    def client(self, service: str, keys: Keys) -> Any:
        wanted = (service, keys)
        if wanted not in self._clients:
            client = self._session.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=keys.id,
                aws_secret_access_key=keys.secret,
                aws_session_token=keys.token,
                config=_CONFIG,
            )
            client.meta.events.register(f"before-parse.{service}", self._keep)
            self._clients[wanted] = client
        return self._clients[wanted]

    def _keep(self, response_dict: dict, **_: Any) -> None:
        self._last = (response_dict["status_code"], response_dict.get("body") or b"")

    def ask(self, call: Callable[[], Any]) -> Outcome:
        """The request a check is about."""
        try:
            call()
        except ClientError as error:
            return self.told(error)
        except ResponseParserError:
            # An answer that is no XML.
            return judged(self._last[0], code_in(self._last[1]))
        return Outcome("allowed", 200)

    def told(self, error: ClientError) -> Outcome:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response.get("Error", {}).get("Code", "")
        # Where the SDK finds no code it makes one up, of the status or of nothing.
        return judged(status, code_in(self._last[1]) or ("" if code in ("Unknown", str(status)) else code))

    # ------------------------------------------------------------------------------------------ a world to ask about

    def iam(self, account: str = HOME) -> Any:
        return self.client("iam", self.admins[account])

    def user(self, *statements: dict, account: str = HOME, boundary: dict | None = None, name: str = "") -> User:
        """A user with a key and, if there are statements, a policy of his own."""
        user = self.new_user(name or fresh("User"), account, boundary)
        if statements:
            self.give(user, "own", policy(*statements))
        return user

    def new_user(self, name: str, account: str, boundary: dict | None) -> User:
        iam = self.iam(account)
        more = {"PermissionsBoundary": self.managed(boundary, account)} if boundary else {}
        arn = iam.create_user(UserName=name, **more)["User"]["Arn"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return User(account, name, arn, Keys(key["AccessKeyId"], key["SecretAccessKey"]))

    def user_name(self, user: User) -> str:
        """What IAM's calls about a user's policies know him by."""
        return user.name

    def give(self, user: User, name: str, document: dict) -> None:
        """A policy of the user's own."""
        text = compact(document)
        self.iam(user.account).put_user_policy(UserName=self.user_name(user), PolicyName=name, PolicyDocument=text)
        self._own.setdefault(user.arn, set()).add(name)

    def strip(self, user: User) -> None:
        """Takes the policies of his own from a user."""
        for name in self._own.pop(user.arn, ()):
            self.iam(user.account).delete_user_policy(UserName=self.user_name(user), PolicyName=name)

    def managed(self, document: dict, account: str = HOME) -> str:
        made = self.iam(account).create_policy(PolicyName=fresh("Policy"), PolicyDocument=compact(document))
        return made["Policy"]["Arn"]

    def role(self, trust: dict, *statements: dict, account: str = AWAY, **more: Any) -> Role:
        """A role, with a policy of its own if there are statements."""
        iam, name = self.iam(account), fresh("Role")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=compact(trust), **more)["Role"]
        role = Role(account, name, made["Arn"])
        if statements:
            self.permit(role, policy(*statements))
        return role

    def permit(self, role: Role, document: dict) -> None:
        self.iam(role.account).put_role_policy(RoleName=role.name, PolicyName="own", PolicyDocument=compact(document))

    def bucket(self, account: str = AWAY) -> str:
        """A bucket with one object, `report`."""
        name, s3 = f"judged-{fresh('b')}-{account}", self.client("s3", self.admins[account])
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="report", Body=b"a report")
        return name

    def assume(self, keys: Keys, role: Role | str, **parameters: Any) -> Keys:
        arn = role if isinstance(role, str) else role.arn
        parameters = {"RoleArn": arn, "RoleSessionName": "judged"} | parameters
        return keys_of(self.client("sts", keys).assume_role(**parameters))

    def hasty(self) -> "Backend":
        """The backend where a session of `shortest` seconds ends within two."""
        return self

    def deactivate(self, user: User) -> None:
        self.iam(user.account).update_access_key(UserName=user.name, AccessKeyId=user.keys.id, Status="Inactive")

    def delete(self, user: User) -> None:
        self.strip(user)
        iam = self.iam(user.account)
        iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys.id)
        iam.delete_user(UserName=user.name)

    # ------------------------------------------------------------------------------------------ web identity

    # An OpenID Connect issuer: its URL, under which `token` signs claims, and its certificate's thumbprint.
    issuer = ""
    thumbprint = "0" * 40

    def provider(self, account: str) -> tuple[str, str]:
        """The issuer as an identity provider of an account: its ARN, and the name it has in conditions."""
        host = self.issuer.partition("://")[2]
        if account not in self._providers:
            made = self.iam(account).create_open_id_connect_provider(
                Url=self.issuer, ClientIDList=[AUDIENCE], ThumbprintList=[self.thumbprint]
            )
            self._providers[account] = made["OpenIDConnectProviderArn"]
        return self._providers[account], host

    def token(self, claims: dict[str, Any]) -> str:
        body, headers = json.dumps(claims).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.issuer}/token", data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())["token"]

    def unsigned(self, service: str) -> Any:
        """A client without credentials."""
        config = _CONFIG.merge(Config(signature_version=UNSIGNED))
        client = self._session.client(service, region_name=REGION, endpoint_url=self.endpoint, config=config)
        client.meta.events.register(f"before-parse.{service}", self._keep)
        return client


def keys_of(answer: dict) -> Keys:
    credentials = answer["Credentials"]
    return Keys(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])


def other_end(text: str) -> str:
    """The same text with another character well inside it: the last one of base64 may carry no bits."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def with_token(keys: Keys, token: str | None) -> Keys:
    return replace(keys, token=token)
