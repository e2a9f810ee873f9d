//! The local HTTP server that speaks the container-credentials protocol.

use std::future::Future;
use std::pin::Pin;

use crate::error::Error;
use crate::session::Session;

/// What one id of the endpoint hands out.
pub trait Grant: Send + Sync + 'static {
    /// A session that may be handed out now without waiting, if there is one.
    fn valid(&self) -> Option<Session>;
    /// A session after whatever renewal is due.
    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>>;
}
