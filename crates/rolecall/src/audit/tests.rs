#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "a test reads what was written")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::error::ErrorKind;
use crate::session::{Session, SessionParts};

fn machine() -> (TempDir, Host, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let host = host(home.path());
    let path = home.path().join(".local/state/rolecall/audit.jsonl");
    (home, host, path)
}

fn host(home: &Path) -> Host {
    Host::builder().env("HOME", home.to_str().unwrap()).build()
}

fn session() -> Session {
    Session::new(SessionParts {
        access_key_id: "ASIACANARYAKID000001".to_owned(),
        secret_access_key: "CANARYSECRET".to_owned(),
        session_token: "CANARYTOKEN".to_owned(),
        account: None,
        principal: Some(
            "arn:aws:sts::666666666666:assumed-role/BlahRole/joe"
                .parse()
                .unwrap(),
        ),
        issued_at: UNIX_EPOCH,
        expires_at: UNIX_EPOCH + Duration::from_secs(3600),
    })
}

fn mint() -> Record {
    Record::mint(&session(), &Who::current(), Delivery::Library)
}

fn read(log: &Log) -> (Vec<Entry>, Option<Break>, History) {
    let mut history = log.history().unwrap();
    let mut entries = Vec::new();
    while let Some(next) = history.next() {
        match next {
            Ok(entry) => entries.push(entry),
            Err(broken) => return (entries, Some(broken), history),
        }
    }
    (entries, None, history)
}

fn whole(log: &Log) -> Vec<Entry> {
    let (entries, broken, history) = read(log);
    assert_eq!((broken, history.torn()), (None, None));
    entries
}

#[test]
fn a_record_says_who_and_what_and_no_secret() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    assert!(log.history().unwrap().next().is_none(), "no log yet");
    let error = Error::new(ErrorKind::Denied, "CANARYSECRET")
        .with_hint("CANARYSECRET")
        .with_aws(Some("AccessDenied"), Some("a b CANARYSECRET"));
    log.write(&mint().target("prod")).unwrap();
    log.write(&Record::refuse(&error, &Who::current(), Delivery::Env).access_key_id("CANARYSECRET"))
        .unwrap();
    log.write(&Record::wipe(3, &Who::current(), Delivery::Agent))
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains("CANARYSECRET") && !text.contains("CANARYTOKEN"),
        "{text}"
    );
    let entries = whole(&log);
    let (first, second) = (&entries[0].record, &entries[1].record);
    assert_eq!(first["op"], "mint");
    assert_eq!(first["target"], "prod");
    assert_eq!(first["access_key_id"], "ASIACANARYAKID000001");
    assert_eq!(first["expires_at"], "1970-01-01T01:00:00Z");
    assert_eq!(first["session_name"], "joe");
    assert_eq!(first["who"]["pid"], std::process::id());
    assert!(first["who"]["started"].is_u64() && first["who"]["executable"].is_string());
    assert!(first["who"]["note"].as_str().unwrap().starts_with("started by "));
    assert_eq!(
        (&first["prev"], &first["outcome"]),
        (&serde_json::Value::Null, &"ok".into())
    );
    assert_eq!(second["error"]["aws_code"], "AccessDenied");
    assert_eq!(second["request_id"], serde_json::Value::Null);
    assert_eq!(
        (&second["outcome"], &second["access_key_id"]),
        (&"refused".into(), &"…".into())
    );
    assert_eq!(second["prev"], first["hash"]);
    assert_eq!(entries[2].record["count"], 3);
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(folder.mode() & 0o7777, 0o700);
}

#[test]
fn texts_are_bounded_and_move_no_cursor() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    let nasty = "\u{1b}[2J\u{202e}\"\\\n".repeat(5000);
    let who = Who::from(crate::host::Process {
        executable: Some(nasty.clone()),
        ..crate::host::Process::current()
    });
    let record = Record::new(Op::Serve, &who.with_note(&nasty), Delivery::Use).target(&nasty);
    log.write(&record.session_name(&nasty).source_identity(&nasty))
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() < LONGEST_LINE, "{}", text.len());
    assert_eq!(
        text.matches(|c: char| c != '\n' && crate::error::is_hidden(c))
            .count(),
        0
    );
    assert_eq!(whole(&log).len(), 1);
}

#[test]
fn off_is_off() {
    let (home, _, path) = machine();
    let host = Host::builder()
        .env("HOME", home.path().to_str().unwrap())
        .env("ROLECALL_AUDIT", "off")
        .build();
    for log in [Log::of(&host), Log::of(&Host::builder().build()), Log::off()] {
        assert!(!log.is_on());
        log.write(&mint()).unwrap();
    }
    assert!(!path.exists());
}

