"""Asks one backend every check, and prints what it did, with the table, as JSON. Runs where boto3 is.

What is asked stands in the environment: JUDGED, as JSON, because it holds keys.
"""

import json
import os
import sys
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from .backend import Backend, Keys, NotOffered, Outcome
from .backends import CephRgw, MiniStack, Moto, Sandbox
from .check import Check
from .checks import CHECKS


def backend(judged: dict) -> Backend:
    made = _made(judged)
    made.issuer = judged.get("issuer", {}).get("url") or f"{made.endpoint}/_sandbox/oidc"
    made.thumbprint = judged.get("issuer", {}).get("thumbprint", made.thumbprint)
    return made


def _made(judged: dict) -> Backend:
    def admins(of: dict) -> dict[str, Keys]:
        return {account: Keys(*pair) for account, pair in of.items()}

    name, endpoint = judged["name"], judged["endpoint"]
    if name == Sandbox.name:
        hasty = judged["hasty"]
        return Sandbox(endpoint, admins(judged["admins"]), Sandbox(hasty["endpoint"], admins(hasty["admins"])))
    if name == CephRgw.name:
        return CephRgw(endpoint, Keys(*judged["first"]), judged["hasty"])
    return Moto(endpoint) if name == Moto.name else MiniStack(endpoint, admins(judged["admins"]))


def outcome(check: Check, b: Backend) -> Outcome:
    try:
        return check.request(b)
    except NotOffered:
        return Outcome("not offered")
    except ClientError as error:
        # What came before the request that is asked about.
        told = b.told(error)
        return (
            told if told.kind == "not offered" else Outcome("no setup", told.status, f"{error.operation_name}: {told.code}")
        )
    except (BotoCoreError, KeyError, OSError, ValueError):
        return Outcome("no setup", 0, "an answer that is not this API's")


def main() -> None:
    judged, only = json.loads(os.environ["JUDGED"]), tuple(sys.argv[1:])
    b = backend(judged)
    for check in CHECKS:
        if not check.id.startswith(only or ""):
            continue
        row = {
            "id": check.id,
            "rule": check.rule,
            "source": check.source,
            "control": check.control,
            "aws": asdict(check.aws),
        }
        print(json.dumps(row | {"aws_told": check.aws.told(), "got": asdict(outcome(check, b))}), flush=True)


if __name__ == "__main__":
    main()
