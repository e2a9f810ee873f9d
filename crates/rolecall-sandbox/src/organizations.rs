//! AWS Organizations ("AWS Organizations API Reference"): JSON 1.1, the operation in `X-Amz-Target`.

mod change;
mod page;
mod read;
mod render;

use rolecall::AccountId;
use serde_json::{Map, Value};

use crate::api::{Answer, Refusal};
use crate::authz::Wish;
use crate::call::Call;
use crate::state::{FULL_ACCESS, Organization, State};

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let asked = Asked::of(operation, call)?;
    let result = match read::answer(&asked, state) {
        Some(result) => result,
        None => change::answer(&asked, state).unwrap_or_else(|| {
            Err(refusal(
                "UnknownOperationException",
                format!("the sandbox does not know the operation `{operation}`"),
            ))
        }),
    };
    let mut answer = Answer::json(&result?);
    answer.headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
    Ok(answer)
}

/// Inside of what every operation answers.
type Answered = Result<Value, Refusal>;

/// A call and its input.
struct Asked<'a> {
    call: &'a Call<'a>,
    operation: &'a str,
    input: Map<String, Value>,
}

/// What ids look like ("AWS Organizations API Reference", patterns of the members).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Account,
    Policy,
    Root,
    Unit,
}

impl Kind {
    fn of(id: &str) -> Option<Self> {
        let lower = |text: &str, least: usize| {
            (least..=32).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if id.parse::<AccountId>().is_ok() {
            return Some(Self::Account);
        }
        let (prefix, rest) = id.split_once('-')?;
        match prefix {
            "r" if lower(rest, 4) => Some(Self::Root),
            "ou" => {
                let (root, own) = rest.split_once('-')?;
                (lower(root, 4) && lower(own, 8)).then_some(Self::Unit)
            }
            "p" => {
                let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                ((8..=128).contains(&rest.len()) && rest.bytes().all(good)).then_some(Self::Policy)
            }
            _ => None,
        }
    }
}

impl<'a> Asked<'a> {
    fn of(operation: &'a str, call: &'a Call<'a>) -> Result<Self, Refusal> {
        let body: &[u8] = &call.incoming.body;
        let input = if body.is_empty() {
            Ok(Value::Object(Map::new()))
        } else {
            serde_json::from_slice(body)
        };
        match input {
            Ok(Value::Object(input)) => Ok(Self {
                call,
                operation,
                input,
            }),
            _ => Err(refusal("SerializationException", "the body is no JSON object")),
        }
    }

