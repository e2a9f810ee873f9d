"""GetFederationToken: a user's session for somebody who is none."""

from collections.abc import Callable

from ..backend import HOME, Backend, Keys, Outcome, User, allow, compact, keys_of, policy
from ..check import ALLOWED, DENIED, INVALID, REFUSED, Check, get, placed, put, session, trusts

_GET = "STS API Reference: GetFederationToken"
_PERMISSIONS = "IAM User Guide: Permissions for GetFederationToken"
_COMPARE = "IAM User Guide: Compare AWS STS credentials"

_MAY, _READS = allow("sts:GetFederationToken"), allow("s3:GetObject")


def _token(b: Backend, keys: Keys, *statements: dict, **parameters: object) -> Keys:
    more = {"Policy": compact(policy(*statements))} if statements else {}
    return keys_of(b.client("sts", keys).get_federation_token(**({"Name": "joe"} | more | parameters)))


def _asked(*own: dict, **parameters: object) -> Callable[[Backend], Outcome]:
    def request(b: Backend) -> Outcome:
        user = b.user(*(own or (_MAY,)))
        return b.ask(lambda: _token(b, user.keys, **parameters))

    return request


def _used(ask: Callable[[Backend, Keys, str], Outcome], own: dict, *statements: dict) -> Callable[[Backend], Outcome]:
    """Its session with these policies, made by a user who may `own`, and a bucket of his account."""
    return lambda b: ask(b, _token(b, b.user(_MAY, own).keys, *statements), b.bucket(HOME))


def _assumes(b: Backend) -> Outcome:
    user: User = b.user(allow())
    role = b.role(placed(policy(trusts()), user))
    keys = _token(b, user.keys, allow())
    return b.ask(lambda: b.assume(keys, role))


CHECKS = [
    Check("federation/allowed", "GetFederationToken, and a policy that allows it", _PERMISSIONS, ALLOWED, _asked()),
    Check("federation/not-allowed", "GetFederationToken, and none", _PERMISSIONS, DENIED, _asked(allow("s3:*")),
          "federation/allowed"),
    Check("federation/name-32", "A name of 32 characters", _GET, ALLOWED, _asked(Name="n" * 32)),
    Check("federation/name-33", "A name of 33 characters", _GET, INVALID, _asked(Name="n" * 33), "federation/name-32"),
    Check("federation/899", "For 899 seconds", _GET, INVALID, _asked(DurationSeconds=899), "federation/allowed"),
    Check("federation/129601", "For 129601 seconds", _GET, INVALID, _asked(DurationSeconds=129601), "federation/allowed"),
    Check("federation/role", "With a role's session", _GET, REFUSED,
          lambda b: b.ask(lambda: _token(b, session(b, allow())[1])), "federation/allowed"),
    Check("federation/within", "What the user and the session's policy allow", _PERMISSIONS, ALLOWED,
          _used(get, allow("s3:*"), _READS)),
    Check("federation/outside", "What the session's policy does not allow", _PERMISSIONS, DENIED,
          _used(put, allow("s3:*"), _READS), "federation/within"),
    Check("federation/wider", "What the session's policy allows and the user's does not", _PERMISSIONS, DENIED,
          _used(put, _READS, allow()), "federation/within"),
    Check("federation/no-policy", "Its session without a policy", _PERMISSIONS, DENIED, _used(get, allow("s3:*")),
          "federation/within"),
    Check("federation/iam", "Its session calls IAM", _COMPARE, REFUSED,
          _used(lambda b, keys, _: b.ask(lambda: b.client("iam", keys).list_users()), allow(), allow()),
          "federation/within"),
    Check("federation/sts", "Its session assumes a role", _COMPARE, REFUSED, _assumes, "federation/within"),
    Check("federation/identity", "Its session calls GetCallerIdentity", _COMPARE, ALLOWED,
          _used(lambda b, keys, _: b.ask(lambda: b.client("sts", keys).get_caller_identity()), allow(), _READS)),
]  # fmt: skip
