"""Signatures that stand in the query: links that whoever has them may use for a while."""

from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSRequest

from .. import raw
from ..backend import AWAY, Backend, Keys, Outcome, allow
from ..check import ALLOWED, REFUSED, Check, Expected, session

_QUERY = "S3 API Reference: Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"
_SIGN = "IAM User Guide: Troubleshoot Signature Version 4 signed requests"
_S3 = "S3 API Reference: Error responses"
_MISMATCH = Expected("refused", 403, "SignatureDoesNotMatch")
_WHO = "/?Action=GetCallerIdentity&Version=2011-06-15"


def _sts(ahead: int = 0, seconds: int = 60, **instead: Any) -> Callable[[Backend], Outcome]:
    """GetCallerIdentity as a link: how some servers have a caller prove who he is."""

    def request(b: Backend) -> Outcome:
        user = b.user()
        link = raw.linked(AWSRequest("GET", f"{b.endpoint}{_WHO}"), user.keys, "sts", seconds, ahead)
        return raw.sent(link, **{name: change(link) for name, change in instead.items()})

    return request


def _s3(
    ahead: int = 0, seconds: int = 60, method: str = "", by_session: bool = False, **instead: Any
) -> Callable[[Backend], Outcome]:
    """GetObject as a link, made by a user or a role's session that may."""

    def request(b: Backend) -> Outcome:
        bucket = b.bucket(AWAY)
        b.client("s3", b.admins[AWAY]).put_object(Bucket=bucket, Key="other", Body=b"another")
        keys: Keys = session(b, allow("s3:*"))[1] if by_session else b.user(allow("s3:*"), account=AWAY).keys
        link = raw.linked(AWSRequest("GET", f"{b.endpoint}/{bucket}/report"), keys, "s3", seconds, ahead)
        link.method = method or link.method
        return raw.sent(link, **{name: change(link) for name, change in instead.items()})

    return request


def _another_signature(link: AWSPreparedRequest) -> str:
    head, _, signature = link.url.rpartition("=")
    return f"{head}={'1' if signature[0] == '0' else '0'}{signature[1:]}"


CHECKS = [
    Check("presigned/sts/good", "GetCallerIdentity as a link", _SIGN, ALLOWED, _sts()),
    Check("presigned/sts/changed", "The link with another signature", _SIGN, _MISMATCH, _sts(url=_another_signature),
          "presigned/sts/good"),
    Check("presigned/sts/expired", "The link after its end", _SIGN, REFUSED, _sts(ahead=-20 * 60), "presigned/sts/good"),
    Check("presigned/s3/good", "GetObject as a link", _QUERY, ALLOWED, _s3()),
    Check("presigned/s3/session", "GetObject as a link that a session made", _QUERY, ALLOWED, _s3(by_session=True)),
    Check("presigned/s3/hour", "A link for an hour, half an hour old", _QUERY, ALLOWED, _s3(ahead=-30 * 60, seconds=3600)),
    Check("presigned/s3/expired", "A link for a minute, five minutes old", _QUERY, REFUSED, _s3(ahead=-5 * 60),
          "presigned/s3/good"),
    Check("presigned/s3/week", "A link for longer than a week", _QUERY, REFUSED, _s3(seconds=604801), "presigned/s3/good"),
    Check("presigned/s3/signature", "The link with another signature", _S3, _MISMATCH, _s3(url=_another_signature),
          "presigned/s3/good"),
    Check("presigned/s3/path", "The link to another object", _S3, _MISMATCH,
          _s3(url=lambda link: link.url.replace("/report?", "/other?")), "presigned/s3/good"),
    Check("presigned/s3/longer", "The link with a later end", _S3, _MISMATCH,
          _s3(url=lambda link: link.url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")), "presigned/s3/good"),
    Check("presigned/s3/method", "The link used to delete", _S3, _MISMATCH, _s3(method="DELETE"), "presigned/s3/good"),
]  # fmt: skip
