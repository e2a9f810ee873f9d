"""What may be asked for: the limits of AssumeRole and its relatives."""

from collections.abc import Callable
from typing import Any

from ..backend import Backend, Outcome, allow, compact, policy
from ..check import ALLOWED, DENIED, INVALID, MALFORMED, REFUSED, USER, Check, assume, trusts, when

_ASSUME_ROLE = "STS API Reference: AssumeRole"
_TAGS = "IAM User Guide: Pass session tags in AWS STS"
_CREATE = "IAM API Reference: CreateRole"

_TAGGING = trusts(USER, ["sts:AssumeRole", "sts:TagSession"])
_NAMING = trusts(USER, ["sts:AssumeRole", "sts:SetSourceIdentity"])
_GOOD = "trust/user"


def _tags(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def _create(seconds: int) -> Callable[[Backend], Outcome]:
    """CreateRole with a MaxSessionDuration."""

    def request(b: Backend) -> Outcome:
        trust = policy(trusts("arn:aws:iam::111111111111:root"))
        return b.ask(lambda: b.role(trust, MaxSessionDuration=seconds))

    return request


def _tagged(*pairs: tuple[str, str], **more: Any) -> Callable[[Backend], Outcome]:
    return assume(_TAGGING, Tags=_tags(*pairs), **more)


_LONG = {"MaxSessionDuration": 43200}
_MANY = "tags/50"

CHECKS = [
    Check("name/64", "A session name of 64 characters", _ASSUME_ROLE, ALLOWED, assume(RoleSessionName="n" * 64)),
    Check("name/65", "A session name of 65 characters", _ASSUME_ROLE, INVALID, assume(RoleSessionName="n" * 65), _GOOD),
    Check("name/1", "A session name of one character", _ASSUME_ROLE, INVALID, assume(RoleSessionName="n"), _GOOD),
    Check("name/blank", "A session name with a blank", _ASSUME_ROLE, INVALID, assume(RoleSessionName="joe bloggs"), _GOOD),
    Check("name/signs", "A session name with every sign that may be in one", _ASSUME_ROLE, ALLOWED,
          assume(RoleSessionName="a_B+c=d,e.f@g-9")),
    Check("duration/899", "899 seconds", _ASSUME_ROLE, INVALID, assume(DurationSeconds=899), "duration/900"),
    Check("duration/900", "900 seconds", _ASSUME_ROLE, ALLOWED, assume(DurationSeconds=900)),
    Check("duration/43200", "43200 seconds, of a role that allows as many", _ASSUME_ROLE, ALLOWED,
          assume(role=_LONG, DurationSeconds=43200)),
    Check("duration/43201", "43201 seconds, of that role", _ASSUME_ROLE, INVALID, assume(role=_LONG, DurationSeconds=43201),
          "duration/43200"),
    Check("duration/above-role", "3601 seconds, of a role that allows 3600", _ASSUME_ROLE, INVALID,
          assume(DurationSeconds=3601), "duration/900"),
    Check("duration/role-3600", "CreateRole with a MaxSessionDuration of 3600", _CREATE, ALLOWED, _create(3600)),
    Check("duration/role-3599", "CreateRole with a MaxSessionDuration of 3599", _CREATE, INVALID, _create(3599),
          "duration/role-3600"),
    Check("duration/role-43201", "CreateRole with a MaxSessionDuration of 43201", _CREATE, INVALID, _create(43201),
          "duration/role-3600"),
    Check("external-id/1", "An ExternalId of one character", _ASSUME_ROLE, INVALID, assume(ExternalId="x"), _GOOD),
    Check("external-id/1224", "An ExternalId of 1224 characters", _ASSUME_ROLE, ALLOWED, assume(ExternalId="x" * 1224)),
    Check("external-id/1225", "An ExternalId of 1225 characters", _ASSUME_ROLE, INVALID, assume(ExternalId="x" * 1225),
          _GOOD),
    Check("external-id/blank", "An ExternalId with a blank", _ASSUME_ROLE, INVALID, assume(ExternalId="told to joe"),
          _GOOD),
    Check("policy/no-json", "A session policy that is no JSON", _ASSUME_ROLE, MALFORMED, assume(Policy="{not json"), _GOOD),
    Check("policy/no-effect", "A session policy without an Effect", _ASSUME_ROLE, MALFORMED,
          assume(Policy='{"Version":"2012-10-17","Statement":[{"Action":"*","Resource":"*"}]}'), _GOOD),
    Check("policy/2049", "A session policy of 2049 characters", _ASSUME_ROLE, REFUSED,
          assume(Policy=compact(policy(allow())).ljust(2049)), _GOOD),
    Check("policy/11-arns", "Eleven managed session policies", _ASSUME_ROLE, REFUSED,
          assume(PolicyArns=[{"arn": f"arn:aws:iam::222222222222:policy/P{n}"} for n in range(11)]), _GOOD),
    Check("tags/both-sides", "Session tags that both sides allow", _TAGS, ALLOWED, _tagged(("team", "blue"))),
    Check("tags/not-trusted", "Session tags, and no sts:TagSession in the trust policy", _TAGS, DENIED,
          assume(Tags=_tags(("team", "blue"))), _GOOD),
    Check("tags/not-own", "Session tags, and no sts:TagSession in the user's policy", _TAGS, DENIED,
          _tagged(("team", "blue"), identity=(allow("sts:AssumeRole"),)), "tags/both-sides"),
    Check("tags/50", "Fifty session tags", _TAGS, ALLOWED, _tagged(*((f"k{n}", "v") for n in range(50)))),
    Check("tags/51", "Fifty-one session tags", _TAGS, REFUSED, _tagged(*((f"k{n}", "v") for n in range(51))), _MANY),
    Check("tags/key-129", "A tag's key of 129 characters", _ASSUME_ROLE, INVALID, _tagged(("k" * 129, "v")),
          "tags/both-sides"),
    Check("tags/value-257", "A tag's value of 257 characters", _ASSUME_ROLE, INVALID, _tagged(("k", "v" * 257)),
          "tags/both-sides"),
    Check("tags/reserved", "A tag whose key begins with aws:", _TAGS, REFUSED, _tagged(("aws:team", "blue")),
          "tags/both-sides"),
    Check("tags/twice", "Two tags whose keys differ in case only", _TAGS, REFUSED,
          _tagged(("team", "blue"), ("Team", "red")), "tags/both-sides"),
    Check("tags/request", "A trust policy's condition on a tag that is passed", _TAGS, ALLOWED,
          assume(_TAGGING | when("StringEquals", "aws:RequestTag/team", "blue"), Tags=_tags(("team", "blue")))),
    Check("tags/request-other", "The same with another value", _TAGS, DENIED,
          assume(_TAGGING | when("StringEquals", "aws:RequestTag/team", "blue"), Tags=_tags(("team", "red"))),
          "tags/request"),
    Check("source-identity/both-sides", "A source identity that both sides allow", _ASSUME_ROLE, ALLOWED,
          assume(_NAMING, SourceIdentity="joe")),
    Check("source-identity/not-trusted", "A source identity, and no sts:SetSourceIdentity in the trust policy",
          _ASSUME_ROLE, DENIED, assume(SourceIdentity="joe"), _GOOD),
    Check("source-identity/not-own", "A source identity, and no sts:SetSourceIdentity in the user's policy", _ASSUME_ROLE,
          DENIED, assume(_NAMING, identity=(allow("sts:AssumeRole"),), SourceIdentity="joe"), "source-identity/both-sides"),
    Check("source-identity/condition", "A trust policy's condition on the source identity holds", _ASSUME_ROLE, ALLOWED,
          assume(_NAMING | when("StringEquals", "sts:SourceIdentity", "joe"), SourceIdentity="joe")),
    Check("source-identity/condition-other", "It does not hold", _ASSUME_ROLE, DENIED,
          assume(_NAMING | when("StringEquals", "sts:SourceIdentity", "joe"), SourceIdentity="eve"),
          "source-identity/condition"),
    Check("source-identity/1", "A source identity of one character", _ASSUME_ROLE, INVALID,
          assume(_NAMING, SourceIdentity="j"), "source-identity/both-sides"),
    Check("source-identity/65", "A source identity of 65 characters", _ASSUME_ROLE, INVALID,
          assume(_NAMING, SourceIdentity="j" * 65), "source-identity/both-sides"),
    Check("source-identity/reserved", "A source identity that begins with aws:", _ASSUME_ROLE, REFUSED,
          assume(_NAMING, SourceIdentity="aws:joe"), "source-identity/both-sides"),
]  # fmt: skip
