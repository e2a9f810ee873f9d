use super::super::{ProfileSet, Warning};
use super::*;

fn read(kind: FileKind, text: &str) -> Result<Parsed, Error> {
    parse(kind, &Arc::from(Path::new("f")), text)
}

fn value(text: &str, profile: &str, key: &str) -> Option<String> {
    let parsed = read(FileKind::Config, text).unwrap();
    parsed
        .profiles
        .get(profile)?
        .properties
        .iter()
        .find(|property| property.key() == key)
        .map(|property| property.value().to_owned())
}

/// Both files in short: `name(key=value key=value) name()`, the lines of a value divided by `|`.
fn both(config: &str, credentials: &str) -> Result<String, Error> {
    let mut set = ProfileSet::default();
    set.add(FileKind::Config, Path::new("c"), config)?;
    set.add(FileKind::Credentials, Path::new("k"), credentials)?;
    let short = |section: &Profile| {
        let properties: Vec<_> = section
            .properties()
            .map(|(key, property)| format!("{key}={}", property.value().replace('\n', "|")))
            .collect();
        format!("{}({})", section.name(), properties.join(" "))
    };
    let mut all: Vec<_> = set.profiles().map(short).collect();
    all.extend(
        set.sso_sessions()
            .map(|section| format!("sso:{}", short(section))),
    );
    all.extend(
        set.services()
            .map(|section| format!("services:{}", short(section))),
    );
    Ok(all.join(" "))
}

/// The behaviours that AWS's SDKs hold their parsers to, in our own examples.
#[test]
fn files_are_read_as_the_sdks_read_them() {
    for (config, credentials, expected) in [
        // Sections and their names.
        ("", "", ""),
        ("[profile one]", "", "one()"),
        (
            "[profile a-b:c/d_e%f.g@h+i]\n[profile no!]",
            "",
            "a-b:c/d_e%f.g@h+i()",
        ),
        ("[profile AZaz09-_]", "", "AZaz09-_()"),
        (
            "[profile \t one\t ]\n[profile\ttwo]\n[\tprofile three ]",
            "",
            "one() three() two()",
        ),
        ("[profile one]\n[profile two]", "", "one() two()"),
        ("[one]\nk=v", "", ""),
        ("[profileone]\nk=v\n[profile two]", "", "two()"),
        ("[profile one two]\nk=v", "[three four]\nk=v", ""),
        ("[profile a]b]\nk=v", "", ""),
        ("", "[profile one]\nk=v\n[ two ]\nk=v", "two(k=v)"),
        (
            "",
            "[sso-session x]\nk=v\n[sso-sessionx]\nl=w",
            "sso-sessionx(l=w)",
        ),
        (
            "[sso-session s]\nk=v\n[sso-sesion t]\nk=v\n[profile p]",
            "",
            "p() sso:s(k=v)",
        ),
        (
            "[services s]\nsts=\n  endpoint_url = x",
            "",
            "services:s(sts=|endpoint_url = x)",
        ),
        // Properties.
        ("[profile a]\nk = v", "", "a(k=v)"),
        ("[profile a]\r\nK=v\r\nl=w\r\n", "", "a(k=v l=w)"),
        ("[profile a]\nk = a=b=", "", "a(k=a=b=)"),
        ("[profile a]\nk = é😂", "", "a(k=é😂)"),
        ("[profile a]\nk \t=  \tv \t", "", "a(k=v)"),
        ("[profile a]\nk =", "", "a(k=)"),
        ("[profile a]\nAZaz09-_ = v", "", "a(azaz09-_=v)"),
        ("[profile a]\nno key = v\nk=w", "", "a(k=w)"),
        (
            "[profile a]\nk=1\n[profile no!]\nk=2\n[profile b]\nk=3",
            "",
            "a(k=1) b(k=3)",
        ),
        // Blank lines and comments.
        (
            "\t \n[profile a]\n\t\n \nk=v\n\t \n[profile b]\n \t",
            "",
            "a(k=v) b()",
        ),
        ("# x\n[profile a] # x\nk = v # x # y", "", "a(k=v)"),
        ("; x\n[profile a] ; x\nk = v ; x ; y", "", "a(k=v)"),
        (";\n[profile a];\nk = v ;", "", "a(k=v)"),
        ("[profile a]; x\n[profile b]# x [y]", "", "a() b()"),
        ("[profile a]\nk = v; x\nl = v# x", "", "a(k=v; x l=v# x)"),
        (
            "[profile a]\nk = # x\nl =# x\nm = v\u{a0}# x",
            "",
            "a(k= l=# x m=v\u{a0})",
        ),
        // Values of more than one line.
        ("[profile a]\nk = v\n -w", "", "a(k=v|-w)"),
        (
            "[profile a]\nk = v\n \t -w \t \r\n\n# x\n\t-x\nl=y",
            "",
            "a(k=v|-w|-x l=y)",
        ),
        ("[profile a]\nk = v\n w # x\n y ; z", "", "a(k=v|w # x|y ; z)"),
        ("[profile a]\ns3 =\n k = v", "", "a(s3=|k = v)"),
        (
            "[profile a]\ns3 =\n k =\n a b = v\n\t \n l = w",
            "",
            "a(s3=|k =|a b = v|l = w)",
        ),
        // What stands twice.
        ("[profile a]\nk=1\n[profile a]\nl=2", "", "a(k=1 l=2)"),
        ("[profile a]\nk=1\nK=2", "", "a(k=2)"),
        (
            "[profile a]\nK=1\n[profile b]\n[profile a]\nk=2",
            "",
            "a(k=2) b()",
        ),
        ("[profile a]\nk=1", "[a]\nl=2", "a(k=1 l=2)"),
        ("[profile a]\nk=1\nl=1", "[a]\nk=2", "a(k=2 l=1)"),
        // The two spellings of the default profile.
        ("[default]\nk=1", "", "default(k=1)"),
        ("[profile default]\nk=1\n[default]\nl=2", "", "default(k=1)"),
        ("[default]\nl=2\n[profile default]\nk=1", "", "default(k=1)"),
        (
            "[profile default]\nk=1\n[default]\nl=2\n[profile default]\nm=3",
            "",
            "default(k=1 m=3)",
        ),
        (
            "[profile default]\nk=1\n[default]\nl=2",
            "[default]\nm=3",
            "default(k=1 m=3)",
        ),
        // What the SDKs stop at, and nobody sees anything wrong with.
        ("\u{feff}[profile a]\nk = v", "", "a(k=v)"),
        ("  # x\n[profile a]\n  ; x\nk=v", "", "a(k=v)"),
        ("[profile a]\ns3 =\n  # x\n  k = v", "", "a(s3=|k = v)"),
    ] {
        assert_eq!(
            both(config, credentials).unwrap(),
            expected,
            "{config:?} {credentials:?}"
        );
    }
}

