//! Nothing that is issued reaches a log, at any level: neither the server's nor the client's nor the signer's.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use rolecall_sandbox::Sandbox;
use rolecall_sandbox::client::Client;

use crate::common::{BLAH, assume, user};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_log_line_holds_a_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    // Global, because the server logs from its own thread; lines of other tests only add to what is searched.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let session = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let client = Client::new(sandbox.endpoint(), "us-east-1", session);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(client.list_buckets()).unwrap();
    runtime.block_on(client.list_topics()).unwrap();
    runtime
        .block_on(client.publish("arn:aws:sns:us-east-1:1:x", "x"))
        .unwrap_err();
    let logged = captured.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&logged);
    assert!(
        text.contains("AssumeRole") && text.contains("TRACE"),
        "the capture works"
    );
    assert_eq!(sandbox.secrets().leaks_in(&logged), []);
}
