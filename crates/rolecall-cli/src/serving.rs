//! A provider behind an endpoint: who used it, its renewal ahead of time, and its tie to the agent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rolecall::audit::{Coalescer, Who};
use rolecall::endpoint::{Endpoint, Grant, Peer};
use rolecall::{Error, Provider, Session};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::shared;

/// Looks after what is granted for as long as the tasks run: it is renewed while somebody asks, shown in the agent, and wiped
/// with the agent's, the answers that the endpoint has made of it included.
pub(crate) fn look_after(used: &Arc<Used>, endpoint: &Endpoint) -> [AbortHandle; 2] {
    let (renewed, attached, endpoint) = (Arc::clone(used), Arc::clone(used), endpoint.clone());
    [
        tokio::spawn(renew_ahead(renewed)).abort_handle(),
        tokio::spawn(async move {
            shared::stay_attached(&attached.provider, || endpoint.forget_answers()).await;
        })
        .abort_handle(),
    ]
}

/// Remembers whether anybody asked since the last renewal: sessions nobody uses are not renewed.
pub(crate) struct Used {
    pub(crate) provider: Provider,
    asked: Notify,
    served: Coalescer,
    who: Who,
}

impl Used {
    /// What is handed to `who`.
    pub(crate) fn of(provider: Provider, who: Who) -> Self {
        Self {
            served: Coalescer::new(provider.audit_log()),
            who,
            provider,
            asked: Notify::new(),
        }
    }

    /// Writes the records that wait to be added up.
    pub(crate) fn flush(&self) {
        self.served.flush();
    }
}

impl Grant for Used {
    fn valid(&self) -> Option<Session> {
        self.asked.notify_one();
        self.provider.valid_session()
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        self.asked.notify_one();
        Box::pin(self.provider.session())
    }

    fn waits_for_person(&self) -> Option<Error> {
        self.provider.waits_for_person()
    }

    /// Which of the user's processes asked is not looked up: they all are of whom it was given to.
    fn served(&self, session: &Session, _peer: &Peer) {
        let record = || self.provider.serve_record(session, &self.who);
        self.served.served(session, record);
    }
}

/// Renews when the time has come, so that no request has to wait for it.
async fn renew_ahead(used: Arc<Used>) {
    /// Between looks at the clock: a machine that slept has not counted on.
    const LOOK: Duration = Duration::from_secs(20);
    let host = used.provider.host().clone();
    loop {
        used.served.write_due();
        let due = used
            .provider
            .valid_session()
            .and_then(|session| session.renew_at().duration_since(host.now()).ok());
        match due {
            Some(left) if !left.is_zero() => tokio::time::sleep(left.min(LOOK)).await,
            _ => {
                // At once where somebody has asked since the last time, else when somebody does.
                used.asked.notified().await;
                if used.provider.needs_refresh() {
                    // A failure is told by the cache, which also says when to try again.
                    let _ = used.provider.session().await;
                }
            }
        }
    }
}