/// What the AWS CLI and botocore make of the same text, as botocore 1.43 was seen to read it.
#[test]
fn what_botocore_reads_otherwise_is_said() {
    for (kind, text, line, said) in [
        (
            FileKind::Config,
            "[profile a]\nregion = x # c",
            2,
            "the comment behind `region`",
        ),
        (
            FileKind::Config,
            "[profile a]\nregion: x=y",
            2,
            "`region` is followed by a `:`",
        ),
        (
            FileKind::Config,
            "[profile a]\n\n[profile a]",
            3,
            "the same section stands in line 1",
        ),
        (
            FileKind::Config,
            "[profile a]\nk=1\n\nK=2",
            4,
            "`k` stands in line 2 of this section too",
        ),
        (
            FileKind::Config,
            "[profile a]\n[profile  a]",
            2,
            "profile `a` goes on here, spelled otherwise",
        ),
        (
            FileKind::Config,
            "[profile \"a b\"]",
            1,
            "the AWS CLI reads it as profile `a b`",
        ),
        (
            FileKind::Config,
            "[profile \"a\"]",
            1,
            "the AWS CLI reads it as profile `a`",
        ),
        (
            FileKind::Config,
            "[profile a!]",
            1,
            "the AWS CLI reads it as profile `a!`",
        ),
        (
            FileKind::Config,
            "[profilea b]",
            1,
            "the AWS CLI reads it as profile `b`",
        ),
        (
            FileKind::Config,
            "[profile a#b]",
            1,
            "the AWS CLI reads it as profile `a#b`",
        ),
        (
            FileKind::Config,
            "[ profile a ]",
            1,
            "is profile `a`; the AWS CLI passes over it",
        ),
        (
            FileKind::Config,
            "[profile a] # see [b]",
            1,
            "the AWS CLI passes over it",
        ),
        (FileKind::Config, "[DEFAULT]", 1, "to every section of the file"),
        (
            FileKind::Config,
            "[default]\n[profile default]",
            2,
            "replaces the `[default]` above it",
        ),
        (
            FileKind::Config,
            "[profile default]\n[default]",
            2,
            "the AWS CLI takes the last",
        ),
        (
            FileKind::Config,
            "[profile a]\nregion = x\n  # c",
            3,
            "the AWS CLI passes over it",
        ),
        (FileKind::Config, "[profile a]\n # c", 2, "AWS's SDKs stop at it"),
        (
            FileKind::Config,
            "[profile a]\ns3 =\n # c\n k=v",
            3,
            "AWS's SDKs stop at it",
        ),
        (
            FileKind::Config,
            "[profile a]\nk = v\rl = w",
            2,
            "the AWS CLI begins a new line there",
        ),
        (FileKind::Config, "\u{feff}[default]", 1, "byte order mark"),
        (
            FileKind::Credentials,
            "[profile a]",
            1,
            "the AWS CLI reads it as profile `profile a`",
        ),
        (
            FileKind::Credentials,
            "[ a ]",
            1,
            "the AWS CLI reads it as profile ` a `",
        ),
        (
            FileKind::Credentials,
            "[DEFAULT]",
            1,
            "to every section of the file",
        ),
    ] {
        let said_of = match read(kind, text) {
            Ok(parsed) => {
                let all: Vec<_> = parsed.warnings.iter().map(Warning::text).collect();
                assert_eq!(all.len(), 1, "{text:?}: {all:?}");
                all[0].clone()
            }
            Err(error) => error.to_string(),
        };
        assert!(said_of.starts_with(&format!("f:{line}: ")), "{text:?}: {said_of}");
        assert!(said_of.contains(said), "{text:?}: {said_of}");
    }
}