    /// A text, which may be missing.
    fn find(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.input.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(refusal("SerializationException", format!("{name} is no string"))),
        }
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name)?.ok_or_else(|| {
            invalid(
                "INPUT_REQUIRED",
                "You must provide a value for all required parameters.",
            )
        })
    }

    /// A text of so many characters.
    fn text(&self, name: &str, least: usize, most: usize) -> Result<&str, Refusal> {
        let text = self.required(name)?;
        let length = text.chars().count();
        if length < least {
            return Err(invalid(
                "MIN_LENGTH_EXCEEDED",
                "You provided a string parameter that is shorter than allowed.",
            ));
        }
        if length > most {
            return Err(invalid(
                "MAX_LENGTH_EXCEEDED",
                "You provided a string parameter that is longer than allowed.",
            ));
        }
        Ok(text)
    }

    /// An id of one of these kinds.
    fn id(&self, name: &str, kinds: &[Kind]) -> Result<&str, Refusal> {
        let id = self.required(name)?;
        let target = if name == "TargetId" {
            "INVALID_PATTERN_TARGET_ID"
        } else {
            "INVALID_PATTERN"
        };
        match Kind::of(id) {
            Some(kind) if kinds.contains(&kind) => Ok(id),
            _ => Err(invalid(
                target,
                "You provided a value that does not match the required pattern.",
            )),
        }
    }

    fn account(&self, name: &str) -> Result<AccountId, Refusal> {
        let id = self.id(name, &[Kind::Account])?;
        id.parse().map_err(|_| no_such("AccountNotFoundException"))
    }

    /// A policy type; whether it is the one that is in use here.
    fn is_service_control(&self, name: &str) -> Result<bool, Refusal> {
        match self.required(name)? {
            "SERVICE_CONTROL_POLICY" => Ok(true),
            "AISERVICES_OPT_OUT_POLICY"
            | "BACKUP_POLICY"
            | "CHATBOT_POLICY"
            | "DECLARATIVE_POLICY_EC2"
            | "RESOURCE_CONTROL_POLICY"
            | "SECURITYHUB_POLICY"
            | "TAG_POLICY" => Ok(false),
            _ => Err(invalid(
                "INVALID_ENUM_POLICY_TYPE",
                "You specified an invalid policy type string.",
            )),
        }
    }

    /// The organization of the caller, who may do `operation` to `about` in it: by the caller's own policies, and by
    /// being who they are.
    ///
    /// `about` are ids; the decision is about the ARN of each, or about `*` where there is none ("Actions, resources,
    /// and condition keys for AWS Organizations").
    fn organization<'s>(
        &self,
        state: &'s State,
        about: &[&str],
        who: Who,
    ) -> Result<&'s Organization, Refusal> {
        let caller = &self.call.verified.caller;
        let organization = state
            .organization
            .as_ref()
            .filter(|organization| organization.members.contains_key(&caller.account));
        let arns: Vec<String> = match organization {
            Some(organization) if !about.is_empty() => {
                about.iter().map(|id| render::arn(organization, id)).collect()
            }
            _ => vec!["*".to_owned()],
        };
        let mut context = self.call.context(state);
        // Only operations that deal in policies carry the key.
        if self.operation.contains("Polic") {
            context.set("organizations:PolicyType", "SERVICE_CONTROL_POLICY");
        }
        let action = format!("organizations:{}", self.operation);
        for arn in &arns {
            let wish = Wish {
                action: &action,
                resource: arn,
                // Everything in an organization belongs to the management account, and the caller's own policies
                // decide alone all the same: what lets another account read is the delegation, judged below.
                owner: caller.account,
                trust: None,
            };
            self.call.authorize(state, &wish, &context)?;
        }
        let organization = organization.ok_or_else(|| {
            refusal(
                "AWSOrganizationsNotInUseException",
                "Your account is not a member of an organization.",
            )
        })?;
        let is_management = caller.account == organization.management;
        let entitled = match who {
            Who::Member => true,
            Who::Reader => is_management || organization.delegated.contains(&caller.account),
            Who::Management => is_management,
        };
        if entitled {
            Ok(organization)
        } else {
            Err(refusal(
                "AccessDeniedException",
                "You don't have permissions to access this resource.",
            ))
        }
    }
}

/// Who may call an operation, besides what their policies say ("This operation can be called only from…").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    /// Any account of the organization.
    Member,
    /// The management account or a delegated administrator.
    Reader,
    /// The management account.
    Management,
}

/// A refusal with its `Message`, as the service's own model spells it.
fn refusal(code: &'static str, message: impl Into<String>) -> Refusal {
    let message = message.into();
    Refusal::new(400, code, message.as_str()).with("Message", message)
}

fn invalid(reason: &'static str, message: &str) -> Refusal {
    refusal("InvalidInputException", message).with("Reason", reason)
}

fn constraint(reason: &'static str, message: &str) -> Refusal {
    refusal("ConstraintViolationException", message).with("Reason", reason)
}

fn no_such(code: &'static str) -> Refusal {
    let message = match code {
        "AccountNotFoundException" => "You specified an account that doesn't exist.",
        "ChildNotFoundException" => "You specified a child that doesn't exist.",
        "DestinationParentNotFoundException" => "You specified a destination parent that doesn't exist.",
        "OrganizationalUnitNotFoundException" => "You specified an organizational unit that doesn't exist.",
        "ParentNotFoundException" => "You specified a parent that doesn't exist.",
        "PolicyNotFoundException" => "You specified a policy that doesn't exist.",
        "SourceParentNotFoundException" => "You specified a source parent that doesn't exist.",
        _ => "You specified a target that doesn't exist.",
    };
    refusal(code, message)
}

/// Whether a policy is AWS's own.
fn is_aws_managed(id: &str) -> bool {
    id == FULL_ACCESS
}
