//! Worlds from files: what is refused, with its line, and what the ready world `organization` shows.

mod odd;
mod organization;
mod refused;

use rolecall_sandbox::{Sandbox, World};

use super::common::{assume, query, user};

/// The lines of every problem, `LINE: MESSAGE`, and their hints.
fn problems(text: &str) -> Vec<(String, Option<String>)> {
    let errors = World::from_toml(text, "w.toml").expect_err(text);
    errors
        .errors()
        .iter()
        .map(|error| {
            assert!(error.line().is_some() && error.file() == "w.toml", "{error}");
            let text = error.to_string();
            let text = text.strip_prefix("w.toml:").expect(&text);
            (text.to_owned(), error.hint().map(str::to_owned))
        })
        .collect()
}

fn sandbox(text: &str) -> Sandbox {
    let world = World::from_toml(text, "w.toml").unwrap_or_else(|errors| panic!("{errors}"));
    Sandbox::builder()
        .world(world)
        .start()
        .expect("a test's own helper")
}

/// Everything that can be said of an account, in one world; what can be observed now is.
#[test]
fn everything_that_is_described_is_there() {
    let sandbox = sandbox(
        r#"
profile = [
    { name = "ann", account = "111111111111", user = "ann", region = "eu-central-1" },
    { name = "root", account = "111111111111", user = "root" },
    { name = "work", role_arn = "arn:aws:iam::111111111111:role/team/Work", source_profile = "ann", duration_seconds = 7200,
      mfa_serial = "arn:aws:iam::111111111111:mfa/ann", role_session_name = "ann", external_id = "id-1" },
]

[[account]]
id = "111111111111"
name = "one"
alias = "one-and-only"
root_key = true

[[account.group]]
name = "team"
path = "/teams/"
attached = ["Listing"]
policies.work = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = "*" }]

[[account.user]]
name = "ann"
path = "/people/"
groups = ["team"]
tags = { team = "blue" }
mfa = true

[[account.user]]
name = "keyless"
access_key = false
mfa = [{ name = "one", seed = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR" }, { name = "two" }]

[[account.policy]]
name = "Listing"
path = "/shared/"
description = "Two versions, and the first is in force."
tags = { by = "ann" }
default_version = 1
versions = [
    [{ Effect = "Allow", Action = "s3:ListAllMyBuckets", Resource = "*" }],
    '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
]

[[account.role]]
name = "Work"
path = "/team/"
description = "Work."
max_session_seconds = 7200
attached = ["arn:aws:iam::111111111111:policy/shared/Listing"]
boundary = "Listing"
tags = { stage = "test" }

[account.role.trust]
Version = "2012-10-17"

[[account.role.trust.Statement]]
Effect = "Allow"
Action = "sts:AssumeRole"
Principal.AWS = ["arn:aws:iam::111111111111:user/people/ann"]

[[account.bucket]]
name = "one-bucket"
objects = { "a/b.txt" = "text" }

[[account.topic]]
name = "news"
region = "eu-central-1"

[[account.oidc_provider]]
url = "https://token.example.com/path"
client_ids = ["sts.amazonaws.com"]
"#,
    );
    let ann = user(&sandbox, "ann");
    let identity = query(&sandbox, &ann, "sts", "GetCallerIdentity", &[]);
    assert_eq!(
        identity.text("Arn").as_deref(),
        Some("arn:aws:iam::111111111111:user/people/ann")
    );
    assert!(sandbox.user_keys("keyless").is_none());
    let role = "arn:aws:iam::111111111111:role/team/Work";
    let session = assume(&sandbox, &ann, role, &[("DurationSeconds", "7200")]).credentials();
    // By version 1 of the policy, which is also the boundary; version 2 denies everything.
    for credentials in [&ann, &session] {
        let listed = super::common::s3(&sandbox, credentials, "GET", "/", "");
        assert!(
            listed.status == 200 && listed.body.contains("one-bucket"),
            "{}",
            listed.body
        );
    }
    assert_eq!(
        super::common::s3(&sandbox, &session, "GET", "/one-bucket/a/b.txt", "").status,
        403
    );
    let config = sandbox.config_file();
    for line in [
        "[profile ann]\nregion = eu-central-1\n",
        "[profile work]\nrole_arn = arn:aws:iam::111111111111:role/team/Work\nsource_profile = ann\nexternal_id = id-1\n\
         mfa_serial = arn:aws:iam::111111111111:mfa/ann\nduration_seconds = 7200\nrole_session_name = ann\n",
    ] {
        assert!(config.contains(line), "{config}");
    }
    let credentials = sandbox.credentials_file();
    assert_eq!(
        credentials.matches("aws_secret_access_key").count(),
        2,
        "{credentials}"
    );
}

