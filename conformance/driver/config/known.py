"""The disagreements that have a reason. Each is as narrow as it can be told, is in docs/config.md, and has to occur."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from . import home
from .differ import Difference
from .outcome import Hop, Outcome

_ENVIRONMENT_KEY = f"key {home.ENVIRONMENT_KEY}"
_FROM_ENVIRONMENT = "arn:aws:iam::666666666666:role/fromenv"


class Kind(Enum):
    # botocore and the SDK for Rust agree, and rolecall does otherwise.
    ALONE = 1
    # The two disagree, and rolecall does not do as the SDK for Rust.
    APART = 2
    # The two disagree, rolecall does as the SDK for Rust, and does not warn of it.
    SILENT = 3


@dataclass(frozen=True)
class Known:
    # What rolecall does, in words.
    name: str
    reason: str
    kind: Kind
    explains: Callable[[Difference], bool]


def reason(difference: Difference) -> Known | None:
    """The first that explains it."""
    return next((known for known in KNOWN if known.explains(difference)), None)


def _says(difference: Difference, pattern: str) -> bool:
    """Whether rolecall refuses in such words."""
    ours = difference.told[2]
    return bool(ours.error and re.search(pattern, ours.message))


def _fields(difference: Difference, *fields: str) -> bool:
    return difference.field in fields


def _uses_environment(difference: Difference) -> bool:
    sdks = difference.told[:2]
    return any(not each.error and each.source == _ENVIRONMENT_KEY and not _profile_roles(each) for each in sdks)


def _profile_roles(outcome: Outcome) -> list[Hop]:
    """The roles that stand in profiles or in the environment: not the one that was asked for by its ARN."""
    return [hop for hop in outcome.hops if not hop.role.endswith(":role/probe")]


def _falls_through(difference: Difference) -> bool:
    """Whether the SDK for Rust went on to what belongs to no profile."""
    rust = difference.told[1]
    roles = [hop.role for hop in _profile_roles(rust)]
    elsewhere = (rust.source or "").startswith(("container", "instance_metadata")) and not roles
    return not rust.error and (elsewhere or roles == [_FROM_ENVIRONMENT])


def _text(difference: Difference) -> str:
    return "\n".join(text for text in difference.case.files.values() if text)


def _refused_before_the_call(pattern: str) -> Callable[[Difference], bool]:
    return lambda difference: _fields(difference, "outcome") and _says(difference, pattern)


def _named_environment(difference: Difference) -> bool:
    rust = difference.told[1]
    asked = difference.case.ask == ["default"]
    return _fields(difference, "outcome") and asked and rust.source == _ENVIRONMENT_KEY and not rust.hops


def _unreadable_but_environment(difference: Difference) -> bool:
    grammar = r"(config|credentials):\d+: (this (line|stands)|something stands|the section's|there is no key|below the empty)"
    return _fields(difference, "outcome") and _says(difference, grammar) and _uses_environment(difference)


def _no_name(difference: Difference) -> bool:
    unnamed = difference.field == "outcome" and difference.case.env.get("AWS_PROFILE", "-").strip() == ""
    return unnamed and difference.told[0].error == "no_profile" and not difference.told[2].error


def _no_region(difference: Difference) -> bool:
    rust, ours = difference.told[1:]
    missing = rust.error and re.search("Missing Region|missing signing region", rust.message)
    return bool(_fields(difference, "outcome") and missing and any("no region" in each for each in ours.warnings))


def _indented_comment(difference: Difference) -> bool:
    """Nothing but sections, comments and blanks stands above it; or an empty property, whose block it is in."""
    unread = difference.field == "outcome" and "could not parse profile file" in difference.told[1].message
    return unread and bool(re.search(r"(?m)(\A|^\[.*\n|=[ \t]*\n)[ \t]+[#;]", _text(difference)))


def _marked_file(difference: Difference) -> bool:
    return difference.field == "outcome" and "\ufeff" in _text(difference) and bool(difference.told[1].error)


def _no_token_file(difference: Difference) -> bool:
    rust, ours = difference.told[1:]
    return (ours.source or "").startswith(("web_identity", "sso")) and "No such file" in rust.message


def _own_settings(difference: Difference) -> bool:
    """A region, an endpoint or a switch of the hop's own profile, or one of the asked-for profile that it does not take."""
    if not _fields(difference, "region", "url") or len(_profile_roles(difference.told[2])) < 2:
        return False
    text = _text(difference)
    if difference.field == "region":
        return _is_written(text, "region", difference.rolecall)
    ours, rusts = difference.told[2].hops[difference.hop], difference.told[1].hops[difference.hop]
    given = any(_is_written(text, "endpoint_url", url.removesuffix("/")) for url in (ours.url, rusts.url))
    switched = bool(re.search(r"(?im)^\s*use_(fips|dualstack)_endpoint\s*=", text))
    moved = ours.region != rusts.region and _is_written(text, "region", ours.region)
    ignored = _is_written(text, "ignore_configured_endpoint_urls", "true")
    return moved or given or ignored or (switched and _switches(ours.url) != _switches(rusts.url))