#[test]
fn what_everybody_reads_alike_is_not_remarked_on() {
    let text = "# c\n[default]\nregion = x\n\n; c\n[profile a/b]\nrole_arn = x\ncolor = red # c\ns3 =\n  a = 1\n\
                [sso-session s]\nsso_region = x\n[services v]\nsts =\n  endpoint_url = x\nregoin =\n  a = 1\n\
                [plugins]\ncli_legacy_plugin_path = x\n[preview]\nx = 1\n[granted_registry_start x]\n\
                [granted_registry_end x]\n";
    let all: Vec<_> = read(FileKind::Config, text).unwrap().warnings;
    assert!(all.is_empty(), "{all:?}");
    let all = read(
        FileKind::Credentials,
        "[default]\naws_access_key_id = x\n\n[profile]\n[a+b]\n",
    )
    .unwrap();
    assert!(all.warnings.is_empty(), "{:?}", all.warnings);
}

#[test]
fn a_key_that_is_nearly_one_is_said_to_be_and_kept() {
    let text = "[profile a]\nrole_arm = x\nsource-profile = y\nteam = z\n[profile b]\nrole_arm = x\n";
    let parsed = read(FileKind::Config, text).unwrap();
    let all: Vec<_> = parsed.warnings.iter().map(Warning::text).collect();
    assert_eq!(
        all,
        [
            "f:2: nobody reads `role_arm`: is `role_arn` meant?",
            "f:3: nobody reads `source-profile`: is `source_profile` meant?",
            "f:6: nobody reads `role_arm`: is `role_arn` meant?",
        ]
    );
    assert_eq!(value(text, "a", "role_arm").as_deref(), Some("x"));
}

#[test]
fn large_files_take_no_longer_than_their_size() {
    // Whatever grows with the square of the size would hang here.
    let many = 30_000;
    for text in [
        format!("[profile a]\nk = v\n{}", " w\n".repeat(many)),
        format!("[profile a]\ns3 =\n{}", " k=v\n".repeat(many)),
        "[profile a]\nk = v\n".repeat(many),
        (0..many).fold("[profile a]\n".to_owned(), |text, n| {
            text + &format!("k{n} = v\n")
        }),
        format!("[profile a]\nk = {}\n", "#".repeat(many)),
        format!("[profile a]\n{} = v\n", "k".repeat(many)),
        format!("[profile {}]\n", "a".repeat(many)),
    ] {
        assert!(read(FileKind::Config, &text).is_ok(), "{}…", &text[..40]);
    }
}