/// The same policy, however it is written, decides the same.
#[test]
fn policies_are_json_or_toml_or_files() {
    let trust = r#"[{ Effect = "Allow", Action = "sts:AssumeRole", Principal = "*" }]"#;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("policies");
    std::fs::create_dir_all(&folder).unwrap();
    let json =
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    std::fs::write(folder.join("p.json"), json).unwrap();
    let forms = [
        format!("'{json}'"),
        format!("'''\n{json}\n'''"),
        r#"[{ Effect = "Allow", Action = "s3:*", Resource = "*" }]"#.to_owned(),
        r#"{ Version = "2012-10-17", Statement = { Effect = "Allow", Action = ["s3:*"], Resource = "*" } }"#
            .to_owned(),
        r#"{ file = "p.json" }"#.to_owned(),
    ];
    for form in forms {
        let text = format!(
            "[[account]]\nid = '111111111111'\n[[account.user]]\nname = 'ann'\npolicies.p = {form}\n\
             [[account.role]]\nname = 'R'\ntrust = {trust}\n"
        );
        std::fs::write(folder.join("w.toml"), text).unwrap();
        let world =
            World::from_file(folder.join("w.toml")).unwrap_or_else(|errors| panic!("{form}: {errors}"));
        let sandbox = Sandbox::builder().world(world).start().unwrap();
        let answer = super::common::s3(&sandbox, &user(&sandbox, "ann"), "GET", "/", "");
        assert_eq!(answer.status, 200, "{form}");
    }
    // A problem in such a file is told with the file's own line.
    std::fs::write(
        folder.join("p.json"),
        "{\"Version\": \"2012-10-17\",\n\"Statement\": [}",
    )
    .unwrap();
    let errors = World::from_file(folder.join("w.toml")).unwrap_err();
    let error = &errors.errors()[0];
    assert!(
        error.file().ends_with("p.json") && error.line() == Some(2),
        "{error}"
    );
}

#[test]
fn files_that_are_no_worlds_are_refused() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-worlds");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("bytes.toml"), b"# a\n# b\n\xff\xfe").unwrap();
    let large = std::fs::File::create(folder.join("large.toml")).unwrap();
    large.set_len(50 * 1024 * 1024).unwrap();
    for (name, words) in [
        ("none.toml", "there is no such file"),
        (".", "is a folder"),
        ("bytes.toml", "line 3 has other bytes"),
        ("large.toml", "larger than 16 MiB"),
    ] {
        let error = World::from_file(folder.join(name)).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{error}");
    }
}

/// Deleted principals are unique ids in a trust policy, as IAM shows them.
#[test]
fn what_was_deleted_stays_in_a_trust_as_an_id() {
    let world = |dangling: bool| {
        format!(
            "[[account]]\nid = '111111111111'\n[[account.user]]\nname = 'ann'\n[[account.role]]\nname = 'R'\n\
             dangling = {dangling}\ntrust = [{{ Effect = 'Allow', Action = 'sts:AssumeRole', Principal = {{ AWS = \
             ['arn:aws:iam::111111111111:user/gone', 'arn:aws:iam::111111111111:user/ann'] }} }}]\n"
        )
    };
    let (message, hint) = problems(&world(false)).remove(0);
    assert!(message.contains("has no user gone"), "{message}");
    assert!(hint.unwrap().contains("dangling = true"));
    let sandbox = sandbox(&world(true));
    let role = "arn:aws:iam::111111111111:role/R";
    assert_eq!(assume(&sandbox, &user(&sandbox, "ann"), role, &[]).status, 200);
    let admin = user(&sandbox, "admin");
    query(&sandbox, &admin, "iam", "CreateUser", &[("UserName", "gone")]);
    query(
        &sandbox,
        &admin,
        "iam",
        "CreateAccessKey",
        &[("UserName", "gone")],
    );
    let anew = user(&sandbox, "gone");
    assert_eq!(
        query(&sandbox, &anew, "sts", "GetCallerIdentity", &[]).status,
        200
    );
    assert_eq!(assume(&sandbox, &anew, role, &[]).code(), "403 AccessDenied");
    let shown = query(&sandbox, &admin, "iam", "GetRole", &[("RoleName", "R")]).body;
    assert!(
        shown.contains("AIDA") && !shown.contains("user%2Fgone"),
        "{shown}"
    );
}

