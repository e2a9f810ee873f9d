"""Who may call at all: signatures, their time, and access keys."""

from collections.abc import Callable
from typing import Any

from .. import raw
from ..backend import AWAY, Backend, Keys, Outcome, allow, policy
from ..check import ALLOWED, ASSUME, REFUSED, Check, Expected, placed, trusts

_SIGN = "IAM User Guide: Troubleshoot Signature Version 4 signed requests"
_ELEMENTS = "IAM User Guide: Elements of an AWS API request signature"
_COMMON = "STS API Reference: Common Error Types"
_S3 = "S3 API Reference: Error responses"
_KEYS = "IAM User Guide: Manage access keys for IAM users"

_MISMATCH = Expected("refused", 403, "SignatureDoesNotMatch")
_UNKNOWN = Expected("refused", 403, "InvalidClientTokenId")
_S3_UNKNOWN = Expected("refused", 403, "InvalidAccessKeyId")
_MINUTES = 60


def _sts(
    *, keys: Callable[[Keys], Keys] = lambda keys: keys, ahead: int = 0, service: str = "sts", **instead: Any
) -> Callable[[Backend], Outcome]:
    """AssumeRole, signed for by a user who may: every backend has that call."""

    def request(b: Backend) -> Outcome:
        user = b.user(ASSUME)
        role = b.role(placed(policy(trusts()), user))
        form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role.arn, "RoleSessionName": "judged"}
        made = raw.request(b.endpoint, form=form)
        made.headers["X-Amz-Meta-Note"] = "as signed"
        prepared = raw.signed(made, keys(user.keys), service=service, ahead=ahead)
        spoilt = {name: value(prepared) if callable(value) else value for name, value in instead.items()}
        return raw.sent(prepared, **spoilt)

    return request


def _s3(
    *, keys: Callable[[Keys], Keys] = lambda keys: keys, ahead: int = 0, region: str = "us-east-1", **instead: Any
) -> Callable[[Backend], Outcome]:
    """GetObject, signed for by a user who may."""

    def request(b: Backend) -> Outcome:
        bucket = b.bucket(AWAY)
        user = b.user(allow(), account=AWAY)
        b.client("s3", b.admins[AWAY]).put_object(Bucket=bucket, Key="other", Body=b"another")
        prepared = raw.signed(raw.request(b.endpoint, "GET", f"/{bucket}/report"), keys(user.keys), "s3", region, ahead)
        spoilt = {name: value(prepared) if callable(value) else value for name, value in instead.items()}
        return raw.sent(prepared, **spoilt)

    return request


def _put_with_another_body(b: Backend) -> Outcome:
    bucket = b.bucket(AWAY)
    user = b.user(allow(), account=AWAY)
    prepared = raw.signed(raw.request(b.endpoint, "PUT", f"/{bucket}/new", body=b"as signed"), user.keys, "s3")
    return raw.sent(prepared, body=b"as spoilt")


def _inactive(b: Backend) -> Outcome:
    user = b.user(ASSUME)
    role = b.role(placed(policy(trusts()), user))
    b.deactivate(user)
    return b.ask(lambda: b.assume(user.keys, role))


def _deleted(b: Backend) -> Outcome:
    user = b.user(ASSUME)
    role = b.role(placed(policy(trusts()), user))
    b.assume(user.keys, role)
    b.delete(user)
    return b.ask(lambda: b.assume(user.keys, role))


def _wrong_secret(keys: Keys) -> Keys:
    return Keys(keys.id, keys.secret[:-1] + ("A" if keys.secret[-1] != "A" else "B"))


def _unknown(keys: Keys) -> Keys:
    return Keys("AKIA" + "NOBODY" + "23456723ABCD"[: len(keys.id) - 10], keys.secret)


CHECKS = [
    Check("signature/sts/good", "A signed call is answered", _ELEMENTS, ALLOWED, _sts()),
    Check("signature/sts/secret", "A signature with another secret", _SIGN, _MISMATCH, _sts(keys=_wrong_secret),
          "signature/sts/good"),
    Check("signature/sts/body", "A body edited after it was signed", _SIGN, _MISMATCH,
          _sts(body=lambda prepared: prepared.body.replace(b"judged", b"spoilt")), "signature/sts/good"),
    Check("signature/sts/header", "A signed header edited after it was signed", _SIGN, _MISMATCH,
          _sts(X_Amz_Meta_Note="as spoilt"), "signature/sts/good"),
    Check("signature/sts/service", "A scope that names another service", _SIGN, _MISMATCH, _sts(service="sqs"),
          "signature/sts/good"),
    Check("signature/sts/14-late", "Signed 14 minutes ago", _SIGN, ALLOWED, _sts(ahead=-14 * _MINUTES)),
    Check("signature/sts/16-late", "Signed 16 minutes ago", _SIGN, _MISMATCH, _sts(ahead=-16 * _MINUTES),
          "signature/sts/good"),
    Check("signature/sts/16-early", "Signed 16 minutes ahead", _SIGN, _MISMATCH, _sts(ahead=16 * _MINUTES),
          "signature/sts/good"),
    Check("signature/sts/none", "No signature at all", _COMMON, Expected("refused", 403, "MissingAuthenticationToken"),
          _sts(Authorization="", X_Amz_Date=""), "signature/sts/good"),
    Check("signature/sts/unknown", "An access key nobody has", _COMMON, _UNKNOWN, _sts(keys=_unknown),
          "signature/sts/good"),
    Check("signature/sts/inactive", "An access key made inactive", _KEYS, REFUSED, _inactive, "signature/sts/good"),
    Check("signature/sts/deleted", "The access key of a deleted user", _COMMON, _UNKNOWN, _deleted, "signature/sts/good"),
    Check("signature/s3/good", "S3: a signed call is answered", _ELEMENTS, ALLOWED, _s3()),
    Check("signature/s3/secret", "S3: a signature with another secret", _S3, _MISMATCH, _s3(keys=_wrong_secret),
          "signature/s3/good"),
    Check("signature/s3/path", "S3: a path edited after it was signed", _S3, _MISMATCH,
          _s3(url=lambda prepared: prepared.url.replace("/report", "/other")), "signature/s3/good"),
    Check("signature/s3/body", "S3: a body that is not the one whose hash was signed", _S3,
          Expected("refused", 400, "XAmzContentSHA256Mismatch"), _put_with_another_body, "signature/s3/good"),
    Check("signature/s3/16-late", "S3: signed 16 minutes ago", _S3, Expected("refused", 403, "RequestTimeTooSkewed"),
          _s3(ahead=-16 * _MINUTES), "signature/s3/good"),
    Check("signature/s3/16-early", "S3: signed 16 minutes ahead", _S3, Expected("refused", 403, "RequestTimeTooSkewed"),
          _s3(ahead=16 * _MINUTES), "signature/s3/good"),
    Check("signature/s3/none", "S3: no signature, and nothing public", _S3, Expected("refused", 403, "AccessDenied"),
          _s3(Authorization="", X_Amz_Date="", X_Amz_Content_SHA256=""), "signature/s3/good"),
    Check("signature/s3/unknown", "S3: an access key nobody has", _S3, _S3_UNKNOWN, _s3(keys=_unknown),
          "signature/s3/good"),
]  # fmt: skip
