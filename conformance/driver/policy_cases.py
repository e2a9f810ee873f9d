"""Makes authorization cases: one request, the policies that have a say about it, and nothing about the answer.

`cases(count, seed)` gives dictionaries; `python3 -m driver.policy_cases COUNT SEED` prints them as JSON lines. The same
seed gives the same cases, and a longer list begins with the shorter one.

A case has every one of these fields:

    id                text, unique in a list
    kind              "identity": a call; "trust": an sts:AssumeRole, with the trust policy of the role asked for
    principal         the ARN of a user, a role session (arn:aws:sts::…:assumed-role/…), a federated user
                      (…:federated-user/…), an account's root or an identity provider, or the name of a service
    role              the ARN of the role behind a role session, else null
    user              the ARN of the user behind a federated user, else null
    action, resource  as in "s3:GetObject" and an ARN
    resource_account  the account that owns the resource
    identity          the policies of the user or of the role
    boundary          the permissions boundary, or null
    session           the session policies, or null where the session was made without any
    scps              the service control policies of the principal's account, a list for each level from the root
                      of the organization to the account, or null
    trust             the trust policy of the role that is asked for, or null
    resource_policy   the policy of the bucket or topic, or null
    context           condition keys with a value or a list of values
    realizable        whether the case can be played over the wire, by the rules below

Realizable cases need nothing but IAM, STS, S3 and SNS. The account is 111111111111, the principal one of its users
`alice` and `bob` with a long-term access key, without tags, groups or MFA. `identity` are his inline (or managed)
policies, `boundary` may be set.

    kind "identity"   s3:GetObject, s3:PutObject and s3:ListBucket on the bucket of the resource, sns:Publish,
                      iam:GetUser and iam:ListAccessKeys, all of the user's own account, without a resource policy
    kind "trust"      sts:AssumeRole on a role of account 222222222222 or 111111111111 whose trust policy is `trust`.
                      `sts:RoleSessionName` and (where it is there) `sts:ExternalId` of the context are the parameters

Their context holds only what the wire gives: the user's name and ARN, his account, 127.0.0.1, plain HTTP and the time,
which the policies compare only with dates long past and far ahead.
"""

import json
import sys
from random import Random
from typing import Any

HOME, AWAY, THIRD = "111111111111", "222222222222", "333333333333"
NOW = "2026-11-24T12:00:00Z"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2045-01-01T00:00:00Z"

Json = dict[str, Any]


def cases(count: int, seed: int) -> list[Json]:
    """The first `count` cases of `seed`: of every eight, four are realizable."""
    makers = (_call, _assume, _call, _assume, _session, _organization, _shared, _measured)
    made = []
    for index in range(count):
        rng = Random(seed * 1_000_003 + index)
        case = _empty() | makers[index % len(makers)](rng)
        made.append({"id": f"{index + 1:04}"} | case)
    return made


def _empty() -> Json:
    names = ("role", "user", "boundary", "session", "scps", "trust", "resource_policy")
    return {"kind": "identity", **dict.fromkeys(names), "identity": [], "context": {}, "realizable": False}


# ------------------------------------------------------------------------------------------------ kinds of cases


def _call(rng: Random) -> Json:
    """A user's call in his own account: his policies, and now and then a boundary. Realizable."""
    user = rng.choice(("alice", "bob"))
    action, resource = _target(rng, user)
    context = _wire(user)
    policies = _policies(rng, action, resource, _WIRE_KEYS, context)
    boundary = _policy(rng, action, resource, _WIRE_KEYS, context) if rng.random() < 0.2 else None
    return {
        "principal": _user(user),
        "action": action,
        "resource": resource,
        "resource_account": HOME,
        "identity": policies,
        "boundary": boundary,
        "context": context,
        "realizable": True,
    }


def _assume(rng: Random) -> Json:
    """A user's sts:AssumeRole, across accounts three times out of four. Realizable."""
    user = rng.choice(("alice", "bob"))
    owner = AWAY if rng.random() < 0.75 else HOME
    name = rng.choice(("Deploy", "Reader", "team-blue"))
    resource = f"arn:aws:iam::{owner}:role/{name}"
    context = _wire(user) | {"sts:RoleSessionName": rng.choice((user, "release-42"))}
    if rng.random() < 0.6:
        context["sts:ExternalId"] = rng.choice(("partner-7421", "Partner-7421"))
    keys = (*_WIRE_KEYS, *_ASSUME_KEYS)
    if rng.random() < 0.85:
        identity = [_policy(rng, "sts:AssumeRole", resource, _WIRE_KEYS, context)]
    else:
        identity = _policies(rng, "sts:AssumeRole", resource, keys, context)
    return {
        "kind": "trust",
        "principal": _user(user),
        "action": "sts:AssumeRole",
        "resource": resource,
        "resource_account": owner,
        "identity": identity,
        "trust": _trust(rng, user, keys, context),
        "context": context,
        "realizable": True,
    }


