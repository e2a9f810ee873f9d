"""The library's evaluator against somebody else's: the same cases, and no disagreement without a page that decides."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import policy_cases
from .cases import Case, Failed, Room, check
from .places import HERE, ROOT

SIMULATE = HERE / "simulate"
COUNT, SEED = 4000, 26

Json = dict[str, Any]


def example(name: str) -> str:
    """A program among the library's examples."""
    return str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / f"debug/examples/{name}")


def decide_binary() -> str:
    """The library's example that reads cases and prints what they come to."""
    return example("decide")


@dataclass(frozen=True)
class Known:
    """A disagreement. `rewritten` says the same in words on which both agree, so that nothing else hides behind it."""

    name: str
    page: str
    applies: Callable[[Json], bool]
    rewritten: Callable[[Json], Json]


def _is_root(case: Json) -> bool:
    return case["principal"].endswith(":root")


def _with_everything(case: Json) -> Json:
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    return case | {"identity": [everything]}


def _conditions(case: Json) -> str:
    return json.dumps([statement.get("Condition") for statement in _statements(case)])


def _statements(case: Json) -> list[Json]:
    documents = [*case["identity"], *(case["session"] or []), *(each for level in case["scps"] or [] for each in level)]
    documents += [case[name] for name in ("boundary", "trust", "resource_policy") if case[name]]
    return [each for document in documents for each in _as_list(document["Statement"])]


def _as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _changed(case: Json, change: Callable[[Json], None]) -> Json:
    copy = json.loads(json.dumps(case))
    for statement in _statements(copy):
        change(statement)
    return copy


def _values(statement: Json, change: Callable[[str, str, list], list]) -> None:
    """Changes the values of every condition of a statement, by its operator and its key."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            keys[key] = change(operator, key.lower(), _as_list(values))


def _halves(_operator: str, _key: str, values: list) -> list:
    return [half for value in values for half in (["0.0.0.0/1", "128.0.0.0/1"] if value == "0.0.0.0/0" else [value])]


_EPOCH = {"1795521600": policy_cases.NOW, "1": "1970-01-01T00:00:01Z"}


def _dates_as_text(case: Json) -> Json:
    def dates(operator: str, _key: str, values: list) -> list:
        return [_EPOCH.get(value, value) for value in values] if "Date" in operator else values

    copy = _changed(case, lambda statement: _values(statement, dates))
    if "aws:EpochTime" in copy["context"]:
        copy["context"]["aws:EpochTime"] = policy_cases.NOW
    return copy


def _has_epoch_dates(case: Json) -> bool:
    dates = [keys for each in _statements(case) for name, keys in each.get("Condition", {}).items() if "Date" in name]
    return bool(re.search(r'"(1795521600|1)"|aws:EpochTime', json.dumps(dates), re.IGNORECASE))


def _stars_as_text(case: Json) -> Json:
    def stars(operator: str, _key: str, values: list) -> list:
        return [value.replace("${*}", "*") for value in values] if "Equals" in operator else values

    return _changed(case, lambda statement: _values(statement, stars))


def _mixes_families(case: Json) -> bool:
    conditions = _conditions(case)
    return "NotIpAddress" in conditions and "aws:vpcsourceip" in conditions.lower()


def _without_the_other_family(case: Json) -> Json:
    """No address lies in a network of the other family: a network of its own family that it is not in says the same."""
    own = case["context"].get("aws:VpcSourceIp", "")
    elsewhere = "2001:db8:ffff::/48" if ":" in own else "192.0.2.0/24"

    def networks(operator: str, key: str, values: list) -> list:
        if key != "aws:vpcsourceip" or "IpAddress" not in operator:
            return values
        return [elsewhere if (":" in value) != (":" in own) else value for value in values]

    return _changed(case, lambda statement: _values(statement, networks))


def _asks_set_of_empty(case: Json) -> bool:
    asks = re.search(r'"For(All|Any)Values?:\w+": \{"s3:prefix"', _conditions(case), re.IGNORECASE)
    return case["context"].get("s3:prefix") == "" and bool(asks)


def _set_of_absent(case: Json) -> Json:
    def change(statement: Json) -> None:
        for operator, keys in statement.get("Condition", {}).items():
            for key in [key for key in keys if key.lower() == "s3:prefix" and operator.startswith("For")]:
                keys["aws:PrincipalTag/absent"] = keys.pop(key)

    return _changed(case, change)


def _reaches_over_colons(case: Json) -> bool:
    return "arn:aws:s3:*:reports" in json.dumps(_statements(case))


def _colons_written_out(case: Json) -> Json:
    return json.loads(json.dumps(case).replace("arn:aws:s3:*:reports", "arn:aws:s3:::reports"))


def _session_is_named(case: Json) -> bool:
    policy = case["trust"] or case["resource_policy"]
    if not (case["session"] and policy and case["resource_account"] == policy_cases.HOME):
        return False
    grants = [each for each in _as_list(policy["Statement"]) if each["Effect"] == "Allow"]
    return any({case["principal"], "*"} & set(_names(each["Principal"])) for each in grants)


def _without_session(case: Json) -> Json:
    """What the session's policies deny stays denied; only what they leave out is no longer missing."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    session = [policy | {"Statement": [*_as_list(policy["Statement"]), everything]} for policy in case["session"]]
    return case | {"session": session}


