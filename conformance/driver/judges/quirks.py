"""How stand-ins read policies otherwise than AWS: each as the case it makes of a case.

With all quirks of a stand-in in the case, the library has to come to the stand-in's answer: that is what shows that a
disagreement is understood, and not only met before.
"""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

HOME, AWAY = "111111111111", "222222222222"
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


@dataclass(frozen=True)
class Quirk:
    backend: str
    does: str
    document: str
    sees: Callable[[Json], Json]


def _documents(case: Json) -> Iterator[Json]:
    yield from case["identity"]
    yield from (case[kind] for kind in ("boundary", "trust") if case[kind])


def _statements(case: Json) -> Iterator[Json]:
    for document in _documents(case):
        statements = document["Statement"]
        yield from statements if isinstance(statements, list) else [statements]


def _conditions(case: Json) -> Iterator[tuple[Json, str]]:
    """Each block of conditions, and the operators in it."""
    for statement in _statements(case):
        block = statement.get("Condition", {})
        for operator in list(block):
            yield block, operator


def changed(change: Callable[[Json], None]) -> Callable[[Json], Json]:
    def sees(case: Json) -> Json:
        copy = deepcopy(case)
        change(copy)
        return copy

    return sees


def _no_variables(case: Json) -> Json:
    # `${$}` is how a policy writes the dollar itself.
    return json.loads(json.dumps(case).replace("${aws:", "${$}{aws:"))


def _as_abroad(case: Json) -> Json:
    return case | {"resource_account": AWAY} if case["kind"] == "trust" else case


def _blind_caller(case: Json) -> Json:
    own = {name: _without_sts(case[name]) for name in ("identity", "boundary")}
    return case | own


def _without_sts(documents: Any) -> Any:
    return json.loads(
        re.sub(r'"sts:(RoleSessionName|ExternalId)"', '"sts:Nothing"', json.dumps(documents), flags=re.IGNORECASE)
    )


def _uncalled(case: Json) -> Json:
    return case | {"identity": [EVERYTHING], "boundary": None} if case["kind"] == "trust" else case


_KNOWN = ("aws:sourceip", "aws:currenttime", "aws:username", "aws:securetransport")


def _few_keys(case: Json) -> Json:
    return case | {"context": {key: value for key, value in case["context"].items() if key.lower() in _KNOWN}}


@changed
def _null_is_true(case: Json) -> None:
    for block, operator in _conditions(case):
        if operator == "Null":
            block[operator] = dict.fromkeys(block[operator], "true")


# A condition that no request of the cases meets.
_NEVER = {"Bool": {"aws:Nothing": "true"}}


@changed
def _absent_is_equal(case: Json) -> None:
    context = {key.lower() for key in case["context"]}
    for statement in _statements(case):
        for operator, keys in statement.get("Condition", {}).items():
            negated = "Not" in operator and not operator.endswith("IfExists")
            if negated and any(key.lower() not in context for key in keys):
                statement["Condition"] = _NEVER


@changed
def _last_variable(case: Json) -> None:
    for statement in _statements(case):
        for keys in statement.get("Condition", {}).values():
            for key, values in keys.items():
                if isinstance(values, list) and any("${" in value for value in values):
                    keys[key] = values[-1]
                    if "${" not in values[-1]:
                        statement["Condition"] = _NEVER


def _one_each(statement: Json) -> Iterator[Json]:
    """The statement once for each value of a negated operator: any of them holds where one value differs."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            if "Not" in operator and "IpAddress" not in operator and isinstance(values, list) and len(values) > 1:
                for value in values:
                    copy = deepcopy(statement)
                    copy["Condition"][operator][key] = value
                    copy.pop("Sid", None)
                    yield from _one_each(copy)
                return
    yield statement


@changed
def _one_differs(case: Json) -> None:
    for document in _documents(case):
        statements = document["Statement"]
        document["Statement"] = [
            one for each in (statements if isinstance(statements, list) else [statements]) for one in _one_each(each)
        ]


@changed
def _no_not_action(case: Json) -> None:
    for statement in _statements(case):
        if "NotAction" in statement:
            statement["Condition"] = _NEVER


@changed
def _keys_have_case(case: Json) -> None:
    for block, operator in _conditions(case):
        block[operator] = {key if key in _SPELLED else "aws:Nothing": value for key, value in block[operator].items()}


_SPELLED = (
    "aws:username", "aws:PrincipalArn", "aws:PrincipalAccount", "aws:SourceIp", "aws:CurrentTime",
    "aws:MultiFactorAuthPresent", "sts:ExternalId", "sts:RoleSessionName",
)  # fmt: skip

_GUIDE = "IAM User Guide: "

QUIRKS = (
    Quirk(
        "MiniStack",
        "Policy variables are not replaced",
        _GUIDE + "IAM policy elements: Variables and tags",
        _no_variables,
    ),
    Quirk(
        "MiniStack",
        "Inside one account, a trust policy that names the user does not do without a policy of his own",
        _GUIDE + "Policy evaluation for requests within a single account",
        _as_abroad,
    ),
    Quirk(
        "MiniStack",
        "To the caller's own policies, `sts:RoleSessionName` and `sts:ExternalId` are missing",
        _GUIDE + "IAM and AWS STS condition context keys",
        _blind_caller,
    ),
    Quirk(
        "Ceph RGW",
        "The caller's own policies have no say in whether he may assume a role",
        _GUIDE + "Cross-account policy evaluation logic",
        _uncalled,
    ),
    Quirk(
        "Ceph RGW",
        "Only `aws:SourceIp`, `aws:CurrentTime`, `aws:SecureTransport` and `aws:username` are known",
        _GUIDE + "AWS global condition context keys",
        _few_keys,
    ),
    Quirk(
        "Ceph RGW",
        "Condition keys are compared with case",
        _GUIDE + "IAM JSON policy elements: Condition",
        _keys_have_case,
    ),
    Quirk(
        "Ceph RGW",
        "`Null` holds where the key is missing, whether it says `true` or `false`",
        _GUIDE + "IAM JSON policy elements: Condition operators",
        _null_is_true,
    ),
    Quirk(
        "Ceph RGW",
        "A negated operator does not hold where the key is missing",
        _GUIDE + "IAM JSON policy elements: Condition operators",
        _absent_is_equal,
    ),
    Quirk(
        "Ceph RGW",
        "Where a variable is among several values, only the last is read, and it has to be the variable",
        _GUIDE + "IAM policy elements: Variables and tags",
        _last_variable,
    ),
    Quirk(
        "Ceph RGW",
        "A negated operator with several values holds as soon as one of them differs",
        _GUIDE + "Conditions with multiple context keys or values",
        _one_differs,
    ),
    Quirk(
        "Ceph RGW",
        "A statement with `NotAction` never applies",
        _GUIDE + "IAM JSON policy elements: NotAction",
        _no_not_action,
    ),
)


def of(backend: str) -> list[Quirk]:
    return [quirk for quirk in QUIRKS if quirk.backend == backend]


def seen(case: Json, quirks: list[Quirk]) -> Json:
    """The case as somebody with these quirks reads it."""
    for quirk in quirks:
        case = quirk.sees(case)
    return case
