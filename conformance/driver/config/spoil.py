"""What users do to their files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import home
from .text import Section

if TYPE_CHECKING:
    from .trees import Tree


def some(tree: Tree) -> None:
    for _ in range(tree.dice.choices((1, 2, 3), (70, 22, 8))[0]):
        name = tree.dice.choice(list(WAYS))
        if WAYS[name](tree) is not False:
            tree.told.append(name)


def _profile(tree: Tree) -> str:
    return tree.dice.choice(tree.chain)


def _sections(tree: Tree) -> list[Section]:
    """Those of the chain, in either file."""
    wanted = {heading for name in tree.chain for heading in (name, f"profile {name}")}
    found = [each for sections in tree.sections.values() for each in sections if each.heading in wanted]
    return found or [tree.section("config", tree.chain[0])]


def _section(tree: Tree) -> Section:
    return tree.dice.choice(_sections(tree))


def _at(tree: Tree, section: Section) -> int | None:
    plain = [at for at, (key, _) in enumerate(section.lines) if key and not key.startswith(" ")]
    return tree.dice.choice(plain) if plain else None


def _change(tree: Tree, to: Callable[[str, str], list[tuple[str, str]]]) -> bool:
    """Replaces one line of the chain by others."""
    section = _section(tree)
    at = _at(tree, section)
    if at is None:
        return False
    section.lines[at : at + 1] = to(*section.lines[at])
    return True


def _value(tree: Tree, keys: tuple[str, ...], values: tuple[str, ...]) -> bool:
    """Gives one key of the chain another value, and puts it there if nobody has it."""
    found = [(each, at) for each in _sections(tree) for at, (key, _) in enumerate(each.lines) if key in keys]
    value = tree.dice.choice(values)
    if found:
        section, at = tree.dice.choice(found)
        section.lines[at] = (section.lines[at][0], value)
    else:
        tree.put(_profile(tree), **{tree.dice.choice(keys): value})
    return True


def _second_section(tree: Tree) -> None:
    section = _section(tree)
    file = next(each for each in tree.sections.values() if section in each)
    half = len(section.lines) // 2
    file.append(Section(section.heading, section.lines[half:] + [("output", "text")]))
    del section.lines[half:]


def _two_files(tree: Tree) -> None:
    """Half of a profile of the config file stands in the credentials file."""
    name = _profile(tree)
    section = tree.section("config", name)
    half = len(section.lines) // 2
    moved = section.lines[half:]
    if any(key.startswith(" ") for key, _ in moved):
        return
    tree.section("credentials", name).lines += moved
    if tree.chance(0.5):
        del section.lines[half:]


def _two_defaults(tree: Tree) -> None:
    """Both spellings of default in one file."""
    from .trees import key_of

    plain = Section("default", [("aws_access_key_id", "AKIAPLAINDEFAULT0000"), ("aws_secret_access_key", "CANARYSECRET")])
    prefixed = Section("profile default", [("region", "sa-east-1")])
    if tree.chance(0.5):
        prefixed.lines += [("aws_access_key_id", key_of("prefixed", "config")), ("aws_secret_access_key", "CANARYSECRET")]
    both = [plain, prefixed]
    tree.dice.shuffle(both)
    tree.sections["config"] += both
    tree.ask = ["profile", "default"]


def _heading(tree: Tree, change: Callable[[str], str]) -> bool:
    section = _section(tree)
    changed = change(section.heading)
    section.heading, before = changed, section.heading
    return changed != before


def _rename(tree: Tree, name: str, written: str | None = None) -> None:
    """Gives a profile of the chain another name, everywhere."""
    at = tree.dice.randrange(len(tree.chain))
    before, tree.chain[at] = tree.chain[at], name
    written = written or name
    for section in (*tree.sections["config"], *tree.sections["credentials"]):
        if section.heading in (before, f"profile {before}"):
            in_config = section in tree.sections["config"]
            section.heading = f"profile {written}" if in_config and name != "default" else written
        section.lines = [
            (key, name if key == "source_profile" and value == before else value) for key, value in section.lines
        ]
    if tree.ask == ["profile", before]:
        tree.ask = ["profile", name]
    if tree.env.get("AWS_PROFILE") == before:
        tree.env["AWS_PROFILE"] = name


def _style(tree: Tree, **style: object) -> None:
    tree.style.update(style)


def _dress(tree: Tree, *dresses: str) -> None:
    _section(tree).dress = tree.dice.choice(dresses)


def _drop(tree: Tree, *keys: str) -> bool:
    """Takes away one line with such a key."""
    found = [(each, line) for each in _sections(tree) for line in each.lines if line[0] in keys]
    if not found:
        return False
    section, line = tree.dice.choice(found)
    section.lines.remove(line)
    return True


def _point(tree: Tree, at: str) -> bool:
    """Points somebody's source_profile elsewhere."""
    found = [(each, line) for each in _sections(tree) for line in each.lines if line[0] == "source_profile"]
    if not found:
        return False
    section, line = tree.dice.choice(found)
    own = section.heading.removeprefix("profile ")
    section.lines[section.lines.index(line)] = ("source_profile", own if at == "itself" else at)
    return True