def _is_written(text: str, key: str, value: object) -> bool:
    return bool(re.search(rf"(?im)^\s*{key}\s*[=:]\s*{re.escape(str(value))}\b", text))


def _switches(url: str) -> tuple[bool, bool]:
    return "sts-fips." in url, ".api." in url


def _passed_over(difference: Difference) -> bool:
    """Endpoints that are to be passed over, and that the SDK for Rust takes where its STS calls are nested."""
    botocore, rust, ours = difference.told
    said = difference.case.env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    if not said and not _is_written(_text(difference), "ignore_configured_endpoint_urls", "true"):
        return False
    if difference.field == "outcome":
        refused = re.search("and custom endpoint are not supported|failed to apply endpoint", rust.message)
        return bool(refused) and ours.shape() == botocore.shape()
    given = not re.match(r"https://sts(-fips)?\.[a-z0-9-]+\.(amazonaws|api)\.", str(difference.rust))
    return difference.field == "url" and given and difference.rolecall == difference.botocore


def _region_of_the_source(difference: Difference) -> bool:
    """Only the SDK for Rust looks for a region on the way from the selected profile down to its source."""
    botocore, _, ours = difference.told
    nowhere = ours.region is None and botocore.region is None and ours.source == _ENVIRONMENT_KEY
    return _fields(difference, "chain's region", "region", "url") and nowhere


def _no_devices(difference: Difference) -> bool:
    return difference.field == "chain's mfa" and not difference.rust


def _long_term(difference: Difference) -> bool:
    source = difference.told[2].source or ""
    return source.startswith("key") and "aws_session_token" not in _text(difference)


def _durations(difference: Difference) -> bool:
    if difference.field != "duration":
        return False
    capped = difference.botocore > 3600 and difference.rolecall == 3600
    chained = bool(difference.hop) or not _long_term(difference)
    return difference.rolecall == difference.botocore or (capped and chained)


def _empty_value(difference: Difference) -> bool:
    """An empty session name is sent, an empty role is assumed, an empty region or address is called."""
    rust, ours = difference.told[1:]
    place = re.search(r"(?im)^(region|endpoint_url)\s*=\s*$", _text(difference))
    of_a_role = "" in [hop.role for hop in rust.hops] or (rust.error and not ours.error and place)
    if difference.field == "session_name":
        return difference.rust == ""
    return _fields(difference, "outcome") and bool(of_a_role)


def _sso_twice(difference: Difference) -> bool:
    botocore, rust, ours = difference.told
    return "can only be specified in the [sso-session]" in rust.message and (
        ours.shape() == botocore.shape() or "ConfigParseError" in botocore.message
    )


