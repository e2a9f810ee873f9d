"""Plays generated authorization cases over the wire, on one backend: a JSON line each. Runs where boto3 is.

The cases are those of `driver.policy_cases` that can be played; what is asked for them is COUNT and SEED.
"""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..policy_cases import cases
from . import raw
from .ask import backend
from .backend import HOME, Backend, NotOffered, Outcome, User, compact

_USERS = ("alice", "bob", "carol")
_BUCKET, _TOPIC = "reports", "reports"


class Stage:
    """The users, the bucket, the topic and the roles that all cases are about, dressed anew for each."""

    def __init__(self, b: Backend) -> None:
        self._b = b
        self._users = {name: b.user(name=name) for name in _USERS}
        self._bounded: set[str] = set()
        self._roles: set[str] = set()
        s3 = b.client("s3", b.admins[HOME])
        s3.create_bucket(Bucket=_BUCKET)
        for name in _USERS:
            s3.put_object(Bucket=_BUCKET, Key=f"home/{name}/q1.txt", Body=b"a report")
        sns = b.client("sns", b.admins[HOME])
        b.ask(lambda: sns.create_topic(Name=_TOPIC))

    def play(self, case: dict[str, Any]) -> Outcome:
        try:
            user = self._dressed(case)
            if case["trust"] is not None:
                self._trusting(case["resource"], case["trust"])
        except NotOffered:
            return Outcome("not offered")
        except ClientError as error:
            told = self._b.told(error)
            return (
                told
                if told.kind == "not offered"
                else Outcome("no setup", told.status, f"{error.operation_name}: {told.code}")
            )
        return _asked(self._b, user, case)

    def _dressed(self, case: dict[str, Any]) -> User:
        """The user of the case, with these policies and no others."""
        name = case["principal"].rpartition("/")[2]
        user, boundary = self._users[name], case["boundary"]
        self._b.strip(user)
        if case["kind"] == "trust" and not self._b.asks_caller:
            return user
        if boundary or name in self._bounded:
            self._b.delete(user)
            self._bounded.discard(name)
            # Without a boundary first, so that there is a user whatever comes of it.
            user = self._users[name] = self._b.user(name=name)
            if boundary:
                self._b.delete(user)
                try:
                    user = self._users[name] = self._b.user(name=name, boundary=boundary)
                    self._bounded.add(name)
                except (NotOffered, ClientError):
                    self._users[name] = self._b.user(name=name)
                    raise
        for index, document in enumerate(case["identity"]):
            self._b.give(user, f"policy{index}", document)
        return user

    def _trusting(self, arn: str, trust: dict[str, Any]) -> None:
        """The role, made anew: not every server looks at a trust policy that replaces another."""
        iam, name = self._b.iam(arn.split(":")[4]), arn.rpartition("/")[2]
        if arn in self._roles:
            iam.delete_role(RoleName=name)
            self._roles.discard(arn)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=compact(trust))
        self._roles.add(arn)


def _asked(b: Backend, user: User, case: dict[str, Any]) -> Outcome:
    """The request of the case, signed by its user."""
    service, _, name = case["action"].partition(":")
    resource = case["resource"].split(":", 5)[5]
    if service == "s3":
        method, path, body = {
            "GetObject": ("GET", f"/{resource}", b""),
            "PutObject": ("PUT", f"/{resource}", b"another"),
            "ListBucket": ("GET", f"/{resource}?list-type=2", b""),
        }[name]
        return raw.sent(raw.signed(raw.request(b.endpoint, method, path, body=body), user.keys, "s3"))
    form = {"Action": name, "Version": {"sts": "2011-06-15", "iam": "2010-05-08", "sns": "2010-03-31"}[service]}
    if service == "sns":
        form |= {"TopicArn": case["resource"], "Message": "a report"}
    elif service == "iam":
        form |= {"UserName": resource.rpartition("/")[2]}
    else:
        form |= {"RoleArn": case["resource"], "RoleSessionName": case["context"]["sts:RoleSessionName"]}
        if "sts:ExternalId" in case["context"]:
            form["ExternalId"] = case["context"]["sts:ExternalId"]
    return raw.sent(raw.signed(raw.request(b.endpoint, form=form), user.keys, service))


def main() -> None:
    count, seed = map(int, sys.argv[1:])
    stage = Stage(backend(json.loads(os.environ["JUDGED"])))
    for case in cases(count, seed):
        if case["realizable"]:
            try:
                got = stage.play(case)
            except (BotoCoreError, KeyError, OSError, ValueError) as error:
                got = Outcome("no setup", 0, type(error).__name__)
            print(json.dumps({"id": case["id"], "got": asdict(got)}), flush=True)


if __name__ == "__main__":
    main()
