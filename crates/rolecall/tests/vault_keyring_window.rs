//! The keyring's own window: answered, not answered, and not allowed to open. And a bus of another user, which is told
//! nothing. The service is a stand-in on a real bus, for no window opens where there is no display.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at its own files from outside"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dbus::Message;
use dbus::arg::Variant;
use dbus::blocking::Connection;
use dbus::channel::Channel;
use dbus::strings::Path as ObjectPath;
use rolecall::vault::{BackendKind, RecordKey, RecordKind, Vault};
use rolecall::{Error, ErrorKind};

#[expect(dead_code, reason = "no keyring is started here")]
#[path = "support/desktop.rs"]
mod desktop;

use desktop::{Desktop, Waits, host_at, is_missing};

const PROGRAMS: &[&str] = &["dbus-daemon", "setpriv"];
const BUS: &str = "ROLECALL_TEST_FOREIGN_BUS";

/// What becomes of the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Window {
    Accepted,
    Dismissed,
    /// Nobody is at the machine.
    Open,
}

/// A Secret Service that has one locked collection, and writes down what it is asked.
struct Service {
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn on(desktop: &Desktop, window: Window) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let (list, end, address) = (Arc::clone(&asked), Arc::clone(&ends), desktop.address());
        let thread = std::thread::spawn(move || {
            let mut channel = Channel::open_private(&address).unwrap();
            channel.register().unwrap();
            let connection = Connection::from(channel);
            connection
                .request_name("org.freedesktop.secrets", false, false, true)
                .unwrap();
            ready.send(()).unwrap();
            let mut is_locked = true;
            while !end.load(Ordering::Relaxed) {
                let channel = connection.channel();
                let Ok(Some(message)) = channel.blocking_pop_message(Duration::from_millis(20)) else {
                    continue;
                };
                let Some(reply) = message.method_return_if_asked() else {
                    continue;
                };
                let method = message.member().unwrap().to_string();
                let path = |text: &'static str| ObjectPath::from(text);
                let reply = match method.as_str() {
                    // A public key of 2 is one that it may have.
                    "OpenSession" => reply.append2(Variant(vec![2_u8]), path("/session/1")),
                    "ReadAlias" => reply.append1(path("/collection/login")),
                    "Get" => reply.append1(Variant(is_locked)),
                    "Unlock" if is_locked => {
                        reply.append2(Vec::<ObjectPath<'static>>::new(), path("/prompt/1"))
                    }
                    "Unlock" => reply.append2(vec![path("/collection/login")], path("/")),
                    "SearchItems" => {
                        let (items, none) = (vec![path("/collection/login/1")], Vec::new());
                        match is_locked {
                            true => reply.append2::<Vec<ObjectPath<'static>>, _>(none, items),
                            false => reply.append2(items, none),
                        }
                    }
                    "Delete" => reply.append1(path("/")),
                    _ => reply,
                };
                list.lock().unwrap().push(method.clone());
                channel.send(reply).unwrap();
                if method == "Prompt" && window != Window::Open {
                    is_locked = window == Window::Dismissed;
                    // One of another prompt first: it is not the answer.
                    for (prompt, is_dismissed) in [("/prompt/0", !is_locked), ("/prompt/1", is_locked)] {
                        let completed = Message::signal(
                            &path(prompt),
                            &"org.freedesktop.Secret.Prompt".into(),
                            &"Completed".into(),
                        );
                        let completed = completed.append2(is_dismissed, Variant(String::new()));
                        channel.send(completed).unwrap();
                    }
                }
                channel.flush();
            }
        });
        is_ready.recv().unwrap();
        Self {
            asked,
            ends,
            thread: Some(thread),
        }
    }

