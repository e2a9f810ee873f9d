//! The smallest change that lets a call: found by trying it. Each round takes what decides against the call, changes just
//! that in a copy of what was read, and asks again; what is left at the end is what has to change.

mod choice;
mod copies;

use serde_json::Value;

use self::choice::choices;
use super::call::{ASSUME_ROLE, Call, SET_SOURCE_IDENTITY, TAG_SESSION};
use super::weigh::Asked;
use super::{Change, How, Side, grounds, statement};
use crate::arn::RoleArn;
use crate::discover::{Ground, Held, Holdings, Part, Who};
use crate::policy::{
    Context, Document, Effect, Matched, Mismatch, NearMiss, Policies, PolicyKind, Possible, Request, Said,
    Statement, Verdict, near_misses, possible, possible_layers,
};

/// More rounds than there are things that can be wrong; a loop that does not end would be one of ours.
const ROUNDS: usize = 16;

/// Copies of everything that was read, changed round by round.
pub(super) struct Mending<'a> {
    call: Call<'a>,
    role: &'a RoleArn,
    holdings: Holdings,
    trust: Option<Document>,
    context: Context,
    /// What was taken away: which policy, and which of its statements at first.
    removed: Vec<(String, usize)>,
    changes: Vec<Change>,
}

impl<'a> Mending<'a> {
    pub(super) fn new(call: Call<'a>, asked: &Asked<'a>) -> Self {
        Self {
            call,
            role: asked.role,
            holdings: asked.holdings.clone(),
            trust: asked.trust.cloned(),
            context: asked.context.clone(),
            removed: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Finds the changes, and whether they are all: every action is allowed then, or depends on what is not known.
    pub(super) fn run(mut self) -> (Vec<Change>, bool) {
        let mut rounds = 0;
        let mut done = 0;
        // What is sent may need a further action: a tag needs sts:TagSession.
        while let Some(action) = self.actions().get(done).copied() {
            done += 1;
            loop {
                rounds += 1;
                let Possible::Denied(decision) = self.with(action, possible) else {
                    break;
                };
                let is_mended = match decision.verdict() {
                    Verdict::ExplicitDeny(matched) => self.mend_refusal(action, matched),
                    Verdict::ImplicitDeny(kind) => self.mend_silence(action, *kind),
                    Verdict::Allowed(_) => false,
                };
                if !is_mended || rounds > ROUNDS {
                    return (self.changes, false);
                }
            }
        }
        (self.changes, true)
    }

    /// What the other side has to say where it could not be read: a trust policy that names the caller.
    pub(super) fn trust_unread(&self) -> Change {
        let actions = self
            .call
            .actions()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let mut conditions = serde_json::Map::new();
        if let Some(id) = &self.call.role().external_id {
            conditions.insert(
                "StringEquals".to_owned(),
                serde_json::json!({"sts:ExternalId": id.value.as_str()}),
            );
        }
        Change {
            side: Side::Policy(PolicyKind::Trust),
            account: Some(self.role.account().to_string()),
            what: format!(
                "Ask the owner of account {} whether the trust policy of {} has a statement like this, and which conditions stand in it.",
                self.role.account(),
                self.role
            ),
            how: How::Add { policy: None },
            statement: Some(statement::trust(&actions, self.principal(), conditions)),
            is_certain: false,
        }
    }

    /// What both sides have to allow, with what the changes send.
    fn actions(&self) -> Vec<&'static str> {
        let mut actions = self.call.actions();
        for change in &self.changes {
            let further = match change.how {
                How::Argument { flag: "--tag", .. } => TAG_SESSION,
                How::Argument {
                    flag: "--source-identity",
                    ..
                } => SET_SOURCE_IDENTITY,
                _ => continue,
            };
            if !actions.contains(&further) {
                actions.push(further);
            }
        }
        actions
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            holdings: &self.holdings,
            role: self.role,
            trust: self.trust.as_ref(),
            context: &self.context,
        }
    }

    fn with<T>(&self, action: &str, weigh: impl FnOnce(&Request<'_>, &Policies<'_>) -> T) -> T {
        self.asked().with(action, weigh)
    }

    fn principal(&self) -> Value {
        serde_json::json!({"AWS": self.holdings.arn})
    }

    /// The actions of the call that the policies of a kind do not allow, from this one on.
    fn missing(&self, kind: PolicyKind, from: &str) -> Vec<String> {
        let is_missing = |action: &str| {
            let said = self.with(action, possible_layers);
            !said
                .iter()
                .filter(|(of, _)| *of == kind)
                .all(|(_, said)| matches!(said, Said::Allows(_)))
        };
        let actions = self.actions().into_iter();
        let actions = actions.filter(|action| *action == from || is_missing(action));
        actions.map(str::to_owned).collect()
    }

