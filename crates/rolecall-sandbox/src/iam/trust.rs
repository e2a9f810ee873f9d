//! Trust policies: whom they may name, and what becomes of them when that one is gone.
//!
//! AWS keeps the unique id of the user or role that a trust policy names. So one that was deleted shows as `AIDA…` or
//! `AROA…`, and one that was made anew under the old name is not trusted; one that was renamed still is ("AWS JSON policy
//! elements: Principal").

use rolecall::AccountId;
use rolecall::policy::PrincipalClause;
use serde_json::Value;

use super::limit;
use crate::api::Refusal;
use crate::state::{Policy, State};

/// "Role trust policy length", the default quota; white space does not count ("IAM and AWS STS quotas").
pub(super) const MOST_CHARACTERS: usize = 2048;

/// A trust policy whose principals exist ("Invalid principal in policy" where they do not).
pub(super) fn read(text: &str, state: &State) -> Result<Policy, Refusal> {
    if text.chars().filter(|c| !c.is_whitespace()).count() > MOST_CHARACTERS {
        return Err(limit("ACLSizePerRole", MOST_CHARACTERS));
    }
    let policy = Policy::trust(text).map_err(|error| Refusal::malformed_policy(error.to_string()))?;
    for statement in policy.document.statements() {
        let Some(PrincipalClause::Named(named)) = statement.principal() else {
            continue;
        };
        for (kind, name) in named {
            let good = match kind.as_str() {
                "AWS" => principal_exists(name, state),
                "Service" => is_service(name),
                "Federated" if !is_provider(name) => {
                    return Err(Refusal::malformed_policy(
                        "Federated principals must be valid domain names or SAML metadata ARNs",
                    ));
                }
                _ => true,
            };
            if !good {
                let kind = kind.to_uppercase();
                return Err(Refusal::malformed_policy(format!(
                    "Invalid principal in policy: \"{kind}\":\"{name}\""
                )));
            }
        }
    }
    Ok(with_principals(&policy, |name| {
        // "When you specify an AWS account" by its number, the ARN of its root user is kept.
        let account: AccountId = name.parse().ok()?;
        Some(format!("arn:aws:iam::{account}:root"))
    })
    .unwrap_or(policy))
}

/// The names of services are no secret, but too many to hold here: the form has to do.
fn is_service(name: &str) -> bool {
    [".amazonaws.com", ".amazonaws.com.cn", ".aws.internal"]
        .iter()
        .any(|end| name.strip_suffix(end).is_some_and(|service| !service.is_empty()))
}

/// The ARN of a provider, or the domain of one that AWS knows (`accounts.google.com`, `graph.facebook.com`).
fn is_provider(name: &str) -> bool {
    let fields: Vec<&str> = name.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "iam", "", account, resource] => {
            account.parse::<AccountId>().is_ok()
                && (resource.starts_with("oidc-provider/") || resource.starts_with("saml-provider/"))
        }
        _ => {
            let good = |c: char| c.is_ascii_alphanumeric() || ".-/_".contains(c);
            name.contains('.') && !name.starts_with('.') && name.chars().all(good)
        }
    }
}

fn principal_exists(name: &str, state: &State) -> bool {
    if let Ok(account) = name.parse::<AccountId>() {
        return state.accounts.contains_key(&account);
    }
    let fields: Vec<&str> = name.splitn(6, ':').collect();
    let ["arn", "aws", service, "", account, resource] = fields[..] else {
        return false;
    };
    let Some((id, account)) = account
        .parse()
        .ok()
        .and_then(|id: AccountId| Some((id, state.accounts.get(&id)?)))
    else {
        return false;
    };
    let last = resource.rsplit('/').next().unwrap_or_default();
    match service {
        "iam" if resource == "root" => true,
        "iam" if resource.starts_with("user/") => account
            .users
            .get(last)
            .is_some_and(|user| user.named.arn(id, "user") == name),
        "iam" => account
            .roles
            .get(last)
            .is_some_and(|role| role.named.arn(id, "role") == name),
        // Sessions come and go, and are not looked up.
        _ => service == "sts",
    }
}

/// Lets every trust policy that names `old` name `new`, in every account.
pub(super) fn rebind(state: &mut State, old: &str, new: &str) {
    if old == new {
        return;
    }
    for role in state
        .accounts
        .values_mut()
        .flat_map(|account| account.roles.values_mut())
    {
        if !names(&role.trust, old) {
            continue;
        }
        let rebound = with_principals(&role.trust, |name| (name == old).then(|| new.to_owned()));
        if let Some(rebound) = rebound {
            role.trust = rebound;
        }
    }
}

/// Whether the text could name it; every rewriting is of something that stands there as it is, or with escapes.
fn names(policy: &Policy, arn: &str) -> bool {
    policy.text.contains(arn) || policy.text.contains('\\')
}

/// The same policy with other principals of the kind `AWS`; `None` where none changes.
fn with_principals(policy: &Policy, change: impl Fn(&str) -> Option<String>) -> Option<Policy> {
    let mut value: Value = serde_json::from_str(&policy.text).ok()?;
    let mut changed = false;
    let statements = match value.get_mut("Statement")? {
        Value::Array(list) => list.iter_mut().collect(),
        single => vec![single],
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            let Some(named) = statement
                .get_mut(element)
                .and_then(|principal| principal.get_mut("AWS"))
            else {
                continue;
            };
            let named = match named {
                Value::Array(list) => list.iter_mut().collect(),
                single => vec![single],
            };
            for name in named {
                if let Some(new) = name.as_str().and_then(&change) {
                    *name = Value::String(new);
                    changed = true;
                }
            }
        }
    }
    if changed {
        Policy::trust(&value.to_string()).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_principals_are_rewritten() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"AWS":["arn:aws:iam::111111111111:user\/ann","arn:aws:iam::111111111111:user/bob"]},
            "Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/ann"}}}]}"#;
        let ann = "arn:aws:iam::111111111111:user/ann";
        let policy = Policy::trust(text).unwrap();
        assert!(names(&policy, ann));
        let rebound = with_principals(&policy, |name| (name == ann).then(|| "AIDAX".to_owned())).unwrap();
        assert_eq!(
            rebound.text,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["AIDAX","arn:aws:iam::111111111111:user/bob"]},"Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/ann"}}}]}"#
        );
        assert!(with_principals(&rebound, |name| (name == ann).then(String::new)).is_none());
    }
}
