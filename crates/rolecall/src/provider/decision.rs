//! Errors are decisions: what a service's refusal means for this hop and these credentials, and what to do next.
//!
//! Pure: a code, a message and a [`Context`] in, an [`Error`] out. `docs/errors.md` is this table for people, and a test
//! holds the two together.

mod access;
mod identity_center;
mod keys;
mod parameters;
mod web_identity;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::answer::clause;
use crate::chain::{Chain, MfaStrategy, OwnSession, Role, Source, SourceKind, SsoSession};
use crate::error::{Error, ErrorKind};
use crate::partition::Region;
use crate::profile::Origin;
use crate::time::spoken;

/// Below this many seconds a clock is not why a signature is refused: AWS takes 15 minutes, and its SDKs begin to correct
/// at four.
const SKEWED: u64 = 240;

/// Who refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Service {
    /// The Security Token Service.
    Sts,
    /// IAM itself, which is asked for the MFA devices of a user.
    Iam,
    /// Organizations, which is asked for accounts and what binds them.
    Organizations,
    /// The access portal of IAM Identity Center, which hands out roles.
    Portal,
    /// The sign-in of IAM Identity Center (OIDC), which hands out access tokens.
    SignIn,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sts => "STS",
            Self::Iam => "IAM",
            Self::Organizations => "Organizations",
            Self::Portal => "the access portal",
            Self::SignIn => "the sign-in of Identity Center",
        })
    }
}

/// What signed the request that was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signer {
    /// Nothing: the request carries a token of somebody else's, or none.
    Nobody,
    /// A user's own access key.
    LongTermKey,
    /// An access key with a session token, as it stands in a file or in variables.
    TemporaryKey,
    /// A session by `GetSessionToken` with an MFA code.
    MfaSession,
    /// A session by `GetSessionToken` without one.
    PlainSession,
    /// The session of the role before.
    Role,
    /// What Identity Center handed out for a permission set.
    IdentityCenter,
    /// What a container's or an instance's service handed out.
    Machine,
    /// What a console sign-in of the AWS CLI left.
    Login,
    /// What a command printed.
    Process,
}

impl Signer {
    /// What signs for the role at `hop`, or, where there is none, for the source's own session.
    pub(super) fn of(chain: &Chain, hop: Option<usize>) -> Self {
        match hop {
            Some(0) if matches!(chain.own, Some(OwnSession::Token { .. })) => {
                let mut mfa = chain.mfa.iter();
                if mfa.any(|mfa| mfa.strategy == MfaStrategy::Session) {
                    Self::MfaSession
                } else {
                    Self::PlainSession
                }
            }
            Some(0) | None => Self::of_source(&chain.source),
            Some(_) => Self::Role,
        }
    }

    fn of_source(source: &Source) -> Self {
        match &source.kind {
            SourceKind::AccessKey(key) | SourceKind::Environment(key) if key.temporary => Self::TemporaryKey,
            SourceKind::AccessKey(_) | SourceKind::Environment(_) | SourceKind::Vault(_) => Self::LongTermKey,
            SourceKind::Container(_) | SourceKind::InstanceMetadata(_) => Self::Machine,
            SourceKind::Login(_) => Self::Login,
            SourceKind::Process(_) => Self::Process,
            SourceKind::Sso(_) => Self::IdentityCenter,
            SourceKind::WebIdentity(_) => Self::Nobody,
        }
    }
}

/// What is known about a request that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The operation, as AWS names it.
    pub(super) operation: &'static str,
    /// Where it was called.
    pub(super) url: &'a str,
    /// What made it this URL.
    pub(super) origin: Option<&'a Origin>,
    /// The region it was signed for.
    pub(super) region: Option<&'a Region>,
    /// What signed it.
    pub(super) signer: Signer,
    /// Where the first credentials of the chain come from.
    pub(super) source: Option<&'a Source>,
    /// The sign-in of Identity Center that is meant, where no profile is.
    pub(super) session: Option<&'a SsoSession>,
    /// The role that was asked for.
    pub(super) role: Option<&'a Role>,
    /// Whether it carried an MFA code.
    pub(super) proved: bool,
    /// The service's time less ours, in seconds.
    pub(super) skew: i64,
}

impl<'a> Context<'a> {
    /// A request to `url`, of which nothing else is known.
    pub(super) fn new(operation: &'static str, url: &'a str) -> Self {
        Self {
            operation,
            url,
            origin: None,
            region: None,
            signer: Signer::Nobody,
            source: None,
            session: None,
            role: None,
            proved: false,
            skew: 0,
        }
    }

    /// Whom `rolecall login` is to sign in.
    /// What `rolecall login` and `logout` take for the sign-in that is meant.
    fn login(&self) -> Cow<'a, str> {
        let profile = self.source.and_then(|source| source.profile.as_deref());
        let session = self.session.and_then(|session| session.name.as_deref());
        match (profile, session) {
            (Some(profile), _) => profile.into(),
            (None, Some(name)) => format!("--sso-session {name}").into(),
            (None, None) => "TARGET".into(),
        }
    }
}

