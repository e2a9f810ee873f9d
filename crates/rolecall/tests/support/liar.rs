//! An HTTP server that answers what a test wants, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What it does with one request.
pub(crate) enum Reply {
    /// This status and this body.
    Say(u16, String),
    /// A redirect to there.
    Redirect(String),
    /// Nothing, for ever.
    Hang,
    /// A byte now and then, for ever.
    Drip,
    /// A body that does not end.
    Flood,
    /// No HTTP, and the connection closed.
    Babble,
}

pub(crate) struct Liar {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Liar {
    /// Answers with what `reply` makes of the head of each request and its number.
    pub(crate) async fn start(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, reply) = (Arc::clone(&asked), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, reply) = (Arc::clone(&heard), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &heard, &*reply).await });
            }
        });
        Self { url, asked }
    }

    /// The heads of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: &Mutex<Vec<String>>,
    reply: &(dyn Fn(&str, usize) -> Reply + Send + Sync),
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let number = {
        let mut heard = heard.lock().expect("no panic");
        heard.push(head.clone());
        heard.len()
    };
    let start = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let whole = match reply(&head, number) {
        Reply::Say(status, body) => format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
        Reply::Redirect(to) => {
            format!("HTTP/1.1 302 X\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Reply::Babble => "220 smtp.example\r\n".to_owned(),
        Reply::Hang => {
            std::future::pending::<()>().await;
            return None;
        }
        Reply::Drip => {
            stream
                .write_all(format!("{start}content-length: 900\r\n\r\n").as_bytes())
                .await
                .ok()?;
            loop {
                stream.write_all(b"{").await.ok()?;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Reply::Flood => {
            stream
                .write_all(format!("{start}content-length: 1000000000\r\n\r\n").as_bytes())
                .await
                .ok()?;
            let chunk = vec![b' '; 65536];
            loop {
                stream.write_all(&chunk).await.ok()?;
            }
        }
    };
    stream.write_all(whole.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}
