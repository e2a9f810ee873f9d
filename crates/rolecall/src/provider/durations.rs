//! As long as a role allows: STS does not say how long that is, so it is asked for less and less, and the answer is
//! remembered between runs.
//!
//! What is remembered stands in `durations.json` in [`Host::state_dir`], by a digest of the role and of the STS that was
//! asked: no name of a role is in it. It is a memory, not a setting: what cannot be read or written is learned again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::decision;
use crate::chain::Role;
use crate::error::Error;
use crate::hex::hex;
use crate::host::Host;
use crate::parameters::SessionDuration;
use crate::session::Session;
use crate::time::spoken;

/// What is asked for, longest first: AWS's `MaxSessionDuration` is a whole number of hours in the console.
const STEPS: [u64; 5] = [43_200, 28_800, 14_400, 7_200, 3_600];
/// A role's limit may be raised: after so long the longest is tried again.
const TRUSTED: Duration = Duration::from_secs(7 * 24 * 3600);
/// The same where each try costs a person an MFA code.
const TRUSTED_WITH_CODES: Duration = Duration::from_secs(30 * 24 * 3600);
/// More roles than this are more than one person uses.
const MOST: usize = 1000;

/// How often AWS may be asked for one session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tries {
    /// Until it is short enough.
    Many,
    /// Once: every try needs an MFA code of its own. The next session is asked for less.
    One,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Entry {
    seconds: u64,
    /// Since 1970.
    at: u64,
}

type Memory = BTreeMap<String, Entry>;

/// What is asked for first where a role is wanted for as long as it allows, if that has been learned before and still
/// counts. Reads a file, and calls nothing. None for a role that is wanted for a fixed time.
pub fn remembered(host: &Host, role: &Role, tries: Tries) -> Option<SessionDuration> {
    if !role.duration_is_longest {
        return None;
    }
    trusted(*read(host).get(&digest(role))?, host.now(), tries)
}

/// One session being asked for: with the role as it is, or, where it is wanted as long as it allows, with less and less.
pub(super) struct Negotiation<'a> {
    host: &'a Host,
    role: Cow<'a, Role>,
    tries: Tries,
    known: Option<Entry>,
}

impl<'a> Negotiation<'a> {
    pub(super) fn new(host: &'a Host, role: &'a Role, tries: Tries) -> Self {
        let mut it = Self {
            host,
            role: Cow::Borrowed(role),
            tries,
            known: None,
        };
        if role.duration_is_longest {
            it.known = read(host).get(&digest(role)).copied();
            let known = it.known.and_then(|entry| trusted(entry, host.now(), tries));
            it.ask(known.unwrap_or(SessionDuration::TWELVE_HOURS));
        }
        it
    }

    /// What to ask for now.
    pub(super) fn role(&self) -> &Role {
        &self.role
    }

    /// What becomes of the answer. None: ask again, for less.
    pub(super) fn settled(&mut self, outcome: Result<Session, Error>) -> Option<Result<Session, Error>> {
        if !self.role.duration_is_longest {
            return Some(outcome);
        }
        let asked = self.role.duration.value;
        let error = match outcome {
            Ok(session) => {
                // Nothing to learn where the longest was granted at once, and nothing was known.
                if self.known.is_some() || asked < SessionDuration::TWELVE_HOURS {
                    remember(self.host, &self.role, asked);
                }
                return Some(Ok(session));
            }
            Err(error) => error,
        };
        let shorter = match decision::too_long(&error) {
            Some(decision::TooLong::Chained) => Some(SessionDuration::HOUR),
            Some(decision::TooLong::Role) => next(asked),
            None => None,
        };
        let Some(shorter) = shorter.filter(|shorter| *shorter < asked) else {
            return Some(Err(error));
        };
        let (span, less) = (spoken(asked.to_std()), spoken(shorter.to_std()));
        tracing::debug!(role = %self.role.arn, refused = %span, next = %less, "the role allows less");
        if self.tries == Tries::One {
            remember(self.host, &self.role, shorter);
            return Some(Err(error.with_hint(format!(
                "The next try asks for {less}, which is remembered: each try needs an MFA code of its own. Try again, or name a duration that the role allows (--duration)."
            ))));
        }
        self.ask(shorter);
        None
    }

    fn ask(&mut self, duration: SessionDuration) {
        if self.role.duration.value != duration {
            self.role.to_mut().duration.value = duration;
        }
    }
}

fn trusted(entry: Entry, now: SystemTime, tries: Tries) -> Option<SessionDuration> {
    let longest = match tries {
        Tries::Many => TRUSTED,
        Tries::One => TRUSTED_WITH_CODES,
    };
    let learned_at = UNIX_EPOCH.checked_add(Duration::from_secs(entry.at))?;
    // One of the future is of another clock: learned again.
    let age = now.duration_since(learned_at).ok()?;
    let duration = SessionDuration::from_seconds(entry.seconds).ok()?;
    (age <= longest).then_some(duration)
}

fn next(refused: SessionDuration) -> Option<SessionDuration> {
    let shorter = STEPS.iter().find(|step| **step < u64::from(refused.seconds()))?;
    SessionDuration::from_seconds(*shorter).ok()
}

fn digest(role: &Role) -> String {
    let mut digest = Sha256::new();
    for part in [role.arn.to_string().as_str(), &role.sts.url] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

fn path(host: &Host) -> Option<PathBuf> {
    Some(host.state_dir()?.join("durations.json"))
}

fn read(host: &Host) -> Memory {
    let text = path(host).and_then(|path| host.read(&path).ok().flatten());
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Whoever cannot write it learns it again, and so does whoever comes while another process writes.
fn remember(host: &Host, role: &Role, duration: SessionDuration) {
    let Some(path) = path(host) else {
        return;
    };
    let Ok(Some(_lock)) = host.try_lock(&path.with_extension("lock")) else {
        return;
    };
    let mut memory = read(host);
    let at = host
        .now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let seconds = duration.seconds().into();
    memory.insert(digest(role), Entry { seconds, at });
    while memory.len() > MOST {
        let oldest = memory.iter().min_by_key(|(_, entry)| entry.at);
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            break;
        };
        memory.remove(&key);
    }
    let written = serde_json::to_string(&memory)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            host.write_private(&path, &text)
                .map_err(|error| error.to_string())
        });
    if let Err(error) = written {
        tracing::debug!("what the role allows is not remembered: {error}");
    }
}
