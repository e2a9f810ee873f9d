//! Sessions: temporary credentials, when they end, and whom they act as.

mod cache;
mod key;
mod pace;
mod record;
mod timing;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use crate::arn::{AccountId, AssumedRoleArn};
pub(crate) use cache::shorter;
pub use cache::{SessionCache, Slot};
pub use key::{KeyBuilder, SessionKey};
pub(crate) use pace::Pace;
pub(crate) use record::Record;
pub(crate) use timing::{Timing, random};

/// Temporary credentials, when they end, and whom they act as. Cheap to clone.
///
/// Every time here is on this machine's clock: what STS said has been corrected by the difference between the two
/// clocks, because whoever reads the end compares it with this machine's clock.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    /// `expiry` is the advertised end.
    credentials: Credentials,
    principal: Option<AssumedRoleArn>,
    issued_at: SystemTime,
    expires_at: SystemTime,
    /// What the moment of renewal was drawn with: whoever else is given the session renews it at the same moment.
    draw: f64,
    timing: Timing,
    proves_mfa: bool,
    /// The id of the request that AWS answered with it.
    request_id: Option<String>,
}

/// The parts of a session as STS answers them.
pub struct SessionParts {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// The account the session acts in.
    pub account: Option<AccountId>,
    /// Whom it acts as, where it is a role's.
    pub principal: Option<AssumedRoleArn>,
    /// When it was issued, on this machine's clock.
    pub issued_at: SystemTime,
    /// When it truly ends, on this machine's clock.
    pub expires_at: SystemTime,
}

impl Session {
    /// A session of these parts; the moment of its renewal is drawn here, once.
    pub fn new(parts: SessionParts) -> Self {
        Self::with_draw(parts, random())
    }

    /// The same with the draw given, 0.0 to 1.0.
    fn with_draw(parts: SessionParts, draw: f64) -> Self {
        let timing = Timing::draw(parts.issued_at, parts.expires_at, draw);
        let mut credentials = Credentials::builder()
            .access_key_id(parts.access_key_id)
            .secret_access_key(parts.secret_access_key)
            .session_token(parts.session_token)
            .expiry(timing.advertised_end)
            .provider_name("rolecall");
        if let Some(account) = parts.account {
            credentials = credentials.account_id(account.as_str());
        }
        Self(Arc::new(Inner {
            credentials: credentials.build(),
            principal: parts.principal,
            issued_at: parts.issued_at,
            expires_at: parts.expires_at,
            draw,
            timing,
            proves_mfa: false,
            request_id: None,
        }))
    }

    /// The same session, which an MFA code was given for: whoever uses it has proved the device.
    #[must_use]
    pub(crate) fn proving_mfa(self) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner {
                proves_mfa: true,
                ..inner
            })),
            // Somebody has it already: then it is too late to say more of it than was said.
            Err(shared) => Self(shared),
        }
    }

    /// The same session with the id of the request that AWS answered with it.
    #[must_use]
    pub(crate) fn answering(self, request_id: Option<&str>) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner {
                request_id: request_id.map(str::to_owned),
                ..inner
            })),
            Err(shared) => Self(shared),
        }
    }

    /// The id of the request that AWS answered with it, where this process sent it: it finds the call in CloudTrail.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Whether it proves an MFA device.
    pub(crate) fn proves_mfa(&self) -> bool {
        self.0.proves_mfa
    }

    /// The credentials, with the advertised end as their expiry.
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// The account the session acts in, where it is known.
    pub fn account(&self) -> Option<AccountId> {
        self.0
            .credentials
            .account_id()
            .and_then(|id| id.as_str().parse().ok())
    }

    /// Whom it acts as, where it is a role's.
    pub fn principal(&self) -> Option<&AssumedRoleArn> {
        self.0.principal.as_ref()
    }

    /// When it was issued.
    pub fn issued_at(&self) -> SystemTime {
        self.0.issued_at
    }

    /// When it truly ends.
    pub fn expires_at(&self) -> SystemTime {
        self.0.expires_at
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.0.timing
    }

    /// The end that is told to others: a little before the true one, in whole seconds.
    pub fn advertised_end(&self) -> SystemTime {
        self.0.timing.advertised_end
    }

    /// When it is to be renewed: drawn once for each session, so that many do not renew at once.
    pub fn renew_at(&self) -> SystemTime {
        self.0.timing.renew_at
    }

    /// Whether it can be handed out without a thought of renewal.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        self.0.timing.is_fresh(now)
    }

    /// Whether it may still be handed out. Ends before the true end, so that it can still be used; and a clock that has
    /// been set back to before its issue cannot tell when it ends.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.0.timing.is_valid(now)
    }

    /// Whether a caller should rather wait for a renewal than take this.
    pub(crate) fn is_worth_waiting(&self, now: SystemTime) -> bool {
        self.0.timing.is_worth_waiting(now)
    }

    fn lifetime(&self) -> Duration {
        self.0
            .expires_at
            .duration_since(self.0.issued_at)
            .unwrap_or_default()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("principal", &self.0.principal.as_ref().map(ToString::to_string))
            .field(
                "access_key_id",
                &masked_key_id(self.0.credentials.access_key_id()),
            )
            .field("expires_at", &crate::time::rfc3339(self.0.expires_at))
            .finish_non_exhaustive()
    }
}

/// An access key id as it may be shown: it is what joins a session to CloudTrail, and of no use alone.
pub fn masked_key_id(id: &str) -> String {
    match (id.get(..4), id.len().checked_sub(4).and_then(|at| id.get(at..))) {
        (Some(head), Some(tail)) if id.len() >= 12 => format!("{head}…{tail}"),
        _ => "…".to_owned(),
    }
}
