use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const KEY: &str = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n";

fn file(kind: FileKind, text: &str) -> UserFile {
    UserFile::of(kind, Path::new("f"), Some(text)).unwrap()
}

fn credentials(text: &str) -> UserFile {
    file(FileKind::Credentials, text)
}

fn config(text: &str) -> UserFile {
    file(FileKind::Config, text)
}

fn take(profile: &str) -> Change {
    Change::TakeKey {
        profile: profile.to_owned(),
    }
}

fn set(profile: &str, value: &str) -> Change {
    Change::Set {
        profile: profile.to_owned(),
        key: "credential_process",
        value: value.to_owned(),
    }
}

fn taken(kind: FileKind, text: &str) -> String {
    file(kind, text).edit(&[take("joe")]).unwrap().after().to_owned()
}

#[test]
fn a_key_goes_and_all_else_stays() {
    for (before, after) in [
        // A section with nothing else in it goes, with the blank lines below it.
        (
            format!("[joe]\n{KEY}\n[jim]\nregion = x\n"),
            "[jim]\nregion = x\n",
        ),
        (format!("[a]\nregion = x\n\n[joe]\n{KEY}"), "[a]\nregion = x\n\n"),
        (format!("[joe]\n{}", KEY.trim_end()), ""),
        // Whatever else is in it keeps it: a property, a comment, one at the heading, one right above it.
        (
            format!("[joe]\nregion = x\n{KEY}output = json\n"),
            "[joe]\nregion = x\noutput = json\n",
        ),
        (format!("[joe]\n# made by jim\n{KEY}"), "[joe]\n# made by jim\n"),
        (format!("[joe] # mine\n{KEY}"), "[joe] # mine\n"),
        (
            format!("# of joe\n[joe]\n{KEY}[jim]\n"),
            "# of joe\n[joe]\n[jim]\n",
        ),
        (
            format!("# the file\n\n[joe]\n{KEY}[jim]\n"),
            "# the file\n\n[jim]\n",
        ),
        // Comments behind a value are no part of it.
        (
            "[joe]\naws_access_key_id = AKIA # of 2024\naws_secret_access_key = C ; x\n".to_owned(),
            "[joe]\n# of 2024\n; x\n",
        ),
        // Each end of line as it was, and no other.
        (
            "\u{feff}[joe]\r\nAWS_ACCESS_KEY_ID=A\r\nregion=x\r\n".to_owned(),
            "\u{feff}[joe]\r\nregion=x\r\n",
        ),
        (
            "[joe]\r\nAws_Secret_Access_Key   =   A\r\nregion=x".to_owned(),
            "[joe]\r\nregion=x",
        ),
        // Every section of the profile, and every time.
        (
            format!("[joe]\n{KEY}[jim]\n{KEY}[joe]\nregion=x\n{KEY}{KEY}"),
            &*format!("[jim]\n{KEY}[joe]\nregion=x\n"),
        ),
        // What goes on in lines below it goes with it, and comments between stay.
        (
            "[joe]\naws_access_key_id = A\n# word\n  more\n\ns3 =\n  a = b\n".to_owned(),
            "[joe]\n# word\n\ns3 =\n  a = b\n",
        ),
        // Somebody else's.
        (format!("[jim]\n{KEY}"), &*format!("[jim]\n{KEY}")),
        (
            "[joe]\naws_session_token = C\n".to_owned(),
            "[joe]\naws_session_token = C\n",
        ),
        // Nothing was taken out of it: an empty section is the user's.
        ("[joe]\n\n".to_owned(), "[joe]\n\n"),
    ] {
        assert_eq!(taken(FileKind::Credentials, &before), after, "{before}");
    }
}

