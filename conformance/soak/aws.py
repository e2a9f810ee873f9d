"""AWS as the soak needs it: whose credentials are these? Signed here, so that no SDK stands between."""

import hashlib
import hmac
import http.client
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from urllib.parse import urlsplit

_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_TYPE = "application/x-www-form-urlencoded"
_REGION = "us-east-1"


@dataclass(frozen=True)
class Identity:
    """What STS said: an ARN, or why not."""

    arn: str
    error: str


class Sts:
    """A connection to STS that stays open."""

    def __init__(self, endpoint: str) -> None:
        self._host = urlsplit(endpoint).netloc
        self._connection: http.client.HTTPConnection | None = None

    def whose(self, access_key_id: str, secret: str, token: str) -> Identity:
        for _ in range(2):
            try:
                return self._ask(access_key_id, secret, token)
            except (OSError, http.client.HTTPException):
                # It was open for too long, or a fault was meant for somebody else.
                self._connection = None
        return Identity("", "unreachable")

    def _ask(self, access_key_id: str, secret: str, token: str) -> Identity:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, timeout=10)
        self._connection.request("POST", "/", _BODY, self._headers(access_key_id, secret, token))
        answer = self._connection.getresponse()
        text = answer.read()
        found = {element.tag.rpartition("}")[2]: element.text or "" for element in ElementTree.fromstring(text).iter()}
        return Identity(found.get("Arn", ""), "" if answer.status == 200 else found.get("Code", str(answer.status)))

    def _headers(self, access_key_id: str, secret: str, token: str) -> dict[str, str]:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {"content-type": _TYPE, "host": self._host, "x-amz-date": now, "x-amz-security-token": token}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(_BODY).hexdigest()}"
        scope = f"{now[:8]}/{_REGION}/sts/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        credential = f"AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}"
        headers["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
        return headers