#[test]
fn sections_that_are_not_profiles_are_ignored_with_a_warning() {
    for text in ["[a]\nk = v\n", "[profilea]\nk = v\n", "[profile a!b]\nk=v\n"] {
        let parsed = read(FileKind::Config, text).unwrap();
        assert!(
            parsed.profiles.is_empty() && parsed.warnings.len() == 1,
            "{text:?} {parsed:?}"
        );
    }
    let parsed = read(FileKind::Credentials, "[profile a]\nk = v\n[b]\nk = w\n").unwrap();
    assert_eq!(parsed.profiles.keys().collect::<Vec<_>>(), ["b"]);
    let parsed = read(FileKind::Config, "[a\u{1b}[2J]\n").unwrap();
    assert!(
        parsed.warnings[0].text().contains(r"`[a\u{1b}[2J"),
        "{:?}",
        parsed.warnings
    );
}

#[test]
fn profile_default_beats_default_in_either_order() {
    for text in [
        "[default]\nk = 1\nl = 1\n[profile default]\nk = 2\n",
        "[profile default]\nk = 2\n[default]\nk = 1\nl=1\n",
    ] {
        assert_eq!(value(text, "default", "k").as_deref(), Some("2"));
        assert_eq!(value(text, "default", "l"), None);
    }
}

#[test]
fn nested_settings_keep_their_lines() {
    assert_eq!(
        value("[profile a]\ns3 =\n  max = 1\n  min = 2\n", "a", "s3").as_deref(),
        Some("\nmax = 1\nmin = 2")
    );
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    for (text, line) in [
        ("k = v\n", 1),
        ("[profile a\n", 1),
        ("[profile a]\nkey : value\n", 2),
        ("[profile a]\n = v\n", 2),
        ("[profile a]\n  indented = v\n", 2),
        ("[profile a]\ns3 =\n  nonsense\n", 3),
        ("[profile a]\ns3 =\n  = v\n", 3),
        ("[profile a]\nk # = v\n", 2),
        (" -w", 1),
        ("[profile a]\nk = v\n[profile a]\n -w", 4),
        ("[no section]\nnonsense\n", 2),
        ("[no section]\n w\n", 2),
        ("[profile a]\nk = v\0\n", 2),
        ("[\0p\0r\0", 1),
        ("[profile a] junk\n", 1),
    ] {
        let error = read(FileKind::Config, text).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("f:{line}: ")),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn an_indented_key_is_refused_and_not_quoted() {
    for line in [
        "aws_secret_access_key = CANARY",
        "AWS_SESSION_TOKEN=CANARY",
        "aws_access_key_id = CANARY",
        "role_arn = CANARY",
        "github_token = CANARY",
    ] {
        for file in [
            format!("[profile a]\nregion = us-east-1\n  {line}\n"),
            format!("[profile a]\nregion = us-east-1\n\t{line}"),
        ] {
            let error = read(FileKind::Config, &file).unwrap_err();
            assert!(error.to_string().starts_with("f:3: "), "{error}");
            assert!(error.to_string().contains("`region`"), "{error}");
            assert_eq!(error.hints(), ["Take the blanks before it away."]);
            assert!(!format!("{error:?}").contains("CANARY"), "{line}");
        }
    }
    for fine in [
        "[profile a]\nsession_tags = a=b,\n  region=eu\n",
        "[profile a]\ns3 =\n  endpoint_url = https://h\n",
        "[profile a]\ncredential_process = x\n  --token=y\n",
    ] {
        assert!(read(FileKind::Config, fine).is_ok(), "{fine}");
    }
}

#[test]
fn a_key_that_is_none_is_not_quoted() {
    let parsed = read(FileKind::Credentials, "[joe]\nCANARY/abc=def\n").unwrap();
    assert!(
        parsed.warnings[0].text().starts_with("f:2: "),
        "{:?}",
        parsed.warnings
    );
    assert!(!format!("{parsed:?}").contains("anary") && !format!("{parsed:?}").contains("CANARY"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[|\\]|=|#|;| |\n|\t|profile|default|a|é|\r){0,40}") {
        let _ = read(FileKind::Config, &text);
        let _ = read(FileKind::Credentials, &text);
    }
}