    /// How often a method was called.
    fn count(&self, method: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|name| *name == method).count()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

trait Asked {
    fn method_return_if_asked(&self) -> Option<Message>;
}

impl Asked for Message {
    fn method_return_if_asked(&self) -> Option<Message> {
        (self.msg_type() == dbus::MessageType::MethodCall).then(|| self.method_return())
    }
}

/// What unlocking came to, and how often the window was opened and taken back.
fn unlocked(window: Window, patience: Option<Duration>) -> (Result<(), Error>, usize, usize) {
    let desktop = Desktop::bare();
    let service = Service::on(&desktop, window);
    let host = match patience {
        Some(patience) => desktop.host().person(Waits(patience)),
        None => desktop.host(),
    };
    let vault = Vault::of(&host.build());
    let done = vault.backend(BackendKind::SecretService).unwrap().unlock();
    (done, service.count("Prompt"), service.count("Dismiss"))
}

#[test]
fn a_window_that_is_answered_unlocks_and_opens_once() {
    if is_missing(PROGRAMS) {
        return;
    }
    let (done, opened, taken_back) = unlocked(Window::Accepted, Some(Duration::from_secs(60)));
    done.unwrap();
    assert_eq!((opened, taken_back), (1, 0));
}

#[test]
fn a_window_that_is_closed_is_an_answer() {
    if is_missing(PROGRAMS) {
        return;
    }
    let (done, opened, taken_back) = unlocked(Window::Dismissed, Some(Duration::from_secs(60)));
    let error = done.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(error.to_string().contains("was closed"), "{error}");
    assert_eq!((opened, taken_back), (1, 0));
}

#[test]
fn a_window_that_nobody_answers_is_closed() {
    if is_missing(PROGRAMS) {
        return;
    }
    let began = Instant::now();
    let (done, opened, taken_back) = unlocked(Window::Open, Some(Duration::from_millis(1200)));
    assert!(began.elapsed() < Duration::from_secs(30));
    let error = done.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(error.to_string().contains("in time"), "{error}");
    assert_eq!((opened, taken_back), (1, 1));
}

#[test]
fn where_no_window_may_open_none_does() {
    if is_missing(PROGRAMS) {
        return;
    }
    let (done, opened, taken_back) = unlocked(Window::Accepted, None);
    assert_eq!(done.unwrap_err().kind(), ErrorKind::NeedsUser);
    assert_eq!((opened, taken_back), (0, 1));
}

/// The vault is locked to others while it deletes: they do not wait for a window.
#[test]
fn what_is_locked_is_not_deleted_and_opens_no_window() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::bare();
    let service = Service::on(&desktop, Window::Accepted);
    let host = desktop.host().person(Waits(Duration::from_secs(60))).build();
    let backend = Vault::of(&host).backend(BackendKind::SecretService).unwrap();
    let joe = RecordKey {
        kind: RecordKind::AccessKey,
        name: "joe".to_owned(),
        id: "AKIACANARYAAAAAAAAAA".to_owned(),
    };
    let error = backend.delete(&joe).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser, "{error}");
    let counts = |methods: [&str; 3]| methods.map(|method| service.count(method));
    assert_eq!(counts(["Unlock", "Prompt", "Delete"]), [0, 0, 0]);
    backend.unlock().unwrap();
    backend.delete(&joe).unwrap();
    assert_eq!(counts(["Unlock", "Prompt", "Delete"]), [1, 1, 1]);
}

/// A listener whose queue is full: even `connect` waits there, and for ever.
#[test]
fn a_bus_that_takes_nobody_in_is_given_up() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    let _first = UnixStream::connect(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let host = host_at(folder.path())
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        .build();
    let (tell, hear) = mpsc::channel();
    std::thread::spawn(move || tell.send(Vault::of(&host).choose(None)));
    let chosen = hear.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
    assert_eq!(chosen.kind, BackendKind::File);
    let (_, why) = &chosen.passed_over[0];
    assert_eq!(why.kind(), ErrorKind::Unavailable, "{why}");
}

/// Once a session has ended, anybody may listen where its bus was. It would be told every key that is saved.
#[test]
fn a_bus_of_another_user_is_told_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run a bus as another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.path().join("foreign");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let name = format!("rolecall-foreign-{}", std::process::id());
    let mut child = Command::new(&binary)
        .args(["--ignored", "--exact", "--nocapture", "listens_as_another_user"])
        .env(BUS, &name)
        .current_dir("/")
        .uid(65_534)
        .gid(65_534)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("LISTENS")));
    let address = format!("unix:abstract={name}");
    let host = host_at(folder.path())
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        .build();
    let error = Vault::of(&host).backend(BackendKind::SecretService).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("belongs to user 65534"), "{error}");
    let heard = said.find(|line| line.as_ref().unwrap().contains("HEARD"));
    child.wait().unwrap();
    assert_eq!(heard.unwrap().unwrap(), "HEARD 0");
}

#[test]
#[ignore = "what a_bus_of_another_user_is_told_nothing runs as another user"]
fn listens_as_another_user() {
    let name = std::env::var(BUS).unwrap();
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    println!("\nLISTENS");
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    println!("HEARD {}", heard.len());
}