def _session(rng: Random) -> Json:
    """A role session's call: the role's policies, and the ceilings of the role and of the session."""
    session = rng.choice(("alice", "ci"))
    role, arn = f"arn:aws:iam::{HOME}:role/Hub", f"arn:aws:sts::{HOME}:assumed-role/Hub/{session}"
    context = {
        "aws:PrincipalArn": role,
        "aws:PrincipalAccount": HOME,
        "aws:userid": f"AROAEXAMPLEHUB000000:{session}",
        "aws:PrincipalTag/team": "blue",
        "aws:MultiFactorAuthPresent": "false",
        "aws:TokenIssueTime": PAST,
        "aws:SecureTransport": "true",
        "aws:SourceIp": "198.51.100.7",
        "aws:CurrentTime": NOW,
    }
    keys = _SESSION_KEYS
    case: Json = {"principal": arn, "role": role, "context": context}
    if rng.random() < 0.4:
        owner = rng.choice((HOME, AWAY))
        action, resource = "sts:AssumeRole", f"arn:aws:iam::{owner}:role/{rng.choice(('Deploy', 'Hub2'))}"
        context["sts:RoleSessionName"] = session
        named = rng.choice((role, role, arn, arn, HOME, f"arn:aws:iam::{HOME}:root", f"arn:aws:iam::{THIRD}:root"))
        statement = {"Effect": "Allow", "Principal": {"AWS": named}, "Action": "sts:AssumeRole"}
        case |= {"kind": "trust", "trust": _document(rng, [statement]), "resource_account": owner}
    else:
        action, resource = _target(rng, session)
        case["resource_account"] = HOME
    case |= {"action": action, "resource": resource}
    case["identity"] = _policies(rng, action, resource, keys, context)
    if rng.random() < 0.5:
        case["boundary"] = _policy(rng, action, resource, keys, context)
    if rng.random() < 0.6:
        case["session"] = _policies(rng, action, resource, keys, context)
    return case


