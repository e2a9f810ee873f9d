"""Makes cases: a config file, a credentials file, an environment, and what is asked for.

First a sound tree: a chain of roles down to a source, with settings a user would have. Then, for a part of the cases,
`spoil` does to it what users do to their files.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import home, spoil
from .text import Section, written

CONFIG, CREDENTIALS = "config", "credentials"
NAMES = ("default", "prod", "dev", "hub", "audit", "team/ops", "a.b", "x_y", "me@corp", "base+1", "100%", "Prod", "sso")
ACCOUNTS = ("111122223333", "444455556666", "666666666666")
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2", "us-west-2", "eu-south-1")


@dataclass
class Case:
    name: str
    files: dict[str, str | None]
    env: dict[str, str]
    ask: list[str]
    # What was done to the tree, for whoever reads it.
    told: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "ask": self.ask, "env": self.env, "files": self.files, "told": self.told}


@dataclass
class Tree:
    """A case in the making: the sections of both files, before they are text."""

    dice: random.Random
    sections: dict[str, list[Section]] = field(default_factory=lambda: {CONFIG: [], CREDENTIALS: []})
    env: dict[str, str] = field(default_factory=dict)
    ask: list[str] = field(default_factory=list)
    # The profiles of the chain, from the one that is asked for down to the source.
    chain: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    style: dict[str, Any] = field(default_factory=dict)

    def section(self, file: str, name: str) -> Section:
        """The profile's section in a file; made where it is not there yet."""
        heading = name if file == CREDENTIALS or name == "default" else f"profile {name}"
        for section in self.sections[file]:
            if section.heading == heading:
                return section
        self.sections[file].append(Section(heading))
        return self.sections[file][-1]

    def put(self, name: str, file: str = CONFIG, **values: str) -> None:
        self.section(file, name).lines += [(key, value) for key, value in values.items()]

    def chance(self, likely: float) -> bool:
        return self.dice.random() < likely


def key_of(name: str, file: str) -> str:
    """The access key id that says where it stands: AKIA, the file, the profile."""
    letters = "".join(letter for letter in name.upper() if letter.isalnum())
    return f"AKIA{'CONF' if file == CONFIG else 'CRED'}{letters:0<12}"[:20]


def role_of(name: str, partition: str = "aws", account: str = "666666666666") -> str:
    letters = "".join(letter for letter in name if letter.isalnum())
    return f"arn:{partition}:iam::{account}:role/{letters}"


def cases(count: int, seed: int) -> list[Case]:
    return [one(f"{seed}-{number:05}", random.Random(f"{seed}/{number}")) for number in range(count)]


def one(name: str, dice: random.Random) -> Case:
    tree = Tree(dice)
    _chain(tree)
    _settings(tree)
    _others(tree)
    _ask(tree)
    _environment(tree)
    _region(tree)
    for section in (*tree.sections[CONFIG], *tree.sections[CREDENTIALS]):
        if tree.chance(0.2) and not any(key.startswith(" ") for key, _ in section.lines):
            dice.shuffle(section.lines)
    for sections in tree.sections.values():
        if tree.chance(0.3):
            dice.shuffle(sections)
    if tree.chance(0.5):
        spoil.some(tree)
    files = {f".aws/{file}": written(tree.sections[file], dice, tree.style) for file in (CONFIG, CREDENTIALS)}
    _places(tree, files)
    for path in [path for path, text in files.items() if not text and tree.chance(0.8)]:
        files[path] = None
    return Case(name, files, tree.env, tree.ask, tree.told)


def _chain(tree: Tree) -> None:
    length = tree.dice.choices((1, 2, 3, 4, 5, 6), (25, 40, 18, 9, 5, 3))[0]
    tree.chain = tree.dice.sample(NAMES, length)
    partition = tree.dice.choices(("aws", "aws-cn", "aws-us-gov"), (94, 3, 3))[0]
    if partition != "aws":
        region = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}[partition]
        tree.env.update(AWS_REGION=region, AWS_DEFAULT_REGION=region)
    for above, below in zip(tree.chain, tree.chain[1:]):
        tree.put(above, role_arn=role_of(above, partition, tree.dice.choice(ACCOUNTS)), source_profile=below)
    SOURCES[tree.dice.choices(list(SOURCES), _WEIGHTS)[0]](tree, tree.chain[-1])


