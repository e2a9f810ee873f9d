"""Who may become whom: trust policies, and what the caller's own policies have to say."""

from collections.abc import Callable

from ..backend import AWAY, HOME, Backend, Outcome, Role, allow, compact, deny, policy
from ..check import ALLOWED, ASSUME, DENIED, MALFORMED, OTHER, REFUSED, ROOT, USER, Check, assume, placed, trusts, when

_PRINCIPAL = "IAM User Guide: AWS JSON policy elements: Principal"
_NOT_PRINCIPAL = "IAM User Guide: AWS JSON policy elements: NotPrincipal"
_ELEMENTS = "IAM User Guide: IAM JSON policy element reference"
_CROSS = "IAM User Guide: Cross-account policy evaluation logic"
_LOGIC = "IAM User Guide: Policy evaluation logic"
_HOME = "IAM User Guide: Policy evaluation for requests within a single account"
_BOUNDARY = "IAM User Guide: Permissions boundaries for IAM entities"
_ROLES = "IAM User Guide: Troubleshoot IAM roles"
_CREATE = "IAM API Reference: CreateRole"
_TRUST = "IAM User Guide: Roles terms and concepts"
_EXTERNAL = "IAM User Guide: Access to AWS accounts owned by third parties"
_KEYS = "IAM User Guide: AWS global condition context keys"

_LETS_STS = {"Version": "2012-10-17", "Statement": [ASSUME]}
_LETS_S3 = {"Version": "2012-10-17", "Statement": [allow("s3:*")]}


def _of_another_name(spelled: Callable[[Role], str]) -> Callable[[Backend], Outcome]:
    """A role that trusts the user, asked for by another ARN."""

    def request(b: Backend) -> Outcome:
        user = b.user(ASSUME)
        role = b.role(placed(policy(trusts()), user), Path="/team/")
        return b.ask(lambda: b.assume(user.keys, spelled(role)))

    return request


def _create(trust: dict | str) -> Callable[[Backend], Outcome]:
    return lambda b: b.ask(lambda: b.role(trust))


def _edited(b: Backend) -> Outcome:
    user = b.user(ASSUME)
    role = b.role(placed(policy(trusts()), user))
    b.assume(user.keys, role)
    document = placed(policy(trusts(OTHER)), other=b.user())
    b.iam(AWAY).update_assume_role_policy(RoleName=role.name, PolicyDocument=compact(document))
    return b.ask(lambda: b.assume(user.keys, role))


def _managed(*statements: dict) -> Callable[[Backend], Outcome]:
    def request(b: Backend) -> Outcome:
        user = b.user()
        role = b.role(placed(policy(trusts()), user))
        b.iam().attach_user_policy(UserName=user.name, PolicyArn=b.managed(policy(*statements)))
        return b.ask(lambda: b.assume(user.keys, role))

    return request


def _variable(b: Backend) -> Outcome:
    """A policy that lets a user assume the role that is called as he is."""
    user = b.user(allow("sts:AssumeRole", f"arn:aws:iam::{AWAY}:role/${{aws:username}}"))
    trust = placed(policy(trusts()), user)
    made = b.iam(AWAY).create_role(RoleName=user.name, AssumeRolePolicyDocument=compact(trust))
    return b.ask(lambda: b.assume(user.keys, made["Role"]["Arn"]))


_SERVICE = {"Service": "ec2.amazonaws.com"}
_GOOD, _GOOD_HOME = "trust/user", "home/user"