def _env(tree: Tree, **variables: str) -> None:
    tree.env.update(variables)


def _sso_twice(tree: Tree) -> None:
    """An sso-session, and what stands in it in the profile as well."""
    from .trees import SOURCES

    name = tree.chain[-1]
    SOURCES["sso"](tree, name)
    tree.put(name, sso_start_url=tree.dice.choice(home.START_URLS))
    if tree.chance(0.5):
        tree.put(name, sso_region=tree.dice.choice(("us-east-1", "eu-west-1")))


def _keys_too(tree: Tree) -> None:
    """Keys in a profile that has a role, in either file."""
    from .trees import key_of

    name = _profile(tree)
    file = tree.dice.choice(("config", "credentials"))
    tree.put(name, file, aws_access_key_id=key_of(name, file), aws_secret_access_key="CANARYSECRET")


def _source_too(tree: Tree) -> None:
    """One more source, somewhere in the chain."""
    from .trees import SOURCES

    SOURCES[tree.dice.choice([each for each in SOURCES if each != "nothing"])](tree, _profile(tree))


WAYS: dict[str, Callable[[Tree], object]] = {
    "second section": _second_section,
    "two files": _two_files,
    "two defaults": _two_defaults,
    "keys too": _keys_too,
    "keys too, elsewhere": _keys_too,
    "source too": _source_too,
    "source too, elsewhere": _source_too,
    "key twice": lambda tree: _change(tree, lambda key, value: [(key, "us-west-2"), (key, value)]),
    "key with other letters": lambda tree: _change(tree, lambda key, value: [(key.upper(), value)]),
    "empty value": lambda tree: _change(tree, lambda key, value: [(key, "")]),
    "comment behind a value": lambda tree: _change(
        tree, lambda key, value: [(key, value + tree.dice.choice((" # why", " ; why", "#why", ";why", "\t# why")))]
    ),
    "comment line": lambda tree: _change(
        tree, lambda key, value: [(key, value), ("", tree.dice.choice(("# why", "; why", "  # why", "\t; why")))]
    ),
    "quoted value": lambda tree: _change(tree, lambda key, value: [(key, tree.dice.choice((f'"{value}"', f"'{value}'")))]),
    "colon": lambda tree: _change(tree, lambda key, value: [("", f"{key}: {value}")]),
    "no equals sign": lambda tree: _change(tree, lambda key, value: [(key, value), ("", "nonsense")]),
    "no key": lambda tree: _change(tree, lambda key, value: [(key, value), ("", "= value")]),
    "odd key": lambda tree: _change(tree, lambda key, value: [(key, value), (tree.dice.choice(("od d", "odd!", "o.d")), "v")]),
    "goes on below": lambda tree: _change(
        tree, lambda key, value: [(key, value), ("", tree.dice.choice(("  more", "\tmore", "  more = less")))]
    ),
    "indented key": lambda tree: _change(tree, lambda key, value: [(f"  {key}", value)]),
    "nested block": lambda tree: _change(
        tree, lambda key, value: [(key, value), ("s3", ""), ("  max", "1"), ("", ""), ("  addressing_style", "path")]
    ),
    "nested nonsense": lambda tree: _change(tree, lambda key, value: [("s3", ""), ("", "  nonsense"), (key, value)]),
    "trailing blanks": lambda tree: _change(tree, lambda key, value: [(key, f"{value}  \t")]),
    "letters of the world": lambda tree: tree.put(_profile(tree), cli_note="Grüße, 世界"),
    "before any section": lambda tree: _style(tree, first=[tree.dice.choice(("region = us-east-1", "  # why", "nonsense"))]),
    "windows lines": lambda tree: _style(tree, newline="\r\n"),
    "byte order mark": lambda tree: _style(tree, before="\ufeff"),
    "blanks in the heading": lambda tree: _dress(tree, "[ %s ]", "[\t%s]", "[%s  ]"),
    "comment behind the heading": lambda tree: _dress(tree, "[%s] # why", "[%s]# why", "[%s] ; why", "[%s];why"),
    "something behind the heading": lambda tree: _dress(tree, "[%s] junk", "[%s]]"),
    "heading without its end": lambda tree: _dress(tree, "[%s"),
    "heading set in": lambda tree: _dress(tree, " [%s]"),
    "two blanks behind profile": lambda tree: _heading(tree, lambda text: text.replace("profile ", "profile  ")),
    "tab behind profile": lambda tree: _heading(tree, lambda text: text.replace("profile ", "profile\t")),
    "no profile before the name": lambda tree: _heading(tree, lambda text: text.removeprefix("profile ")),
    "profile before the name": lambda tree: _heading(tree, lambda text: f"profile {text.removeprefix('profile ')}"),
    "Profile with a capital": lambda tree: _heading(tree, lambda text: text.replace("profile ", "Profile ")),
    "profile glued to the name": lambda tree: _heading(tree, lambda text: text.replace("profile ", "profile")),
    "name in quotes": lambda tree: _rename(tree, "quoted", '"quoted"'),
    "name of two words": lambda tree: _rename(tree, "two words", '"two words"'),
    "name of two words, bare": lambda tree: _rename(tree, "two words"),
    "odd name": lambda tree: _rename(tree, tree.dice.choice(("foo!bar", "foo#bar", "müller", "a,b", "a~b", "(x)", "a\\b"))),
    "name like a role": lambda tree: _rename(tree, tree.dice.choice(("123456789012/admin", "arn:aws:iam::1:role/x"))),
    "source with other letters": lambda tree: _point(tree, "Default"),
    "source itself": lambda tree: _point(tree, "itself"),
    "source not there": lambda tree: _point(tree, "not-there"),
    "circle": lambda tree: _point(tree, tree.dice.choice(tree.chain)),
    "no source": lambda tree: _drop(tree, "source_profile", "credential_source"),
    "both sources": lambda tree: tree.put(tree.chain[0], credential_source="Environment"),
    "half a pair": lambda tree: _drop(tree, "aws_access_key_id", "aws_secret_access_key"),
    "sso: one missing": lambda tree: _drop(
        tree, "sso_account_id", "sso_role_name", "sso_start_url", "sso_region", "sso_session"
    ),
    "sso twice": _sso_twice,
    "sso-session not there": lambda tree: _value(tree, ("sso_session",), ("not-there",)),
    "no role": lambda tree: _drop(tree, "role_arn"),
    "odd role": lambda tree: _value(
        tree,
        ("role_arn",),
        ("not-an-arn-but-long-enough", "arn:aws:iam::666666666666:user/someone", "arn:aws:iam::6:role/short-account", "short"),
    ),
    "other partition": lambda tree: _value(tree, ("role_arn",), ("arn:aws-cn:iam::666666666666:role/elsewhere",)),
    "odd external id": lambda tree: _value(tree, ("external_id",), ("with blank", "x", "<none>")),
    "odd session name": lambda tree: _value(tree, ("role_session_name",), ("with blank", "x", "a/b", "n" * 70)),
    "odd duration": lambda tree: _value(tree, ("duration_seconds",), ("1h", "60", "0", "90000", "3600.0", "-1", " 3600 ")),
    "odd serial": lambda tree: _value(tree, ("mfa_serial",), ("short", "with a blank in it", "arn:aws:iam::1:mfa/x")),
    "odd region": lambda tree: (tree.env.pop("AWS_REGION", 0), _value(tree, ("region",), ("us east 1", "US-EAST-1", "nowhere"))),
    "odd credential_source": lambda tree: _value(tree, ("credential_source",), ("environment", "ENVIRONMENT", "Nothing")),
    "odd process": lambda tree: _value(
        tree, ("credential_process",), (f"{home.HOME}/bin/process-a 'open", f"'{home.HOME}/bin/process-b' x", "~/bin/process-a")
    ),
    "token file not there": lambda tree: _value(tree, ("web_identity_token_file",), (f"{home.HOME}/tokens/not-there",)),
    "odd endpoint": lambda tree: _value(
        tree, ("endpoint_url",), ("http://sts.example.com", "localhost:4566", "https://h/with/path", "http://localhost:4566/")
    ),
    "AWS_PROFILE not there": lambda tree: _env(tree, AWS_PROFILE="not-there"),
    "AWS_PROFILE empty": lambda tree: _env(tree, AWS_PROFILE=tree.dice.choice(("", " "))),
    "AWS_DEFAULT_PROFILE": lambda tree: _env(tree, AWS_DEFAULT_PROFILE=tree.dice.choice(("default", "prod", "not-there"))),
    "half a pair in the environment": lambda tree: _env(tree, AWS_ACCESS_KEY_ID=home.ENVIRONMENT_KEY),
    "other half in the environment": lambda tree: _env(tree, AWS_SECRET_ACCESS_KEY="CANARYSECRET"),
    "empty keys in the environment": lambda tree: _env(tree, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""),
    "blank keys in the environment": lambda tree: _env(tree, AWS_ACCESS_KEY_ID=" ", AWS_SECRET_ACCESS_KEY=" "),
    "token file without a role": lambda tree: _env(tree, AWS_WEB_IDENTITY_TOKEN_FILE=f"{home.HOME}/tokens/token-a"),
    "role without a token file": lambda tree: _env(tree, AWS_ROLE_ARN="arn:aws:iam::666666666666:role/fromenv"),
    "session name in the environment": lambda tree: _env(tree, AWS_ROLE_SESSION_NAME="from-environment"),
    "two regions in the environment": lambda tree: _env(tree, AWS_REGION="eu-north-1", AWS_DEFAULT_REGION="sa-east-1"),
    "the other region variable": lambda tree: (tree.env.pop("AWS_REGION", 0), _env(tree, AWS_DEFAULT_REGION="ca-central-1")),
    "odd switches": lambda tree: _env(
        tree,
        **{
            tree.dice.choice(("AWS_USE_FIPS_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")): tree.dice.choice(
                ("yes", "TRUE", "1")
            )
        },
    ),
}
