//! The audit log under many processes, under SIGKILL and on a full disk.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends at what it did not expect, and looks at the real system from outside"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rolecall::Host;
use rolecall::audit::{Delivery, Log, Op, Record, Who};

fn log(home: &Path) -> Log {
    Log::of(&Host::builder().env("HOME", home.to_str().unwrap()).build())
}

fn record(count: u64) -> Record {
    Record::new(Op::Serve, &Who::current(), Delivery::Library).count(count)
}

/// How many records there are of each kind, if the chain holds.
fn counted(log: &Log) -> (usize, usize) {
    let mut history = log.history().unwrap();
    let ops: Vec<_> = history
        .by_ref()
        .map(|next| next.unwrap_or_else(|broken| panic!("{broken}")).record["op"].clone())
        .collect();
    let repairs = ops.iter().filter(|op| *op == "repair").count();
    (ops.len() - repairs, repairs)
}

/// This test program as another process, which does only what `job` says.
fn writer(home: &Path, job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    in_place(&mut command, home, job);
    command
}

fn in_place(command: &mut Command, home: &Path, job: &str) {
    command
        .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
        .env("AUDIT_TEST_HOME", home)
        .env("AUDIT_TEST_JOB", job)
        .stdout(Stdio::null());
}

#[test]
#[ignore = "it is what the other tests start"]
fn the_other_process() {
    let Some(home) = std::env::var_os("AUDIT_TEST_HOME") else {
        return;
    };
    let log = log(Path::new(&home));
    match std::env::var("AUDIT_TEST_JOB").unwrap().as_str() {
        "200" => (0..200).for_each(|n| log.write(&record(n)).unwrap()),
        // Until it is killed.
        "forever" => (0..u64::MAX).for_each(|n| log.write(&record(n)).unwrap()),
        "full" => until_it_is_full(&log, Path::new(&home)),
        "refused" => assert!(log.write(&record(0)).is_err(), "no limit"),
        "limited" => assert!((0..1000).any(|n| log.write(&record(n)).is_err()), "no limit"),
        other => panic!("{other}"),
    }
}

fn until_it_is_full(log: &Log, home: &Path) {
    let ballast = home.join("ballast");
    fs::write(&ballast, vec![0; 16 * 1024]).unwrap();
    let mut written = 0;
    let error = loop {
        match log.write(&record(0)) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the disk is not full");
    };
    assert!(error.to_string().contains("space"), "{error}");
    assert_eq!(counted(log), (written, 0));
    let path = home.join(".local/state/rolecall/audit.jsonl");
    assert_eq!(
        fs::read(&path).unwrap().last(),
        Some(&b'\n'),
        "what was written in part was taken back"
    );
    // A caller that goes on warns, and goes on.
    log.note(&record(0));
    fs::remove_file(&ballast).unwrap();
    log.write(&record(0)).unwrap();
    assert_eq!(counted(log), (written + 1, 0));
}

#[test]
fn eight_processes_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let start = |_| writer(home.path(), "200").spawn().unwrap();
    let children: Vec<Child> = (0..8).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(counted(&log(home.path())), (1600, 0));
}

#[test]
fn a_writer_may_be_killed_at_any_moment() {
    // A few to a log, for each is read whole after each.
    for round in 0..6 {
        let home = tempfile::tempdir().unwrap();
        let (log, path) = (
            log(home.path()),
            home.path().join(".local/state/rolecall/audit.jsonl"),
        );
        log.write(&record(0)).unwrap();
        for n in 0..5 {
            let (before, length) = (counted(&log).0, fs::metadata(&path).unwrap().len());
            let mut child = writer(home.path(), "forever")
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while fs::metadata(&path).unwrap().len() == length {
                std::thread::sleep(Duration::from_micros(100));
                assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            }
            // Not one moment is what matters, but that there are many.
            std::thread::sleep(Duration::from_micros(37 * (5 * round + n)));
            child.kill().unwrap();
            child.wait().unwrap();
            let after = counted(&log).0;
            assert!(after > before);
            log.write(&record(n)).unwrap();
            assert_eq!(counted(&log).0, after + 1);
        }
    }
}

#[test]
fn a_full_disk_takes_nothing_with_it() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=64k none \"$AUDIT_TEST_HOME\" || exit 77; exec \"$0\" \"$@\"";
    command
        .args(["-m", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap());
    in_place(&mut command, home.path(), "full");
    let may = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("not tried: this needs a mount namespace");
        return;
    }
    let status = command.status().unwrap();
    if status.code() == Some(77) {
        eprintln!("not tried: nothing may be mounted here");
        return;
    }
    assert!(status.success());
}

#[test]
fn a_limit_on_the_size_of_files_ends_nobody() {
    let home = tempfile::tempdir().unwrap();
    let limited = |job: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap());
        in_place(&mut command, home.path(), job);
        command.status().unwrap()
    };
    assert!(limited("limited").success(), "up to the limit");
    let log = log(home.path());
    let (before, repairs) = counted(&log);
    assert!(before > 0 && repairs == 0);
    // Longer than the limit now: the kernel takes nothing more, and says so by a signal.
    (0..100).for_each(|n| log.write(&record(n)).unwrap());
    assert!(limited("refused").success(), "SIGXFSZ would have ended it");
    assert_eq!(counted(&log), (before + 100, 0));
}

#[test]
#[ignore = "a measure, not a test: run it with --ignored --nocapture"]
fn what_an_append_costs() {
    let home = tempfile::tempdir().unwrap();
    let log = log(home.path());
    for (name, record) in [
        ("serve", record(1)),
        (
            "refuse",
            Record::new(Op::Refuse, &Who::current(), Delivery::Library),
        ),
    ] {
        let start = std::time::Instant::now();
        (0..1000).for_each(|_| log.write(&record).unwrap());
        eprintln!("{name}: {:?} each", start.elapsed() / 1000);
    }
    let start = std::time::Instant::now();
    (0..1000).for_each(|_| drop(Who::current()));
    eprintln!("Who::current: {:?} each", start.elapsed() / 1000);
}
