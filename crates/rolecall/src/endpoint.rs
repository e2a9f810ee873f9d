//! The local HTTP server that speaks the container-credentials protocol, and IMDSv2 for programs that know no other.
//!
//! Every SDK reads credentials from such a server when two environment variables name it. This one answers only on
//! 127.0.0.1, only to sockets of its own user, only to requests that carry the token of the session they ask for, and
//! to nothing a browser sends. `THREAT_MODEL.md` says what each defence is for and which test proves it.
//!
//! ```no_run
//! # use std::sync::{Arc, OnceLock};
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
mod metadata;
mod once;
mod peer;
mod serve;
mod token;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::error::Error;
use crate::partition::Partition;
use crate::secret::Secret;
use crate::session::Session;
use gates::{Admission, Routes, Wanted};
use grants::Grants;
use limiter::{Limiter, Penalty};
use metadata::Service;

pub use once::Redirect;
pub use peer::Peer;

/// What one id of the endpoint hands out.
pub trait Grant: Send + Sync + 'static {
    /// A session that may be handed out now without waiting, if there is one.
    fn valid(&self) -> Option<Session>;

    /// A session after whatever renewal is due.
    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>>;

    /// Why a session that is not there yet is not, where its renewal waits for a person. Asked when a client cannot wait
    /// any longer, which is told so: nothing it tries again will help before somebody has answered.
    fn waits_for_person(&self) -> Option<Error> {
        None
    }

    /// Told after `session` has been sent to `peer`, on the thread that serves: whoever does more than to note it does it
    /// elsewhere.
    fn served(&self, session: &Session, peer: &Peer) {
        _ = (session, peer);
    }
}

/// What the instance metadata says besides credentials.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The name the credentials are under: the role's.
    pub role: String,
    /// The partition of the role.
    pub partition: Partition,
    /// The region programs find themselves in; where there is none, they find none.
    pub region: Option<String>,
    /// The account they find themselves in.
    pub account: Option<String>,
}

/// A server of sessions on one address. Cheap to clone; every clone is the same server.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    grants: Grants,
    metadata: OnceLock<Service>,
    limits: Limits,
    wrong_tokens: Limiter,
    told_refusals: Limiter,
    refused: OnceLock<Box<Tell>>,
}

type Tell = dyn Fn(&Peer) + Send + Sync;

impl Inner {
    fn routes(&self) -> Routes<'_> {
        Routes {
            grants: &self.grants,
            metadata: self.metadata.get(),
        }
    }

    /// Wipes every rendered answer.
    fn forget_answers(&self) {
        self.grants.forget_answers();
        if let Some(service) = self.metadata.get() {
            service.outlet.forget();
        }
    }

    /// Tells of another user's connection; not of each, for whoever is refused must not fill a log.
    fn tell_refused(&self, peer: &Peer) {
        if let Some(tell) = self.refused.get()
            && self.told_refusals.fail(tokio::time::Instant::now(), 1) != Penalty::TooMany
        {
            tell(peer);
        }
    }
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
            metadata: OnceLock::new(),
            limits,
            wrong_tokens: Limiter::default(),
            told_refusals: Limiter::default(),
            refused: OnceLock::new(),
        })))
    }

    /// Hands out what `grant` gives, under an id and to a token of its own.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] when the system gives no randomness.
    pub fn grant(&self, grant: Arc<dyn Grant>) -> Result<Access, Error> {
        self.grant_as("", grant)
    }

    /// The same under a label that [`Self::granted`] shows. It is never sent to anybody.
    ///
    /// # Errors
    /// As [`Self::grant`].
    pub fn grant_as(&self, label: impl Into<String>, grant: Arc<dyn Grant>) -> Result<Access, Error> {
        let (id, token) = self.0.grants.add(label.into(), grant)?;
        Ok(Access {
            uri: self.uri_of(&id),
            token,
            id,
            endpoint: self.clone(),
        })
    }

    /// What is granted now, the oldest first.
    pub fn granted(&self) -> Vec<Granted> {
        let granted = self.0.grants.list().into_iter();
        granted
            .map(|(id, label)| Granted {
                uri: self.uri_of(&id),
                label,
            })
            .collect()
    }

    /// Hands out what `grant` gives as instance metadata too (IMDSv2), and returns the value of
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    ///
    /// It is the endpoint's one and only: the SDKs for Go and JavaScript v3 put their own path in the place of the
    /// endpoint's, so nothing but the port tells one target from another. Nor has the protocol a secret to begin with:
    /// every process of this user that finds the port gets the session.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] where there is one already, where the role's name is none, and on systems that do not
    /// tell whose a connection is.
    pub fn metadata(&self, about: Metadata, grant: Arc<dyn Grant>) -> Result<String, Error> {
        if !cfg!(target_os = "linux") {
            return Err(Error::config(
                "instance metadata cannot be served on this system, which does not tell whose a connection is",
            ));
        }
        let service = Service::new(about, grant)?;
        if self.0.metadata.set(service).is_err() {
            return Err(Error::config("the endpoint serves instance metadata already"));
        }
        Ok(format!("http://{}", self.0.grants.authority()))
    }

    /// Takes the instance metadata back: from now on there is nothing under any of its paths. The port stays, so that
    /// nobody else can answer those who still ask.
    pub fn withdraw_metadata(&self) {
        if let Some(service) = self.0.metadata.get() {
            service.outlet.withdraw();
        }
    }

    /// Wipes every rendered answer now; a request that comes later asks its grant again.
    pub fn forget_answers(&self) {
        self.0.forget_answers();
    }

    /// Has `tell` told of connections of other users, fifty in ten seconds at most. Only the first call has an effect.
    pub fn on_refusal(&self, tell: impl Fn(&Peer) + Send + Sync + 'static) {
        _ = self.0.refused.set(Box::new(tell));
    }

    /// What the gates make of bytes from a socket of our own user, and how many they take: for the fuzzer, which looks on
    /// as nobody else may.
    #[doc(hidden)]
    pub fn examine(&self, bytes: &[u8]) -> Option<(Opened, usize)> {
        let now = tokio::time::Instant::now();
        let examined = gates::examine(bytes, Admission::Own, self.0.routes(), now)?;
        let opened = match examined.verdict {
            Ok(Wanted::Credentials(_)) => Opened::Credentials,
            Ok(Wanted::MetadataToken { token, .. }) => Opened::MetadataToken(token),
            Ok(Wanted::Text(_) | Wanted::Document(_)) => Opened::Metadata,
            Err(_) => Opened::Nothing,
        };
        Some((opened, examined.length))
    }

    fn uri_of(&self, id: &str) -> String {
        format!("http://{}/{id}", self.0.grants.authority())
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
    id: String,
    endpoint: Endpoint,
}

/// What a request got past the gates to.
#[doc(hidden)]
#[derive(Debug)]
pub enum Opened {
    Credentials,
    MetadataToken(Secret),
    Metadata,
    Nothing,
}

/// A grant as it is listed: without its token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Granted {
    /// Where it is asked for.
    pub uri: String,
    /// What it was called when it was granted.
    pub label: String,
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

    /// Takes the grant back and wipes its answer: from now on its token gets what unknown ids get. Whether there was
    /// anything left to take back. Dropping an access takes nothing back.
    pub fn withdraw(&self) -> bool {
        self.endpoint.0.grants.withdraw(&self.id)
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