CHECKS = [
    Check("trust/user", "The trust policy names the user of another account", _PRINCIPAL, ALLOWED, assume(trusts(USER))),
    Check("trust/other-user", "It names somebody else", _PRINCIPAL, DENIED, assume(trusts(OTHER)), _GOOD),
    Check("trust/root", "It names the user's account by its root", _PRINCIPAL, ALLOWED, assume(trusts(ROOT))),
    Check("trust/account", "It names the user's account by its number", _PRINCIPAL, ALLOWED, assume(trusts(HOME))),
    Check("trust/other-account", "It names another account", _PRINCIPAL, DENIED, assume(trusts(AWAY)), _GOOD),
    Check("trust/list", "It names the user in a list", _PRINCIPAL, ALLOWED, assume(trusts([OTHER, USER]))),
    Check("trust/everyone", "It names everybody, and the user's own policy allows it", _PRINCIPAL, ALLOWED,
          assume(trusts("*"))),
    Check("trust/service", "It names a service only", _PRINCIPAL, DENIED, assume(trusts(_SERVICE)), _GOOD),
    Check("trust/deny", "It names the account, and denies the user", _LOGIC, DENIED,
          assume(trusts(ROOT), trusts(USER, effect="Deny")), "trust/root"),
    Check("trust/deny-other", "It names the account, and denies another user", _LOGIC, ALLOWED,
          assume(trusts(ROOT), trusts(OTHER, effect="Deny"))),
    Check("trust/action", "It allows another action than sts:AssumeRole", _ELEMENTS, DENIED,
          assume(trusts(USER, "sts:AssumeRoleWithWebIdentity")), _GOOD),
    Check("trust/action-case", "Actions are compared without case", _ELEMENTS, ALLOWED,
          assume(trusts(USER, "STS:assumerole"))),
    Check("trust/condition", "Its condition on the caller's ARN holds", _KEYS, ALLOWED,
          assume(trusts(ROOT, **when("ArnLike", "aws:PrincipalArn", USER)))),
    Check("trust/condition-other", "Its condition on the caller's ARN does not hold", _KEYS, DENIED,
          assume(trusts(ROOT, **when("ArnLike", "aws:PrincipalArn", OTHER))), "trust/condition"),
    Check("trust/no-mfa", "It wants an MFA, and none was used", "IAM User Guide: Configure MFA-protected API access",
          DENIED, assume(trusts(ROOT, **when("Bool", "aws:MultiFactorAuthPresent", "true"))), "trust/root"),
    Check("trust/edited", "It was edited and names the user no more", _TRUST, DENIED, _edited, _GOOD),
    Check("trust/no-role", "A role that is not there", "STS API Reference: AssumeRole", REFUSED,
          _of_another_name(lambda role: f"{role.arn}Not"), "trust/path"),
    Check("trust/path", "A role with a path", "IAM User Guide: IAM identifiers", ALLOWED,
          _of_another_name(lambda role: role.arn)),
    Check("trust/no-path", "A role with a path, asked for without it", "IAM User Guide: IAM identifiers", REFUSED,
          _of_another_name(lambda role: role.arn.replace("/team/", "/")), "trust/path"),
    Check("trust/case", "The role's name in another case", _ROLES, REFUSED,
          _of_another_name(lambda role: role.arn.replace("Role", "ROLE")), "trust/path"),
    Check("create/unknown-principal", "CreateRole that trusts a user who is not there", _CREATE, MALFORMED,
          _create(policy(trusts(f"arn:aws:iam::{HOME}:user/Nobody")))),
    Check("create/no-principal", "CreateRole with a trust policy that names nobody", _CREATE, MALFORMED,
          _create(policy({"Effect": "Allow", "Action": "sts:AssumeRole"}))),
    Check("create/resource", "CreateRole with a trust policy that has a Resource", _ELEMENTS, MALFORMED,
          _create(policy(trusts(ROOT, Resource="*")))),
    Check("create/not-principal", "CreateRole with a trust policy that has NotPrincipal", _NOT_PRINCIPAL, MALFORMED,
          _create(policy(trusts(ROOT), {"Effect": "Deny", "NotPrincipal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}))),
    Check("create/no-json", "CreateRole with a trust policy that is no JSON", _CREATE, MALFORMED, _create("{not json")),
    Check("identity/none", "Across accounts the user's own policy must allow it too: he has none", _CROSS, DENIED,
          assume(identity=()), _GOOD),
    Check("identity/other", "His policy allows something else", _CROSS, DENIED, assume(identity=(allow("s3:*"),)), _GOOD),
    Check("identity/deny", "His policy denies it as well", _LOGIC, DENIED, assume(identity=(ASSUME, deny("sts:Assume*"))),
          _GOOD),
    Check("identity/wildcard", "His policy names the role by a pattern", _ELEMENTS, ALLOWED,
          assume(identity=(allow("sts:AssumeRole", f"arn:aws:iam::{AWAY}:role/Ro?e*"),))),
    Check("identity/wildcard-other", "His policy has a pattern that does not fit", _ELEMENTS, DENIED,
          assume(identity=(allow("sts:AssumeRole", f"arn:aws:iam::{AWAY}:role/Re*"),)), "identity/wildcard"),
    Check("identity/not-action", "His policy allows all but IAM, by NotAction", _ELEMENTS, ALLOWED,
          assume(identity=({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},))),
    Check("identity/not-action-other", "His policy allows all but STS, by NotAction", _ELEMENTS, DENIED,
          assume(identity=({"Effect": "Allow", "NotAction": "sts:*", "Resource": "*"},)), "identity/not-action"),
    Check("identity/not-resource", "His policy allows it on all but other roles, by NotResource", _ELEMENTS, ALLOWED,
          assume(identity=({"Effect": "Allow", "Action": "sts:*", "NotResource": "arn:aws:iam::*:role/Other*"},))),
    Check("identity/not-resource-other", "His policy allows it on all but this role, by NotResource", _ELEMENTS, DENIED,
          assume(identity=({"Effect": "Allow", "Action": "sts:*", "NotResource": "arn:aws:iam::*:role/Role*"},)),
          "identity/not-resource"),
    Check("identity/variable", "His policy names the role by ${aws:username}",
          "IAM User Guide: IAM policy elements: Variables and tags", ALLOWED, _variable),
    Check("identity/managed", "A managed policy of his allows it", _CROSS, ALLOWED, _managed(ASSUME)),
    Check("identity/managed-deny", "A managed policy of his denies it", _LOGIC, DENIED, _managed(ASSUME, deny()),
          "identity/managed"),
    Check("boundary/within", "His boundary allows it as well", _BOUNDARY, ALLOWED, assume(boundary=_LETS_STS)),
    Check("boundary/outside", "His boundary does not allow it", _BOUNDARY, DENIED, assume(boundary=_LETS_S3),
          "boundary/within"),
    Check("home/user", "Inside one account a trust policy that names the user is enough", _HOME, ALLOWED,
          assume(trusts(USER), identity=(), account=HOME)),
    Check("home/root", "Inside one account one that names the account is not enough", _HOME, DENIED,
          assume(trusts(ROOT), identity=(), account=HOME), "home/root-and-own"),
    Check("home/root-and-own", "It is, with a policy of the user's own", _HOME, ALLOWED,
          assume(trusts(ROOT), account=HOME)),
    Check("home/deny", "The user's own policy denies it all the same", _LOGIC, DENIED,
          assume(trusts(USER), identity=(deny(),), account=HOME), _GOOD_HOME),
    Check("home/untrusted", "The user's own policy allows all, and no trust names him", _HOME, DENIED,
          assume(trusts(OTHER), identity=(allow(),), account=HOME), _GOOD_HOME),
    Check("external-id/right", "The ExternalId the trust policy wants", _EXTERNAL, ALLOWED,
          assume(trusts(**when("StringEquals", "sts:ExternalId", "told-to-joe")), ExternalId="told-to-joe")),
    Check("external-id/wrong", "Another ExternalId", _EXTERNAL, DENIED,
          assume(trusts(**when("StringEquals", "sts:ExternalId", "told-to-joe")), ExternalId="Told-to-joe"),
          "external-id/right"),
    Check("external-id/missing", "No ExternalId where one is wanted", _EXTERNAL, DENIED,
          assume(trusts(**when("StringEquals", "sts:ExternalId", "told-to-joe"))), "external-id/right"),
    Check("external-id/unwanted", "An ExternalId where none is wanted", _EXTERNAL, ALLOWED,
          assume(ExternalId="told-to-joe")),
]  # fmt: skip
