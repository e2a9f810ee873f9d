"""What a session may do: its token, its end, its policies, and the sessions made with it."""

import time
from collections.abc import Callable

from ..backend import AWAY, HOME, Backend, Keys, Outcome, Role, allow, compact, deny, keys_of, other_end, policy, with_token
from ..check import ALLOWED, ASSUME, DENIED, INVALID, REFUSED, Check, Expected, actions, get, placed, put, session, trusts

_S3 = "S3 API Reference: Error responses"
_TEMPORARY = "IAM User Guide: Use temporary credentials with AWS resources"
_CHAINING = "IAM User Guide: Methods to assume a role"
_SESSION = "IAM User Guide: Policies and permissions: Session policies"
_TAGS = "IAM User Guide: Pass session tags in AWS STS"
_SOURCE = "IAM User Guide: Monitor and control actions taken with assumed roles"
_REVOKE = "IAM User Guide: Revoke IAM role temporary security credentials"
_GET = "STS API Reference: GetSessionToken"
_CROSS = "IAM User Guide: Cross-account policy evaluation logic"
_LOGIC = "IAM User Guide: Policy evaluation logic"
_IDENTITY = "STS API Reference: GetCallerIdentity"

_BAD_TOKEN = Expected("refused", 400, "InvalidToken")
_READS = allow("s3:GetObject")


def _token(change: Callable[[Keys, Keys, Keys], Keys]) -> Callable[[Backend], Outcome]:
    """GetObject with credentials made from a session's, another session's and a long-term key."""

    def request(b: Backend) -> Outcome:
        bucket, user = b.bucket(), b.user(allow(), account=AWAY)
        (_, one), (_, other) = session(b, _READS), session(b, _READS)
        return get(b, change(one, other, user.keys), bucket)

    return request


def _expired(service: str) -> Callable[[Backend], Outcome]:
    def request(b: Backend) -> Outcome:
        b = b.hasty()
        bucket, user = b.bucket(), b.user(ASSUME)
        role = b.role(placed(policy(trusts()), user), allow())
        keys = b.assume(user.keys, role, DurationSeconds=b.shortest)
        time.sleep(3)
        return get(b, keys, bucket) if service == "s3" else b.ask(lambda: b.assume(keys, role))

    return request


def _used(
    *statements: dict, ask: Callable[[Backend, Keys, str], Outcome] = get, **parameters: object
) -> Callable[[Backend], Outcome]:
    """A session of a role with these policies, and a bucket of the role's account."""
    return lambda b: ask(b, session(b, *statements, **parameters)[1], b.bucket())


def _inline(*statements: dict) -> str:
    return compact(policy(*statements))


def _by_arn(ask: Callable[[Backend, Keys, str], Outcome]) -> Callable[[Backend], Outcome]:
    def request(b: Backend) -> Outcome:
        arn = b.managed(policy(_READS), AWAY)
        return ask(b, session(b, allow("s3:*"), PolicyArns=[{"arn": arn}])[1], b.bucket())

    return request


def _changed(change: Callable[[Backend, Role], object], anew: bool = False) -> Callable[[Backend], Outcome]:
    """A session that was good, after its role was changed."""

    def request(b: Backend) -> Outcome:
        bucket, user = b.bucket(), b.user(ASSUME)
        role = b.role(placed(policy(trusts()), user), _READS)
        keys = b.assume(user.keys, role)
        b.client("s3", keys).get_object(Bucket=bucket, Key="report")
        change(b, role)
        return get(b, b.assume(user.keys, role) if anew else keys, bucket)

    return request


def _unpermit(b: Backend, role: Role) -> None:
    b.iam(role.account).delete_role_policy(RoleName=role.name, PolicyName="own")


def _delete(b: Backend, role: Role) -> None:
    _unpermit(b, role)
    b.iam(role.account).delete_role(RoleName=role.name)


def _revoke(b: Backend, role: Role) -> None:
    """As the console's "Revoke active sessions" does it."""
    time.sleep(1.1)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    older = {"Condition": {"DateLessThan": {"aws:TokenIssueTime": now}}}
    b.permit(role, policy(_READS, deny(**older)))
    # A session made within the second of the revocation is not older than it.
    time.sleep(1.1)


def _chain(
    then: dict | None = None, first: dict | None = None, named: str = "<role>", second: dict | None = None
) -> Callable[[Backend], Outcome]:
    """A session of one role assumes another."""

    def request(b: Backend) -> Outcome:
        hub, keys = session(b, allow("sts:*"), **(first or {}))
        # What the first session carries on, the second role has to allow as well.
        statement = trusts(named, actions((first or {}) | (then or {})), **(second or {}))
        spoke = b.role(placed(policy(statement), role=hub))
        return b.ask(lambda: b.assume(keys, spoke, **(then or {})))

    return request


