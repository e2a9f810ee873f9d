//! The resources that a caller's own policies let them assume, as they are written: roles, and patterns of roles.

use super::held::Holdings;
use super::judge::Ground;
use crate::arn::{AccountId, RoleArn};
use crate::policy::{Effect, PolicyKind, filled_in, resource_matches};

/// A resource that a statement lets a caller assume, and that stands for more than one role.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The resource with the caller's variables filled in; of a `NotResource` it is `*`.
    pub text: String,
    /// What the `NotResource` leaves out.
    pub but: Vec<String>,
    /// The statement.
    pub because: Ground,
    /// The condition keys that it depends on.
    pub conditions: Vec<String>,
}

impl Pattern {
    /// The account that every role of it is in, where it names one.
    pub fn account(&self) -> Option<AccountId> {
        self.text.split(':').nth(4)?.parse().ok()
    }

    /// Whether a role belongs to it.
    pub fn covers(&self, arn: &str) -> bool {
        resource_matches(&self.text, arn) && !self.but.iter().any(|but| resource_matches(but, arn))
    }

    /// The role that it stands for in an account: where it leaves open nothing but that.
    pub(super) fn in_account(&self, partition: &str, account: AccountId) -> Option<RoleArn> {
        let fields: Vec<&str> = self.text.splitn(6, ':').collect();
        let &[_, _, _, _, of, resource] = fields.as_slice() else {
            return None;
        };
        let is_one = !resource.contains(['*', '?']) && of.contains(['*', '?']);
        let arn: RoleArn = is_one
            .then(|| format!("arn:{partition}:iam::{account}:{resource}"))?
            .parse()
            .ok()?;
        self.covers(&arn.to_string()).then_some(arn)
    }
}

/// What a caller's own policies allow: roles by their whole ARNs, and patterns.
pub(super) fn granted(holdings: &Holdings) -> (Vec<RoleArn>, Vec<Pattern>) {
    let mut roles: Vec<RoleArn> = Vec::new();
    let mut patterns: Vec<Pattern> = Vec::new();
    for held in &holdings.policies {
        let version = held.document.version();
        for (index, statement) in held.document.statements().iter().enumerate() {
            if statement.effect() != Effect::Allow || !statement.is_about_action("sts:AssumeRole") {
                continue;
            }
            let ground = Ground {
                kind: PolicyKind::Identity,
                holder: held.holder.clone(),
                policy: held.name.clone(),
                version: held.version.clone(),
                sid: statement.sid().map(str::to_owned),
                statement: index,
                effect: Effect::Allow,
            };
            let conditions: Vec<String> = statement.condition_keys().map(str::to_owned).collect();
            let filled = |texts: &[String]| -> Vec<String> {
                // What is not known of a variable may be anything.
                texts
                    .iter()
                    .map(|text| filled_in(text, version, &holdings.context))
                    .collect()
            };
            let mut add = |text: String, but: Vec<String>| {
                if !text.contains(['*', '?']) {
                    roles.extend(text.parse::<RoleArn>());
                } else if may_be_roles(&text) {
                    patterns.push(Pattern {
                        text,
                        but,
                        because: ground.clone(),
                        conditions: conditions.clone(),
                    });
                }
            };
            match (statement.resources(), statement.not_resources()) {
                (Some(resources), _) => filled(resources)
                    .into_iter()
                    .for_each(|text| add(text, Vec::new())),
                (None, Some(but)) => add("*".to_owned(), filled(but)),
                (None, None) => {}
            }
        }
    }
    roles.sort_by_key(ToString::to_string);
    roles.dedup();
    (roles, patterns)
}

/// Whether any role fits: what is about buckets alone is no pattern of roles.
fn may_be_roles(text: &str) -> bool {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields.as_slice() {
        [all] => all.starts_with('*'),
        [_, _, service, .., resource] => {
            let service_fits = crate::policy::wildcard_matches(service, "iam");
            let open = resource.split('*').next().unwrap_or_default();
            service_fits && (open.starts_with("role/") || "role/".starts_with(open))
        }
        _ => true,
    }
}