def _settings(tree: Tree) -> None:
    """What roles and regions are set up with."""
    dice = tree.dice
    for name in tree.chain:
        if tree.chance(0.5):
            tree.put(name, region=dice.choice(REGIONS))
    for name in tree.chain[:-1]:
        if tree.chance(0.2):
            tree.put(name, external_id=dice.choice(("shared-id", "a:b/c", "id=with=signs")))
        if tree.chance(0.25):
            tree.put(name, role_session_name=dice.choice(("alice", "me@corp.example", "a-b_c=d,e")))
        if tree.chance(0.15):
            tree.put(name, duration_seconds=dice.choice(("900", "3600", "7200", "43200")))
        if tree.chance(0.12):
            tree.put(name, mfa_serial=dice.choice(("arn:aws:iam::111122223333:mfa/alice", "GAHT12345678")))
    for name in tree.chain:
        if tree.chance(0.06):
            tree.put(name, endpoint_url=dice.choice(_URLS))
        if tree.chance(0.05):
            tree.put(name, services="local")
            tree.sections[CONFIG].append(
                Section("services local", [("sts", ""), ("  endpoint_url", dice.choice(_URLS)), ("s3", ""), ("  x", "y")])
            )
        for key, likely in (("use_fips_endpoint", 0.04), ("use_dualstack_endpoint", 0.04)):
            if tree.chance(likely):
                tree.put(name, **{key: dice.choice(("true", "true", "false"))})
        if tree.chance(0.03):
            tree.put(name, ignore_configured_endpoint_urls=dice.choice(("true", "false")))
        if tree.chance(0.05):
            tree.put(name, sts_regional_endpoints=dice.choice(("regional", "regional", "legacy")))
        if tree.chance(0.15):
            tree.put(name, **dice.choice(({"output": "json"}, {"cli_pager": ""}, {"ca_bundle": "/etc/ssl/x.pem"})))


def _others(tree: Tree) -> None:
    """Profiles that have nothing to do with it."""
    others = [name for name in NAMES if name not in tree.chain]
    for name in tree.dice.sample(others, tree.dice.randint(0, 3)):
        SOURCES[tree.dice.choices(list(SOURCES), _WEIGHTS)[0]](tree, name)


def _ask(tree: Tree) -> None:
    kind = tree.dice.choices(("profile", "default", "role"), (60, 22, 18))[0]
    first = tree.chain[0]
    if kind == "profile":
        tree.ask = ["profile", first]
    else:
        tree.ask = ["default"] if kind == "default" else ["role", role_of("probe")]
        if kind == "role" and tree.env.get("AWS_REGION"):
            partition = "aws-cn" if "cn" in tree.env["AWS_REGION"] else "aws-us-gov"
            tree.ask = ["role", role_of("probe", partition)]
        if first != "default":
            tree.env["AWS_PROFILE"] = first


def _environment(tree: Tree) -> None:
    dice, env = tree.dice, tree.env
    if tree.chance(0.85):
        env["AWS_EC2_METADATA_DISABLED"] = "true"
    if "AWS_REGION" not in env and tree.chance(0.45):
        env["AWS_REGION"] = dice.choice(REGIONS)
        if tree.chance(0.9):
            env["AWS_DEFAULT_REGION"] = env["AWS_REGION"]
    if tree.chance({"profile": 0.12, "default": 0.05, "role": 0.2}[tree.ask[0]]):
        _keys(env, dice)
    if tree.chance(0.05):
        env.update(AWS_ROLE_ARN=role_of("fromenv"), AWS_WEB_IDENTITY_TOKEN_FILE=f"{home.HOME}/tokens/token-b")
    if tree.chance(0.04):
        env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/credentials?a=1"
    elif tree.chance(0.04):
        env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:8181/creds"
        env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "CANARYTOKEN"
    if tree.chance(0.06):
        env["AWS_ENDPOINT_URL"] = dice.choice(_URLS)
    if tree.chance(0.06):
        env["AWS_ENDPOINT_URL_STS"] = dice.choice(_URLS)
    if tree.chance(0.03):
        env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = dice.choice(("true", "false"))
    if tree.chance(0.03):
        env["AWS_USE_FIPS_ENDPOINT"] = "true"
    if tree.chance(0.03):
        env["AWS_USE_DUALSTACK_ENDPOINT"] = "true"
    if tree.chance(0.03):
        env["AWS_STS_REGIONAL_ENDPOINTS"] = dice.choice(("regional", "legacy"))


def _region(tree: Tree) -> None:
    """Most users have one, and without one little is called."""
    if "AWS_REGION" not in tree.env and tree.chance(0.92):
        section = tree.section(CONFIG, tree.chain[0])
        if not any(key == "region" for key, _ in section.lines):
            section.lines.append(("region", tree.dice.choice(REGIONS)))


