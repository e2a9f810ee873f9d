//! Serving: the accept loop, and each connection from its first byte to its last.

use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::{Zeroize as _, Zeroizing};

use super::Inner;
use super::answer::{self, CLOSE, Credentials};
use super::gates::{self, Admission, Examined, LARGEST_HEAD, Refusal, Wanted};
use super::grants::Outlet;
use super::limiter::Penalty;
use super::peer::{Peer, Peers};
use crate::session::Session;

/// Files the rest of the process keeps for itself when the cap on connections is derived from the limit on open files.
const SPARE_FILES: usize = 64;

/// Serves until `shutdown`, then drains.
pub(super) async fn serve(endpoint: &Arc<Inner>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    if listener.local_addr().ok() != Some(endpoint.address) {
        tracing::error!(address = %endpoint.address, "the listener is not the endpoint's: nothing is served");
        return;
    }
    keep_within_one_hop(&listener);
    let connections = endpoint.limits.connections.min(open_files());
    let server = Arc::new(Server {
        endpoint: Arc::clone(endpoint),
        peers: Peers::of(endpoint.address),
        places: Arc::new(Semaphore::new(connections)),
        refusals: Arc::new(Semaphore::new(endpoint.limits.refusals)),
    });
    let (stop, stopped) = watch::channel(());
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => log_panic(ended),
            stream = accept(&listener) => {
                server.admit(stream, &mut tasks, stopped.clone());
            }
        }
    }
    drop(listener);
    drop(stop);
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(endpoint.limits.drain_time, drained).await.is_err() {
        tracing::debug!("connections were cut at the end of the drain");
    }
    tasks.shutdown().await;
    endpoint.forget_answers();
}

/// What leaves here must not outlive a hop, should packets of loopback ever be forwarded. Accepted sockets inherit it.
pub(super) fn keep_within_one_hop(listener: &TcpListener) {
    if let Err(error) = listener.set_ttl(1) {
        tracing::debug!(%error, "cannot set the time to live to one hop");
    }
}

/// A panic ends its connection and no other.
fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection was closed because of a bug in serving it");
    }
}

/// The next connection. Errors of one connection are passed over; when the process or the system is short of files or
/// memory, accepting pauses instead of spinning.
pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// How many connections the limit on open files leaves room for.
fn open_files() -> usize {
    #[cfg(unix)]
    if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        return limit.saturating_sub(SPARE_FILES).max(SPARE_FILES);
    }
    usize::MAX
}

struct Server {
    endpoint: Arc<Inner>,
    peers: Peers,
    places: Arc<Semaphore>,
    /// What is refused holds no place of those who are served, and few at all.
    refusals: Arc<Semaphore>,
}

impl Server {
    /// Decides, before its first byte, whether a connection is served, answered with a refusal, or dropped.
    fn admit(self: &Arc<Self>, stream: TcpStream, tasks: &mut JoinSet<()>, stopped: watch::Receiver<()>) {
        let place = Arc::clone(&self.places).try_acquire_owned();
        // Where that fails, nobody is there any more.
        let Ok(client) = stream.peer_addr() else {
            return;
        };
        let (admission, peer) = match &place {
            Err(_) => (Admission::Crowded, Peer::unknown(client)),
            Ok(_) => self.peers.admit(client, self.endpoint.address),
        };
        if admission == Admission::Stranger {
            self.endpoint.tell_refused(&peer);
        }
        let place = match place {
            Ok(place) if admission == Admission::Own => place,
            _ => match Arc::clone(&self.refusals).try_acquire_owned() {
                Ok(place) => place,
                Err(_) => return,
            },
        };
        let connection = Connection {
            stream,
            buffer: Zeroizing::new(vec![0; LARGEST_HEAD]),
            filled: 0,
            wrong_tokens: 0,
            admission,
            peer,
            endpoint: Arc::clone(&self.endpoint),
            stopped,
            _place: place,
        };
        tasks.spawn(connection.run());
    }
}