def _names(principal: Any) -> list[str]:
    return ["*"] if principal == "*" else _as_list(principal["AWS"])


def _is_provider(case: Json) -> bool:
    return ":oidc-provider/" in case["principal"]


def _without_its_account(case: Json) -> Json:
    account = case["principal"].split(":")[4]

    def change(statement: Json) -> None:
        if statement["Principal"] == {"AWS": account}:
            statement["Principal"] = {"AWS": policy_cases.THIRD}

    return _changed(case, change)


def _spares_too_much(case: Json) -> bool:
    return any("NotPrincipal" in each for each in _statements(case))


def _denies_all_but(case: Json) -> Json:
    """Account, role and session must all be left out, and with a permissions boundary nobody is."""
    account = case["principal"].split(":")[4]

    def change(statement: Json) -> None:
        if "NotPrincipal" not in statement:
            return
        spared = set(_names(statement.pop("NotPrincipal")))
        wanted = {case["principal"], case["role"] or case["user"] or case["principal"]}
        spares = wanted <= spared and spared & {account, f"arn:aws:iam::{account}:root"} and not case["boundary"]
        statement["Principal"] = {"AWS": policy_cases.THIRD} if spares else "*"

    return _changed(case, change)


_GUIDE = "IAM user guide, "
KNOWN = [
    Known(
        "the root user needs no identity policy",
        _GUIDE + "How AWS enforcement code logic evaluates requests: the root user has full access",
        _is_root,
        _with_everything,
    ),
    Known(
        "0.0.0.0/0 is every IPv4 address",
        _GUIDE + "Condition operators, IP address condition operators: the value is in CIDR format (RFC 4632)",
        lambda case: "0.0.0.0/0" in _conditions(case),
        lambda case: _changed(case, lambda statement: _values(statement, _halves)),
    ),
    Known(
        "an address of the other family is in no network",
        _GUIDE + "Condition operators: NotIpAddress is all IP addresses except the specified one or range",
        _mixes_families,
        _without_the_other_family,
    ),
    Known(
        "a date may be seconds since the epoch",
        _GUIDE + "Condition operators, Date condition operators: a value in ISO 8601 or in epoch (UNIX) time",
        _has_epoch_dates,
        _dates_as_text,
    ),
    Known(
        "${*} is an asterisk in every string operator",
        _GUIDE + "Variables and tags, special characters: ${*} where you need an * (asterisk) character",
        lambda case: "${*}" in _conditions(case),
        _stars_as_text,
    ),
    Known(
        "to the set operators an empty string is no value",
        _GUIDE + "Single-valued vs. multivalued context keys: a null dataset, such as an empty string",
        _asks_set_of_empty,
        _set_of_absent,
    ),
    Known(
        "a * at the end of a field reaches over colons",
        _GUIDE + "Resource, wildcards: a * that is the last of an ARN segment can expand beyond the colon boundaries",
        _reaches_over_colons,
        _colons_written_out,
    ),
    Known(
        "a grant to the session is not limited by its session policies",
        _GUIDE + "Policies and permissions, Session policies: a grant to the session's own ARN is not limited",
        _session_is_named,
        _without_session,
    ),
    Known(
        "an account is not the identity providers in it",
        _GUIDE + "Principal: OIDC federated principals are a kind of their own, beside AWS account principals",
        _is_provider,
        _without_its_account,
    ),
    Known(
        "NotPrincipal leaves out whom it names with account and role, and nobody with a boundary",
        _GUIDE + "NotPrincipal: you must also specify the account ARN; with a boundary always denied",
        _spares_too_much,
        _denies_all_but,
    ),
]


