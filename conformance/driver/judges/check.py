"""A check: one rule of AWS, the document it is from, what AWS does with one request, and the request."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .backend import AWAY, HOME, Backend, Keys, Outcome, Role, User, allow, compact, policy


@dataclass(frozen=True)
class Expected:
    """What AWS does. Without a code its documents say that the request fails, and not how."""

    kind: str
    status: int = 0
    code: str = ""

    def told(self) -> str:
        return "allowed" if self.kind == "allowed" else f"{self.status} {self.code}" if self.code else "refused"


ALLOWED = Expected("allowed", 200)
REFUSED = Expected("refused")
DENIED = Expected("refused", 403, "AccessDenied")
INVALID = Expected("refused", 400, "ValidationError")
MALFORMED = Expected("refused", 400, "MalformedPolicyDocument")


@dataclass(frozen=True)
class Check:
    """`control` is the check with the same request done right: a refusal proves nothing where that is refused too."""

    id: str
    rule: str
    source: str
    aws: Expected
    request: Callable[[Backend], Outcome]
    control: str = ""


USER, ROOT, OTHER = "<user>", f"arn:aws:iam::{HOME}:root", "<other>"
ASSUME = allow("sts:*")


def trusts(principal: Any = USER, action: str | list[str] = "sts:AssumeRole", effect: str = "Allow", **more: Any) -> dict:
    """A statement of a trust policy; USER and OTHER stand for the users of the check."""
    if not isinstance(principal, dict):
        principal = {"AWS": principal}
    return {"Effect": effect, "Principal": principal, "Action": action, **more}


def when(operator: str, key: str, value: Any) -> dict:
    """The condition of a statement, as an argument."""
    return {"Condition": {operator: {key: value}}}


def placed(document: dict, user: User | None = None, other: User | None = None, role: Role | None = None) -> dict:
    """The document with the ARNs in the place of USER, OTHER and `<role>`."""
    text = compact(document)
    for name, thing in ((USER, user), (OTHER, other), ("<role>", role)):
        text = text.replace(name, thing.arn if thing else name)
    return json.loads(text)


def assume(
    *trust: dict,
    identity: tuple[dict, ...] = (ASSUME,),
    boundary: dict | None = None,
    account: str = AWAY,
    role: dict[str, Any] | None = None,
    **parameters: Any,
) -> Callable[[Backend], Outcome]:
    """A user of HOME assumes a role whose trust policy has these statements."""

    def request(b: Backend) -> Outcome:
        other = b.user() if OTHER in compact(list(trust)) else None
        user = b.user(*identity, boundary=boundary)
        made = b.role(placed(policy(*(trust or (trusts(),))), user, other), account=account, **(role or {}))
        return b.ask(lambda: b.assume(user.keys, made, **parameters))

    return request


def actions(parameters: dict[str, Any]) -> list[str]:
    """What must be allowed for an AssumeRole with these parameters, and nothing that a server may not know."""
    more = {"Tags": "sts:TagSession", "SourceIdentity": "sts:SetSourceIdentity"}
    return ["sts:AssumeRole", *(action for name, action in more.items() if name in parameters)]


def session(b: Backend, *statements: dict, identity: tuple[dict, ...] = (ASSUME,), **parameters: Any) -> tuple[Role, Keys]:
    """A role of AWAY that may do what the statements say, and a session of it."""
    user = b.user(*identity)
    role = b.role(placed(policy(trusts(USER, actions(parameters))), user), *statements)
    return role, b.assume(user.keys, role, **parameters)


def get(b: Backend, keys: Keys, bucket: str) -> Outcome:
    return b.ask(lambda: b.client("s3", keys).get_object(Bucket=bucket, Key="report"))


def put(b: Backend, keys: Keys, bucket: str) -> Outcome:
    return b.ask(lambda: b.client("s3", keys).put_object(Bucket=bucket, Key="report", Body=b"another"))
