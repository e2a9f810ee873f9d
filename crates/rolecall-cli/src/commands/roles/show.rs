//! What a person and a program see of the roles that were found.

use std::collections::BTreeMap;

use rolecall::AccountId;
use rolecall::discover::{Found, FoundRole, Ground, Pattern, Proof, Unread};
use rolecall::index::{IndexedAccount, RoleVerdict};
use rolecall::policy::PolicyKind;
use serde_json::{Value, json};

use super::proved;
use crate::output;
use crate::person::plain;

const HEADINGS: [&str; 4] = ["VERDICT", "ROLE", "ACCOUNT", "BECAUSE"];

pub(super) struct Shown<'a> {
    pub(super) found: &'a Found,
    /// What became of each role that was tried.
    pub(super) proofs: &'a [Option<Proof>],
    /// Denied roles too.
    pub(super) all: bool,
}

impl Shown<'_> {
    fn roles(&self) -> impl Iterator<Item = (&FoundRole, Option<&Proof>)> {
        let roles = self.found.roles.iter().zip(self.proofs);
        roles
            .filter(|(role, _)| self.all || role.judgement.verdict != RoleVerdict::Denied)
            .map(|(role, proof)| (role, proof.as_ref()))
    }

    pub(super) fn json(&self) -> Value {
        let roles = self.roles().map(|(role, proof)| self.role_json(role, proof));
        let patterns = self
            .found
            .patterns
            .iter()
            .map(|pattern| self.pattern_json(pattern));
        let identity = &self.found.holdings.caller.identity;
        json!({
            "caller": {
                "arn": identity.arn,
                "account": identity.account,
                "user_id": identity.user_id,
            },
            "roles": roles.chain(patterns).collect::<Vec<_>>(),
            "unread": self.found.unread.iter().map(|unread| json!({
                "what": unread.what,
                "needs": Some(&unread.needs).filter(|needs| !needs.is_empty()),
                "on": Some(&unread.on).filter(|on| !on.is_empty()),
                "why": unread.why,
            })).collect::<Vec<_>>(),
        })
    }

    fn role_json(&self, role: &FoundRole, proof: Option<&Proof>) -> Value {
        let judgement = &role.judgement;
        json!({
            "role_arn": role.arn.to_string(),
            "account": role.arn.account().as_str(),
            "account_name": self.account_name(role.arn.account()),
            "verdict": judgement.verdict.name(),
            "because": judgement.because.iter().map(ground_json).collect::<Vec<_>>(),
            "conditions": judgement.conditions,
            "missing": judgement.missing.map(PolicyKind::name),
            "trust": if judgement.trust_read { "read" } else { "unread" },
            "seen": role.seen,
            "profiles": role.profiles,
            "verified": proof.and_then(Proof::verdict),
            "refused_by": proof.and_then(|proof| match proof {
                Proof::Assumed => None,
                Proof::Refused(error) | Proof::Unknown(error) => Some(error.to_string()),
            }),
        })
    }

    fn pattern_json(&self, pattern: &Pattern) -> Value {
        json!({
            "role_arn": pattern.text,
            "account": pattern.account().map(|account| account.to_string()),
            "account_name": pattern.account().and_then(|account| self.account_name(account)),
            "verdict": RoleVerdict::Pattern.name(),
            "because": [ground_json(&pattern.because)],
            "conditions": pattern.conditions,
            "missing": null,
            "but": pattern.but,
            "trust": "unread",
            "seen": false,
            "profiles": [],
            "verified": null,
            "refused_by": null,
        })
    }

    pub(super) fn table(&self) -> String {
        let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
        for (role, proof) in self.roles() {
            rows.push(vec![
                role.judgement.verdict.to_string(),
                plain(&role.arn.to_string()),
                self.shown_account(role.arn.account()),
                why(role, proof),
            ]);
        }
        for pattern in &self.found.patterns {
            rows.push(vec![
                RoleVerdict::Pattern.to_string(),
                plain(&pattern_text(pattern)),
                pattern
                    .account()
                    .map(|account| self.shown_account(account))
                    .unwrap_or_default(),
                pattern_why(pattern),
            ]);
        }
        if rows.len() == 1 {
            return String::new();
        }
        output::table(&rows)
    }

    pub(super) fn tree(&self) -> String {
        let mut by_account: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
        for (role, proof) in self.roles() {
            let name = format!("{}{}", role.arn.path().trim_start_matches('/'), role.arn.name());
            let line = format!(
                "{}  {}  {}",
                plain(&name),
                role.judgement.verdict,
                why(role, proof)
            );
            by_account.entry(role.arn.account()).or_default().push(line);
        }
        let mut open = Vec::new();
        for pattern in &self.found.patterns {
            let line = format!(
                "{}  {}  {}",
                plain(&pattern_text(pattern)),
                RoleVerdict::Pattern,
                pattern_why(pattern)
            );
            match pattern.account() {
                Some(account) => by_account.entry(account).or_default().push(line),
                None => open.push(line),
            }
        }
        let mut text = String::new();
        let accounts = by_account
            .into_iter()
            .map(|(account, lines)| (self.account_heading(account), lines));
        let everywhere = (!open.is_empty()).then(|| ("any account".to_owned(), open));
        for (heading, lines) in accounts.chain(everywhere) {
            text.push_str(&format!("{heading}\n"));
            for (at, line) in lines.iter().enumerate() {
                let branch = if at + 1 == lines.len() { "└─" } else { "├─" };
                text.push_str(&format!("{branch} {}\n", line.trim_end()));
            }
        }
        text
    }

    /// What is said besides, for a person.
    pub(super) fn remarks(&self) -> String {
        let mut text = String::new();
        let (roles, patterns) = (self.roles().count(), self.found.patterns.len());
        let holdings = &self.found.holdings;
        if roles + patterns == 0 {
            text.push_str(&format!(
                "No role was found that {} may assume.\n",
                plain(&holdings.caller.identity.arn)
            ));
        }
        let denied = self
            .found
            .roles
            .iter()
            .filter(|role| role.judgement.verdict == RoleVerdict::Denied)
            .count();
        if denied > 0 && !self.all {
            text.push_str(&format!(
                "{} denied: --all shows them.\n",
                counted(denied, "role is", "roles are")
            ));
        }
        let unread_trust = self
            .roles()
            .filter(|(role, proof)| !role.judgement.trust_read && proof.and_then(Proof::verdict).is_none())
            .count();
        if unread_trust > 0 {
            text.push_str(&format!(
                "Of {} the other account has a say too, and its trust policy was not read: --verify asks STS, `rolecall explain` \
                 says more.\n",
                counted(unread_trust, "role", "roles")
            ));
        }
        if !self.found.unread.is_empty() {
            text.push_str("\nNot read:\n");
            for unread in &self.found.unread {
                text.push_str(&format!("  {}\n", plain(&unread_line(unread))));
            }
            text.push_str("`rolecall roles --needs` prints the policy that lets everything be read.\n");
        }
        text
    }

    fn account_name(&self, account: AccountId) -> Option<&str> {
        let IndexedAccount { name, alias } = self.found.accounts.get(&account)?;
        name.as_deref().or(alias.as_deref())
    }

    fn shown_account(&self, account: AccountId) -> String {
        plain(self.account_name(account).unwrap_or("-"))
    }

    fn account_heading(&self, account: AccountId) -> String {
        match self.account_name(account) {
            Some(name) => format!("{account} {}", plain(name)),
            None => account.to_string(),
        }
    }
}

fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

fn unread_line(unread: &Unread) -> String {
    let Unread {
        what,
        needs,
        why,
        on: _,
    } = unread;
    match (needs.as_str(), why.as_str()) {
        ("", why) => format!("{what}: {why}"),
        (needs, "denied") => format!("{what}: it needs {needs}"),
        (needs, why) => format!("{what} ({needs}): {why}"),
    }
}

/// Which statements, on what it depends, and what the user has for it already.
fn why(role: &FoundRole, proof: Option<&Proof>) -> String {
    let judgement = &role.judgement;
    let mut parts = Vec::new();
    let told: Vec<String> = judgement.because.iter().map(statement).collect();
    if !told.is_empty() {
        parts.push(told.join(", "));
    }
    match judgement.missing {
        Some(kind) => parts.push(format!("no {} allows it", kind.name())),
        None if judgement.verdict == RoleVerdict::Denied && told.is_empty() => {
            parts.push("there is no such role".to_owned());
        }
        None => {}
    }
    parts.extend(depends(&judgement.conditions));
    if !role.profiles.is_empty() {
        parts.push(format!("profile {}", role.profiles.join(", ")));
    }
    parts.extend(proved(proof).map(str::to_owned));
    plain(&parts.join("; "))
}

/// On what a verdict depends. What was not read is listed once, below, and not in every row.
fn depends(conditions: &[String]) -> Option<String> {
    let (unread, keys): (Vec<&str>, Vec<&str>) = conditions
        .iter()
        .map(String::as_str)
        .partition(|condition| condition.starts_with("unread: "));
    let unread = (!unread.is_empty()).then_some("what was not read");
    let told: Vec<&str> = keys.into_iter().chain(unread).collect();
    (!told.is_empty()).then(|| format!("depends on {}", told.join(", ")))
}

fn pattern_text(pattern: &Pattern) -> String {
    match pattern.but.as_slice() {
        [] => pattern.text.clone(),
        but => format!("{} but {}", pattern.text, but.join(", ")),
    }
}

fn pattern_why(pattern: &Pattern) -> String {
    let mut text = statement(&pattern.because);
    if !pattern.conditions.is_empty() {
        text.push_str(&format!("; depends on {}", pattern.conditions.join(", ")));
    }
    plain(&text)
}

/// A statement, as a person looks it up: the policy, and its Sid or its place.
fn statement(ground: &Ground) -> String {
    let policy = ground
        .policy
        .rsplit_once(":policy/")
        .map_or(ground.policy.as_str(), |(_, name)| name);
    let place = match &ground.sid {
        Some(sid) => sid.clone(),
        None => format!("statement {}", ground.statement + 1),
    };
    match ground.kind {
        PolicyKind::Trust => format!("trust policy ({place})"),
        _ => format!("{policy} of {} ({place})", ground.holder),
    }
}

fn ground_json(ground: &Ground) -> Value {
    json!({
        "kind": ground.kind.name(),
        "holder": ground.holder,
        "policy": ground.policy,
        "version": ground.version,
        "sid": ground.sid,
        "statement": ground.statement,
        "effect": ground.effect.to_string(),
    })
}