def _by_session_name(wanted: str) -> Callable[[Backend], Outcome]:
    def request(b: Backend) -> Outcome:
        hub, keys = session(b, allow("sts:*"), RoleSessionName="joe")
        arn = f"arn:aws:sts::{AWAY}:assumed-role/{hub.name}/{wanted}"
        spoke = b.role(policy(trusts(arn)))
        return b.ask(lambda: b.assume(keys, spoke))

    return request


_BLUE = {"Tags": [{"Key": "team", "Value": "blue"}]}


def _tag_follows(transitive: bool) -> Callable[[Backend], Outcome]:
    """A tag set at the first of two roles, wanted by the policy of the second."""

    def request(b: Backend) -> Outcome:
        bucket = b.bucket()
        more = {"TransitiveTagKeys": ["team"]} if transitive else {}
        hub, keys = session(b, allow("sts:*"), **_BLUE, **more)
        wants = _READS | {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}}
        spoke = b.role(placed(policy(trusts("<role>", ["sts:AssumeRole", "sts:TagSession"])), role=hub), wants)
        return get(b, b.assume(keys, spoke), bucket)

    return request


def _get_session_token(b: Backend, keys: Keys, **parameters: object) -> Keys:
    return keys_of(b.client("sts", keys).get_session_token(**parameters))


def _of_user(use: Callable[[Backend, Keys], Outcome], *statements: dict) -> Callable[[Backend], Outcome]:
    return lambda b: use(b, b.user(*statements).keys)


def _token_for(**parameters: object) -> Callable[[Backend], Outcome]:
    return _of_user(lambda b, keys: b.ask(lambda: _get_session_token(b, keys, **parameters)), allow())


def _with_token(use: Callable[[Backend, Keys], object]) -> Callable[[Backend], Outcome]:
    """What a user who may do everything may still do with a session of his own."""

    def request(b: Backend) -> Outcome:
        keys = _get_session_token(b, b.user(allow()).keys)
        return b.ask(lambda: use(b, keys))

    return request


def _assumes_with_token(b: Backend) -> Outcome:
    user = b.user(ASSUME)
    role = b.role(placed(policy(trusts()), user))
    keys = _get_session_token(b, user.keys)
    return b.ask(lambda: b.assume(keys, role))


