"""AssumeRoleWithWebIdentity: tokens of an OpenID Connect provider."""

import time
from collections.abc import Callable
from typing import Any

from ..backend import AUDIENCE, AWAY, Backend, Outcome, other_end, policy
from ..check import ALLOWED, DENIED, REFUSED, Check, Expected

_API = "STS API Reference: AssumeRoleWithWebIdentity"
_TRUST = "IAM User Guide: Create a role for OpenID Connect federation"
_INVALID = Expected("refused", 400, "InvalidIdentityToken")
_EXPIRED = Expected("refused", 400, "ExpiredTokenException")


def _with(
    change: Callable[[str], str] = str, condition: dict[str, str] | None = None, provider: bool = True, **claims: Any
) -> Callable[[Backend], Outcome]:
    """A role that trusts a provider and the subject `joe`, and a token with these claims."""

    def request(b: Backend) -> Outcome:
        arn, host = b.provider(AWAY)
        wanted = {f"{host}:{key}": value for key, value in (condition or {"aud": AUDIENCE, "sub": "joe"}).items()}
        trusted = arn if provider else arn.replace(host, "other.example.com")
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": trusted},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": wanted},
        }
        role = b.role(policy(statement))
        token = change(b.token({"sub": "joe", "aud": AUDIENCE} | claims))
        return b.ask(
            lambda: b.unsigned("sts").assume_role_with_web_identity(
                RoleArn=role.arn, RoleSessionName="judged", WebIdentityToken=token
            )
        )

    return request


def _signature_changed(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{other_end(signature)}"


def _claims_changed(token: str) -> str:
    head, claims, signature = token.split(".")
    return ".".join((head, other_end(claims), signature))


_GOOD = "web-identity/good"

CHECKS = [
    Check(_GOOD, "A token of the provider the role trusts", _API, ALLOWED, _with()),
    Check("web-identity/signature", "Its signature changed", _API, _INVALID, _with(_signature_changed), _GOOD),
    Check("web-identity/claims", "Its claims changed", _API, _INVALID, _with(_claims_changed), _GOOD),
    Check("web-identity/no-token", "No token at all, but text", _API, _INVALID, _with(lambda _: "none.of.these"), _GOOD),
    Check("web-identity/expired", "A token that has ended", _API, _EXPIRED, _with(exp=int(time.time()) - 600), _GOOD),
    Check("web-identity/audience", "A token for an audience the provider does not have", _TRUST, REFUSED,
          _with(aud="somebody-else"), _GOOD),
    Check("web-identity/subject", "A token of another subject than the role wants", _TRUST, DENIED, _with(sub="eve"),
          _GOOD),
    Check("web-identity/provider", "A role that trusts another provider", _TRUST, REFUSED, _with(provider=False), _GOOD),
]  # fmt: skip
