"""What one of the three made of a case, in words that can be compared."""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import home

Json = dict[str, Any]
# A region that no call shows, because the endpoint was given.
UNSEEN = "?"


@dataclass
class Hop:
    """One AssumeRole, or AssumeRoleWithWebIdentity. None: not told, or left to the default."""

    role: str
    external_id: str | None = None
    session_name: str | None = None
    duration: int = 3600
    region: str | None = None
    url: str | None = None


@dataclass
class Outcome:
    """Either `error`, or a source and the hops from it."""

    error: str | None = None
    message: str = ""
    source: str | None = None
    hops: list[Hop] = field(default_factory=list)
    # The region of the caller's own clients.
    region: str | None = None
    # The devices that are proved on the way.
    mfa: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def shape(self) -> tuple:
        return ("error",) if self.error else (self.source, *(hop.role for hop in self.hops))

    def as_json(self) -> Json:
        return asdict(self)


# How the SDKs name a session that nobody named.
_UNNAMED = re.compile(r"botocore-session-\d+|(assume-role-from-profile|web-identity-token(-profile)?)-\d+")


def of_sdk(answered: Json) -> Outcome:
    """From the calls an SDK made."""
    told, calls = answered["told"], answered["calls"]
    if "error" in told:
        return Outcome(told["error"], told["message"], region=told.get("region"))
    sts = {index for index, call in enumerate(calls) if "Action=" in call["body"]}
    key, hops = told["access_key_id"], []
    asked = [index for index in sts if "probe" in calls[index]["body"].split("RoleSessionName=")[-1]]
    at = asked[-1] if asked else _made(key)
    source, devices = None, []
    while at is not None and at in sts:
        call = calls[at]
        form = {name: values[0] for name, values in parse_qs(call["body"], keep_blank_values=True).items()}
        hops.insert(0, _hop(form, call))
        if "SerialNumber" in form:
            devices.insert(0, form["SerialNumber"])
        if "WebIdentityToken" in form:
            source = f"web_identity {form['WebIdentityToken'].removeprefix('CANARYTOKEN-')}"
            break
        key, at = _signer(call), _made(_signer(call))
    return Outcome(source=source or _source(key, calls), hops=hops, region=told["region"], mfa=devices)


def _made(key: str) -> int | None:
    """Which call a key came out of."""
    made = re.fullmatch(r"ASIACANARY(\d{10})", key)
    return int(made[1]) - 1 if made else None


def _signer(call: Json) -> str:
    return re.search(r"Credential=(.*?)/\d{8}/", call["headers"]["authorization"], re.DOTALL)[1]


def _hop(form: dict[str, str], call: Json) -> Hop:
    scope = re.search(r"Credential=.*?/\d{8}/(.*?)/sts/", call["headers"].get("authorization", ""), re.DOTALL)
    name = form.get("RoleSessionName")
    return Hop(
        role=form["RoleArn"],
        external_id=form.get("ExternalId"),
        session_name=None if name is None or _UNNAMED.fullmatch(name) else name,
        duration=int(form.get("DurationSeconds", 3600)),
        region=scope[1] if scope else None,
        url=call["url"].rstrip("/"),
    )


def _source(key: str, calls: list[Json]) -> str:
    at = _made(key)
    if at is not None:
        url = urlsplit(calls[at]["url"])
        asked = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        region = re.search(r"portal\.sso[^.]*\.([^.]+)\.", url.netloc)
        token = calls[at]["headers"]["x-amz-sso_bearer_token"].removeprefix("CANARYTOKEN-")
        return f"sso {asked['account_id']} {asked['role_name']} {region[1] if region else UNSEEN} {_start_url(token)}"
    if key == "ASIACONTAINERCANARY0":
        asked = (call["url"] for call in calls if "Action=" not in call["body"] and "/latest/" not in call["url"])
        return f"container {next(asked).partition('?')[0]}"
    if key == "ASIAINSTANCEMETADATA":
        return "instance_metadata"
    for name in home.PROCESSES:
        if key == home.process_key(name):
            return f"process {name}"
    for name in home.LOGINS:
        if key == home.login_key(name):
            return f"login {name}"
    return f"key {key}"


def _start_url(token: str) -> str:
    """Whose sign-in it was: a token is found by the session's name, or by the URL itself."""
    return home.START_URLS[home.SESSIONS.index(token)] if token in home.SESSIONS else token


def of_rolecall(code: int, out: str, err: str, somebody: str) -> Outcome:
    """From `plan --json`, which calls nothing. `somebody`: what it names a session that nobody named."""
    if code:
        try:
            error = json.loads(err.strip().splitlines()[-1])["error"]
        except (ValueError, KeyError, IndexError):
            return Outcome("broken", f"exit {code}: {err.strip()[-300:]}")
        return Outcome(error["kind"], error["message"])
    plan = json.loads(out)
    hops = [
        Hop(
            role=role["role_arn"],
            external_id=role["external_id"],
            session_name=None if role["session_name"] == somebody else role["session_name"],
            duration=role["duration_seconds"],
            region=role["region"],
            url=role["sts_endpoint"],
        )
        for role in plan["roles"]
    ]
    device = (plan["mfa"] or {}).get("serial")
    return Outcome(
        source=_planned(plan["source"]),
        hops=hops,
        region=plan["region"],
        mfa=[device] if device else [],
        warnings=plan["warnings"],
    )


def _planned(source: Json) -> str:
    kind, details = source["kind"], source["details"] or {}
    match kind:
        case "access_key" | "environment":
            return f"key {source['access_key_id']}"
        case "process":
            return f"process {details['program'].rpartition('/')[2]}"
        case "login":
            return f"login {details['session']}"
        case "sso":
            return f"sso {details['account_id']} {details['role_name']} {details['region']} {details['start_url']}"
        case "container":
            return f"container {details['uri']}"
        case "web_identity":
            return f"web_identity {details['token_file'].rpartition('/')[2]}"
    return kind