def _verdicts(room: Room, command: list[str], asked: list[Json], name: str) -> dict[str, Json]:
    """Runs an evaluator over cases; a process of its own each, that reads lines and prints lines."""
    path = room.folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in asked))
    told = room.run(["sh", "-c", 'exec "$@" < "$0"', str(path), *command]).ok().out
    return {each["id"]: each for each in map(json.loads, told.splitlines())}


def _simulate(room: Room) -> None:
    listed = (ROOT / "docs/policy.md").read_text()
    unlisted = [known.name for known in KNOWN if known.name not in listed]
    check(not unlisted, f"docs/policy.md does not list: {', '.join(unlisted)}")
    asked = policy_cases.cases(COUNT, SEED)
    judge = ["node", str(SIMULATE / "judge.mjs")]
    ours = _verdicts(room, [decide_binary()], asked, "cases")
    theirs = _verdicts(room, judge, asked, "cases")
    check(len(ours) == len(theirs) == COUNT, f"{len(ours)} and {len(theirs)} of {COUNT} cases were decided")
    tally = Counter(each["verdict"] for each in ours.values())
    check(min(tally.values()) >= COUNT // 10 and len(tally) == 3, f"the cases are lopsided: {dict(tally)}")

    differ = [case for case in asked if ours[case["id"]]["verdict"] != theirs[case["id"]]["verdict"]]
    attempts = [attempt for case in differ for attempt in _attempts(case)]
    again = _verdicts(room, judge, [attempt.case for attempt in attempts], "rewritten")
    reconciled: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for attempt in attempts:
        if again[attempt.case["id"]]["verdict"] == ours[attempt.asked]["verdict"]:
            reconciled[attempt.asked] += 1
            met.update(attempt.known)
    for case in differ:
        name = case["id"]
        check(reconciled[name], f"{ours[name]}, but the judge says {theirs[name]} of {json.dumps(case)}")
    gone = [known.name for known in KNOWN if not met[known.name]]
    check(not gone, f"no longer a disagreement: {', '.join(gone)}")
    told = {"cases": COUNT, "verdicts": tally, "disagreements": len(differ), "known": met}
    (room.folder / "told.json").write_text(json.dumps(told, indent=1))


@dataclass(frozen=True)
class Attempt:
    """A case that is disagreed about, in other words. `known` names the disagreement it proves, if it is one alone."""

    asked: str
    known: list[str]
    case: Json


def _attempts(case: Json) -> list[Attempt]:
    """Every known disagreement by itself, then all of them together."""
    known = [each for each in KNOWN if each.applies(case)]
    together = case
    for each in known:
        together = each.rewritten(together)
    rewritten = [([each.name], each.rewritten(case)) for each in known] + [([], together)]
    name = case["id"]
    return [Attempt(name, names, made | {"id": f"{name}.{index}"}) for index, (names, made) in enumerate(rewritten)]


CASES = [Case("simulate/500-cases", _simulate)]