CHECKS = [
    Check("token/good", "A session's credentials and its token", _TEMPORARY, ALLOWED, _token(lambda one, *_: one)),
    Check("token/changed", "A token with one character changed", _S3, _BAD_TOKEN,
          _token(lambda one, *_: with_token(one, other_end(one.token))), "token/good"),
    Check("token/cut", "A token cut short", _S3, _BAD_TOKEN,
          _token(lambda one, *_: with_token(one, one.token[: len(one.token) * 3 // 4])), "token/good"),
    Check("token/missing", "A session's key without its token", _TEMPORARY, REFUSED,
          _token(lambda one, *_: with_token(one, None)), "token/good"),
    Check("token/swapped", "The token of another session", _S3, _BAD_TOKEN,
          _token(lambda one, other, _: with_token(one, other.token)), "token/good"),
    Check("token/long-term", "A long-term key with a session's token", _S3, _BAD_TOKEN,
          _token(lambda one, _, keys: with_token(keys, one.token)), "token/good"),
    Check("expired/s3", "S3: a session after its end", _S3, Expected("refused", 400, "ExpiredToken"), _expired("s3"),
          "token/good"),
    Check("expired/sts", "STS: a session after its end", _TEMPORARY, REFUSED, _expired("sts"), "chain/role"),
    Check("role/allowed", "What the role's policy allows", _LOGIC, ALLOWED, _used(_READS)),
    Check("role/not-allowed", "What the role's policy does not allow", _LOGIC, DENIED, _used(_READS, ask=put),
          "role/allowed"),
    Check("role/denied", "What the role's policy allows and denies", _LOGIC, DENIED, _used(_READS, deny("s3:Get*")),
          "role/allowed"),
    Check("account/own", "A bucket of the user's own account", _LOGIC, ALLOWED,
          lambda b: get(b, b.user(allow("s3:*")).keys, b.bucket(HOME))),
    Check("account/other", "A bucket of another account, which has no policy", _CROSS, DENIED,
          lambda b: get(b, b.user(allow("s3:*")).keys, b.bucket(AWAY)), "account/own"),
    Check("session-policy/within", "What the role and the session's policy allow", _SESSION, ALLOWED,
          _used(allow("s3:*"), Policy=_inline(_READS))),
    Check("session-policy/outside", "What the session's policy does not allow", _SESSION, DENIED,
          _used(allow("s3:*"), Policy=_inline(_READS), ask=put), "session-policy/within"),
    Check("session-policy/wider", "What the session's policy allows and the role's does not", _SESSION, DENIED,
          _used(_READS, Policy=_inline(allow()), ask=put), "session-policy/within"),
    Check("session-policy/deny", "What the session's policy denies", _SESSION, DENIED,
          _used(allow("s3:*"), Policy=_inline(allow(), deny("s3:GetObject"))), "session-policy/within"),
    Check("session-policy/arn", "What the session's managed policy allows", _SESSION, ALLOWED, _by_arn(get)),
    Check("session-policy/arn-outside", "What the session's managed policy does not allow", _SESSION, DENIED, _by_arn(put),
          "session-policy/arn"),
    Check("changed/policy", "The role's policy is taken away", _TEMPORARY, DENIED, _changed(_unpermit), "token/good"),
    Check("changed/deleted", "The role is deleted", _TEMPORARY, REFUSED, _changed(_delete), "token/good"),
    Check("changed/revoked", "Older sessions are denied by aws:TokenIssueTime", _REVOKE, DENIED, _changed(_revoke),
          "changed/anew"),
    Check("changed/anew", "A session made after that", _REVOKE, ALLOWED, _changed(_revoke, anew=True)),
    Check("chain/role", "A session assumes a role that trusts its role", _CHAINING, ALLOWED, _chain()),
    Check("chain/other-role", "A session assumes a role that trusts another account", _CHAINING, DENIED,
          _chain(named=f"arn:aws:iam::{HOME}:root"), "chain/role"),
    Check("chain/session", "A session assumes a role that trusts it by name",
          "IAM User Guide: AWS JSON policy elements: Principal", ALLOWED, _by_session_name("joe")),
    Check("chain/other-session", "A session assumes a role that trusts another session of its role",
          "IAM User Guide: AWS JSON policy elements: Principal", DENIED, _by_session_name("eve"), "chain/session"),
    Check("chain/3600", "A chained session of 3600 seconds", _CHAINING, ALLOWED, _chain({"DurationSeconds": 3600})),
    Check("chain/3601", "A chained session of 3601 seconds", _CHAINING, INVALID, _chain({"DurationSeconds": 3601}),
          "chain/3600"),
    Check("chain/tag", "A transitive tag follows the chain", _TAGS, ALLOWED, _tag_follows(True)),
    Check("chain/plain-tag", "A tag that is not transitive does not", _TAGS, DENIED, _tag_follows(False), "chain/tag"),
    Check("chain/tag-again", "A transitive tag set again further on", _TAGS, REFUSED,
          _chain(_BLUE, _BLUE | {"TransitiveTagKeys": ["team"]}), "chain/role"),
    Check("chain/source-identity", "The source identity follows the chain", _SOURCE, ALLOWED,
          _chain(None, {"SourceIdentity": "joe"}, second={"Condition": {"StringEquals": {"aws:SourceIdentity": "joe"}}})),
    Check("chain/source-identity-other", "Another source identity further on", _SOURCE, REFUSED,
          _chain({"SourceIdentity": "eve"}, {"SourceIdentity": "joe"}), "chain/source-identity"),
    Check("caller/denied", "GetCallerIdentity cannot be denied", _IDENTITY, ALLOWED,
          _of_user(lambda b, keys: b.ask(lambda: b.client("sts", keys).get_caller_identity()), deny())),
    Check("session-token/user", "GetSessionToken needs no permission", _GET, ALLOWED,
          _of_user(lambda b, keys: b.ask(lambda: _get_session_token(b, keys)))),
    Check("session-token/role", "GetSessionToken with a role's session", _GET, REFUSED,
          lambda b: b.ask(lambda: _get_session_token(b, session(b, allow())[1])), "session-token/user"),
    Check("session-token/899", "GetSessionToken for 899 seconds", _GET, INVALID, _token_for(DurationSeconds=899),
          "session-token/129600"),
    Check("session-token/129600", "GetSessionToken for 129600 seconds", _GET, ALLOWED, _token_for(DurationSeconds=129600)),
    Check("session-token/129601", "GetSessionToken for 129601 seconds", _GET, INVALID, _token_for(DurationSeconds=129601),
          "session-token/129600"),
    Check("session-token/assume", "Its session assumes a role", _GET, ALLOWED, _assumes_with_token),
    Check("session-token/s3", "Its session calls S3", _GET, ALLOWED,
          _with_token(lambda b, keys: b.client("s3", keys).list_buckets())),
    Check("session-token/iam", "Its session calls IAM, without an MFA", _GET, REFUSED,
          _with_token(lambda b, keys: b.client("iam", keys).list_users()), "session-token/s3"),
    Check("session-token/again", "Its session calls GetSessionToken", _GET, REFUSED, _with_token(_get_session_token),
          "session-token/s3"),
]  # fmt: skip