#[test]
fn a_line_that_is_not_whole_is_cut_off_and_told() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    log.write(&mint()).unwrap();
    log.write(&mint()).unwrap();
    let text = fs::read(&path).unwrap();
    let second = text.iter().position(|b| *b == b'\n').unwrap() + 1;
    for end in [second + 1, second + 300, text.len() - 2] {
        fs::write(&path, &text[..end]).unwrap();
        let (entries, broken, history) = read(&log);
        assert_eq!((entries.len(), &broken), (1, &None));
        assert_eq!(history.torn().map(|(_, line)| line), Some(2));
        log.write(&mint()).unwrap();
        let entries = whole(&log);
        let ops: Vec<_> = entries
            .iter()
            .map(|entry| entry.record["op"].as_str().unwrap())
            .collect();
        assert_eq!(ops, ["mint", "repair", "mint"], "cut at {end}");
        let what = format!("a record that was not whole was cut off ({} bytes)", end - second);
        assert_eq!(entries[1].record["detail"], what);
    }
    // Only the newline is missing: the record is whole, and stays.
    fs::write(&path, &text[..text.len() - 1]).unwrap();
    assert_eq!(whole(&log).len(), 2);
    log.write(&mint()).unwrap();
    assert_eq!(whole(&log).len(), 3);
}

#[test]
fn what_somebody_else_wrote_stays_and_is_shown() {
    for (junk, line) in [
        (b"hello\n".to_vec(), 2),
        (b"\0\xff\x80\n\n\n".to_vec(), 2),
        (vec![b'x'; 3 * LONGEST_LINE], 2),
    ] {
        let (_home, host, path) = machine();
        let log = Log::of(&host);
        log.write(&mint()).unwrap();
        let mut text = fs::read(&path).unwrap();
        text.extend(&junk);
        fs::write(&path, &text).unwrap();
        log.write(&mint()).unwrap();
        log.write(&mint()).unwrap();
        let after = fs::read(&path).unwrap();
        assert!(after.starts_with(&text), "nothing was cut off");
        let ops = String::from_utf8_lossy(&after[text.len()..])
            .matches("\"op\":\"repair\"")
            .count();
        assert_eq!(ops, 1);
        let (entries, broken, _) = read(&log);
        assert_eq!((entries.len(), broken.unwrap().line), (1, line));
    }
}

#[test]
fn every_change_is_found_where_it_is() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    for n in 0..5 {
        log.write(&mint().count(n)).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let changed = lines[2].replace("BlahRole", "BlahRola");
    let resealed = {
        let json = lines[2].replace("BlahRole", "BlahRola");
        chain::sealed(&format!("{}}}", json.rsplit_once(",\"hash\"").unwrap().0)).0
    };
    for (name, line, lines) in [
        (
            "changed",
            3,
            vec![lines[0], lines[1], &changed, lines[3], lines[4]],
        ),
        (
            "changed and sealed again",
            4,
            vec![lines[0], lines[1], resealed.trim_end(), lines[3], lines[4]],
        ),
        ("removed", 3, vec![lines[0], lines[1], lines[3], lines[4]]),
        ("reordered", 2, vec![lines[0], lines[2], lines[1], lines[3]]),
        ("twice", 3, vec![lines[0], lines[1], lines[1], lines[2]]),
        ("front", 1, vec![lines[1], lines[2]]),
        ("empty line", 2, vec![lines[0], "", lines[1]]),
        ("blank at an end", 1, vec![&lines[0][1..], lines[1]]),
    ] {
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let broken = read(&log).1.unwrap_or_else(|| panic!("{name}"));
        assert_eq!(
            (broken.line, broken.file == path),
            (line, true),
            "{name}: {broken}"
        );
    }
    // The end cut off shows only to who kept the last hash.
    let last = whole_of(&log, &path, &lines).last().unwrap().hash.clone();
    fs::write(&path, lines[..3].join("\n") + "\n").unwrap();
    assert_eq!(whole(&log).len(), 3);
    let mut history = log.history().unwrap().since(&last);
    assert!(history.by_ref().all(|next| next.is_ok()));
    assert!(!history.has_kept());
}

fn whole_of(log: &Log, path: &Path, lines: &[&str]) -> Vec<Entry> {
    fs::write(path, lines.join("\n") + "\n").unwrap();
    whole(log)
}