    /// Nothing of this kind allows it: what the nearest statement wants is sent, or a statement is added.
    fn mend_silence(&mut self, action: &str, kind: PolicyKind) -> bool {
        let near = self.with(action, |request, policies| near_misses(request, policies, kind));
        if let Some(miss) = near.iter().find(|miss| self.is_for_the_call(miss)) {
            let mismatches = miss.because.clone();
            return self.choose(&mismatches, action, kind);
        }
        match kind {
            PolicyKind::Trust => self.mend_trust(action, near.first()),
            _ => self.add_grant(action, kind),
        }
    }

    /// Whether everything that keeps a statement is the call's to send.
    fn is_for_the_call(&self, miss: &NearMiss) -> bool {
        miss.because
            .iter()
            .all(|mismatch| !choices(self.call, &self.holdings, &self.context, mismatch).is_empty())
    }

    /// Sends what a statement wants; whether that was all.
    fn choose(&mut self, mismatches: &[Mismatch], action: &str, kind: PolicyKind) -> bool {
        let before = self.context.clone();
        let mut made = Vec::new();
        for mismatch in mismatches {
            for choice in choices(self.call, &self.holdings, &self.context, mismatch) {
                self.context.set(&choice.key, choice.value);
                if choice.key == super::call::MFA_PRESENT {
                    self.context.set(super::call::MFA_AGE, "0");
                }
                made.push(choice.change);
            }
        }
        let still = self.with(action, possible);
        let is_better = match still {
            Possible::Denied(decision) => *decision.verdict() != Verdict::ImplicitDeny(kind),
            _ => true,
        };
        if !is_better {
            self.context = before;
            return false;
        }
        for change in made {
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
        }
        true
    }

    /// Adds a grant to the caller's side, or to a ceiling of theirs.
    fn add_grant(&mut self, action: &str, kind: PolicyKind) -> bool {
        let actions = self.missing(kind, action);
        let grant = statement::grant(&actions, &self.role.to_string());
        let Some(document) = statement::document(&grant) else {
            return false;
        };
        let caller = &self.holdings.caller;
        let account = caller.account.to_string();
        let (what, policy) = match kind {
            PolicyKind::Identity => {
                self.holdings.policies.push(Held::new_statement(document));
                let whose = whose(&self.holdings);
                (format!("Add this statement to a policy of {whose}."), None)
            }
            PolicyKind::Boundary => {
                let Part::Read(Some(boundary)) = &mut self.holdings.boundary else {
                    return false;
                };
                boundary.document = boundary.document.with(&document);
                let name = boundary.name.clone();
                (
                    format!(
                        "Add this statement to the permissions boundary `{name}` of {}.",
                        whose(&self.holdings)
                    ),
                    Some(name),
                )
            }
            PolicyKind::Session => {
                let Some(Part::Read(held)) = &mut self.holdings.session else {
                    return false;
                };
                held.push(Held::new_statement(document));
                (
                    "Let the session policy of the step before have this statement, or leave that policy away (--policy, --policy-arn, --read-only)."
                        .to_owned(),
                    None,
                )
            }
            PolicyKind::ServiceControl => {
                let Some(level) = self.silent_level(action) else {
                    return false;
                };
                let Part::Read(Some(levels)) = &mut self.holdings.service_control else {
                    return false;
                };
                levels[level].push(Held::new_statement(document));
                (
                    format!(
                        "Only the administrators of the organization can: a service control policy at level {level} (0 is the root) has to allow this."
                    ),
                    None,
                )
            }
            _ => return false,
        };
        self.changes.push(Change {
            side: Side::Policy(kind),
            account: Some(account),
            what,
            how: How::Add { policy },
            statement: Some(grant),
            is_certain: true,
        });
        true
    }

    /// The first level of the organization that allows nothing of the sort.
    fn silent_level(&self, action: &str) -> Option<usize> {
        let said = self.with(action, possible_layers);
        let mut levels = said
            .iter()
            .filter(|(kind, _)| *kind == PolicyKind::ServiceControl);
        levels.position(|(_, said)| matches!(said, Said::Silent))
    }