#[test]
fn in_the_config_file_a_key_is_found_in_either_spelling() {
    for (before, after) in [
        (
            format!("[profile joe]\nregion = x\n{KEY}"),
            "[profile joe]\nregion = x\n",
        ),
        (format!("[ profile\tjoe ]\n{KEY}"), ""),
        // This is no profile's.
        (format!("[joe]\n{KEY}"), &*format!("[joe]\n{KEY}")),
    ] {
        assert_eq!(taken(FileKind::Config, &before), after, "{before}");
    }
    let both = format!("[default]\n{KEY}[profile default]\nregion = x\n{KEY}");
    let edit = config(&both).edit(&[take("default")]).unwrap();
    assert_eq!(edit.after(), "[profile default]\nregion = x\n");
}

#[test]
fn a_property_stands_below_what_was_last_in_its_section() {
    let process = "credential_process = rolecall credential-process joe\n";
    for (before, after) in [
        ("", format!("[profile joe]\n{process}")),
        ("\u{feff}", format!("\u{feff}[profile joe]\n{process}")),
        ("[a]\n", format!("[a]\n\n[profile joe]\n{process}")),
        ("[a]", format!("[a]\n\n[profile joe]\n{process}")),
        ("[a]\n\n", format!("[a]\n\n[profile joe]\n{process}")),
        (
            "[a]\r\nx=y",
            format!(
                "[a]\r\nx=y\r\n\r\n[profile joe]\r\n{}",
                process.replace('\n', "\r\n")
            ),
        ),
        ("[profile joe]\n", format!("[profile joe]\n{process}")),
        ("[profile joe]", format!("[profile joe]\n{process}")),
        (
            "[profile joe]\nregion = x\n\n# of a\n[profile a]\n",
            format!("[profile joe]\nregion = x\n{process}\n# of a\n[profile a]\n"),
        ),
        (
            "[profile joe]\ns3 =\n  a = b\n\n",
            format!("[profile joe]\ns3 =\n  a = b\n{process}\n"),
        ),
        (
            "[profile joe]\nx=y\n[profile  joe]\nz=y\n",
            format!("[profile joe]\nx=y\n[profile  joe]\nz=y\n{process}"),
        ),
        // One that is there already, however it is written.
        (
            "[profile joe]\nCredential_Process=rolecall credential-process joe # ours\n",
            "[profile joe]\nCredential_Process=rolecall credential-process joe # ours\n".to_owned(),
        ),
        (
            "[profile joe]\ncredential_process =\nx=y\n",
            format!("[profile joe]\n{process}x=y\n"),
        ),
    ] {
        let change = set("joe", "rolecall credential-process joe");
        assert_eq!(config(before).edit(&[change]).unwrap().after(), after, "{before}");
    }
    for (before, after) in [
        ("[default]\nx=y\n", "[default]\nx=y\ncredential_process = p\n"),
        (
            "[profile default]\nx=y\n[default]\n",
            "[profile default]\nx=y\ncredential_process = p\n[default]\n",
        ),
        ("", "[default]\ncredential_process = p\n"),
    ] {
        let edit = config(before).edit(&[set("default", "p")]).unwrap();
        assert_eq!(edit.after(), after);
    }
    let edit = credentials("").edit(&[set("joe", "p")]).unwrap();
    assert_eq!(edit.after(), "[joe]\ncredential_process = p\n");
    // With a key that goes, the section stays.
    let edit = config(&format!("[profile joe]\n{KEY}"))
        .edit(&[take("joe"), set("joe", "p")])
        .unwrap();
    assert_eq!(edit.after(), "[profile joe]\ncredential_process = p\n");
}

