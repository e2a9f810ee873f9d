"""What a user may by his groups, and by which version of a managed policy."""

from collections.abc import Callable

from ..backend import Backend, Outcome, User, allow, compact, deny, fresh, policy
from ..check import ALLOWED, ASSUME, DENIED, Check, Expected, placed, trusts

_GROUPS = "IAM User Guide: IAM user groups"
_LOGIC = "IAM User Guide: Policy evaluation logic"
_VERSIONS = "IAM User Guide: Versioning IAM policies"


def _assumes(b: Backend, user: User) -> Outcome:
    role = b.role(placed(policy(trusts()), user))
    return b.ask(lambda: b.assume(user.keys, role))


def _group(
    *statements: dict, own: tuple[dict, ...] = (), managed: bool = False, left: bool = False
) -> Callable[[Backend], Outcome]:
    """A user with a group that has these statements."""

    def request(b: Backend) -> Outcome:
        iam, group, user = b.iam(), fresh("Group"), b.user(*own)
        iam.create_group(GroupName=group)
        if managed:
            iam.attach_group_policy(GroupName=group, PolicyArn=b.managed(policy(*statements)))
        else:
            iam.put_group_policy(GroupName=group, PolicyName="own", PolicyDocument=compact(policy(*statements)))
        iam.add_user_to_group(GroupName=group, UserName=user.name)
        if left:
            iam.remove_user_from_group(GroupName=group, UserName=user.name)
        return _assumes(b, user)

    return request


def _versions(first: dict, second: dict, default: bool, back: bool = False) -> Callable[[Backend], Outcome]:
    """A managed policy of two versions, the second made the default or not, and perhaps set back."""

    def request(b: Backend) -> Outcome:
        iam, user, arn = b.iam(), b.user(), b.managed(policy(first))
        iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=compact(policy(second)), SetAsDefault=default)
        if back:
            iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        return _assumes(b, user)

    return request


def _sixth(b: Backend) -> Outcome:
    iam, arn = b.iam(), b.managed(policy(allow()))
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=compact(policy(allow())))
    return b.ask(lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=compact(policy(allow()))))


_NOTHING = allow("s3:GetObject")

CHECKS = [
    Check("group/allow", "A group of his allows it", _GROUPS, ALLOWED, _group(ASSUME)),
    Check("group/managed", "A managed policy of his group allows it", _GROUPS, ALLOWED, _group(ASSUME, managed=True)),
    Check("group/deny", "A group of his denies it", _LOGIC, DENIED, _group(deny(), own=(ASSUME,)), "group/allow"),
    Check("group/left", "A group he has left allows it", _GROUPS, DENIED, _group(ASSUME, left=True), "group/allow"),
    Check("version/default", "The default version of his policy allows it", _VERSIONS, ALLOWED,
          _versions(_NOTHING, ASSUME, True)),
    Check("version/not-default", "A version that is not the default allows it", _VERSIONS, DENIED,
          _versions(_NOTHING, ASSUME, False), "version/default"),
    Check("version/back", "The default was set back to a version that does not", _VERSIONS, DENIED,
          _versions(_NOTHING, ASSUME, True, back=True), "version/default"),
    Check("version/sixth", "A sixth version of a policy", "IAM API Reference: CreatePolicyVersion",
          Expected("refused", 409, "LimitExceeded"), _sixth, "version/default"),
]  # fmt: skip