    /// A trust policy lets the caller in by one more statement, with the conditions that the others have; or by one that is
    /// there, and whose condition nobody can meet.
    fn mend_trust(&mut self, action: &str, nearest: Option<&NearMiss>) -> bool {
        let Some(trust) = self.trust.clone() else {
            return false;
        };
        let mut actions = self.missing(PolicyKind::Trust, action);
        let granting = self.granting();
        let names_caller = |miss: &NearMiss| {
            let mut because = miss.because.iter();
            !because.any(|mismatch| matches!(mismatch, Mismatch::Principal(_)))
        };
        let unmet = |miss: Option<&NearMiss>| -> Vec<(String, String)> {
            let because = miss.into_iter().flat_map(|miss| &miss.because);
            because
                .filter(|mismatch| choices(self.call, &self.holdings, &self.context, mismatch).is_empty())
                .filter_map(|mismatch| match mismatch {
                    Mismatch::Condition { operator, key, .. } => Some((operator.clone(), key.clone())),
                    _ => None,
                })
                .collect()
        };
        let whose = format!("the trust policy of role {}", self.role.name());
        let (statement, how, what, document) = match (granting, nearest) {
            // Another action of the same call is granted: so is this one, to the same and under the same conditions.
            (Some(at), _) if action != ASSUME_ROLE => {
                let model = &trust.statements()[at];
                actions.retain(|name| name != ASSUME_ROLE);
                let principal = statement::principal(model).unwrap_or_else(|| self.principal());
                let conditions = statement::conditions(model, |_, _| false);
                let new = statement::trust(&actions, principal, conditions);
                let added = statement::document(&new);
                (
                    new,
                    How::Add { policy: None },
                    format!("Add this statement to {whose}."),
                    added.map(|added| trust.with(&added)),
                )
            }
            // It names the caller, and something that is not the call's to choose keeps it.
            (_, Some(miss)) if names_caller(miss) => {
                let at = miss.statement.statement;
                let model = &trust.statements()[at];
                let unmet = unmet(Some(miss));
                let new = self.met(model, &unmet);
                let keys: Vec<String> = unmet.into_iter().map(|(_, key)| key).collect();
                let changed = statement::document(&new).map(|new| trust.without(at).with(&new));
                (
                    new,
                    How::Replace {
                        policy: "trust policy".to_owned(),
                        statement: self.at_first("trust policy", at),
                    },
                    format!(
                        "Put this in the place of statement {} of {whose}, whose condition on {} keeps the caller out.",
                        at + 1,
                        grounds::quoted(&keys)
                    ),
                    changed,
                )
            }
            (_, nearest) => {
                let model = nearest.map(|miss| &trust.statements()[miss.statement.statement]);
                let unmet = unmet(nearest);
                let conditions = model.map(|model| {
                    statement::conditions(model, |operator, key| {
                        unmet.iter().any(|(of, on)| of == operator && on == key)
                    })
                });
                let new = statement::trust(&actions, self.principal(), conditions.unwrap_or_default());
                let added = statement::document(&new);
                (
                    new,
                    How::Add { policy: None },
                    format!("Add this statement to {whose}."),
                    added.map(|added| trust.with(&added)),
                )
            }
        };
        let Some(document) = document else { return false };
        self.trust = Some(document);
        self.changes.push(self.of_trust(what, how, Some(statement)));
        true
    }

    /// The statement of the trust policy that lets the caller assume the role.
    fn granting(&self) -> Option<usize> {
        let said = self.with(ASSUME_ROLE, possible_layers);
        let trust = said.into_iter().find(|(kind, _)| *kind == PolicyKind::Trust)?;
        match trust.1 {
            Said::Allows(by) | Said::Depends { grants: by, .. } => by.first().map(|by| by.statement),
            _ => None,
        }
    }

    /// A statement with its unmet conditions met: by one more value where the call has one, else without them.
    fn met(&self, model: &Statement, unmet: &[(String, String)]) -> Value {
        let mut new = statement::whole(model);
        let is_unmet = |operator: &str, key: &str| unmet.iter().any(|(of, on)| of == operator && on == key);
        let mut conditions = statement::conditions(model, is_unmet);
        for (operator, key, values) in model
            .conditions()
            .filter(|(operator, key, _)| is_unmet(operator, key))
        {
            let is_list = operator.starts_with("String") || operator.starts_with("Arn");
            let Some([found]) = self
                .context
                .values(key)
                .filter(|_| is_list && !operator.contains("Not"))
            else {
                continue;
            };
            let mut wanted = values.to_vec();
            wanted.push(found.clone());
            let of_operator = conditions
                .entry(operator)
                .or_insert_with(|| serde_json::json!({}));
            of_operator[key] = statement::few(&wanted);
        }
        if let Some(object) = new.as_object_mut() {
            object.remove("Condition");
            if !conditions.is_empty() {
                object.insert("Condition".to_owned(), Value::Object(conditions));
            }
        }
        new
    }

