//! The parameters of IAM's operations and their limits, as its service model has them.
//!
//! Lengths, numbers and enumerations are reported all at once, as every AWS service does. Names and paths with wrong
//! characters IAM reports in sentences of its own, one at a time.

use std::collections::BTreeMap;

use super::Kind;
use super::page::Page;
use crate::api::{Params, Refusal, lower_first};
use crate::validate::{ANY, Checks, DOCUMENT, Pattern};

/// Everything: a check of the length alone.
const EVERYTHING: Pattern = (|_| true, "");
const TAG: Pattern = (is_tag_character, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
const KEY_ID: Pattern = (|c| c.is_ascii_alphanumeric() || c == '_', r"[\w]+");
const DESCRIPTION: Pattern = (
    |c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}'),
    r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
);
const MARKER: Pattern = (|c| matches!(c, ' '..='\u{ff}'), r"[\u0020-\u00FF]+");
const PREFIX: Pattern = (|c| matches!(c, '!'..='\u{7f}'), r"\u002F[\u0021-\u007F]*");
/// How many tags anything has at most ("IAM and AWS STS quotas").
pub(super) const MOST_TAGS: usize = 50;

fn is_tag_character(c: char) -> bool {
    // \p{Z} is what separates without controlling.
    c.is_alphabetic() || c.is_numeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

/// Reads the parameters of one call and collects what is wrong with them.
pub(super) struct Input<'a> {
    params: &'a Params,
    pub(super) checks: Checks<'a>,
    /// The first name or path with wrong characters.
    malformed: Option<Refusal>,
}

impl<'a> Input<'a> {
    pub(super) fn new(params: &'a Params) -> Self {
        Self {
            params,
            checks: Checks::new(params),
            malformed: None,
        }
    }

    fn malformed(&mut self, refusal: Refusal) {
        self.malformed.get_or_insert(refusal);
    }

    fn hold_name(&mut self, parameter: &str, name: &str) {
        let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !name.chars().all(good) {
            self.malformed(Refusal::validation(format!(
                "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the \
                 following: +=,.@_-",
                lower_first(parameter)
            )));
        }
    }

