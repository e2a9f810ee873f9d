//! Roles and their trust policies.

use rolecall::policy::PrincipalClause;

use super::{Answered, Iam, check_deletable, exists, no_such, render};
use crate::api::Refusal;
use crate::state::{Named, Policy, Role, State};

pub(super) fn answer(operation: &str, iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match operation {
        "CreateRole" => create(iam, state),
        "DeleteRole" => delete(iam, state),
        "GetRole" => get(iam, state),
        "ListRoles" => list(iam, state),
        "UpdateAssumeRolePolicy" => update_trust(iam, state),
        "UpdateRole" => update(iam, state),
        _ => return None,
    })
}

/// A trust policy whose principals exist ("Invalid principal in policy" where they do not).
fn trust(text: &str, state: &State) -> Result<Policy, Refusal> {
    // 4,096 is the raised quota, 2,048 the default one ("IAM and AWS STS quotas").
    if text.chars().filter(|c| !c.is_whitespace()).count() > 4096 {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 4096",
        ));
    }
    let policy = Policy::trust(text).map_err(|error| Refusal::malformed_policy(error.to_string()))?;
    for statement in policy.document.statements() {
        let Some(PrincipalClause::Named(named)) = statement.principal() else {
            continue;
        };
        for (kind, name) in named {
            if kind == "AWS" && !principal_exists(name, state) {
                return Err(Refusal::malformed_policy(format!(
                    "Invalid principal in policy: \"AWS\":\"{name}\""
                )));
            }
        }
    }
    Ok(policy)
}

fn principal_exists(name: &str, state: &State) -> bool {
    let fields: Vec<&str> = name.splitn(6, ':').collect();
    let ["arn", "aws", service, "", account, resource] = fields[..] else {
        return name.parse::<rolecall::AccountId>().is_ok();
    };
    let Some((id, account)) = account
        .parse()
        .ok()
        .and_then(|id: rolecall::AccountId| Some((id, state.accounts.get(&id)?)))
    else {
        return false;
    };
    match service {
        "iam" if resource == "root" => true,
        "iam" => {
            account
                .users
                .values()
                .any(|user| user.named.arn(id, "user") == name)
                || account
                    .roles
                    .values()
                    .any(|role| role.named.arn(id, "role") == name)
        }
        // Sessions come and go, and are not looked up.
        _ => service == "sts",
    }
}

fn max_session_seconds(iam: &Iam<'_>) -> Result<Option<u32>, Refusal> {
    let Some(text) = iam.find("MaxSessionDuration") else {
        return Ok(None);
    };
    match text.parse::<u32>() {
        Ok(seconds @ 3600..=43_200) => Ok(Some(seconds)),
        _ => {
            let bound = if text.parse::<u32>().is_ok_and(|seconds| seconds < 3600) {
                "greater than or equal to 3600"
            } else {
                "less than or equal to 43200"
            };
            Err(Refusal::validation(format!(
                "1 validation error detected: Value '{text}' at 'maxSessionDuration' failed to satisfy constraint: \
                 Member must have value {bound}"
            )))
        }
    }
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (path, name) = iam.new_name("RoleName")?;
    iam.check(state, "CreateRole", &iam.arn("role", &path, &name))?;
    let role = Role {
        trust: trust(iam.required("AssumeRolePolicyDocument")?, state)?,
        max_session_seconds: max_session_seconds(iam)?.unwrap_or(3600),
        description: iam.find("Description").map(str::to_owned),
        named: Named {
            boundary: iam.boundary(state)?,
            tags: iam.tags()?,
            ..Named::new("AROA", &path, &name)
        },
    };
    let home = iam.home(state)?;
    if home.roles.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
        return Err(exists(&format!("Role with name {name}")));
    }
    let answer = format!("<Role>{}</Role>", render::role(&role, iam.account));
    home.roles.insert(name, role);
    Ok(answer)
}

/// The role a call names, as a whole.
fn role<'s>(iam: &Iam<'_>, state: &'s mut State, operation: &str) -> Result<&'s mut Role, Refusal> {
    let name = iam.named(state, operation, false)?.name.clone();
    iam.home(state)?
        .roles
        .get_mut(&name)
        .ok_or_else(|| no_such("role", &name))
}

fn get(iam: &Iam<'_>, state: &mut State) -> Answered {
    let role = role(iam, state, "GetRole")?;
    Ok(format!("<Role>{}</Role>", render::role(role, iam.account)))
}

fn list(iam: &Iam<'_>, state: &mut State) -> Answered {
    iam.check(state, "ListRoles", &iam.arn("role", "/", ""))?;
    let prefix = iam.find("PathPrefix").unwrap_or("/");
    let home = iam.home(state)?;
    Ok(render::list(
        "Roles",
        home.roles
            .values()
            .filter(|role| role.named.path.starts_with(prefix))
            .map(|role| render::role(role, iam.account)),
    ))
}

fn update_trust(iam: &Iam<'_>, state: &mut State) -> Answered {
    let text = iam.required("PolicyDocument")?;
    role(iam, state, "UpdateAssumeRolePolicy")?;
    let policy = trust(text, state)?;
    role(iam, state, "UpdateAssumeRolePolicy")?.trust = policy;
    Ok(String::new())
}

fn update(iam: &Iam<'_>, state: &mut State) -> Answered {
    let seconds = max_session_seconds(iam)?;
    let role = role(iam, state, "UpdateRole")?;
    if let Some(seconds) = seconds {
        role.max_session_seconds = seconds;
    }
    if let Some(description) = iam.find("Description") {
        role.description = Some(description.to_owned());
    }
    Ok(String::new())
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let role = role(iam, state, "DeleteRole")?;
    check_deletable(&role.named)?;
    let name = role.named.name.clone();
    iam.home(state)?.roles.remove(&name);
    Ok(String::new())
}