/// What comes after an answer.
fn after(close: bool) -> ControlFlow<()> {
    if close {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// One connection. What it reads holds tokens, so its buffer is wiped.
struct Connection {
    stream: TcpStream,
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
    wrong_tokens: u32,
    admission: Admission,
    peer: Peer,
    endpoint: Arc<Inner>,
    stopped: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(mut self) {
        // Answers are one write each; waiting for more to send with them only delays them.
        _ = self.stream.set_nodelay(true);
        while let Some(examined) = self.next_request().await {
            match self.answer(examined).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return self.linger().await,
                Err(_) => return,
            }
        }
    }

    /// Reads up to the end of the next request's headers; `None` at the connection's end.
    async fn next_request(&mut self) -> Option<Examined> {
        let limits = &self.endpoint.limits;
        // A connection that will be refused anyway is not waited for as one that is kept.
        let mut deadline = match self.admission {
            Admission::Own if self.filled == 0 => Instant::now() + limits.idle_time,
            _ => Instant::now() + limits.header_time,
        };
        let mut seen = 0;
        loop {
            // Only a line's end can end the headers: bytes that trickle in are not parsed anew with each.
            if self.buffer[seen..self.filled].contains(&b'\n') || self.filled == LARGEST_HEAD {
                let bytes = &self.buffer[..self.filled];
                let examined = gates::examine(bytes, self.admission, self.endpoint.routes(), Instant::now());
                if let Some(examined) = examined {
                    self.consume(examined.length);
                    return Some(examined);
                }
            }
            seen = self.filled;
            let read = tokio::select! {
                read = timeout_at(deadline, self.stream.read(&mut self.buffer[seen..])) => read,
                // Nothing is cut off at the shutdown but waiting.
                _ = self.stopped.changed(), if seen == 0 => return None,
            };
            match read {
                Ok(Ok(0) | Err(_)) => return None,
                Ok(Ok(length)) => self.filled += length,
                Err(_) if seen == 0 => return None,
                Err(_) => {
                    self.consume(self.filled);
                    return Some(gates::too_slow(self.admission));
                }
            }
            if seen == 0 {
                deadline = Instant::now() + self.endpoint.limits.header_time;
            }
        }
    }

    /// Wipes what has been read, and moves what came after it to the front.
    fn consume(&mut self, length: usize) {
        self.buffer.copy_within(length..self.filled, 0);
        let rest = self.filled - length;
        self.buffer[rest..self.filled].zeroize();
        self.filled = rest;
    }

    async fn answer(&mut self, examined: Examined) -> io::Result<ControlFlow<()>> {
        let (outcome, last) = match examined.verdict {
            Ok(Wanted::Credentials(outlet)) => match self.session(&outlet).await {
                Ok((session, credentials)) => (Ok((outlet, session, credentials)), false),
                Err(refusal) => (Err(refusal), false),
            },
            Ok(wanted) => {
                let close = examined.close || self.stopped.has_changed().is_err();
                let bytes = answer::metadata(&wanted, close);
                self.write(&mut [IoSlice::new(&bytes)]).await?;
                return Ok(after(close));
            }
            Err(Refusal::Token) => {
                let (refusal, last) = self.punish().await;
                (Err(refusal), last)
            }
            Err(refusal) => (Err(refusal), false),
        };
        let close = examined.close || last || self.stopped.has_changed().is_err();
        match outcome {
            Ok((outlet, session, credentials)) => {
                if close {
                    let (head, rest) = credentials.parts();
                    self.write(&mut [head, CLOSE, rest].map(IoSlice::new)).await?;
                } else {
                    self.write(&mut [IoSlice::new(credentials.bytes())]).await?;
                }
                outlet.grant.served(&session, &self.peer);
            }
            Err(refusal) => {
                tracing::debug!(?refusal, "refused a request");
                let bytes = answer::refuse(&refusal, close, examined.is_head);
                self.write(&mut [IoSlice::new(&bytes)]).await?;
            }
        }
        Ok(after(close))
    }

    /// What a grant gives within the time a client waits, and its answer.
    async fn session(&self, outlet: &Outlet) -> Result<(Session, Arc<Credentials>), Refusal> {
        let renewal = timeout(self.endpoint.limits.renewal_wait, outlet.grant.session()).await;
        let session = match renewal {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(Refusal::Failed(error)),
            Err(_) => {
                let person = outlet.grant.waits_for_person();
                Err(person.map_or(Refusal::Renewing, Refusal::Failed))
            }
        };
        // A failed renewal does not revoke what was issued.
        let session = session.or_else(|failure| outlet.grant.valid().ok_or(failure))?;
        let answer = outlet.answer(&session).ok_or(Refusal::Unknown)?;
        Ok((session, answer))
    }

    /// What a wrong token gets, after its delay; and whether it was the connection's last.
    async fn punish(&mut self) -> (Refusal, bool) {
        self.wrong_tokens += 1;
        match self.endpoint.wrong_tokens.fail(Instant::now(), self.wrong_tokens) {
            Penalty::Wait { delay, close } => {
                tokio::time::sleep(delay).await;
                (Refusal::Token, close)
            }
            Penalty::TooMany => (Refusal::TooManyTokens, true),
        }
    }

    /// Writes straight from where the bytes are, so that no copy of a secret is left behind. Whoever does not read is
    /// not waited for longer than one who does not write.
    async fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let written = timeout(self.endpoint.limits.header_time, async {
            while !slices.is_empty() {
                match self.stream.write_vectored(slices).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    length => IoSlice::advance_slices(&mut slices, length),
                }
            }
            Ok(())
        });
        written
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ends the connection so that the answer arrives: closing it with unread bytes would take the answer back.
    async fn linger(mut self) {
        const MOST: usize = 64 * 1024;
        _ = self.stream.shutdown().await;
        let mut passed_over = 0;
        let drained = async {
            while passed_over < MOST {
                match self.stream.read(&mut self.buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(length) => passed_over += length,
                }
            }
        };
        _ = timeout(Duration::from_millis(250), drained).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_live_for_one_hop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        keep_within_one_hop(&listener);
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(accept(&listener).await.ttl().unwrap(), 1);
    }
}
