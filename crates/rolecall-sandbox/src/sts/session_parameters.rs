//! What every call that makes a session may hold it to: policies, inline and by ARN, and tags.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::AccountId;
use rolecall::policy::Document;

use crate::api::Refusal;
use crate::state::State;
use crate::validate::Checks;

/// "The plaintext that you use for both inline and managed session policies can't exceed 2,048 characters" (AssumeRole).
const POLICY_CHARACTERS: usize = 2048;
/// A session policy of full length takes half of the room. How AWS packs is not documented; this lets through rather more.
const POLICY_CHARACTERS_OF_A_PERCENT: f64 = 40.96;
/// Nine tags of 252 bytes were said to take 498 percent, which is all there is to go by.
const TAG_BYTES_OF_A_PERCENT: f64 = 4.55;

/// The session policies of a call, as they were sent.
pub(super) struct Policies<'a> {
    inline: Option<&'a str>,
    arns: Vec<&'a str>,
}

pub(super) type Held = Option<Vec<(String, Document)>>;

impl<'a> Policies<'a> {
    pub(super) fn read(checks: &mut Checks<'a>) -> Self {
        Self {
            inline: checks.policy(),
            arns: checks.arns("PolicyArns", "arn", 10),
        }
    }

    /// The policies themselves; the managed ones must be the session's account's own or AWS's.
    pub(super) fn resolve(&self, state: &State, account: AccountId) -> Result<Held, Refusal> {
        let mut held = match self.inline {
            Some(text) => {
                let document = text
                    .parse::<Document>()
                    .and_then(|document| document.check_identity().map(|()| document))
                    .map_err(|error| Refusal::malformed_policy(error.to_string()))?;
                Some(vec![("session policy".to_owned(), document)])
            }
            None => None,
        };
        for arn in &self.arns {
            let policy = state
                .managed_source(account, arn)
                .ok_or_else(|| Refusal::validation(format!("ARN {arn} is not valid.")))?;
            held.get_or_insert_default()
                .push(((*arn).to_owned(), policy.document.clone()));
        }
        Ok(held)
    }

    fn characters(&self) -> usize {
        let inline = self.inline.map_or(0, |text| text.chars().count());
        inline + self.arns.iter().map(|arn| arn.chars().count()).sum::<usize>()
    }
}

/// Tags as a call sets them ("Pass session tags in AWS STS").
#[derive(Default)]
pub(super) struct Tags {
    pub(super) set: BTreeMap<String, String>,
    pub(super) transitive: Vec<String>,
}

impl Tags {
    /// Checks what no single limit says: keys that differ by more than case, none of AWS's own, and transitive keys that
    /// are set.
    pub(super) fn new(set: &[(&str, &str)], transitive: &[&str]) -> Result<Self, Refusal> {
        let mut seen = BTreeSet::new();
        for (key, _) in set {
            if key.to_lowercase().starts_with("aws:") {
                return Err(Refusal::validation(format!(
                    "Tag keys must not begin with the reserved prefix aws: {key}"
                )));
            }
            if !seen.insert(key.to_lowercase()) {
                return Err(Refusal::new(
                    400,
                    "InvalidParameterValue",
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        if transitive.iter().any(|key| !seen.contains(&key.to_lowercase())) {
            return Err(Refusal::validation(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        // A key is handed on as it was set, however the list of transitive keys spells it.
        let handed_on = |key: &str| {
            transitive
                .iter()
                .any(|other| other.to_lowercase() == key.to_lowercase())
        };
        Ok(Self {
            set: set
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            transitive: set
                .iter()
                .filter(|(key, _)| handed_on(key))
                .map(|(key, _)| (*key).to_owned())
                .collect(),
        })
    }
}

/// How much of the room for policies and tags a session takes; `None` where it has neither.
pub(super) fn packed_size(
    policies: &Policies<'_>,
    tags: &BTreeMap<String, String>,
) -> Result<Option<u64>, Refusal> {
    let characters = policies.characters();
    let bytes: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
    if characters + bytes == 0 {
        return Ok(None);
    }
    let share = characters as f64 / POLICY_CHARACTERS_OF_A_PERCENT + bytes as f64 / TAG_BYTES_OF_A_PERCENT;
    let percent = share.ceil() as u64;
    let too_large = |message: String| Err(Refusal::new(400, "PackedPolicyTooLarge", message));
    if characters > POLICY_CHARACTERS {
        let percent = (characters * 100).div_ceil(POLICY_CHARACTERS);
        return too_large(format!(
            "Packed policy consumes {percent}% of allotted space, please use smaller policy."
        ));
    }
    if percent > 100 {
        return too_large(if characters == 0 {
            format!("Packed size of session tags consumes {percent}% of allotted space.")
        } else {
            format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.")
        });
    }
    Ok(Some(percent))
}

pub(super) fn packed_size_element(percent: Option<u64>) -> String {
    percent.map_or_else(String::new, |percent| {
        format!("<PackedPolicySize>{percent}</PackedPolicySize>")
    })
}
