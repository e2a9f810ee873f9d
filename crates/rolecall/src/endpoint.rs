//! The local HTTP server that speaks the container-credentials protocol.
//!
//! Every SDK reads credentials from such a server when two environment variables name it. This one answers only on
//! 127.0.0.1, only to sockets of its own user, only to requests that carry the token of the session they ask for, and
//! to nothing a browser sends. `THREAT_MODEL.md` says what each defence is for and which test proves it.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use rolecall::endpoint::{Endpoint, Grant};
//! # async fn example(grant: Arc<dyn Grant>, shutdown: tokio::sync::oneshot::Receiver<()>) -> Result<(), Box<dyn std::error::Error>> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let endpoint = Endpoint::new(listener.local_addr()?)?;
//! let access = endpoint.grant(grant)?;
//! let child = std::process::Command::new("aws")
//!     .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", access.uri())
//!     .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", access.token().expose())
//!     .spawn()?;
//! endpoint.serve(listener, async { _ = shutdown.await }).await;
//! # Ok(()) }
//! ```

mod answer;
mod gates;
mod grants;
mod limiter;
mod peer;
mod serve;
mod token;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use grants::Grants;
use limiter::Limiter;

/// What one id of the endpoint hands out.
pub trait Grant: Send + Sync + 'static {
    /// A session that may be handed out now without waiting, if there is one.
    fn valid(&self) -> Option<Session>;

    /// A session after whatever renewal is due.
    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>>;
}

/// A server of sessions on one address. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    grants: Grants,
    limits: Limits,
    wrong_tokens: Limiter,
}

/// How much the endpoint bears. The defaults are the product's; tests choose smaller ones.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; over that, 429.
    pub connections: usize,
    /// Connections being refused at once; over that, they are closed without an answer.
    pub refusals: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_time: Duration,
    /// From one request to the first byte of the next.
    pub idle_time: Duration,
    /// The longest a request waits for a renewal: the AWS SDK for JavaScript gives up after one second.
    pub renewal_wait: Duration,
    /// How long requests in flight have to end after the shutdown.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            refusals: 64,
            header_time: Duration::from_secs(2),
            idle_time: Duration::from_secs(30),
            renewal_wait: Duration::from_millis(900),
            drain_time: Duration::from_secs(1),
        }
    }
}

impl Endpoint {
    /// An endpoint that will be served on `address`, a listener's local address.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] unless the address is 127.0.0.1 with a port: some SDKs accept no other loopback
    /// address, and anything else could be reached from outside.
    pub fn new(address: SocketAddr) -> Result<Self, Error> {
        Self::with_limits(address, Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`Self::new`].
    #[doc(hidden)]
    pub fn with_limits(address: SocketAddr, limits: Limits) -> Result<Self, Error> {
        if address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) || address.port() == 0 {
            return Err(
                Error::config(format!("the endpoint cannot be served on {address}"))
                    .with_hint("Bind it to 127.0.0.1; port 0 lets the system choose a port."),
            );
        }
        Ok(Self(Arc::new(Inner {
            address,
            grants: Grants::new(address.to_string()),
            limits,
            wrong_tokens: Limiter::default(),
        })))
    }

    /// Hands out what `grant` gives, under an id and to a token of its own.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the system gives no randomness.
    pub fn grant(&self, grant: Arc<dyn Grant>) -> Result<Access, Error> {
        let (id, token) = self.0.grants.add(grant)?;
        Ok(Access {
            uri: format!("http://{}/{id}", self.0.grants.authority()),
            token,
        })
    }

    /// Serves until `shutdown`, then lets the requests in flight end for a moment.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        serve::serve(&self.0, listener, shutdown).await;
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.0.address)
            .finish_non_exhaustive()
    }
}

/// What a client needs to get one grant's sessions.
#[derive(Debug)]
pub struct Access {
    uri: String,
    token: Secret,
}

impl Access {
    /// The value of `AWS_CONTAINER_CREDENTIALS_FULL_URI`: `http://127.0.0.1:PORT/ID`.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The value of `AWS_CONTAINER_AUTHORIZATION_TOKEN`: hexadecimal digits, without a newline.
    pub fn token(&self) -> &Secret {
        &self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_loopback_address_is_served() {
        for refused in [
            "0.0.0.0:80",
            "127.0.0.1:0",
            "127.0.0.2:80",
            "169.254.170.2:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
        ] {
            let error = Endpoint::new(refused.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("cannot be served"), "{refused}");
        }
        Endpoint::new("127.0.0.1:80".parse().unwrap()).unwrap();
    }
}