#[test]
fn another_value_is_not_replaced_and_an_odd_one_not_written() {
    let text = "[profile joe]\nregion = x\ncredential_process = theirs\n";
    let error = config(text).edit(&[set("joe", "ours")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "f:3: profile `joe` has another `credential_process`"
    );
    assert!(!error.hints().is_empty());
    for odd in ["", "a\nb", " a", "a ", "a # b", "a ;b", "a\rb"] {
        let error = config("").edit(&[set("joe", odd)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{odd:?}");
    }
}

#[test]
fn what_would_be_read_otherwise_is_not_written() {
    let text = format!("[joe]\nregion = x\n{KEY}[jim]\n{KEY}");
    let file = credentials(&text);
    let after = file.edit(&[take("joe")]).unwrap().after().to_owned();
    assert!(file.check(&[take("joe")], &after).is_ok());
    for wrong in [
        text.clone(),
        after.replace("region = x", "region = y"),
        after.replace("[jim]", "[joe]"),
        after.replace("CANARY", "CANARY2"),
        format!("{after}output = json\n"),
        format!("[jim]\n{KEY}"),
    ] {
        let error = file.check(&[take("joe")], &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{wrong}");
    }
}

#[test]
fn no_secret_is_in_what_is_shown() {
    let file = credentials(&format!("[joe]\n{KEY}[jim]\n{KEY}"));
    let edit = file.edit(&[take("joe")]).unwrap();
    assert!(
        edit.diff().contains("-aws_secret_access_key = **********"),
        "{}",
        edit.diff()
    );
    let found = clear_keys(std::slice::from_ref(&file));
    for shown in [edit.diff(), format!("{edit:?} {file:?} {found:?}")] {
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}

#[test]
fn keys_are_found_with_what_speaks_against_them() {
    let found = clear_keys(&[
        config(&format!(
            "[profile split]\naws_secret_access_key = S\n[profile twice]\naws_access_key_id = B\n[joe]\n{KEY}\
             [profile same]\n{KEY}"
        )),
        credentials(&format!(
            "[joe]\n{KEY}[split]\naws_access_key_id = A\n[twice]\n{KEY}[temp]\n{KEY}aws_session_token = T\n\
             [long]\naws_access_key_id = A\n  b\n[none]\naws_session_token = T\n[blank]\naws_access_key_id =\n\
             [same]\n{KEY}[old]\n{KEY}aws_security_token = T\n# aws_secret_access_key = OLD\n# aws_secret_access_key =\n\
             [profile x]\n{KEY}[no-token]\n{KEY}aws_session_token =\n"
        )),
    ]);
    let keys: BTreeMap<&str, &ClearKey> = found.keys.iter().map(|key| (key.profile.as_str(), key)).collect();
    let whole = |name: &str| {
        let key = keys[name];
        let one = |half: &Option<Secret>| half.as_ref().map(|half| half.expose().to_owned());
        (one(&key.access_key_id), one(&key.secret))
    };
    assert_eq!(
        keys.keys().copied().collect::<Vec<_>>(),
        ["joe", "long", "no-token", "old", "same", "split", "temp", "twice"]
    );
    assert_eq!(whole("joe"), (Some(ID.to_owned()), Some("CANARY".to_owned())));
    assert_eq!(whole("split"), (Some("A".to_owned()), Some("S".to_owned())));
    for (name, why) in [
        ("joe", None),
        ("split", None),
        ("no-token", None),
        ("same", None),
        (
            "temp",
            Some("its key is temporary: it has a session token (f:12)"),
        ),
        ("old", Some("its key is temporary: it has a session token (f:26)")),
        (
            "long",
            Some("its aws_access_key_id goes on in the lines below it (f:14)"),
        ),
        (
            "twice",
            Some("it has two different values of aws_access_key_id (f:4 and f:7)"),
        ),
    ] {
        assert_eq!(keys[name].why_not.as_deref(), why, "{name}");
    }
    assert_eq!(keys["same"].halves.len(), 4);
    let strays: Vec<_> = found
        .strays
        .iter()
        .map(|stray| (stray.origin.to_string(), stray.what))
        .collect();
    let nobodys = "a section that is no profile's holds a secret access key";
    assert_eq!(
        strays,
        [
            ("f:7".to_owned(), nobodys),
            ("f:27".to_owned(), "a comment holds a secret access key"),
            ("f:31".to_owned(), nobodys)
        ]
    );
}

#[cfg(unix)]
#[test]
fn it_is_written_through_the_host_and_kept_nowhere() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let host = Host::builder().home(home.path()).build();
    let text = format!("[joe]\n{KEY}[jim]\nregion = x\n");
    let path = home.path().join(".aws/credentials");
    host.write_private(&path, &text).unwrap();
    // What an end at the wrong moment left of a text, and what is none of ours.
    let draft = home.path().join(".aws/.credentials.rolecall-abcdef.draft");
    let other = home.path().join(".aws/.credentials.rolecall-mine.draft");
    for path in [&draft, &other] {
        host.write_private(path, &text).unwrap();
    }
    let [config, credentials] = UserFile::read_both(&host).unwrap();
    assert!(config.text().is_empty() && config.kind() == FileKind::Config);
    let edit = credentials.edit(&[take("joe")]).unwrap();
    let secrets = [Secret::new("CANARY".to_owned())];
    let secrets: Vec<_> = secrets.iter().collect();
    assert_eq!(
        credentials.copies(&host, &secrets),
        std::slice::from_ref(&other),
        "drafts go by themselves"
    );
    assert_eq!(credentials.mode_open_to_others(&host), None);
    assert_eq!(edit.check(&host).unwrap(), path);
    assert_eq!(edit.save(&host).unwrap(), path);
    assert_eq!(host.read(&path).unwrap().as_deref(), Some("[jim]\nregion = x\n"));
    assert!(!draft.exists() && other.exists());
    assert!(edit.save(&host).is_err(), "it is another file now");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(credentials.mode_open_to_others(&host), Some(0o444));
    assert!(
        edit.check(&host)
            .unwrap_err()
            .to_string()
            .ends_with("it is read-only")
    );
    assert!(UserFile::read_both(&Host::builder().build()).is_err());
}

/// What anybody may have written is not for the vault: another's key would be trusted from then on.
#[cfg(unix)]
#[test]
fn a_file_that_others_may_have_written_is_not_taken() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let host = Host::builder().home(home.path()).build();
    let folder = home.path().join(".aws");
    for name in ["credentials", "config"] {
        let path = folder.join(name);
        host.write_private(&path, "[default]\nregion = x\n").unwrap();
        mode(&path, 0o646);
        let error = UserFile::read_both(&host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let expected = format!("{} is not changed: everybody may write it", path.display());
        assert_eq!((error.to_string(), error.hints().len()), (expected, 1));
        mode(&path, 0o644);
        UserFile::read_both(&host).unwrap();
    }
    // Nor one that anybody may have put there.
    mode(home.path(), 0o755);
    mode(&folder, 0o777);
    let error = UserFile::read_both(&host).unwrap_err().to_string();
    assert!(
        error.ends_with("everybody may put another in its place"),
        "{error}"
    );
    mode(&folder, 0o755);
    UserFile::read_both(&host).unwrap();
}

/// A piece of a file that the grammar takes, with keys in it.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\[[a-c]\\]( # [a-z]{1,3}|)\n",
        "\\[(profile|sso-session|services) [a-c]\\]\n",
        "\\[(default|profile default|plugins)\\]\n",
        "(aws_access_key_id|AWS_ACCESS_KEY_ID) ?= ?[A-Z]{0,4}( # [a-z]{1,3}| ;x|  |)\n",
        "(aws_secret_access_key|Aws_Secret_Access_Key)(=| =\t)[a-z/+=]{0,4}\n",
        "aws_session_token = [a-z]{0,2}\n",
        "region = [xy]( ; c|)\n(\tmore=é\n|# a word\n|\n|  # in it\n){0,2}",
        "s3 =\n  a = b\n\n( c = d\n|)",
        "credential_process =( theirs|)\n",
        "[#;] ?[a-z=]{0,8}\n",
        "(\n|  \n|\t\n){1,2}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(piece(), 0..14);
    (pieces, any::<(bool, bool, bool, bool)>()).prop_map(|(pieces, (is_config, crlf, bom, cut))| {
        let heading = if is_config { "[profile a]\n" } else { "[a]\n" };
        let mut text = format!("# top\n{heading}{}", pieces.concat());
        if cut {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

/// What a profile says, by the reader alone.
type Said = BTreeMap<String, BTreeMap<String, String>>;

fn said(kind: FileKind, text: &str) -> Said {
    let mut set = ProfileSet::default();
    set.add(kind, Path::new("f"), text).unwrap();
    let sections = set.profiles().map(|profile| (String::new(), profile));
    let sections = sections.chain(set.sso_sessions().map(|section| ("sso ".to_owned(), section)));
    sections
        .chain(set.services().map(|section| ("services ".to_owned(), section)))
        .map(|(kind, section)| {
            let all = section.properties();
            let all = all.map(|(key, property)| (key.to_owned(), property.value().to_owned()));
            (kind + section.name(), all.collect())
        })
        .collect()
}

/// Whether `part` can be had from `whole` by leaving lines away, or all of a line before its comment.
fn is_left_of(part: &str, whole: &str) -> bool {
    let mut lines = whole.split_inclusive('\n');
    part.split_inclusive('\n').all(|line| {
        lines.any(|other| other == line || (line.starts_with(['#', ';']) && other.ends_with(line)))
    })
}

proptest! {
    #[test]
    fn only_what_was_asked_for_is_read_otherwise(text in text(), profile in "[a-c]|default", is_config: bool) {
        let kind = if is_config { FileKind::Config } else { FileKind::Credentials };
        // Some of what is thrown together is no such file.
        let file = UserFile::of(kind, Path::new("f"), Some(&text));
        prop_assume!(file.is_ok());
        let file = file.unwrap();
        let mut meant = said(kind, &text);
        let edit = file.edit(&[take(&profile)]).unwrap();
        if let Some(properties) = meant.get_mut(&profile) {
            properties.retain(|key, _| !PAIR.contains(&key.as_str()));
        }
        let mut now = said(kind, edit.after());
        // A section goes that has nothing in it any more.
        for all in [&mut meant, &mut now] {
            all.retain(|_, properties| !properties.is_empty());
        }
        prop_assert_eq!(&now, &meant);
        prop_assert!(is_left_of(edit.after(), &text), "{}", edit.after());
        let comments = |text: &str| text.matches(['#', ';']).count();
        prop_assert_eq!(comments(edit.after()), comments(&text));
        prop_assert!(clear_keys(&[UserFile::of(kind, Path::new("f"), Some(edit.after())).unwrap()])
            .keys.iter().all(|key| key.profile != profile));
        // And a second time there is nothing to do.
        let again = UserFile::of(kind, Path::new("f"), Some(edit.after())).unwrap();
        prop_assert!(again.edit(&[take(&profile)]).unwrap().is_nothing());
    }

    #[test]
    fn a_property_is_put_in_and_nothing_else_moves(text in text(), profile in "[a-c]|default", is_config: bool) {
        let kind = if is_config { FileKind::Config } else { FileKind::Credentials };
        let file = UserFile::of(kind, Path::new("f"), Some(&text));
        prop_assume!(file.is_ok());
        let file = file.unwrap();
        let mut meant = said(kind, &text);
        let process = format!("rolecall credential-process {profile}");
        match file.edit(&[set(&profile, &process)]) {
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Config);
                prop_assert_eq!(meant[&profile].get("credential_process").map(String::as_str), Some("theirs"));
            }
            Ok(edit) => {
                meant.entry(profile.clone()).or_default().insert("credential_process".to_owned(), process);
                prop_assert_eq!(&said(kind, edit.after()), &meant);
                let blank = text.lines().filter(|line| *line == "credential_process =").count();
                let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
                let grown = lines(edit.after()) + blank - lines(&text);
                prop_assert!((1..=2 + blank).contains(&grown), "{grown}");
            }
        }
    }
}
