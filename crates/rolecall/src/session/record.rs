//! A session on its way from one process to another.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Session, SessionParts, Timing};
use crate::arn::{AccountId, AssumedRoleArn};
use crate::time::{from_micros, micros};

/// A session as it is sent between processes of one user, over a socket that both sides have looked at. It is the second
/// exit of a secret beside [`crate::export`], and like there every copy is wiped.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Zeroizing<String>,
    account: Option<String>,
    pub(crate) principal: Option<String>,
    /// In microseconds since 1970, as all times here: on this machine's clock, which both sides share.
    issued_at: u64,
    expires_at: u64,
    draw: f64,
    proves_mfa: bool,
}

impl Record {
    /// The moments of the session's life.
    pub(crate) fn timing(&self) -> Timing {
        Timing::draw(self.issued_at(), self.expires_at(), self.draw)
    }

    pub(crate) fn issued_at(&self) -> SystemTime {
        from_micros(self.issued_at)
    }

    pub(crate) fn expires_at(&self) -> SystemTime {
        from_micros(self.expires_at)
    }

    /// Whether it says what a session says: nothing is blank, and it ends after it began.
    pub(crate) fn is_whole(&self) -> bool {
        !self.access_key_id.is_empty()
            && !self.secret_access_key.is_empty()
            && !self.session_token.is_empty()
            && self.issued_at < self.expires_at
            && (0.0..=1.0).contains(&self.draw)
    }
}

impl Session {
    /// The session for another process of this user.
    pub(crate) fn record(&self) -> Record {
        let credentials = self.credentials();
        Record {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: Zeroizing::new(credentials.secret_access_key().to_owned()),
            session_token: Zeroizing::new(credentials.session_token().unwrap_or_default().to_owned()),
            account: self.account().map(|account| account.to_string()),
            principal: self.principal().map(ToString::to_string),
            issued_at: micros(self.issued_at()),
            expires_at: micros(self.expires_at()),
            draw: self.0.draw,
            proves_mfa: self.0.proves_mfa,
        }
    }

    /// The session that another process of this user had; `None` of half a one.
    pub(crate) fn from_record(record: &Record) -> Option<Self> {
        if !record.is_whole() {
            return None;
        }
        let account: Option<AccountId> = match &record.account {
            Some(account) => Some(account.parse().ok()?),
            None => None,
        };
        let principal: Option<AssumedRoleArn> = match &record.principal {
            Some(principal) => Some(principal.parse().ok()?),
            None => None,
        };
        let parts = SessionParts {
            access_key_id: record.access_key_id.clone(),
            secret_access_key: record.secret_access_key.to_string(),
            session_token: record.session_token.to_string(),
            account,
            principal,
            issued_at: record.issued_at(),
            expires_at: record.expires_at(),
        };
        let session = Self::with_draw(parts, record.draw);
        Some(if record.proves_mfa {
            session.proving_mfa()
        } else {
            session
        })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("access_key_id", &super::masked_key_id(&self.access_key_id))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn session() -> Session {
        let start = UNIX_EPOCH + Duration::from_micros(1_767_225_600_123_456);
        let session = Session::new(SessionParts {
            access_key_id: "ASIACANARYAKID000001".to_owned(),
            secret_access_key: "CANARYSECRET/+\"\\é".to_owned(),
            session_token: "CANARYTOKEN=".to_owned(),
            account: Some("666666666666".parse().unwrap()),
            principal: Some(
                "arn:aws:sts::666666666666:assumed-role/BlahRole/joe"
                    .parse()
                    .unwrap(),
            ),
            issued_at: start,
            expires_at: start + Duration::from_secs(3600),
        });
        session.proving_mfa()
    }

    #[test]
    fn a_session_comes_back_as_it_was() {
        let session = session();
        let text = serde_json::to_string(&session.record()).unwrap();
        let back = Session::from_record(&serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(back.credentials(), session.credentials());
        assert_eq!(back.principal(), session.principal());
        assert_eq!(back.account(), session.account());
        assert_eq!(back.renew_at(), session.renew_at());
        assert_eq!(
            (back.issued_at(), back.expires_at()),
            (session.issued_at(), session.expires_at())
        );
        assert!(back.proves_mfa());
        assert!(!format!("{:?}", session.record()).contains("CANARY"));
    }

    #[test]
    fn half_a_session_is_none() {
        let whole = serde_json::to_value(session().record()).unwrap();
        for (field, value) in [
            ("access_key_id", "".into()),
            ("secret_access_key", "".into()),
            ("session_token", "".into()),
            ("account", "six".into()),
            ("principal", "arn:aws:iam::666666666666:role/BlahRole".into()),
            ("expires_at", serde_json::Value::from(1)),
            ("draw", 7.into()),
        ] {
            let mut half = whole.clone();
            half[field] = value;
            let record: Record = serde_json::from_value(half).unwrap();
            assert!(Session::from_record(&record).is_none(), "{field}");
        }
    }
}
