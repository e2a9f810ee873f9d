//! The library's own client before what is no agent: whatever it finds, it goes on alone, in bounded time.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rolecall::agent::{About, Acquired, Agent, Caller};
use rolecall::{Host, SessionKey};
use tempfile::TempDir;

fn agent_in(folder: &Path) -> Agent {
    let host = Host::builder().env("ROLECALL_RUNTIME_DIR", folder.to_str().unwrap());
    Agent::of(&host.build(), Caller::default()).unwrap()
}

fn place() -> (TempDir, Agent) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let agent = agent_in(folder.path());
    (folder, agent)
}

fn key() -> SessionKey {
    "0".repeat(64).parse().unwrap()
}

fn acquired(agent: &Agent) -> Acquired {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let about = About::default();
    runtime
        .unwrap()
        .block_on(agent.acquire(key(), None, false, &about, |_| ()))
}

/// One goes on alone, and where somebody asks for the agent itself it is said what is wrong with it.
fn is_alone(agent: &Agent, why: Option<&str>) {
    assert!(agent.peek(key(), &About::default()).is_none());
    assert!(matches!(acquired(agent), Acquired::Alone));
    match (agent.status(), why) {
        (Ok(None), None) => {}
        (Err(error), Some(why)) => assert!(error.to_string().contains(why), "{error}"),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_socket_in_its_place_is_no_agent() {
    let (folder, agent) = place();
    let socket = folder.path().join("agent.sock");
    is_alone(&agent, None);
    std::fs::write(&socket, "a file").unwrap();
    is_alone(&agent, None);
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "a file");
    std::fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink("/nowhere", &socket).unwrap();
    is_alone(&agent, None);
    std::fs::remove_file(&socket).unwrap();
    std::fs::create_dir(&socket).unwrap();
    is_alone(&agent, None);
    std::fs::remove_dir(&socket).unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    is_alone(&agent, None);
}

#[test]
fn a_folder_in_its_place_is_said_to_be_in_the_way() {
    let (folder, agent) = place();
    std::fs::create_dir(folder.path().join("agent.sock")).unwrap();
    let agent = agent.started_by("/bin/true".into(), &[]);
    let error = agent.start().unwrap_err();
    assert!(error.to_string().contains("cannot be started"), "{error}");
    assert!(matches!(acquired(&agent), Acquired::Alone));
}

#[test]
fn a_program_that_is_no_agent_is_tried_and_left() {
    let (_folder, agent) = place();
    let agent = agent.started_by("/bin/true".into(), &[]);
    assert!(matches!(acquired(&agent), Acquired::Alone));
    let (_folder, agent) = place();
    let agent = agent.started_by("/nowhere/rolecall".into(), &[]);
    assert!(matches!(acquired(&agent), Acquired::Alone));
}

#[test]
fn a_path_that_is_too_long_is_named() {
    let (folder, _) = place();
    let long = folder.path().join("x".repeat(100));
    is_alone(&agent_in(&long), Some("longer than a socket's may be"));
}

#[test]
fn one_that_does_not_answer_is_asked_once() {
    let (folder, agent) = place();
    let listener = UnixListener::bind(folder.path().join("agent.sock")).unwrap();
    let connections = std::thread::spawn(move || {
        let mut taken = Vec::new();
        listener.set_nonblocking(true).unwrap();
        for _ in 0..80 {
            taken.extend(listener.accept().ok());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        taken.len()
    });
    is_alone(&agent, Some("does not answer"));
    assert_eq!(connections.join().unwrap(), 1, "and then left alone for a while");
}

/// A listener that gives every connection this answer.
fn answering(folder: &Path, answer: &'static [u8]) {
    let listener = UnixListener::bind(folder.join("agent.sock")).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let _ = stream.write_all(answer);
        }
    });
}

#[test]
fn one_of_another_version_is_named_by_its_release() {
    let (folder, agent) = place();
    answering(
        folder.path(),
        b"{\"v\":7,\"say\":{\"other_version\":{\"speaks\":7,\"release\":\"9.8.7\",\"and\":\"more\"}}}\n",
    );
    is_alone(&agent, Some("it is rolecall 9.8.7 and speaks version 7"));
    let (folder, agent) = place();
    answering(folder.path(), b"{\"v\":8,\"words\":[]}\n");
    is_alone(&agent, Some("it is another release and speaks version 8"));
}

#[test]
fn one_that_answers_nonsense_is_left() {
    for (answer, why) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "not a message"),
        (b"{\"v\":1,\"say\":\"moo\"}\n", "of no known kind"),
        (b"{\"v\":1,\"say\":{\"session\":{}}}\n", "of no known kind"),
        (
            b"{\"v\":1,\"say\":\"done\"}\n",
            "something else than what was asked",
        ),
    ] {
        let (folder, agent) = place();
        answering(folder.path(), answer);
        is_alone(&agent, Some(why));
    }
    let (folder, agent) = place();
    answering(folder.path(), Box::leak(vec![b'x'; 70_000].into_boxed_slice()));
    is_alone(&agent, Some("has no end"));
}

#[test]
fn who_waits_goes_on_alone_when_the_agent_is_gone() {
    let (folder, agent) = place();
    answering(
        folder.path(),
        b"{\"v\":1,\"say\":{\"wait\":{\"process\":{\"pid\":7,\"uid\":0,\"started\":null,\"executable\":null},\"caller\":{\"program\":null,\"delivery\":\"exec\",\"executable\":null}}}}\n",
    );
    let waited_for = Cell::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let acquired =
        runtime
            .unwrap()
            .block_on(agent.acquire(key(), None, false, &About::default(), |holder| {
                waited_for.set(holder.process.pid);
            }));
    assert!(matches!(acquired, Acquired::Alone));
    assert_eq!(waited_for.get(), 7);
}
