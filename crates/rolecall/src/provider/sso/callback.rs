//! Where the browser comes back to after a sign-in: one address of loopback, open for one answer.
//!
//! Whatever runs on this machine, and every page that a browser shows, can reach the port. What it brings counts only with
//! the `state` that went into the sign-in's own address (RFC 6749, 10.12), and the code it brings is of no use without the
//! verifier, which never leaves this process (RFC 7636).

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

pub(super) const PATH: &str = "/oauth/callback";
/// The most of a request that is read: codes are a few hundred bytes, and cookies are not for us.
const MOST: usize = 32 * 1024;
/// How long a request may take to arrive. Browsers open connections that they may never use.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// How many connections are served at once.
const CONNECTIONS: usize = 32;

pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

/// What the browser brought.
#[derive(Debug)]
pub(super) enum Brought {
    Code(Secret),
    /// The OAuth error, and what is said of it.
    Refusal(String),
}

impl Callback {
    pub(super) async fn open() -> Result<Self, Error> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let port = bound.as_ref().map_err(ToString::to_string).and_then(|listener| {
            listener
                .local_addr()
                .map(|address| address.port())
                .map_err(|error| error.to_string())
        });
        match (bound, port) {
            (Ok(listener), Ok(port)) => Ok(Self { listener, port }),
            (_, Err(error)) => Err(no_port(&error)),
            (Err(error), _) => Err(no_port(&error.to_string())),
        }
    }

    pub(super) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the one answer that carries `state`; all else is answered and forgotten.
    pub(super) async fn answer(self, state: &str) -> Result<Brought, Error> {
        let gate = Arc::new(Gate {
            authority: format!("127.0.0.1:{}", self.port),
            state: state.to_owned(),
        });
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        let (found, mut brought) = mpsc::channel(1);
        loop {
            tokio::select! {
                Some(brought) = brought.recv() => return Ok(brought),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Beyond that many they are closed: the person's browser comes again.
                        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
                        let (gate, found) = (Arc::clone(&gate), found.clone());
                        tokio::spawn(async move {
                            if let Ok(Some(brought)) = tokio::time::timeout(ARRIVES_WITHIN, serve(stream, &gate)).await {
                                let _ = found.send(brought).await;
                            }
                            drop(permit);
                        });
                    }
                    // Out of file descriptors, most likely: some connection has to end first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }
}

fn no_port(why: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("cannot listen on 127.0.0.1 for the browser: {why}"),
    )
    .with_hint("Sign in with --device-code, which needs no address here.")
}

/// What a request has to fit.
struct Gate {
    authority: String,
    state: String,
}

/// How a request is answered, and what it brought.
struct Verdict {
    status: &'static str,
    says: &'static str,
    brought: Option<Brought>,
}

fn refuse(status: &'static str, says: &'static str) -> Verdict {
    Verdict {
        status,
        says,
        brought: None,
    }
}

async fn serve(mut stream: TcpStream, gate: &Gate) -> Option<Brought> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST));
    let verdict = loop {
        let read = stream.read_buf(&mut *bytes).await.ok()?;
        if let Some(verdict) = judge(&bytes, gate) {
            break verdict;
        }
        if bytes.len() >= MOST {
            break refuse("431 Request Header Fields Too Large", "That is too long.");
        }
        if read == 0 {
            return None;
        }
    };
    let body = page(verdict.says);
    // Nothing of ours runs, is loaded, framed or kept in that page, and where it came from is told nobody.
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        verdict.status,
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
    verdict.brought
}

/// A page of one sentence.
fn page(says: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>rolecall</title><body><p>{says}</p></body></html>\n"
    )
}

/// None: there is more to come.
fn judge(bytes: &[u8], gate: &Gate) -> Option<Verdict> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return None,
        Err(_) => return Some(refuse("400 Bad Request", "That is no request.")),
    }
    let all = |name: &str| {
        let found = request
            .headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value).collect::<Vec<_>>()
    };
    // A page under a name of its own that leads to this machine would show that name here.
    if all("host") != [gate.authority.as_bytes()] {
        return Some(refuse(
            "403 Forbidden",
            "This address is not the one that was asked for.",
        ));
    }
    // A browser says so when a person did not go there, but a page fetched it.
    if all("sec-fetch-mode").iter().any(|mode| *mode != b"navigate") || !all("origin").is_empty() {
        return Some(refuse("403 Forbidden", "Pages cannot ask here."));
    }
    if request.method != Some("GET") {
        return Some(refuse("405 Method Not Allowed", "Only the sign-in comes here."));
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Some(refuse("404 Not Found", "There is nothing here."));
    }
    Some(read(query, &gate.state))
}

