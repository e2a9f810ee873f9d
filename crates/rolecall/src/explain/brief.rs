//! The same in two lines, for a command that has just been refused: nothing is assumed for it, and nobody is asked.

use super::walk::{listed, study};
use super::{Hop, Reading, Says};
use crate::discover::holdings;
use crate::error::{Error, ErrorKind};
use crate::provider::Provider;

/// What can be said of a refusal with what is at hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Brief {
    /// One sentence or two: what decides and what to do, or which side stays unknown.
    pub sentence: String,
    /// Whether it says what decides.
    pub is_decided: bool,
}

/// Says in a line why a role was refused: `error` is what a provider's session ended with. Only what the sessions at hand
/// may read is read; `None` where the error is no refusal of a role, or nobody is there to read with.
pub async fn brief(provider: &Provider, error: &Error) -> Option<Brief> {
    let is_refusal = error.kind() == ErrorKind::Denied
        && error
            .aws_code()
            .is_some_and(|code| code.starts_with("AccessDenied"));
    let roles = &provider.chain().roles;
    let refused = error.hop().filter(|_| is_refusal)?;
    let hop = roles.iter().position(|role| role.arn.to_string() == refused)?;
    let by = provider.up_to(hop);
    // What would have to be got first is not at hand.
    if by.is_token() || (by.has_session() && by.at_hand().is_none()) {
        return None;
    }
    let held = holdings(&by).await.ok()?;
    let answer = Err(error.clone());
    let studied = study(provider, hop, &by, Some(held), Some(&answer), &[]).await;
    Some(told(&studied))
}

fn told(hop: &Hop) -> Brief {
    if let Some(cause) = hop.causes.first() {
        // What a role demands is for its owner to tell, and a log is read by many.
        let sentence = match (cause.name, cause.sentence.split_once(": ")) {
            ("external-id-missing" | "external-id-wrong", Some((short, _))) => format!("{short}."),
            _ => cause.sentence.clone(),
        };
        let fix = cause
            .fix
            .split(" below")
            .next()
            .filter(|_| cause.fix.contains(" below"));
        let fix = match fix {
            // There is no below here.
            Some(_) => String::new(),
            None => format!(" {}", cause.fix),
        };
        return Brief {
            sentence: format!("{sentence}{fix}"),
            is_decided: true,
        };
    }
    let own = hop
        .layers
        .iter()
        .filter(|layer| layer.kind != crate::policy::PolicyKind::Trust);
    let allows = own.clone().count() > 0 && own.clone().all(|layer| matches!(layer.says, Says::Allows(_)));
    let mut needs: Vec<&str> = Vec::new();
    for unread in &hop.unread {
        if !needs.contains(&unread.needs.as_str()) {
            needs.push(&unread.needs);
        }
    }
    needs.truncate(3);
    let sentence = match (&hop.reading, allows) {
        (_, true) if hop.trust_read_by.is_none() => format!(
            "The caller's own policies allow it, so the role's side refuses: its trust policy cannot be read from here ({}).",
            hop.role
        ),
        (Reading::Depends(_), _) if !needs.is_empty() => format!(
            "Which side refuses could not be read: that needs {}.",
            listed(&needs, "and")
        ),
        (Reading::Depends(keys), _) => {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            format!("It depends on {}, which is not known here.", listed(&keys, "and"))
        }
        _ => "Everything that could be read allows it: an organization or an endpoint's policy may refuse."
            .to_owned(),
    };
    Brief {
        sentence,
        is_decided: false,
    }
}