def _places(tree: Tree, files: dict[str, str | None]) -> None:
    """Files that lie elsewhere, and variables that say where."""
    variables = {".aws/config": "AWS_CONFIG_FILE", ".aws/credentials": "AWS_SHARED_CREDENTIALS_FILE"}
    for usual, variable in variables.items():
        if tree.chance(0.05):
            elsewhere = usual.replace(".aws/", "elsewhere/")
            files[elsewhere] = files.pop(usual)
            files[usual] = "[default]\naws_access_key_id = AKIADECOYDECOYDECOY0\naws_secret_access_key = CANARYSECRET\n"
            tree.env[variable] = tree.dice.choice((f"{home.HOME}/{elsewhere}", f"~/{elsewhere}"))
        elif tree.chance(0.01):
            tree.env[variable] = f"{home.HOME}/elsewhere/not-there"


_URLS = ("http://127.0.0.1:4566", "https://sts.example.com", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com")


def _keys(env: dict[str, str], dice: random.Random) -> None:
    env.update(AWS_ACCESS_KEY_ID=home.ENVIRONMENT_KEY, AWS_SECRET_ACCESS_KEY="CANARYSECRET")
    if dice.random() < 0.3:
        env["AWS_SESSION_TOKEN"] = "CANARYTOKEN"


def _static(tree: Tree, name: str, file: str, token: bool = False) -> None:
    tree.put(name, file, aws_access_key_id=key_of(name, file), aws_secret_access_key="CANARYSECRET")
    if token:
        tree.put(name, file, aws_session_token="CANARYTOKEN")


def _process(tree: Tree, name: str) -> None:
    program = tree.dice.choice(home.PROCESSES)
    place = tree.dice.choice((f"{home.HOME}/bin/", f"{home.HOME}/bin/", ""))
    arguments = tree.dice.choice(("", "", " --flag value", ' "one word" two'))
    tree.put(name, credential_process=f"{place}{program}{arguments}")


def _sso(tree: Tree, name: str) -> None:
    number = tree.dice.randrange(2)
    session = home.SESSIONS[number]
    tree.put(name, sso_session=session, sso_account_id=tree.dice.choice(ACCOUNTS), sso_role_name="ReadOnly")
    if not any(section.heading == f"sso-session {session}" for section in tree.sections[CONFIG]):
        tree.sections[CONFIG].append(
            Section(
                f"sso-session {session}",
                [
                    ("sso_region", tree.dice.choice(("us-east-1", "eu-west-1"))),
                    ("sso_start_url", home.START_URLS[number]),
                    ("sso_registration_scopes", "sso:account:access"),
                ],
            )
        )


def _legacy_sso(tree: Tree, name: str) -> None:
    tree.put(
        name,
        sso_start_url=tree.dice.choice(home.START_URLS),
        sso_region=tree.dice.choice(("us-east-1", "eu-west-1")),
        sso_account_id=tree.dice.choice(ACCOUNTS),
        sso_role_name="ReadOnly",
    )


def _web_identity(tree: Tree, name: str) -> None:
    tree.put(
        name, role_arn=role_of(f"web{name}"), web_identity_token_file=f"{home.HOME}/tokens/{tree.dice.choice(home.TOKENS)}"
    )
    if tree.chance(0.3):
        tree.put(name, role_session_name="web-alice")


def _named_source(tree: Tree, name: str) -> None:
    named = tree.dice.choice(("Environment", "Environment", "EcsContainer", "Ec2InstanceMetadata"))
    tree.put(name, role_arn=role_of(name), credential_source=named)
    if tree.chance(0.8):
        if named == "Environment":
            _keys(tree.env, tree.dice)
        elif named == "EcsContainer":
            tree.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/credentials"


def _nothing(tree: Tree, name: str) -> None:
    tree.put(name, region=tree.dice.choice(REGIONS))


def _two(tree: Tree, name: str) -> None:
    for source in tree.dice.sample([each for each in SOURCES if each not in ("two", "nothing")], 2):
        SOURCES[source](tree, name)
    tree.told.append("two sources")


SOURCES: dict[str, Callable[[Tree, str], None]] = {
    "keys": lambda tree, name: _static(tree, name, CREDENTIALS),
    "keys in config": lambda tree, name: _static(tree, name, CONFIG),
    "temporary keys": lambda tree, name: _static(tree, name, tree.dice.choice((CONFIG, CREDENTIALS)), token=True),
    "process": _process,
    "sso": _sso,
    "legacy sso": _legacy_sso,
    "web identity": _web_identity,
    "login": lambda tree, name: tree.put(name, login_session=tree.dice.choice(home.LOGINS)),
    "named": _named_source,
    "nothing": _nothing,
    "two": _two,
}
_WEIGHTS = (24, 10, 8, 12, 10, 7, 8, 4, 9, 3, 7)
