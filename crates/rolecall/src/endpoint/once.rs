//! One redirect, once: how a link that lets people in reaches a browser without standing in its arguments, where every
//! user of the machine can read it.
//!
//! The browser is started with an address of loopback that nobody can guess. What asks there is checked as the endpoint's
//! clients are: a socket of our own user, and the token in the path. The first to do so is sent on to the link, which is
//! neither kept by it (`no-store`) nor told to anybody behind it (`no-referrer`); then nobody answers any more.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::gates::{Admission, LARGEST_HEAD};
use super::peer::Peers;
use super::serve::{accept, keep_within_one_hop};
use super::token::{Digest, new_token};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// How long a request may take to arrive. A browser opens connections that it does not use yet.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// More connections at once than a browser opens.
const MOST: usize = 32;
const MOST_HEADERS: usize = 64;

/// An address on loopback that sends one browser on to where nobody else is to follow.
pub struct Redirect {
    listener: TcpListener,
    address: SocketAddr,
    token: Secret,
}

impl Redirect {
    /// Takes a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where there is none.
    pub async fn new() -> Result<Self, Error> {
        let unavailable = |error: std::io::Error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("cannot listen on 127.0.0.1: {error}"),
            )
            .with_hint("Print the link, and open it where you want it: --print.")
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unavailable)?;
        keep_within_one_hop(&listener);
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            listener,
            address,
            token: new_token()?,
        })
    }

    /// The address to open. It leads somewhere once, and only from a program of this user.
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.address, self.token.expose())
    }

    /// Sends the first who asks on to `location`, and nobody else. Whether somebody came in time.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] for a location that no header can hold.
    pub async fn send(self, location: &str, patience: Duration) -> Result<bool, Error> {
        if !location.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(
                ErrorKind::Internal,
                "a link has a character that no header can hold",
            )
            .with_hint("This is a bug of rolecall: please report it."));
        }
        let answer = Zeroizing::new(
            [
                "HTTP/1.1 302 Found\r\nlocation: ",
                location,
                "\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            ]
            .concat(),
        );
        let end = Instant::now() + patience;
        let peers = Peers::of(self.address);
        let wanted = Digest::of(format!("/{}", self.token.expose()).as_bytes());
        let mut asking = JoinSet::new();
        loop {
            tokio::select! {
                stream = accept(&self.listener), if asking.len() < MOST => {
                    let Ok(client) = stream.peer_addr() else { continue };
                    // Another user's connection is warned of there, and gets no answer.
                    if peers.admit(client, self.address).0 == Admission::Own {
                        asking.spawn(asked(stream, self.address, wanted));
                    }
                }
                Some(Ok(Some(mut stream))) = asking.join_next() => {
                    let sent = timeout(HEAD_TIME, stream.write_all(answer.as_bytes())).await;
                    if matches!(sent, Ok(Ok(()))) {
                        _ = stream.shutdown().await;
                        drop(self.listener);
                        // Until the other side has read it: to close before takes the answer back.
                        let mut rest = [0; 256];
                        _ = timeout(Duration::from_millis(250), stream.read(&mut rest)).await;
                        return Ok(true);
                    }
                }
                () = tokio::time::sleep_until(end) => return Ok(false),
            }
        }
    }
}

impl std::fmt::Debug for Redirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redirect")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Reads one request. The connection comes back if it asked for the right thing; all else is told that nothing is there.
async fn asked(mut stream: TcpStream, address: SocketAddr, wanted: Digest) -> Option<TcpStream> {
    let mut buffer = Zeroizing::new(vec![0; LARGEST_HEAD]);
    let (mut filled, end) = (0, Instant::now() + HEAD_TIME);
    let is_right = loop {
        match timeout_at(end, stream.read(&mut buffer[filled..])).await {
            Ok(Ok(length @ 1..)) => filled += length,
            _ => return None,
        }
        if let Some(is_right) = judge(&buffer[..filled], address, &wanted) {
            break is_right;
        }
        if filled == LARGEST_HEAD {
            break false;
        }
    };
    if is_right {
        return Some(stream);
    }
    const NOTHING: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    _ = timeout(HEAD_TIME, stream.write_all(NOTHING)).await;
    _ = stream.shutdown().await;
    None
}

/// Whether this is a GET of the wanted path, by the name of this very address; `None` while its headers have not ended.
fn judge(bytes: &[u8], address: SocketAddr, wanted: &Digest) -> Option<bool> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(_) => return Some(false),
    }
    let named = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("host");
    let mut hosts = request.headers.iter().filter(named);
    let host = hosts.next().map(|header| header.value);
    let is_here = host == Some(address.to_string().as_bytes()) && hosts.next().is_none();
    let path = Digest::of(request.path.unwrap_or_default().as_bytes());
    Some(request.method == Some("GET") && is_here && bool::from(path.matches(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://signin.aws.amazon.com/federation?Action=login&SigninToken=CANARY";

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        _ = stream.read_to_string(&mut answer).await;
        answer
    }

    fn get(redirect: &Redirect) -> (SocketAddr, String) {
        let path = redirect.url().split_off(redirect.url().rfind('/').unwrap());
        (
            redirect.address,
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", redirect.address),
        )
    }

    #[tokio::test]
    async fn the_first_is_sent_on_and_then_nobody_answers() {
        let redirect = Redirect::new().await.unwrap();
        assert!(!format!("{redirect:?}").contains(redirect.token.expose()));
        let (address, right) = get(&redirect);
        let serving = tokio::spawn(redirect.send(LINK, Duration::from_secs(20)));
        // A connection that is opened ahead and not used holds nobody up.
        let _idle = TcpStream::connect(address).await.unwrap();
        for wrong in [
            right.replace("GET /", "GET /0"),
            right.replace("GET", "HEAD"),
            right.replace("GET", "POST"),
            right.replace("Host: 127.0.0.1", "Host: localhost"),
            right.replace("\r\n\r\n", &format!("\r\nHost: {address}\r\n\r\n")),
            format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            "nonsense\r\n\r\n".to_owned(),
        ] {
            let answer = ask(address, &wrong).await;
            assert!(
                answer.starts_with("HTTP/1.1 404 ") && !answer.contains("CANARY"),
                "{wrong}{answer}"
            );
        }
        let answer = ask(address, &right).await;
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
        for line in [
            &format!("location: {LINK}")[..],
            "cache-control: no-store",
            "referrer-policy: no-referrer",
        ] {
            assert!(answer.contains(line), "{answer}");
        }
        assert!(serving.await.unwrap().unwrap());
        assert!(
            TcpStream::connect(address).await.is_err(),
            "somebody answers still"
        );
    }

    #[tokio::test]
    async fn it_waits_no_longer_than_it_says() {
        let redirect = Redirect::new().await.unwrap();
        let start = Instant::now();
        assert!(!redirect.send(LINK, Duration::from_millis(50)).await.unwrap());
        assert!(start.elapsed() < Duration::from_secs(5));
        let redirect = Redirect::new().await.unwrap();
        assert!(
            redirect
                .send("https://a\r\nx: y", Duration::from_millis(50))
                .await
                .is_err()
        );
    }
}
