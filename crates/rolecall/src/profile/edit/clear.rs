//! Access keys that stand in the user's files in the clear.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{PAIR, UserFile};
use crate::profile::parse::outline::{Piece, What};
use crate::profile::{FileKind, Origin};
use crate::secret::Secret;

/// One half of a key, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Half {
    /// Which file.
    pub file: FileKind,
    /// `aws_access_key_id` or `aws_secret_access_key`.
    pub key: &'static str,
    /// The line.
    pub origin: Origin,
}

/// The access key of a profile that stands in the clear, or what there is of it.
#[derive(Debug)]
pub struct ClearKey {
    /// The profile.
    pub profile: String,
    /// Its id. Somebody may have put something else there: look at it before it is shown.
    pub access_key_id: Option<Secret>,
    /// The secret.
    pub secret: Option<Secret>,
    /// Every line that it stands in.
    pub halves: Vec<Half>,
    /// Why it is not one long-term key that could be taken out, as a clause.
    pub why_not: Option<String>,
}

/// A line that holds a secret and belongs to no profile.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stray {
    /// The line.
    pub origin: Origin,
    /// What it is, as a clause.
    pub what: &'static str,
}

/// What stands in the files in the clear.
#[derive(Debug, Default)]
pub struct Found {
    /// By profile.
    pub keys: Vec<ClearKey>,
    /// What is nobody's.
    pub strays: Vec<Stray>,
}

/// Where a value stands.
struct Value<'a> {
    text: &'a str,
    half: Half,
}

#[derive(Default)]
struct Gathered<'a> {
    ids: Vec<Value<'a>>,
    secrets: Vec<Value<'a>>,
    /// What makes a key one that ends.
    token: Option<Origin>,
    /// A half that goes on below its line.
    long: Option<Half>,
}

/// Every access key that stands in these files in the clear.
pub fn clear_keys(files: &[UserFile]) -> Found {
    let mut found = Found::default();
    let mut profiles: BTreeMap<&str, Gathered<'_>> = BTreeMap::new();
    for file in files {
        let mut section: Option<&str> = None;
        // Before any heading there is no property.
        let mut open = None;
        for piece in &file.pieces {
            match &piece.what {
                What::Blank => {}
                What::Comment => found.strays.extend(in_comment(file, piece)),
                What::Heading { profile, .. } => {
                    section = profile.as_deref();
                    open = None;
                }
                What::Property { key, value, .. } => {
                    let text = &file.text()[value.clone()];
                    open = None;
                    let Some(profile) = section else {
                        found.strays.extend(in_no_profile(file, piece, key, text));
                        continue;
                    };
                    let half = PAIR.iter().find(|half| *half == key).map(|key| Half {
                        file: file.kind,
                        key,
                        origin: origin(file, piece),
                    });
                    let is_token = ["aws_session_token", "aws_security_token"].contains(&key.as_str());
                    let Some(half) = half else {
                        if is_token && !text.is_empty() {
                            let gathered = profiles.entry(profile).or_default();
                            gathered.token.get_or_insert(origin(file, piece));
                        }
                        continue;
                    };
                    let gathered = profiles.entry(profile).or_default();
                    open = Some((profile, half.clone()));
                    let values = match half.key == PAIR[0] {
                        true => &mut gathered.ids,
                        false => &mut gathered.secrets,
                    };
                    if !text.is_empty() {
                        values.push(Value { text, half });
                    }
                }
                What::More => {
                    if let Some((profile, half)) = &open {
                        let gathered = profiles.entry(*profile).or_default();
                        gathered.long.get_or_insert(half.clone());
                    }
                }
            }
        }
    }
    for (profile, gathered) in profiles {
        found.keys.extend(gathered.key(profile));
    }
    found
}

impl Gathered<'_> {
    fn key(self, profile: &str) -> Option<ClearKey> {
        let why_not = self.why_not();
        let one = |values: &[Value<'_>]| values.last().map(|value| Secret::new(value.text.to_owned()));
        let (access_key_id, secret) = (one(&self.ids), one(&self.secrets));
        if access_key_id.is_none() && secret.is_none() && self.long.is_none() {
            return None;
        }
        let mut halves: Vec<_> = self
            .ids
            .into_iter()
            .chain(self.secrets)
            .map(|value| value.half)
            .collect();
        if let Some(long) = self.long
            && !halves.contains(&long)
        {
            halves.push(long);
        }
        Some(ClearKey {
            profile: profile.to_owned(),
            access_key_id,
            secret,
            halves,
            why_not,
        })
    }

    fn why_not(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("its key is temporary: it has a session token ({token})"));
        }
        if let Some(half) = &self.long {
            return Some(format!(
                "its {} goes on in the lines below it ({})",
                half.key, half.origin
            ));
        }
        let differing = |values: &[Value<'_>]| {
            let last = values.last()?;
            let other = values.iter().find(|value| value.text != last.text)?;
            Some(format!(
                "it has two different values of {} ({} and {})",
                last.half.key, other.half.origin, last.half.origin
            ))
        };
        differing(&self.ids).or_else(|| differing(&self.secrets))
    }
}

fn origin(file: &UserFile, piece: &Piece) -> Origin {
    Origin::File {
        path: Arc::clone(&file.path),
        line: piece.line,
    }
}

/// A key that somebody put out of use with a `#`, and that still is one.
fn in_comment(file: &UserFile, piece: &Piece) -> Option<Stray> {
    let line = &file.text()[piece.range.clone()];
    let (key, value) = line.split_once('=')?;
    let key = key.trim_start_matches(['#', ';', ' ', '\t']).trim_end();
    (key.eq_ignore_ascii_case(PAIR[1]) && !value.trim().is_empty()).then(|| Stray {
        origin: origin(file, piece),
        what: "a comment holds a secret access key",
    })
}

fn in_no_profile(file: &UserFile, piece: &Piece, key: &str, value: &str) -> Option<Stray> {
    (key == PAIR[1] && !value.is_empty()).then(|| Stray {
        origin: origin(file, piece),
        what: "a section that is no profile's holds a secret access key",
    })
}
