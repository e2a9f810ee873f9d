//! A4, A24: another user at either end. Nothing is said to them, and nothing of theirs is listened to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use rolecall::Host;
use rolecall::agent::{Agent, Caller};
use serde_json::json;

use super::support::{Keeper, copy_for_others, is_root, other_process, told_socket};

/// T3: the permissions of the folder and of the socket are gone, and the agent looks all the same.
#[test]
fn another_user_is_told_nothing() {
    if !is_root() {
        eprintln!("skipped: only root can run a client as another user");
        return;
    }
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    let binary = copy_for_others(keeper.folder.path());
    std::fs::set_permissions(keeper.socket(), std::fs::Permissions::from_mode(0o777)).unwrap();
    for (uid, is_let_in) in [(65_534, false), (65_533, false), (0, true)] {
        let child = other_process("peer::asks_for_sessions", &keeper.socket(), Some((uid, &binary)));
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.contains("HEARD []"), !is_let_in, "{uid}: {said}");
        assert_eq!(said.contains("ASIACANARYAKID000001"), is_let_in, "{uid}: {said}");
    }
    // The first is recorded; what comes right behind it would fill a disk.
    let records = keeper.records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(
        (&records[0]["op"], &records[0]["who"]["uid"]),
        (&json!("refuse"), &json!(65_534))
    );
}

#[test]
#[ignore = "the client that another_user_is_told_nothing runs as another user"]
fn asks_for_sessions() {
    let mut stream = UnixStream::connect(told_socket()).unwrap();
    let line = json!({"v": 1, "say": "sessions"}).to_string() + "\n";
    let _ = stream.write_all(line.as_bytes());
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    println!(
        "HEARD {:?}",
        String::from_utf8(heard).unwrap().lines().collect::<Vec<_>>()
    );
}

/// T30: whoever got their socket into the place of ours is not asked.
#[test]
fn a_socket_of_another_user_is_told_nothing() {
    if !is_root() {
        eprintln!("skipped: only root can run a server as another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = copy_for_others(folder.path());
    let foreign = folder.path().join("foreign.sock");
    let mut child = other_process("peer::hears_what_it_is_told", &foreign, Some((65_534, &binary)));
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("LISTENS")));
    let own = tempfile::tempdir().unwrap();
    std::fs::set_permissions(own.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&foreign, own.path().join("agent.sock")).unwrap();
    let host = Host::builder()
        .env("ROLECALL_RUNTIME_DIR", own.path().to_str().unwrap())
        .build();
    let error = Agent::of(&host, Caller::default()).unwrap().status().unwrap_err();
    assert!(error.to_string().contains("belongs to user 65534"), "{error}");
    let heard = said.find(|line| line.as_ref().unwrap().contains("HEARD"));
    child.wait().unwrap();
    assert_eq!(heard.unwrap().unwrap(), "HEARD 0");
}

#[test]
#[ignore = "the server that a_socket_of_another_user_is_told_nothing runs as another user"]
fn hears_what_it_is_told() {
    let listener = UnixListener::bind(told_socket()).unwrap();
    std::fs::set_permissions(told_socket(), std::fs::Permissions::from_mode(0o777)).unwrap();
    println!("LISTENS");
    let mut heard = Vec::new();
    let (mut stream, _) = listener.accept().unwrap();
    let _ = stream.read_to_end(&mut heard);
    println!("HEARD {}", heard.len());
}

/// A5, T5: a client that has gone may have left its number to another process, which nothing is said of.
#[test]
fn of_a_client_that_has_gone_only_the_number_is_known() {
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    let child = other_process("peer::asks_and_goes", &keeper.socket(), None);
    let pid = child.id();
    child.wait_with_output().unwrap();
    let users = || {
        let live = keeper.wire().list(json!("sessions"));
        live[0]["users"].as_array().unwrap().clone()
    };
    super::support::wait_until("it is seen", || {
        users().iter().any(|user| user["process"]["pid"] == pid)
    });
    let users = users();
    let user = users.iter().find(|user| user["process"]["pid"] == pid).unwrap();
    // Either it was seen while it ran, or nothing is said of it.
    let own = std::env::current_exe().unwrap();
    let executable = user["process"]["executable"].as_str().unwrap();
    assert!(
        executable == "/opt/rolecall" || executable == own.to_str().unwrap(),
        "{user}"
    );
}

#[test]
#[ignore = "the client that of_a_client_that_has_gone… lets go"]
fn asks_and_goes() {
    let mut stream = UnixStream::connect(told_socket()).unwrap();
    let say = super::support::want("peek", 1, json!({}));
    let line = json!({"v": 1, "say": say}).to_string() + "\n";
    stream.write_all(line.as_bytes()).unwrap();
}
