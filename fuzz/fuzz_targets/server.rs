//! One sandbox for the whole run, and bytes sent to it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use rolecall_sandbox::Sandbox;

pub static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::builder().start().expect("a free port"));

/// Sends bytes on a connection of their own and reads what comes back. A fault that was planned by an earlier input may
/// leave no answer; how long that takes is bounded.
pub fn send(bytes: &[u8]) {
    let mut stream = connect();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The server must still answer, whatever was sent. Faults that inputs have planned are taken back first.
pub fn still_answers() {
    let mut stream = connect();
    stream
        .write_all(
            b"DELETE /_sandbox/faults HTTP/1.1\r\nhost: x\r\n\r\n\
              GET /_sandbox/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    assert!(answer.contains(r#"{"ok":true}"#), "{answer}");
}

fn connect() -> TcpStream {
    let address: SocketAddr = SANDBOX
        .endpoint()
        .trim_start_matches("http://")
        .parse()
        .expect("an address of this machine");
    let stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a socket takes a time-out");
    stream
}