    /// A name that must be there.
    pub(super) fn name(&mut self, parameter: &str, longest: usize) -> &'a str {
        let name = self.checks.required(parameter, 1, longest, EVERYTHING);
        self.hold_name(parameter, name);
        name
    }

    /// A name that need not be there.
    pub(super) fn optional_name(&mut self, parameter: &str, longest: usize) -> Option<&'a str> {
        let name = self.checks.text(parameter, 1, longest, EVERYTHING)?;
        self.hold_name(parameter, name);
        Some(name)
    }

    /// The name of what exists already: 128 characters for users and groups, 64 for roles.
    pub(super) fn existing(&mut self, kind: Kind) -> &'a str {
        self.name(kind.parameter(), if kind == Kind::Role { 64 } else { 128 })
    }

    /// The name of an inline or managed policy.
    pub(super) fn policy_name(&mut self) -> &'a str {
        self.name("PolicyName", 128)
    }

    /// A path, where one is given.
    pub(super) fn path(&mut self, parameter: &str) -> Option<&'a str> {
        let path = self.checks.text(parameter, 1, 512, EVERYTHING)?;
        let inside = path
            .strip_prefix('/')
            .map(|path| path.strip_suffix('/').unwrap_or(path));
        let good =
            path.ends_with('/') && inside.is_some_and(|path| path.chars().all(|c| ('!'..='~').contains(&c)));
        if !good {
            self.malformed(Refusal::validation(format!(
                "The specified value for {} is invalid. It must begin and end with / and contain only alphanumeric \
                 characters and/or / characters.",
                lower_first(parameter)
            )));
        }
        Some(path)
    }

    /// The path of a managed policy, which has fewer characters than other paths and no empty part.
    pub(super) fn policy_path(&mut self) -> Option<&'a str> {
        let path = self.path("Path")?;
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".,+@=_-".contains(c))
        };
        let inside = path.strip_prefix('/').and_then(|path| path.strip_suffix('/'));
        if inside.is_some_and(|inside| !inside.split('/').all(part)) {
            self.malformed(Refusal::validation(
                "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
                 characters and/or / characters.",
            ));
        }
        Some(path)
    }

    /// `PathPrefix`, which is `/` unless given.
    pub(super) fn path_prefix(&mut self) -> &'a str {
        let Some(prefix) = self.checks.text("PathPrefix", 1, 512, PREFIX) else {
            return "/";
        };
        if !prefix.starts_with('/') {
            self.malformed(Refusal::validation(
                "The specified value for pathPrefix is invalid. It must begin with the / character, and contain only \
                 alphanumeric characters and/or / characters.",
            ));
        }
        prefix
    }

    /// An ARN of a managed policy.
    pub(super) fn policy_arn(&mut self, parameter: &str) -> &'a str {
        let arn = self.checks.required(parameter, 20, 2048, ANY);
        self.hold_policy_arn(arn);
        arn
    }

    /// The boundary of something new, where it has one.
    pub(super) fn boundary(&mut self) -> Option<&'a str> {
        let arn = self.checks.text("PermissionsBoundary", 20, 2048, ANY)?;
        self.hold_policy_arn(arn);
        Some(arn)
    }

    fn hold_policy_arn(&mut self, arn: &str) {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        let good =
            matches!(fields[..], ["arn", _, "iam", "", _, resource] if resource.starts_with("policy/"));
        if !good {
            self.malformed(Refusal::new(
                400,
                "InvalidInput",
                format!("ARN {arn} is not valid."),
            ));
        }
    }

    /// The text of a policy.
    pub(super) fn document(&mut self, parameter: &str) -> &'a str {
        self.checks.required(parameter, 1, 131_072, DOCUMENT)
    }

    /// A role's description.
    pub(super) fn description(&mut self) -> Option<&'a str> {
        self.checks.text("Description", 0, 1000, DESCRIPTION)
    }

    /// A policy's description, whose characters the model leaves free.
    pub(super) fn policy_description(&mut self) -> Option<&'a str> {
        self.checks.text("Description", 0, 1000, EVERYTHING)
    }

    pub(super) fn max_session_seconds(&mut self) -> Option<u32> {
        self.checks.number("MaxSessionDuration", 3600, 43_200)
    }

    pub(super) fn access_key_id(&mut self) -> &'a str {
        self.checks.required("AccessKeyId", 16, 128, KEY_ID)
    }

    /// `v3` is 3. Anything that is no version is 0, which none has.
    pub(super) fn version(&mut self) -> u32 {
        let text = self.checks.required("VersionId", 0, 2048, EVERYTHING);
        let number = text
            .strip_prefix('v')
            .filter(|digits| !digits.starts_with(['0', '+']));
        match number.and_then(|digits| digits.parse().ok()) {
            Some(number) => number,
            None if text.is_empty() => 0,
            None => {
                // Only to say so in the words of the model.
                const VERSION: Pattern = (|_| false, r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?");
                self.checks.check(text, "versionId", 0, 2048, VERSION);
                0
            }
        }
    }

    /// `true` or `false`, which is what is meant where there is none.
    pub(super) fn flag(&mut self, parameter: &str) -> bool {
        match self.params.find(parameter) {
            Some("true") => true,
            None | Some("false") => false,
            Some(other) => {
                let member = lower_first(parameter);
                self.checks.choose(other, &member, &["true", "false"]);
                false
            }
        }
    }

    pub(super) fn page(&mut self) -> Page {
        let marker = self.checks.text("Marker", 1, 320, MARKER);
        let most = self.checks.number("MaxItems", 1, 1000);
        Page::new(self.params.find("Action").unwrap_or_default(), marker, most)
    }

    /// The tags of a user or role, in the call's order. Their keys differ by more than case ("Tags for IAM resources").
    pub(super) fn tags(&mut self) -> Vec<(&'a str, &'a str)> {
        let tags = self.policy_tags();
        let mut seen = std::collections::BTreeSet::new();
        if !tags.iter().all(|(key, _)| seen.insert(key.to_lowercase())) {
            self.malformed(twice());
        }
        tags
    }

    /// The tags of a policy, in the call's order.
    pub(super) fn policy_tags(&mut self) -> Vec<(&'a str, &'a str)> {
        let keys = self.params.members("Tags", "Key");
        let values = self.params.members("Tags", "Value");
        self.checks.at_most(&keys, "tags", MOST_TAGS);
        let mut tags = Vec::new();
        for (index, (key, value)) in keys.into_iter().zip(values).enumerate() {
            let member = format!("tags.{}.member", index + 1);
            let (Some(key), Some(value)) = (key, value) else {
                let field = if key.is_none() { "key" } else { "value" };
                self.checks.missing(&format!("{member}.{field}"));
                continue;
            };
            self.checks.check(key, &format!("{member}.key"), 1, 128, TAG);
            self.checks.check(value, &format!("{member}.value"), 0, 256, TAG);
            tags.push((key, value));
        }
        let mut seen = std::collections::BTreeSet::new();
        if !tags.iter().all(|(key, _)| seen.insert(*key)) {
            self.malformed(twice());
        }
        if tags.iter().any(|(key, _)| key.to_lowercase().starts_with("aws:")) {
            self.malformed(Refusal::new(
                400,
                "InvalidInput",
                "aws: prefixed tag key names are not allowed for external use.",
            ));
        }
        tags
    }

    pub(super) fn tag_keys(&mut self) -> Vec<&'a str> {
        let keys: Vec<&str> = self.params.members("TagKeys", "").into_iter().flatten().collect();
        self.checks.at_most(&keys, "tagKeys", MOST_TAGS);
        if keys.is_empty() {
            self.checks.missing("tagKeys");
        }
        for (index, key) in keys.iter().enumerate() {
            let member = format!("tagKeys.{}.member", index + 1);
            self.checks.check(key, &member, 1, 128, TAG);
        }
        keys
    }

    /// The texts of a list, each held to its length.
    pub(super) fn texts(&mut self, parameter: &str, shortest: usize, longest: usize) -> Vec<&'a str> {
        let texts: Vec<&str> = self.params.members(parameter, "").into_iter().flatten().collect();
        for (index, text) in texts.iter().enumerate() {
            let member = format!("{}.{}.member", lower_first(parameter), index + 1);
            self.checks.check(text, &member, shortest, longest, EVERYTHING);
        }
        texts
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        self.checks.finish()?;
        self.malformed.map_or(Ok(()), Err)
    }
}

fn twice() -> Refusal {
    Refusal::new(
        400,
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
}

/// Tags as they are kept.
pub(super) fn kept(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}
