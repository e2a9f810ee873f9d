//! The only truthful check: assume the role. STS has no dry run, so it is done under a policy that denies everything, for the
//! shortest time there is, and what comes back is thrown away.

use std::time::Duration;

use super::roles::FoundRole;
use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind};
use crate::parameters::{SessionDuration, SessionPolicy};
use crate::provider::Provider;

/// Nothing can be done with such a session but to ask who it is.
const POWERLESS: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

/// What became of one try.
#[derive(Clone, Debug)]
pub enum Proof {
    /// STS handed out a session.
    Assumed,
    /// It refused.
    Refused(Error),
    /// It could not be asked.
    Unknown(Error),
}

impl Proof {
    /// Whether it is proved that the role may be assumed, or that it may not.
    pub fn verdict(&self) -> Option<bool> {
        match self {
            Self::Assumed => Some(true),
            Self::Refused(_) => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

/// Assumes a role for 15 minutes without any power, and forgets the session. With a profile of the user's own for that role, it
/// is assumed as that profile has it, ExternalId and all. Each try is recorded by CloudTrail on both sides, so that it is the
/// user's to ask for, and not more often than once in `pause`.
pub async fn verify(provider: &Provider, role: &FoundRole, pause: Duration) -> Proof {
    let outcome = tried(provider, &role.arn, &role.profiles).await;
    tokio::time::sleep(pause).await;
    match outcome {
        Ok(()) => Proof::Assumed,
        Err(error) if error.kind() == ErrorKind::Denied => Proof::Refused(error),
        Err(error) => Proof::Unknown(error),
    }
}

async fn tried(provider: &Provider, role: &RoleArn, profiles: &[String]) -> Result<(), Error> {
    let policy: SessionPolicy = POWERLESS.parse()?;
    let shortest = SessionDuration::from_seconds(900)?;
    let by_profile = profiles
        .iter()
        .find_map(|name| provider.beside(name, role, policy.clone(), shortest));
    let provider = match by_profile {
        Some(provider) => provider,
        None => provider.beyond(role, policy, shortest)?,
    };
    provider.session().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Document, Effect};

    #[test]
    fn nothing_is_left_to_do() {
        let policy: Document = POWERLESS.parse().unwrap();
        let [statement] = policy.statements() else {
            panic!("one statement")
        };
        assert_eq!(statement.effect(), Effect::Deny);
        assert_eq!(
            (statement.actions(), statement.resources()),
            (Some(&["*".to_owned()][..]), Some(&["*".to_owned()][..]))
        );
        assert_eq!(statement.condition_keys().count(), 0);
    }
}