    fn of_trust(&self, what: String, how: How, statement: Option<Value>) -> Change {
        Change {
            side: Side::Policy(PolicyKind::Trust),
            account: Some(self.role.account().to_string()),
            what,
            how,
            statement,
            is_certain: true,
        }
    }

    /// A statement denies it: what it wants is sent, or the statement is changed.
    fn mend_refusal(&mut self, action: &str, matched: &Matched) -> bool {
        let Some(ground) = self.asked().ground(matched, Effect::Deny) else {
            return false;
        };
        let Some(document) = self.document(matched) else {
            return false;
        };
        let Some(refusal) = document.statements().get(matched.statement).cloned() else {
            return false;
        };
        if self.choose_against(action, matched, &refusal) {
            return true;
        }
        let at = self.at_first(&matched.policy, matched.statement);
        let role = self.role.to_string();
        let sparing = statement::sparing(&refusal, &role);
        let policy = ground.policy.clone();
        let said = super::ground_sentence(&Ground {
            statement: at,
            ..ground.clone()
        });
        let is_whole = refusal.resources() == Some(std::slice::from_ref(&role));
        let (how, what) = match (&sparing, is_whole) {
            (Some(_), _) => (
                How::Replace {
                    policy,
                    statement: at,
                },
                format!("Put this in the place of {said}, so that it leaves this role out."),
            ),
            (None, true) => (
                How::Remove {
                    policy,
                    statement: at,
                },
                format!("Take {said} away: it denies this role and no other."),
            ),
            (None, false) => (
                How::Remove {
                    policy,
                    statement: at,
                },
                format!(
                    "Change {said} so that it leaves this call out, or take it away: no Allow outvotes a Deny."
                ),
            ),
        };
        let what = match matched.kind {
            PolicyKind::ServiceControl => {
                format!(
                    "Only the administrators of the organization can: {}",
                    lower(&what)
                )
            }
            _ => what,
        };
        let mut rest = document.without(matched.statement);
        if let Some(changed) = sparing.as_ref().and_then(statement::document) {
            rest = rest.with(&changed);
        }
        let account = match matched.kind {
            PolicyKind::Trust => self.role.account(),
            _ => self.holdings.caller.account,
        };
        if !self.put(matched, rest) {
            return false;
        }
        self.removed.push((matched.policy.clone(), at));
        self.changes.push(Change {
            side: Side::Policy(matched.kind),
            account: Some(account.to_string()),
            what,
            how,
            statement: sparing,
            is_certain: true,
        });
        true
    }

    /// Sends what makes one of a refusal's conditions fail.
    fn choose_against(&mut self, action: &str, matched: &Matched, refusal: &Statement) -> bool {
        let conditions: Vec<Mismatch> = refusal
            .conditions()
            .map(|(operator, key, wanted)| Mismatch::Condition {
                operator: operator.to_owned(),
                key: key.to_owned(),
                wanted: wanted.to_vec(),
                found: self.context.values(key).map(<[String]>::to_vec),
            })
            .collect();
        for condition in conditions {
            let before = self.context.clone();
            let Some(choice) = choice::against(self.call, &self.holdings, &self.context, &condition) else {
                continue;
            };
            self.context.set(&choice.key, choice.value);
            if choice.key == super::call::MFA_PRESENT {
                self.context.set(super::call::MFA_AGE, "0");
            }
            let still_refuses = match self.with(action, possible) {
                Possible::Denied(decision) => *decision.verdict() == Verdict::ExplicitDeny(matched.clone()),
                _ => false,
            };
            if !still_refuses {
                if !self.changes.contains(&choice.change) {
                    self.changes.push(choice.change);
                }
                return true;
            }
            self.context = before;
        }
        false
    }

    /// Which statement it was before others were taken away.
    fn at_first(&self, policy: &str, statement: usize) -> usize {
        let mut removed: Vec<usize> = self
            .removed
            .iter()
            .filter(|(of, _)| of == policy)
            .map(|(_, at)| *at)
            .collect();
        removed.sort_unstable();
        removed
            .into_iter()
            .fold(statement, |at, removed| if removed <= at { at + 1 } else { at })
    }
}

/// The user or role whose policies they are.
pub(super) fn whose(holdings: &Holdings) -> String {
    let account = holdings.caller.account;
    match &holdings.caller.who {
        Who::User { name } => format!("user {name} in account {account}"),
        Who::Role { name } if name.starts_with("AWSReservedSSO_") => {
            format!("the permission set behind role {name} in account {account}")
        }
        Who::Role { name } => format!("role {name} in account {account}"),
        Who::Root => format!("the root user of account {account}"),
        Who::Federated { name } => format!("federated user {name} in account {account}"),
    }
}

fn lower(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}