def _organization(rng: Random) -> Json:
    """A user under service control policies, at home and across accounts."""
    case = _assume(rng) if rng.random() < 0.4 else _call(rng)
    keys, context = (*_WIRE_KEYS, *_MEASURED_KEYS), case["context"]
    context |= {"aws:RequestedRegion": "eu-central-1"}
    everything = _document(rng, [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    levels = []
    for _ in range(rng.randint(1, 3)):
        level = [everything] if rng.random() < 0.75 else []
        if not level or rng.random() < 0.3:
            level.append(_policy(rng, case["action"], case["resource"], keys, context))
        if rng.random() < 0.25:
            statement = _statement(rng, "Deny", case["action"], case["resource"], keys, context, 0.5)
            level.append(_document(rng, [statement]))
        levels.append(level)
    # Most other sides grant, so that the organization's say shows.
    if rng.random() < 0.7:
        case["identity"] = [everything]
    return case | {"scps": levels, "realizable": False}


def _shared(rng: Random) -> Json:
    """A bucket's or a topic's policy, at home and across accounts, for a user, a session or an account's root."""
    who = rng.choice(("user", "user", "session", "session", "federated", "root", "vouched"))
    if who == "vouched":
        return _vouched(rng)
    user = rng.choice(("alice", "bob"))
    role = f"arn:aws:iam::{HOME}:role/Hub" if who == "session" else None
    behind = role or (_user(user) if who == "federated" else None)
    root = f"arn:aws:iam::{HOME}:root"
    arn = {
        "user": _user(user),
        "session": f"arn:aws:sts::{HOME}:assumed-role/Hub/{user}",
        "federated": f"arn:aws:sts::{HOME}:federated-user/{user}",
        "root": root,
    }[who]
    action = rng.choice(("s3:GetObject", "s3:PutObject", "sns:Publish"))
    owner = rng.choice((HOME, AWAY))
    topic, thing = f"arn:aws:sns:us-east-1:{owner}:reports", f"arn:aws:s3:::reports/{user}/q1"
    resource = topic if action == "sns:Publish" else thing
    context = {k: v for k, v in _wire(user).items() if who == "user" or k != "aws:username"}
    context["aws:PrincipalArn"] = role or arn
    names = [arn, arn, behind or arn, HOME, root, f"arn:aws:iam::{AWAY}:root", _user("carol"), "*"]
    statements = []
    for _ in range(rng.randint(1, 2)):
        statement = _statement(rng, "Allow", action, resource, _SHARED_KEYS, context, 0.25)
        name = rng.choice(names)
        statement["Principal"] = "*" if name == "*" and rng.random() < 0.5 else {"AWS": _one_or_list(rng, [name])}
        statements.append(statement)
    if rng.random() < 0.4:
        deny = _statement(rng, "Deny", action, resource, _SHARED_KEYS, context, 0.3)
        if rng.random() < 0.6:
            others = [arn, *([behind] if behind else []), _user("carol")]
            spared = [root, *rng.sample(others, k=1 + (rng.random() < 0.5))]
            if behind and arn in spared and rng.random() < 0.7:
                spared.append(behind)
            deny["NotPrincipal"] = {"AWS": list(dict.fromkeys(spared))}
        else:
            deny["Principal"] = rng.choice(("*", {"AWS": rng.choice(names)}))
        statements.append(deny)
    case = {
        "principal": arn,
        "role": role,
        "user": behind if who == "federated" else None,
        "action": action,
        "resource": resource,
        "resource_account": owner,
        "resource_policy": _document(rng, statements),
        "context": context,
    }
    if who != "root" and rng.random() < 0.6:
        case["identity"] = [_policy(rng, action, resource, _SHARED_KEYS, context)]
    if who != "root" and rng.random() < 0.3:
        case["boundary"] = _policy(rng, action, resource, _SHARED_KEYS, context)
    if behind and rng.random() < 0.4:
        case["session"] = _policies(rng, action, resource, _SHARED_KEYS, context)
    return case


def _vouched(rng: Random) -> Json:
    """A role for a service, or for somebody an identity provider vouches for: the trust policy has the only say."""
    service = f"{rng.choice(('ec2', 'lambda'))}.amazonaws.com"
    provider = f"arn:aws:iam::{HOME}:oidc-provider/accounts.example.com"
    principal, action = rng.choice(((service, "sts:AssumeRole"), (provider, "sts:AssumeRoleWithWebIdentity")))
    context = {"aws:SourceIp": "198.51.100.7", "aws:CurrentTime": NOW, "aws:SecureTransport": "true"}
    statements = []
    for _ in range(rng.randint(1, 2)):
        effect = "Deny" if statements and rng.random() < 0.5 else "Allow"
        names = ({"Service": service}, {"Service": "ec2.amazonaws.com"}, {"Federated": provider}, {"AWS": HOME}, "*")
        actions = (action, "sts:AssumeRole*", "sts:*", "sts:AssumeRoleWithSAML")
        statement: Json = {"Effect": effect, "Principal": rng.choice(names), "Action": rng.choice(actions)}
        if rng.random() < 0.3:
            statement["Condition"] = _condition(rng, (*_SHARED_KEYS[1:],), context, 1)
        statements.append(statement)
    return {
        "kind": "trust",
        "principal": principal,
        "action": action,
        "resource": f"arn:aws:iam::{HOME}:role/Worker",
        "resource_account": HOME,
        "trust": _document(rng, statements),
        "context": context,
    }


def _measured(rng: Random) -> Json:
    """Every condition operator, on keys of its type that are there or not, with fitting values and others."""
    context: Json = _wire("alice") | {"aws:PrincipalTag/team": "blue", "aws:EpochTime": "1795521600"}
    if rng.random() < 0.7:
        context |= {
            "aws:TagKeys": rng.sample(["team", "Team", "cost", "stage"], k=rng.randint(1, 3)),
            "aws:MultiFactorAuthAge": str(rng.choice((0, 30, 3600))),
            "aws:MultiFactorAuthPresent": rng.choice(("true", "false")),
            "aws:TokenIssueTime": rng.choice((PAST, NOW)),
            "aws:SourceArn": f"arn:aws:sns:us-east-1:{HOME}:reports",
            "aws:VpcSourceIp": rng.choice(("10.1.2.3", "2001:db8::7")),
            "aws:RequestedRegion": rng.choice(("eu-central-1", "us-east-1")),
            "aws:UserAgent": "tool/1.0 (eyes*only)",
        }
    action, resource = "s3:ListBucket", "arn:aws:s3:::reports"
    if rng.random() < 0.5:
        prefix = rng.choice(("home/alice/", "home/bob/", "", ""))
        context |= {"s3:prefix": prefix, "s3:max-keys": rng.choice(("10", "1000"))}
    statements = [_measure(rng, "Allow", action, context)]
    if rng.random() < 0.4:
        statements.append({"Effect": "Allow", "Action": action, "Resource": resource})
        statements.append(_measure(rng, "Deny", action, context))
    return {
        "principal": _user("alice"),
        "action": action,
        "resource": resource,
        "resource_account": HOME,
        "identity": [_document(rng, statements)],
        "context": context,
    }


def _measure(rng: Random, effect: str, action: str, context: Json) -> Json:
    keys = (*_MEASURED_KEYS, *_S3_KEYS)
    condition = _condition(rng, keys, context, rng.choice((1, 1, 1, 2)))
    resource = rng.choice(("*", "*", "*", "*", "arn:aws:s3:::*", "arn:aws:s3", "arn:aws:s3:*", "arn:aws:s3:*:reports"))
    return {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition}


# ------------------------------------------------------------------------------------------------ requests


def _user(name: str) -> str:
    return f"arn:aws:iam::{HOME}:user/{name}"


def _wire(user: str) -> Json:
    return {
        "aws:username": user,
        "aws:PrincipalArn": _user(user),
        "aws:PrincipalAccount": HOME,
        "aws:SourceIp": "127.0.0.1",
        "aws:SecureTransport": "false",
        "aws:CurrentTime": NOW,
    }


def _target(rng: Random, user: str) -> tuple[str, str]:
    return rng.choice(
        (
            ("s3:GetObject", f"arn:aws:s3:::reports/home/{rng.choice((user, 'carol'))}/q1.txt"),
            ("s3:PutObject", f"arn:aws:s3:::reports/home/{user}/q2.txt"),
            ("s3:ListBucket", "arn:aws:s3:::reports"),
            ("sns:Publish", f"arn:aws:sns:us-east-1:{HOME}:reports"),
            ("iam:GetUser", f"arn:aws:iam::{HOME}:user/{rng.choice((user, 'carol'))}"),
            ("iam:ListAccessKeys", f"arn:aws:iam::{HOME}:user/{user}"),
        )
    )


# ------------------------------------------------------------------------------------------------ policies


def _document(rng: Random, statements: list[Json]) -> Json:
    one = len(statements) == 1 and rng.random() < 0.5
    return {"Version": "2012-10-17", "Statement": statements[0] if one else statements}


def _policies(rng: Random, action: str, resource: str, keys: tuple, context: Json) -> list[Json]:
    return [_policy(rng, action, resource, keys, context) for _ in range(rng.choice((1, 1, 1, 2)))]


def _policy(rng: Random, action: str, resource: str, keys: tuple, context: Json) -> Json:
    statements = [_statement(rng, "Allow", action, resource, keys, context, 0.4)]
    if rng.random() < 0.25:
        statements.append(_statement(rng, "Deny", action, resource, keys, context, 0.6))
    if rng.random() < 0.2:
        statements.append(_statement(rng, "Allow", action, resource, keys, context, 0.4))
    rng.shuffle(statements)
    for index, statement in enumerate(statements):
        if rng.random() < 0.3:
            statement["Sid"] = f"Statement{index}"
    return _document(rng, statements)


def _statement(rng: Random, effect: str, action: str, resource: str, keys: tuple, context: Json, often: float) -> Json:
    """A statement about the request, and three times out of four one that fits it but for its condition."""
    statement: Json = {"Effect": effect}
    fits = rng.random() < 0.85
    if rng.random() < 0.12:
        statement["NotAction"] = _one_or_list(rng, _actions(rng, action, not fits))
    else:
        statement["Action"] = _one_or_list(rng, _actions(rng, action, fits))
    fits = rng.random() < 0.85
    if rng.random() < 0.12:
        statement["NotResource"] = _one_or_list(rng, _resources(rng, resource, context, not fits))
    else:
        statement["Resource"] = _one_or_list(rng, _resources(rng, resource, context, fits))
    if rng.random() < often:
        statement["Condition"] = _condition(rng, keys, context, rng.choice((1, 1, 2)))
    return statement


def _actions(rng: Random, action: str, fits: bool) -> list[str]:
    service, name = action.split(":")
    other = rng.choice(("ec2:StartInstances", "sqs:SendMessage", f"{service}:Tag*", f"{service}:{name}Version"))
    if not fits:
        return [other]
    fitting = (
        action,
        action,
        action.lower(),
        action.upper(),
        f"{service}:*",
        f"{service}:{name[:3]}*",
        f"{service}:*{name[-4:]}",
        f"{service}:{name[:2]}?{name[3:]}",
        f"{service}:*{name[2:5].upper()}*",
        "*",
    )
    return [rng.choice(fitting), *([other] if rng.random() < 0.25 else [])]


def _resources(rng: Random, resource: str, context: Json, fits: bool) -> list[str]:
    account = resource.split(":")[4]
    others = [
        f"{resource}x",
        f"{resource[:-1]}",
        f"{resource}/*",
        f"{resource[:-2]}?",
        resource[:-4] + resource[-4:].swapcase(),
        "arn:aws:s3:::other/*",
    ]
    if account:
        others.append(resource.replace(account, THIRD))
    others = [other for other in others if other != resource]
    if not fits:
        return [rng.choice(others)]
    fitting = [resource, resource, "*", f"{resource[:-3]}*", f"{resource[:-1]}?", f"{resource}*"]
    fitting.append(":".join(resource.split(":")[:5]) + ":*")
    if account:
        fitting += [resource.replace(account, "*"), resource.replace(account, account[:-1] + "?")]
    user = context.get("aws:username")
    if user and user in resource:
        fitting += [resource.replace(user, "${aws:username}")] * 3
    if user and f"/{user}/" in resource:
        fitting += [resource.split(f"/{user}/")[0] + "/${aws:username}/*"]
    return [rng.choice(fitting), *([rng.choice(others)] if rng.random() < 0.25 else [])]


def _trust(rng: Random, user: str, keys: tuple, context: Json) -> Json:
    statements = [_trusting(rng, "Allow", user, keys, context)]
    if rng.random() < 0.3:
        statements.append(_trusting(rng, "Allow", user, keys, context))
    if rng.random() < 0.3:
        statements.append(_trusting(rng, "Deny", user, keys, context))
    rng.shuffle(statements)
    return _document(rng, statements)


def _trusting(rng: Random, effect: str, user: str, keys: tuple, context: Json) -> Json:
    himself, other = _user(user), _user("bob" if user == "alice" else "alice")
    root, stranger = f"arn:aws:iam::{HOME}:root", f"arn:aws:iam::{AWAY}:root"
    name = rng.choice((himself, himself, himself, root, root, HOME, other, stranger, "*"))
    names = [name, *([rng.choice((other, stranger, AWAY))] if rng.random() < 0.2 and name != "*" else [])]
    statement: Json = {"Effect": effect, "Principal": {"AWS": _one_or_list(rng, list(dict.fromkeys(names)))}}
    if name == "*" and rng.random() < 0.5:
        statement["Principal"] = "*"
    if rng.random() < 0.9:
        fits = ("sts:AssumeRole", "sts:AssumeRole", "sts:AssumeRole", "sts:*", "sts:Assume*", "STS:assumerole")
        wrong = ("sts:AssumeRoleWithSAML", "sts:TagSession")
        statement["Action"] = _one_or_list(rng, [rng.choice(fits if rng.random() < 0.92 else wrong)])
    else:
        statement["NotAction"] = rng.choice(("sts:TagSession", "sts:AssumeRole", "sts:AssumeRoleWith*"))
    if rng.random() < (0.7 if effect == "Deny" else 0.5):
        statement["Condition"] = _condition(rng, keys, context, rng.choice((1, 1, 2)))
    return statement


def _one_or_list(rng: Random, values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 and rng.random() < 0.6 else values


# ------------------------------------------------------------------------------------------------ conditions

_TEXT = (
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
)
_ARN = ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")
_ADDRESS = ("IpAddress", "NotIpAddress")
_COMPARE = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_BEFORE_AND_AFTER = ("DateLessThan", "DateGreaterThan", "DateLessThanEquals", "DateGreaterThanEquals")
_DATE = tuple(f"Date{compare}" for compare in _COMPARE)
_NUMBER = tuple(f"Numeric{compare}" for compare in _COMPARE)
_BOOLEAN = ("Bool",)

# A key, the operators of its type, and values that policies compare it with.
_HUB = f"arn:aws:iam::{HOME}:role/Hub"
_PRINCIPALS = (_user("alice"), f"arn:aws:iam::{HOME}:user/*", _HUB, "arn:aws:iam::*:user/b?b")
_ADDRESSES = ("127.0.0.1", "127.0.0.0/8", "127.0.0.1/32", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "198.51.100.0/24")
_TEAMS = ("blue", "BLUE", "b*", "red", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/absent, 'blue'}")
_WIRE_KEYS = (
    ("aws:username", _TEXT, ("alice", "bob", "ALICE", "a*", "b?b", "carol", "${aws:username}")),
    ("aws:PrincipalArn", (*_ARN, "StringEquals", "StringLike"), _PRINCIPALS),
    ("aws:PrincipalAccount", _TEXT[:2], (HOME, AWAY)),
    ("aws:SourceIp", _ADDRESS, _ADDRESSES[:5]),
    ("aws:CurrentTime", _BEFORE_AND_AFTER, (PAST, FUTURE)),
    ("aws:MultiFactorAuthPresent", _BOOLEAN, ("true", "false")),
)
_ASSUME_KEYS = (
    ("sts:ExternalId", _TEXT, ("partner-7421", "Partner-7421", "partner-*", "partner-742?", "other")),
    ("sts:RoleSessionName", _TEXT, ("alice", "release-*", "${aws:username}", "release-42", "nobody")),
)
_SESSION_KEYS = (
    *_WIRE_KEYS[1:],
    ("aws:PrincipalTag/team", _TEXT, _TEAMS),
    ("aws:TokenIssueTime", _DATE, (PAST, NOW)),
    ("aws:userid", _TEXT, ("*:ci", "AROAEXAMPLEHUB000000:alice", "AROA*")),
)
_SHARED_KEYS = (*_WIRE_KEYS[1:4], ("aws:SecureTransport", _BOOLEAN, ("true", "false")))
_MEASURED_KEYS = (
    *_WIRE_KEYS,
    ("aws:PrincipalTag/team", _TEXT, _TEAMS),
    (
        "aws:PrincipalTag/absent",
        _TEXT,
        ("blue", "*", "${aws:PrincipalTag/absent}", "${aws:PrincipalTag/absent, 'blue'}"),
    ),
    ("aws:TagKeys", _TEXT, ("team", "cost", "stage", "t*", "TEAM", "other")),
    ("aws:TagKeys", _TEXT, ("team", "cost", "stage", "Team", "*")),
    ("aws:MultiFactorAuthAge", _NUMBER, ("0", "30", "3600", "30.0", "100")),
    ("aws:TokenIssueTime", _DATE, (PAST, NOW, "1795521600", "2026-11-24T12:00:00Z", "2026-11-24")),
    ("aws:EpochTime", _DATE, ("1795521600", "1", "2026-11-24T12:00:00Z", FUTURE)),
    ("aws:SecureTransport", _BOOLEAN, ("true", "false", "TRUE")),
    (
        "aws:SourceArn",
        _ARN,
        (f"arn:aws:sns:us-east-1:{HOME}:reports", f"arn:aws:sns:*:{HOME}:*", "arn:aws:sns:*:*:rep?rts"),
    ),
    ("aws:VpcSourceIp", _ADDRESS, ("10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "2001:db8::7", "0.0.0.0/0")),
    ("aws:RequestedRegion", _TEXT, ("eu-central-1", "eu-*", "us-east-1")),
    ("aws:UserAgent", _TEXT, ("tool/*", "tool/1.0 (eyes${*}only)", "tool/1.0 (eyes${*}only)", "tool/1.0 (eyes?only)")),
)
_S3_KEYS = (
    ("s3:prefix", _TEXT, ("home/${aws:username}/", "home/*", "", "home/bob/")),
    ("s3:max-keys", _NUMBER, ("10", "100", "1000")),
)


def _condition(rng: Random, keys: tuple, context: Json, count: int) -> Json:
    condition: Json = {}
    for _ in range(count):
        key, operators, values = rng.choice(keys)
        if rng.random() < 0.1:
            operator, wanted = "Null", [rng.choice(("true", "false"))]
        else:
            operator = rng.choice(operators) + ("IfExists" if rng.random() < 0.2 else "")
            several = isinstance(context.get(key), list) or key == "aws:TagKeys"
            if rng.random() < (1 if several else 0.3 if key == "s3:prefix" else 0.04):
                operator = rng.choice(("ForAllValues:", "ForAnyValue:")) + operator
            wanted = rng.sample(values, k=min(len(values), rng.choice((1, 1, 2))))
        spelled = key.lower() if rng.random() < 0.05 else key
        condition.setdefault(operator, {})[spelled] = _one_or_list(rng, wanted)
    return condition


if __name__ == "__main__":
    for made in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(made))