/// What a refusal means: the kind, the cause where the code tells it, and what to do.
#[derive(Debug)]
struct Decision {
    kind: ErrorKind,
    cause: Option<String>,
    hints: Vec<String>,
}

impl Decision {
    fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self {
            kind,
            cause: Some(cause.into()),
            hints: Vec::new(),
        }
    }

    fn config(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, cause)
    }

    fn denied(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, cause)
    }

    fn needs_user(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::NeedsUser, cause)
    }

    fn unavailable(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, cause)
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The refusal of a service as an error that says why and what next. `code` is AWS's, `message` what stands beside it,
/// which may be anybody's text: it is quoted on one line and of bounded length.
///
/// The error carries neither the request's id nor the cause in the SDK: the caller adds those.
pub(super) fn decide(
    service: Service,
    code: &str,
    message: &str,
    status: u16,
    context: &Context<'_>,
) -> Error {
    let decision = decision(service, code, message, status, context);
    let said = match clause(message) {
        said if said.is_empty() => clause(code),
        said => format!("{}: {said}", clause(code)),
    };
    let message = match decision.cause {
        Some(cause) => format!("{cause} ({service} refused: {said})"),
        None => format!("{service} refused: {said}"),
    };
    let error = decision
        .hints
        .into_iter()
        .fold(Error::new(decision.kind, message), |error, hint| {
            error.with_hint(hint)
        });
    let error = error.with_aws(Some(code), None);
    match context.role {
        Some(role) => error.with_hop(role.arn.to_string()),
        None => error,
    }
}

fn decision(service: Service, code: &str, message: &str, status: u16, context: &Context<'_>) -> Decision {
    if throttled(code) || status == 429 {
        return Decision::unavailable(format!("{service} is throttling this account"))
            .hint("Try again in a moment: all calls of one account and region share one limit.");
    }
    let of_its_own = match service {
        Service::Portal => identity_center::portal(code, message, context),
        Service::SignIn => identity_center::sign_in(code, context),
        Service::Sts if context.operation == "AssumeRoleWithWebIdentity" => {
            web_identity::decide(code, message, context)
        }
        Service::Sts | Service::Iam | Service::Organizations => None,
    };
    of_its_own
        .or_else(|| keys::decide(service, code, message, context))
        .or_else(|| parameters::decide(code, message, context))
        .or_else(|| access::decide(service, code, message, context))
        .unwrap_or_else(|| rest(service, code, status, context))
}

fn rest(service: Service, code: &str, status: u16, context: &Context<'_>) -> Decision {
    match bare(code) {
        "InvalidAction" | "MethodNotAllowed" | "NotImplemented" | "UnknownOperation" => Decision::config(format!(
            "{service} at {} does not offer {}",
            context.url, context.operation
        ))
        .hint("It is not AWS's own: some that speak its protocol know AssumeRole and no GetCallerIdentity, and there `exec` works where `whoami` does not."),
        "OptInRequired" | "SubscriptionRequired" => Decision::denied("the account has not opted in to this service or region")
            .hint("Name another region with --region, or have the account's sign-up completed in the console.")
            .hint("A new account can take up to a day until it may call AWS."),
        _ if status >= 500 || matches!(bare(code), "InternalFailure" | "InternalError" | "InternalServer" | "ServiceFailure" | "ServiceUnavailable") => {
            Decision::unavailable(format!("{service} failed"))
                .hint("Try again; if it stays so, look at AWS's health page for the region.")
        }
        _ => Decision {
            kind: ErrorKind::Denied,
            cause: None,
            hints: vec!["Nothing is known about this code here: AWS's documentation of the operation says more.".to_owned()],
        },
    }
}

/// Why a session was refused for its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TooLong {
    /// The role was assumed with temporary credentials.
    Chained,
    /// The role's `MaxSessionDuration`.
    Role,
}

/// Whether a refusal says that less would have been granted.
pub(super) fn too_long(error: &Error) -> Option<TooLong> {
    if error.aws_code().map(bare) != Some("ValidationError") {
        return None;
    }
    parameters::too_long(&error.to_string())
}

/// Whether AWS refused a session for its length alone: a shorter one would be granted.
pub fn is_too_long(error: &Error) -> bool {
    too_long(error).is_some()
}

/// The code without the ending that one of AWS's protocols writes and another does not.
fn bare(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}

/// The codes that the SDKs count as throttling; STS sends `Throttling` with HTTP 400.
fn throttled(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            bare(code),
            "TooManyRequests"
                | "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
                | "LimitExceeded"
                | "PriorRequestNotComplete"
                | "SlowDown"
                | "TransactionInProgress"
        )
}

/// A clock that is too far off for AWS to take a request.
fn clock(skew: i64) -> Decision {
    let span = spoken(Duration::from_secs(skew.unsigned_abs()));
    let way = if skew > 0 { "behind" } else { "ahead of" };
    Decision::config(format!(
        "this machine's clock is {span} {way} AWS's, and AWS takes no request that is off by more than 15 minutes"
    ))
    .hint("Set the clock (`timedatectl set-ntp true`; in WSL `hwclock -s`), then try again.")
}

#[cfg(test)]
mod tests;