fn read(query: &str, expected: &str) -> Verdict {
    let one = |name: &str| -> Option<Zeroizing<String>> {
        let mut found = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then_some(value)
        });
        let value = found.next().filter(|_| found.next().is_none())?.replace('+', " ");
        let decoded = percent_decode_str(&value).decode_utf8().ok()?;
        (!decoded.is_empty()).then(|| Zeroizing::new(decoded.into_owned()))
    };
    let is_ours = one("state").is_some_and(|state| state.as_bytes().ct_eq(expected.as_bytes()).into());
    if !is_ours {
        tracing::warn!(
            "something came to the address of the sign-in that does not belong to it, and was passed over"
        );
        return refuse("400 Bad Request", "This is not the sign-in that was begun here.");
    }
    let done = |brought, says| Verdict {
        status: "200 OK",
        says,
        brought: Some(brought),
    };
    match (one("error"), one("code")) {
        (Some(error), _) => done(
            Brought::Refusal(error.chars().take(80).collect()),
            "The sign-in was refused. You can close this page; the terminal says more.",
        ),
        (None, Some(code)) => done(
            Brought::Code(Secret::new(code.to_string())),
            "That is all. You can close this page and go back to the terminal.",
        ),
        (None, None) => refuse("400 Bad Request", "There is no code in this address."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate {
            authority: "127.0.0.1:4711".to_owned(),
            state: "CANARY state".to_owned(),
        }
    }

    fn judged(line: &str, headers: &[&str]) -> String {
        let mut request = format!("{line} HTTP/1.1\r\n");
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str("\r\n");
        for cut in 0..request.len() {
            assert!(
                judge(&request.as_bytes()[..cut], &gate()).is_none_or(|verdict| verdict.brought.is_none())
            );
        }
        let verdict = judge(request.as_bytes(), &gate()).unwrap();
        let brought = match verdict.brought {
            None => String::new(),
            Some(Brought::Code(code)) => format!(" code {}", code.expose()),
            Some(Brought::Refusal(error)) => format!(" error {error}"),
        };
        format!("{}{brought}", &verdict.status[..3])
    }

    const GOOD: &str = "GET /oauth/callback?code=a%2Fb&state=CANARY+state";
    const HOST: &str = "Host: 127.0.0.1:4711";

    #[test]
    fn one_request_counts_and_no_other() {
        assert_eq!(judged(GOOD, &[HOST]), "200 code a/b");
        assert_eq!(
            judged(
                GOOD,
                &[HOST, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: cross-site"]
            ),
            "200 code a/b"
        );
        let refused = "GET /oauth/callback?state=CANARY%20state&error=access_denied&error_description=no";
        assert_eq!(judged(refused, &[HOST]), "200 error access_denied");
        for (line, headers, expected) in [
            (GOOD, &["Host: localhost:4711"][..], "403"),
            (GOOD, &["Host: 127.0.0.1"], "403"),
            (GOOD, &["Host: 127.0.0.1:4711", "Host: evil.example"], "403"),
            (GOOD, &["Host: 127.0.0.1:4711.evil.example"], "403"),
            (GOOD, &[], "403"),
            (GOOD, &[HOST, "Sec-Fetch-Mode: no-cors"], "403"),
            (GOOD, &[HOST, "Origin: https://evil.example"], "403"),
            ("POST /oauth/callback?code=a&state=CANARY+state", &[HOST], "405"),
            ("HEAD /oauth/callback?code=a&state=CANARY+state", &[HOST], "405"),
            ("GET /oauth/callback/?code=a&state=CANARY+state", &[HOST], "404"),
            ("GET /?code=a&state=CANARY+state", &[HOST], "404"),
            (
                "GET http://127.0.0.1:4711/oauth/callback?code=a&state=CANARY+state",
                &[HOST],
                "404",
            ),
            ("GET /oauth/callback?code=a&state=CANARY", &[HOST], "400"),
            ("GET /oauth/callback?code=a", &[HOST], "400"),
            ("GET /oauth/callback?error=access_denied", &[HOST], "400"),
            (
                "GET /oauth/callback?code=a&state=x&state=CANARY+state",
                &[HOST],
                "400",
            ),
            (
                "GET /oauth/callback?code=a&code=b&state=CANARY+state",
                &[HOST],
                "400",
            ),
            ("GET /oauth/callback?code=&state=CANARY+state", &[HOST], "400"),
            ("nonsense", &[], "400"),
        ] {
            assert_eq!(judged(line, headers), expected, "{line} {headers:?}");
        }
    }
}