/// The examples of `docs/worlds.md` are worlds, and its table names every profile that is broken on purpose.
#[test]
fn the_documentation_is_right() {
    let text = include_str!("../../../../docs/worlds.md");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("storage.json"),
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
    )
    .unwrap();
    let blocks: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 3);
    for block in &blocks {
        std::fs::write(folder.join("w.toml"), block).unwrap();
        let world = World::from_file(folder.join("w.toml")).unwrap_or_else(|errors| panic!("{errors}"));
        Sandbox::builder().world(world).start().unwrap();
    }
    // Who misspells a key is told which there are: each of them is shown.
    let complete = blocks[1];
    for kind in [
        "account",
        "account.user",
        "account.group",
        "account.role",
        "account.policy",
        "account.oidc_provider",
        "account.bucket",
        "account.topic",
        "organization",
        "organization.unit",
        "identity_center",
        "identity_center.permission_set",
        "identity_center.assignment",
        "instance",
        "container",
    ] {
        let table = format!("{}\nqqqqqq = 1\n", &complete[..heading(complete, kind)]);
        let told = problems(&table);
        let hint = told.iter().find(|(text, _)| text.contains("`qqqqqq`"));
        let keys = hint.and_then(|(_, hint)| hint.as_deref()).expect(&table);
        let keys = keys.trim_start_matches("It has ").trim_end_matches('.');
        assert!(
            ["name", "id", "users", "role"]
                .iter()
                .any(|key| keys.contains(key)),
            "{keys}"
        );
        for key in keys.split(", ") {
            let shown = [format!("\n{key} = "), format!("\n{key}."), format!(".{key}]")];
            assert!(
                shown.iter().any(|shown| complete.contains(shown.as_str())),
                "{kind}: {key}"
            );
        }
    }
    let world = World::ready_toml("organization").unwrap();
    let named: Vec<_> = world
        .split("name = \"")
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| name.starts_with("broken-"))
        .collect();
    assert!(named.len() > 10);
    for name in named {
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// Where the first heading of a kind of table ends.
fn heading(text: &str, kind: &str) -> usize {
    let name = format!("[{kind}]");
    text.find(&name).expect(kind) + text[text.find(&name).expect(kind)..].find('\n').expect(kind)
}

#[test]
fn a_policy_that_is_given_as_the_world_is_one_mistake() {
    let told = problems("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": []\n}\n");
    let [(text, Some(hint))] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(
        text.contains("this is JSON") && hint.contains("trust = { file"),
        "{told:?}"
    );
}

/// An ARN that begins like every other is no likeness: what it names has to be.
#[test]
fn a_likeness_is_one_of_the_last_part_too() {
    let world = |policy: &str| {
        format!(
            "[[account]]\nid = '111111111111'\n[[account.user]]\nname = 'ann'\n\
             attached = ['arn:aws:iam::111111111111:policy/{policy}']\n\
             [[account.user]]\nname = 'bob'\n[[account.user]]\nname = 'Bob'\n[[account.user]]\nname = 'bob'\n\
             [[account.policy]]\nname = 'Storage'\ndocument = [{{ Effect = 'Deny', Action = '*', Resource = '*' }}]\n"
        )
    };
    for (policy, likeness) in [("Storagee", true), ("Nope", false)] {
        let told = problems(&world(policy));
        let hint = told[0].1.as_deref().unwrap();
        assert_eq!(hint.contains("Did you mean `arn:"), likeness, "{hint}");
        assert!(
            told[2]
                .0
                .contains("bob of account 111111111111 is there twice; see line 7"),
            "{told:?}"
        );
    }
}
