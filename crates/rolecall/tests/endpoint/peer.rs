//! A4: another user of this machine, with the right token in hand.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::support::{Client, Request, Server};

/// Sends one request from a shell, as this user or as another; returns what came back.
fn from_shell(client: &Client, as_user: Option<u32>) -> String {
    sent_from_shell(
        client.address,
        &client.request().with("Connection: close"),
        as_user,
    )
}

pub(crate) fn sent_from_shell(address: SocketAddr, request: &Request, as_user: Option<u32>) -> String {
    let script = r#"exec 3<>"/dev/tcp/127.0.0.1/$1" && printf '%s' "$2" >&3 && timeout 5 cat <&3"#;
    let request = request.bytes();
    let mut command = match as_user {
        Some(uid) => {
            let mut command = Command::new("setpriv");
            let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
            command.args(ids).args(["--clear-groups", "bash"]);
            command
        }
        None => Command::new("bash"),
    };
    let output = command
        .args(["-c", script, "client", &address.port().to_string()])
        .arg(String::from_utf8(request).unwrap())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// T4.
#[test]
fn another_user_gets_nothing_even_with_the_right_token() {
    let (_server, client) = Server::giving();
    let own = from_shell(&client, None);
    assert!(own.starts_with("HTTP/1.1 200 "), "{own}");
    if !is_root() {
        eprintln!(
            "skipped: only root can run a client as another user; that our own user passes was checked"
        );
        return;
    }
    let other = from_shell(&client, Some(65534));
    assert!(other.starts_with("HTTP/1.1 403 "), "{other}");
    assert!(other.contains(r#""Code":"OtherUser""#), "{other}");
    assert!(!other.contains("CANARY"), "{other}");
}

/// T4 from the other side: root gets nothing from a user's endpoint. Runs this very test binary as that user.
#[test]
fn root_gets_nothing_from_another_users_endpoint() {
    if !is_root() {
        eprintln!("skipped: only root can show that root is refused");
        return;
    }
    // A copy that the other user can reach and run.
    let directory = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), mode).unwrap();
    let binary = directory.path().join("endpoint-test");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut server = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary)
        .args([
            "--exact",
            "peer::serves_until_its_input_ends",
            "--ignored",
            "--nocapture",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(server.stdout.take().unwrap()));
    let ready = lines
        .find_map(|line| {
            line.unwrap()
                .split_once("READY ")
                .map(|(_, rest)| rest.to_owned())
        })
        .unwrap();
    let [address, path, token] = ready.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let client = Client {
        address: address.parse().unwrap(),
        path: path.to_owned(),
        token: token.to_owned(),
    };
    let same_user = from_shell(&client, Some(65534));
    let root = client.send(&client.request());
    let third_user = from_shell(&client, Some(65533));
    drop(server.stdin.take());
    server.wait().unwrap();
    assert!(same_user.starts_with("HTTP/1.1 200 "), "{same_user}");
    assert_eq!((root.status, root.code().as_str()), (403, "OtherUser"));
    assert!(third_user.starts_with("HTTP/1.1 403 "), "{third_user}");
}

#[test]
#[ignore = "the server that root_gets_nothing_from_another_users_endpoint runs as another user"]
fn serves_until_its_input_ends() {
    let (_server, client) = Server::giving();
    println!("READY {} {} {}", client.address, client.path, client.token);
    let mut input = String::new();
    std::io::Read::read_to_string(&mut std::io::stdin(), &mut input).unwrap();
}

/// Those who are refused hold no place of those who are served.
#[test]
fn other_users_cannot_fill_the_endpoint() {
    if !is_root() {
        eprintln!("skipped: only root can run a client as another user");
        return;
    }
    let limits = rolecall::endpoint::Limits {
        connections: 4,
        ..Default::default()
    };
    let server = Server::with_limits(limits);
    let client = server.client(super::support::Scripted::giving(super::support::session(1)));
    let script = r#"for fd in 10 11 12 13 14 15 16 17; do eval "exec $fd<>/dev/tcp/127.0.0.1/$1"; done; echo open; read -r _"#;
    let mut other = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "bash",
            "-c",
            script,
            "client",
        ])
        .arg(client.address.port().to_string())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(other.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "open\n");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.send(&client.request()).status, 200);
    drop(other.stdin.take());
    other.wait().unwrap();
}

/// What the endpoint sends does not survive a hop (A23).
#[test]
fn nothing_but_the_loopback_address_is_bound() {
    let (_server, client) = Server::giving();
    assert_eq!(client.address.ip(), std::net::Ipv4Addr::LOCALHOST);
    assert!(std::net::TcpStream::connect(("127.0.0.2", client.address.port())).is_err());
}
