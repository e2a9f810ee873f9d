"""Requests signed by hand, so that they can be spoilt after they were signed."""

import datetime
import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock
from urllib.parse import urlencode, urlsplit

import botocore.auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials

from .backend import REGION, Keys, Outcome, code_in, judged


@contextmanager
def clock(seconds: int) -> Iterator[None]:
    """The signer's clock, so many seconds ahead."""
    real = botocore.auth.get_current_datetime

    def moved(*arguments: object, **more: object) -> datetime.datetime:
        return real(*arguments, **more) + datetime.timedelta(seconds=seconds)

    with mock.patch.object(botocore.auth, "get_current_datetime", moved):
        yield


def request(
    endpoint: str, method: str = "POST", path: str = "/", form: dict[str, str] | None = None, body: bytes = b""
) -> AWSRequest:
    made = AWSRequest(method, f"{endpoint}{path}", data=urlencode(form).encode() if form else body)
    if form:
        made.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
    return made


def signed(made: AWSRequest, keys: Keys, service: str = "sts", region: str = REGION, ahead: int = 0) -> AWSPreparedRequest:
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    with clock(ahead):
        signer(Credentials(keys.id, keys.secret, keys.token), service, region).add_auth(made)
    return made.prepare()


def sent(prepared: AWSPreparedRequest, **instead: bytes | str) -> Outcome:
    """Sends it as it was signed, but for what is given instead: `body`, `url`, or headers by name."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    body = instead.pop("body", prepared.body) or b""
    url = urlsplit(str(instead.pop("url", prepared.url)))
    headers |= {name.replace("_", "-"): str(value) for name, value in instead.items()}
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length" and value != ""}
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    try:
        connection.request(prepared.method, f"{url.path or '/'}{'?' + url.query if url.query else ''}", body, headers)
        answer = connection.getresponse()
        return judged(answer.status, code_in(answer.read()))
    finally:
        connection.close()


def linked(made: AWSRequest, keys: Keys, service: str, seconds: int, ahead: int = 0) -> AWSPreparedRequest:
    """The request as a link that is good for so many seconds."""
    signer = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    with clock(ahead):
        signer(Credentials(keys.id, keys.secret, keys.token), service, REGION, expires=seconds).add_auth(made)
    return made.prepare()