KNOWN = [
    Known(
        "without a target the selected profile counts, not the keys in the environment",
        "`exec` and `credential-process` name what they hand out; keys that happen to be set must not replace it. A role named "
        "without a profile does start from them.",
        Kind.ALONE,
        _named_environment,
    ),
    Known(
        "a file that cannot be read stops everything",
        "SDKs with keys in the environment pass over a config file with a mistake in it, and over the region and the endpoint "
        "that it names.",
        Kind.ALONE,
        _unreadable_but_environment,
    ),
    Known(
        "where a profile fails, nothing else is taken in its place",
        "A profile that is missing, that goes round in a circle or that holds no credentials makes SDKs go on to the container, "
        "the instance or the pod's token: another identity than the one that was asked for.",
        Kind.ALONE,
        lambda d: _fields(d, "outcome")
        and _falls_through(d)
        and (
            _says(d, "holds neither a role nor|there is no profile|there is no such profile|round in a circle")
            or _says(d, "names a role .* but no credentials|a role was named without a profile|something stands behind")
        ),
    ),
    Known(
        "what STS would refuse is refused before it is called",
        "Session names, external ids, serial numbers, durations and role ARNs have limits that STS documents; the error names "
        "file and line instead of a failed call.",
        Kind.ALONE,
        _refused_before_the_call(
            r"(session name|external id|MFA serial) `|is not a role ARN|duration_seconds: |goes on in the lines below it"
        ),
    ),
    Known(
        "a region that cannot be one is refused",
        "SDKs make a host name of it.",
        Kind.ALONE,
        _refused_before_the_call("is not a region"),
    ),
    Known(
        "credentials never cross partitions",
        "A role ARN says its partition; a call in another one cannot succeed, and is not made.",
        Kind.ALONE,
        _refused_before_the_call("lies in partition|never cross partitions"),
    ),
    Known(
        "STS is not called over plain http, except on this machine",
        "What travels there is a signature that is good for credentials.",
        Kind.ALONE,
        _refused_before_the_call("over plain http"),
    ),
    Known(
        "an endpoint is a whole URL",
        "Without its scheme `localhost:4566` is an unknown scheme to one SDK and an unknown host to the other.",
        Kind.ALONE,
        _refused_before_the_call("cannot be the endpoint of STS: it is not a URL"),
    ),
    Known(
        "half a key pair is an error",
        "Both take a lone secret for nothing, and the SDK for Rust a lone id as well: the next source is used, silently.",
        Kind.ALONE,
        _refused_before_the_call("half a key pair"),
    ),
    Known(
        "a key that was set in by mistake is refused",
        "Both make it a part of the value above it: a secret then travels as somebody's region.",
        Kind.ALONE,
        _refused_before_the_call("and so would be a part of the value of"),
    ),
    Known(
        "a byte order mark at the beginning of a file is passed over",
        "Editors on Windows write one, and it can mean nothing else.",
        Kind.ALONE,
        _marked_file,
    ),
    Known(
        "resolving reads nothing but the two files",
        "A token file or a sign-in that is missing now may be there when the role is assumed.",
        Kind.ALONE,
        lambda d: _fields(d, "outcome") and _no_token_file(d),
    ),
    Known(
        "an empty AWS_PROFILE is not set",
        "SDKs look for a profile without a name.",
        Kind.ALONE,
        _no_name,
    ),
    Known(
        "without a region STS is called in the partition's first one",
        "SDKs fail, or call the global endpoint. `plan` warns.",
        Kind.ALONE,
        _no_region,
    ),
    Known(
        "the MFA device may stand in the source's profile",
        "That is where its owner's key is; SDKs look at the role's profile only.",
        Kind.ALONE,
        lambda d: _no_devices(d) and not d.botocore and bool(d.rolecall),
    ),
    Known(
        "a hop is called as its own profile is set up",
        "SDKs call every hop in the region and at the endpoint of the profile that was asked for. Here one session of a hub "
        "serves all roles behind it, in whatever region each is used.",
        Kind.ALONE,
        _own_settings,
    ),
    Known(
        "an endpoint is given or made by rule, not both",
        "With FIPS or dual-stack a given endpoint would be neither. SDKs refuse it too, but only once they call, and not where "
        "another profile than the one that was asked for says so.",
        Kind.ALONE,
        _refused_before_the_call("cannot have both the endpoint"),
    ),
    Known(
        "a switch is one of its two words",
        "SDKs take `AWS_USE_FIPS_ENDPOINT=yes` for nothing: the endpoints would quietly be others.",
        Kind.ALONE,
        _refused_before_the_call("` is neither `"),
    ),
    Known(
        "mfa_serial is honoured",
        "The SDK for Rust passes over it. One device is proved for a chain, and with GetSessionToken where that is enough.",
        Kind.APART,
        lambda d: _no_devices(d) and d.rolecall != [] and set(d.rolecall) <= set(d.botocore),
    ),
    Known(
        "duration_seconds is honoured, up to AWS's cap",
        "The SDK for Rust passes over it. A role that is assumed with temporary credentials lasts an hour at most.",
        Kind.APART,
        _durations,
    ),
    Known(
        "a comment that is set in is a comment before any property, too",
        "As in botocore; the SDK for Rust refuses the file.",
        Kind.APART,
        _indented_comment,
    ),
    Known(
        "ignore_configured_endpoint_urls is honoured for every call",
        "As in botocore; the SDK for Rust does not where its STS calls belong to a profile.",
        Kind.APART,
        _passed_over,
    ),
    Known(
        "with keys in the environment, a region is the selected profile's own",
        "As in botocore; the SDK for Rust follows `source_profile` to a profile that the keys have nothing to do with.",
        Kind.APART,
        _region_of_the_source,
    ),
    Known(
        "an empty value is no value",
        "The SDK for Rust sends an empty session name, and assumes an empty role; of an empty region both make a host name.",
        Kind.APART,
        _empty_value,
    ),
    Known(
        "what an sso-session says may be said in the profile as well",
        "As in botocore, if both say the same; the SDK for Rust refuses it.",
        Kind.APART,
        lambda d: _fields(d, "outcome") and _sso_twice(d),
    ),
    Known(
        "credential_source is one of three words, in these very letters",
        "As in botocore; the SDK for Rust takes any case.",
        Kind.APART,
        _refused_before_the_call("is not a credential_source"),
    ),
    Known(
        "a variable that holds nothing but blanks is not set",
        "botocore signs with the blanks.",
        Kind.SILENT,
        lambda d: _fields(d, "warning") and d.told[0].source.strip() == "key",
    ),
    Known(
        "the selected profile comes before a token file in the environment",
        "botocore exchanges the token first, and takes the profile where there is none.",
        Kind.SILENT,
        lambda d: _fields(d, "warning") and [hop.role for hop in _profile_roles(d.told[0])] == [_FROM_ENVIRONMENT],
    ),
]
