//! Whom trust policies name. IAM saves no trust policy that names somebody who is not there ("MalformedPolicyDocument:
//! Invalid principal in policy"), and neither does a world.

use rolecall::AccountId;
use rolecall::policy::PrincipalClause;
use serde_json::Value;

use super::{Build, SANDBOX};
use crate::ids;
use crate::state::{Policy, State};
use crate::world::account::Account;
use crate::world::error::did_you_mean;
use crate::world::principal::Role;

/// Why a principal cannot stand in a trust policy, and what to do about it.
struct Missing {
    why: String,
    hint: Option<String>,
    /// The beginning of the unique id that IAM shows in the place of a deleted one.
    prefix: Option<&'static str>,
}

impl Build<'_> {
    /// Looks at the trust policies of an account's roles, now that everyone is there.
    pub(super) fn trusts(&mut self, id: AccountId, account: &Account) {
        let has_issuer = account
            .oidc_providers
            .iter()
            .any(|provider| provider.url.text == SANDBOX);
        for role in &account.roles {
            let name = role.holder.name.text.as_str();
            if has_issuer {
                self.name_issuer(id, name);
            }
            let replaced = self.dangling(id, name, role);
            if !replaced.is_empty() {
                self.replace(id, name, &replaced);
            }
        }
    }

    fn trust(&mut self, id: AccountId, role: &str) -> Option<&mut Policy> {
        let account = self.state.accounts.get_mut(&id)?;
        account.roles.get_mut(role).map(|role| &mut role.trust)
    }

    /// `oidc-provider/sandbox` and `sandbox:sub` stand for the sandbox's own issuer, whose port nobody knows before.
    fn name_issuer(&mut self, id: AccountId, role: &str) {
        let issuer = self.issuer.clone();
        if let Some(trust) = self.trust(id, role)
            && (trust.text.contains("oidc-provider/sandbox\"") || trust.text.contains("\"sandbox:"))
        {
            let text = trust
                .text
                .replace("oidc-provider/sandbox\"", &format!("oidc-provider/{issuer}\""))
                .replace("\"sandbox:", &format!("\"{issuer}:"));
            if let Ok(policy) = Policy::trust(&text) {
                *trust = policy;
            }
        }
    }

    /// Refuses who is not there; with `dangling`, gives the ids that stand in their places instead.
    fn dangling(&mut self, id: AccountId, name: &str, role: &Role) -> Vec<(String, String)> {
        let mut replaced = Vec::new();
        let Some(trust) = self.trust(id, name) else {
            return replaced;
        };
        let named: Vec<(String, String)> = trust
            .document
            .statements()
            .iter()
            .filter_map(|statement| match statement.principal() {
                Some(PrincipalClause::Named(named)) => Some(named.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        for (kind, principal) in named {
            let Some(missing) = missing(&self.state, &kind, &principal) else {
                continue;
            };
            if role.dangling {
                let id = missing.prefix.map(ids::unique);
                replaced.extend(id.map(|id| (principal, id)));
                continue;
            }
            let message = format!(
                "trust policy of role {name} of account {id}: invalid principal \"{kind}\": \"{principal}\": {}",
                missing.why
            );
            let place = role.trust.place_of(&principal);
            let hint = missing
                .hint
                .unwrap_or_else(|| "dangling = true in the role says that it was deleted since.".to_owned());
            let problem = role.trust.problem(place, message, &self.problems);
            self.problems.push(problem.with_hint(hint));
        }
        replaced
    }

    /// Puts the unique ids of the deleted in the places of their ARNs, as IAM does.
    fn replace(&mut self, id: AccountId, role: &str, replaced: &[(String, String)]) {
        let Some(trust) = self.trust(id, role) else {
            return;
        };
        let Ok(mut document) = serde_json::from_str::<Value>(&trust.text) else {
            return;
        };
        let statements = match document.get_mut("Statement") {
            Some(Value::Array(list)) => list.iter_mut().collect(),
            Some(single) => vec![single],
            None => Vec::new(),
        };
        for statement in statements {
            let names = match statement.pointer_mut("/Principal/AWS") {
                Some(Value::Array(list)) => list.iter_mut().collect(),
                Some(single) => vec![single],
                None => Vec::new(),
            };
            for name in names {
                let new = replaced.iter().find(|(old, _)| name.as_str() == Some(old));
                if let Some((_, new)) = new {
                    *name = Value::from(new.as_str());
                }
            }
        }
        if let Ok(policy) = Policy::trust(&document.to_string()) {
            *trust = policy;
        }
    }
}

/// Why a principal is not there; `None` where it is.
fn missing(state: &State, kind: &str, principal: &str) -> Option<Missing> {
    match kind {
        "AWS" => missing_identity(state, principal),
        "Federated" => missing_provider(state, principal),
        // "Service" and "CanonicalUser": the sandbox has no list of either.
        _ => None,
    }
}

fn invalid(why: &str, hint: &str) -> Option<Missing> {
    Some(Missing {
        why: why.to_owned(),
        hint: Some(hint.to_owned()),
        prefix: None,
    })
}

fn missing_account(state: &State, text: &str) -> Option<Missing> {
    let exists = text
        .parse::<AccountId>()
        .is_ok_and(|id| state.accounts.contains_key(&id));
    if exists {
        return None;
    }
    Some(Missing {
        why: format!("there is no account {text}"),
        hint: Some(
            "Describe the account ([[account]]), or say dangling = true in the role: it was closed since."
                .to_owned(),
        ),
        prefix: None,
    })
}

fn missing_identity(state: &State, principal: &str) -> Option<Missing> {
    if principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit()) {
        return missing_account(state, principal);
    }
    // What IAM shows of somebody deleted. It is written on purpose, and no principal has it again.
    let is_unique_id = |prefix: &str| {
        principal.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() >= 12
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        })
    };
    if is_unique_id("AIDA") || is_unique_id("AROA") {
        return None;
    }
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    let ["arn", _, service, "", account, resource] = parts.as_slice() else {
        return invalid(
            "it is no principal",
            "A principal is `*`, an account, the whole ARN of a user or role, or the unique id of a deleted one.",
        );
    };
    if let Some(missing) = missing_account(state, account) {
        return Some(missing);
    }
    let home = account
        .parse()
        .ok()
        .and_then(|id: AccountId| Some((id, state.accounts.get(&id)?)))?;
    let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
    let name = rest.rsplit('/').next().unwrap_or_default();
    let (found, names, prefix): (_, Vec<&str>, _) = match (*service, kind) {
        ("iam", "root") if rest.is_empty() => return None,
        ("sts", "federated-user") => return None,
        ("iam", "user") => (
            home.1.users.get(name).map(|user| user.named.arn(home.0, "user")),
            home.1.users.keys().map(String::as_str).collect(),
            "AIDA",
        ),
        ("iam", "role") => (
            home.1.roles.get(name).map(|role| role.named.arn(home.0, "role")),
            home.1.roles.keys().map(String::as_str).collect(),
            "AROA",
        ),
        ("sts", "assumed-role") => {
            let role = rest.split('/').next().unwrap_or_default();
            let found = home.1.roles.contains_key(role).then(|| principal.to_owned());
            (found, home.1.roles.keys().map(String::as_str).collect(), "AROA")
        }
        ("iam", "group") => {
            return invalid(
                "a group is no principal",
                "Name its users, or the account, and let the group's policy say the rest.",
            );
        }
        _ => {
            return invalid(
                "it is no principal",
                "A principal is an account, a user or a role.",
            );
        }
    };
    match found {
        Some(arn) if arn == principal => None,
        Some(arn) => Some(Missing {
            why: "it has another path".to_owned(),
            hint: Some(format!("Its ARN is {arn}.")),
            prefix: Some(prefix),
        }),
        None => Some(Missing {
            why: format!(
                "account {account} has no {} {name}",
                kind.trim_start_matches("assumed-")
            ),
            hint: did_you_mean(name, names),
            prefix: Some(prefix),
        }),
    }
}

fn missing_provider(state: &State, principal: &str) -> Option<Missing> {
    let Some(rest) = principal.strip_prefix("arn:aws:iam::") else {
        // The public providers that need no object in the account.
        let public = [
            "accounts.google.com",
            "cognito-identity.amazonaws.com",
            "graph.facebook.com",
            "www.amazon.com",
        ];
        if public.contains(&principal) {
            return None;
        }
        return invalid(
            "it is no provider",
            "A provider is named by its ARN: arn:aws:iam::ACCOUNT:oidc-provider/HOST.",
        );
    };
    let account = rest.split(':').next().unwrap_or_default();
    if let Some(missing) = missing_account(state, account) {
        return Some(missing);
    }
    let exists = account
        .parse()
        .ok()
        .and_then(|id: AccountId| state.accounts.get(&id))
        .is_some_and(|home| home.oidc_providers.contains_key(principal));
    // Providers of SAML cannot be described yet, and need not be there to be named.
    if exists || rest.contains(":saml-provider/") {
        return None;
    }
    Some(Missing {
        why: format!("account {account} has no such provider"),
        hint: Some("Describe it: [[account.oidc_provider]] with its `url`.".to_owned()),
        prefix: None,
    })
}