#[test]
fn a_kept_hash_is_found_and_what_is_behind_it_is_new() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    for _ in 0..4 {
        log.write(&mint()).unwrap();
    }
    let entries = whole(&log);
    let new = |hash: &str| {
        let mut history = log.history().unwrap().since(hash);
        let new: Vec<_> = history.by_ref().map(|entry| entry.unwrap().is_new).collect();
        (new, history.has_kept())
    };
    assert_eq!(
        new(&entries[1].hash.to_uppercase()),
        (vec![false, false, true, true], true)
    );
    assert_eq!(new(&entries[3].hash), (vec![false; 4], true));
    assert_eq!(new(&"0".repeat(64)), (vec![false; 4], false));
    // The older ones were put elsewhere.
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.split_inclusive('\n').skip(2).collect::<String>()).unwrap();
    assert!(read(&log).1.is_some());
    assert_eq!(new(&entries[1].hash), (vec![true, true], true));
}

#[test]
fn a_full_file_is_put_away_and_the_chain_goes_on() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    log.write(&mint()).unwrap();
    // A record of a later version, and one that fills the file.
    let folder = path.parent().unwrap();
    let mut text = fs::read_to_string(&path).unwrap();
    let mut link = chain::unsealed(text.trim_end().as_bytes()).unwrap().link;
    while text.len() < 16 * 1024 * 1024 {
        let json = format!(
            "{{\"seq\":{},\"novel\":\"{}\",\"prev\":\"{}\"}}",
            link.seq + 1,
            "x".repeat(30_000),
            link.hash
        );
        let (line, hash) = chain::sealed(&json);
        text.push_str(&line);
        link = Link {
            seq: link.seq + 1,
            hash,
        };
    }
    fs::write(&path, &text).unwrap();
    fs::write(folder.join("audit-7.jsonl"), "no number of ours").unwrap();
    log.write(&mint()).unwrap();
    log.write(&mint()).unwrap();
    assert_eq!(
        fs::read_to_string(folder.join("audit-000001.jsonl")).unwrap(),
        text
    );
    let entries = whole(&log);
    assert_eq!(entries.last().unwrap().record["seq"], link.seq + 2);
    assert_eq!(entries[1].record["novel"].as_str().unwrap().len(), 30_000);
    // Whoever put it away was ended before it began the next.
    fs::rename(&path, folder.join("audit-000002.jsonl")).unwrap();
    log.write(&mint()).unwrap();
    assert_eq!(whole(&log).last().unwrap().record["seq"], link.seq + 3);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn nobody_elses_file_is_written() {
    let refused = |prepare: &dyn Fn(&Path), why: &str| {
        let (_home, host, path) = machine();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        prepare(&path);
        let log = Log::of(&host);
        let error = log.write(&mint()).unwrap_err();
        assert!(
            error.to_string().contains(why) && !error.hints().is_empty(),
            "{error}"
        );
        if why != "of user" {
            let read = log.history().map(|_| ());
            assert!(
                read.is_err() || path.parent().unwrap().join("victim").exists(),
                "{why}"
            );
        }
    };
    let victim = |path: &Path| path.with_file_name("victim");
    refused(&|path| fs::create_dir(path).unwrap(), "directory");
    refused(
        &|path| {
            fs::write(victim(path), "").unwrap();
            symlink(victim(path), path).unwrap();
        },
        "it is a link",
    );
    refused(
        &|path| {
            fs::write(victim(path), "").unwrap();
            fs::hard_link(victim(path), path).unwrap();
        },
        "it has 2 names",
    );
    refused(
        &|path| {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o622)).unwrap();
        },
        "others may write it (mode 622)",
    );
    refused(
        &|path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        },
        "it is not a file",
    );
    refused(
        &|path| {
            let folder = path.parent().unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        },
        "others may write it (mode 777)",
    );
    refused(
        &|path| {
            let folder = path.parent().unwrap();
            fs::rename(folder, folder.with_file_name("elsewhere")).unwrap();
            symlink(folder.with_file_name("elsewhere"), folder).unwrap();
        },
        "it is a link",
    );
    refused(
        &|path| {
            let lock = path.with_file_name("audit.lock");
            symlink("elsewhere", lock).unwrap();
            fs::create_dir(path).unwrap();
        },
        "it is a link",
    );
    if rustix::process::geteuid().is_root() {
        refused(
            &|path| {
                fs::write(path, "").unwrap();
                std::os::unix::fs::chown(path, Some(4242), None).unwrap();
            },
            "it belongs to user 4242",
        );
    }
    // Others who may only read it are shut out.
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    log.write(&mint()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    log.write(&mint()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_holder_that_is_stopped_is_waited_for_once() {
    let (_home, host, path) = machine();
    let log = Log::of(&host);
    log.write(&mint()).unwrap();
    let lock = host
        .try_lock(&path.with_file_name("audit.lock"))
        .unwrap()
        .unwrap();
    for _ in 0..50 {
        let error = log.write(&mint()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    drop(lock);
    log.write(&mint()).unwrap();
    assert_eq!(whole(&log).len(), 2);
}

#[test]
fn many_serves_are_few_records() {
    #[derive(Clone, Debug)]
    struct Hands(Arc<std::sync::atomic::AtomicU64>);
    impl crate::host::Clock for Hands {
        fn now(&self) -> std::time::SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
    }
    let home = tempfile::tempdir().unwrap();
    let hands = Hands(Arc::default());
    let host = Host::builder()
        .env("HOME", home.path().to_str().unwrap())
        .clock(hands.clone())
        .build();
    let log = Log::of(&host);
    let coalescer = Coalescer::new(log.clone());
    let (session, who) = (session(), Who::current());
    let counts = || -> Vec<_> {
        whole(&log)
            .iter()
            .map(|entry| entry.record["count"].as_u64().unwrap())
            .collect()
    };
    let serve = |by: &Coalescer, who: &Who| {
        by.served(&session, || Record::serve(&session, who, Delivery::Endpoint));
    };
    (0..100).for_each(|_| serve(&coalescer, &who));
    assert_eq!(counts(), [1]);
    coalescer.write_due();
    assert_eq!(counts(), [1]);
    hands.0.store(60, Ordering::SeqCst);
    coalescer.write_due();
    assert_eq!(counts(), [1, 99]);
    serve(&coalescer, &who);
    hands.0.store(121, Ordering::SeqCst);
    serve(&coalescer, &who);
    assert_eq!(counts(), [1, 99, 2]);
    let others = (
        Coalescer::new(log.clone()),
        Who::from(crate::host::Process::default()),
    );
    (0..3).for_each(|_| serve(&others.0, &others.1));
    assert_eq!(counts(), [1, 99, 2, 1]);
    drop(others);
    assert_eq!(counts(), [1, 99, 2, 1, 2]);
}

fn sealed_lines(counts: &[u64]) -> Vec<u8> {
    let mut last: Option<Link> = None;
    let mut text = String::new();
    for count in counts {
        let seq = last.as_ref().map_or(1, |last| last.seq + 1);
        let prev = last.as_ref().map(|last| last.hash.as_str());
        let (line, hash) = chain::sealed(&mint().count(*count).json(seq, UNIX_EPOCH, prev));
        text.push_str(&line);
        last = Some(Link { seq, hash });
    }
    text.into_bytes()
}

proptest! {
    /// Whatever byte is another one, the chain does not hold, or its last line is not whole.
    #[test]
    fn no_byte_can_be_changed(
        counts in prop::collection::vec(any::<u64>(), 1..4),
        at in any::<prop::sample::Index>(),
        by in 1..=255_u8,
    ) {
        let mut text = sealed_lines(&counts);
        let all = History::of_text(&text).unwrap();
        prop_assert!(all.into_iter().all(|next| next.is_ok()));
        let at = at.index(text.len());
        text[at] ^= by;
        let mut history = History::of_text(&text).unwrap();
        let mut entries = 0;
        let broken = history.by_ref().any(|next| next.inspect(|_| entries += 1).is_err());
        // Without the last newline the last record is whole all the same, unless something follows it.
        prop_assert!(broken || history.torn().is_some(), "{entries} of {} at {at}", counts.len());
    }

    /// A file that ends anywhere is a shorter log, and at most its last line is not whole.
    #[test]
    fn any_beginning_is_a_log(counts in prop::collection::vec(any::<u64>(), 1..4), end in any::<prop::sample::Index>()) {
        let text = sealed_lines(&counts);
        let end = end.index(text.len());
        let history = History::of_text(&text[..end]).unwrap();
        prop_assert!(history.into_iter().all(|next| next.is_ok()));
        let end = End::of(&text[..end]);
        prop_assert!(!end.has_strangers);
    }

    #[test]
    fn no_bytes_are_too_much(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = History::of_text(&text).unwrap().count();
        let _ = End::of(&text);
    }
}
