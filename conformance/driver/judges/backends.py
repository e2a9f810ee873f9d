"""The four that are asked: rolecall's own sandbox, MiniStack, Ceph's gateway and moto."""

import json
import urllib.error
import urllib.request
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .backend import AWAY, HOME, REGION, Backend, Keys, NotOffered, User, compact, policy


class Sandbox(Backend):
    name = "sandbox"
    shortest = 900

    def __init__(self, endpoint: str, admins: dict[str, Keys], hasty: "Sandbox | None" = None) -> None:
        super().__init__(endpoint, admins)
        self._hasty = hasty or self

    def hasty(self) -> Backend:
        """A second sandbox: there every session ends after two seconds, whatever was asked for."""
        return self._hasty


class MiniStack(Backend):
    """The root of an account has the account's id as its access key."""

    name = "MiniStack"


class Moto(Backend):
    """Its administrators are made before authorization is turned on: it has no account root that could make them."""

    name = "moto"

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, {})
        for account in (HOME, AWAY):
            self.admins[account] = self._administrator(account)
        self._post("reset-auth", b"0")

    def _administrator(self, account: str) -> Keys:
        iam = self.client("iam", Keys(f"nobody-of-{account}", "nothing"))

        def of_account(request: AWSRequest, **_: Any) -> None:
            request.headers["x-moto-account-id"] = account

        iam.meta.events.register("before-sign.iam", of_account)
        iam.create_user(UserName="administrator")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=compact(policy(everything)))
        key = iam.create_access_key(UserName="administrator")["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def _post(self, what: str, body: bytes) -> None:
        # Not the form that urllib would call it: moto reads a form's body as a form, and finds nothing.
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.endpoint}/moto-api/{what}", data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass


class CephRgw(Backend):
    """Its users are not IAM's: the gateway's own administration makes them, an account is a tenant, and there is nothing
    of managed policies, groups and boundaries."""

    name = "Ceph RGW"
    asks_caller = False

    def __init__(self, endpoint: str, first: Keys, hasty_endpoint: str = "", admins: dict[str, Keys] | None = None) -> None:
        super().__init__(endpoint, admins or {})
        self._first, self._hasty_endpoint = first, hasty_endpoint
        for account in (HOME, AWAY):
            if account not in self.admins:
                self.admins[account] = self._make(account, "administrator", "roles=*;user-policy=*;oidc-provider=*")

    def hasty(self) -> Backend:
        """The same users and roles behind a gateway that takes a second for long enough."""
        return CephRgw(self._hasty_endpoint, self._first, admins=self.admins)

    def _make(self, account: str, name: str, caps: str = "") -> Keys:
        key = self._admin("PUT", "/admin/user", uid=f"{account}${name}", **{"display-name": name, "user-caps": caps})[
            "keys"
        ][0]
        return Keys(key["access_key"], key["secret_key"])

    def _admin(self, method: str, path: str, **parameters: str) -> Any:
        request = AWSRequest(method, f"{self.endpoint}{path}", params=parameters)
        S3SigV4Auth(Credentials(self._first.id, self._first.secret), "s3", REGION).add_auth(request)
        prepared = request.prepare()
        sent = urllib.request.Request(prepared.url, data=b"", headers=dict(prepared.headers), method=method)
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def new_user(self, name: str, account: str, boundary: dict | None) -> User:
        if boundary:
            raise NotOffered("permissions boundaries")
        return User(account, name, f"arn:aws:iam::{account}:user/{name}", self._make(account, name))

    def user_name(self, user: User) -> str:
        return f"{user.account}${user.name}"

    def managed(self, document: dict, account: str = HOME) -> str:
        raise NotOffered("managed policies")

    def deactivate(self, user: User) -> None:
        raise NotOffered("inactive access keys")

    def delete(self, user: User) -> None:
        self._admin("DELETE", "/admin/user", uid=f"{user.account}${user.name}")
