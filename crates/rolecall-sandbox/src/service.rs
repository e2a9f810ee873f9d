//! The services that answer here, and which of them a request is for.

use http::Method;

use crate::api::{Incoming, Params};
use crate::{container, instance, s3, sigv4};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Service {
    /// The sandbox's own: faults, clocks, the record of calls.
    Control,
    /// Credentials for tasks in containers.
    Container,
    Iam,
    /// An instance's metadata.
    Instance,
    /// IAM Identity Center's OIDC service.
    Oidc,
    Organizations,
    S3,
    /// The federation endpoint of the sign-in service.
    SignIn,
    Sns,
    /// IAM Identity Center's portal.
    Sso,
    Sts,
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// Forms in, XML out.
    Query,
    /// JSON in and out, the operation in `X-Amz-Target` or in the path.
    Json,
    /// S3's own XML.
    S3,
}

impl Service {
    const ALL: [Self; 11] = [
        Self::Control,
        Self::Container,
        Self::Iam,
        Self::Instance,
        Self::Oidc,
        Self::Organizations,
        Self::S3,
        Self::SignIn,
        Self::Sns,
        Self::Sso,
        Self::Sts,
    ];

    /// The name in credential scopes, actions and the record of calls.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Control => "sandbox",
            Self::Container => "container",
            Self::Iam => "iam",
            Self::Instance => "instance",
            Self::Oidc => "sso-oidc",
            Self::Organizations => "organizations",
            Self::S3 => "s3",
            Self::SignIn => "signin",
            Self::Sns => "sns",
            Self::Sso => "sso",
            Self::Sts => "sts",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Iam | Self::Sns | Self::Sts => Protocol::Query,
            Self::Container
            | Self::Control
            | Self::Instance
            | Self::Oidc
            | Self::Organizations
            | Self::SignIn
            | Self::Sso => Protocol::Json,
            Self::S3 => Protocol::S3,
        }
    }

    /// The version of the query protocol's API, which tells the services apart when nothing is signed.
    pub(crate) fn from_version(version: &str) -> Option<Self> {
        match version {
            "2010-03-31" => Some(Self::Sns),
            "2010-05-08" => Some(Self::Iam),
            "2011-06-15" => Some(Self::Sts),
            _ => None,
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "http://s3.amazonaws.com/doc/2006-03-01/",
        }
    }

    /// By what only one service has, by the credential scope, by the version of the query protocol; what is left is S3.
    pub(crate) fn of(incoming: &Incoming, params: &Params) -> Self {
        let path = incoming.path.as_str();
        if container::task(path).is_some() {
            return Self::Container;
        }
        if path.starts_with("/_sandbox/") {
            return Self::Control;
        }
        let claimed = sigv4::claimed_service(incoming);
        if let Some(target) = incoming.header("x-amz-target")
            && target.starts_with("AWSOrganizationsV20161128.")
        {
            return Self::Organizations;
        }
        if claimed.is_none() {
            if instance::path(path).is_some() {
                return Self::Instance;
            }
            match (path, incoming.method == Method::POST) {
                ("/federation" | "/oauth", _) if params.find("Action").is_some() => return Self::SignIn,
                ("/switchrole", false) => return Self::SignIn,
                ("/client/register" | "/device_authorization" | "/token", true) | ("/authorize", false) => {
                    return Self::Oidc;
                }
                ("/logout", true)
                | ("/federation/credentials" | "/assignment/accounts" | "/assignment/roles", _) => {
                    return Self::Sso;
                }
                _ => {}
            }
        }
        match (claimed, params.find("Version").and_then(Self::from_version)) {
            // Signed for another service than the one that is called: the one that is called says so.
            (Some(claimed), Some(called)) if claimed != called && claimed != Self::S3 => called,
            (Some(claimed), _) => claimed,
            (None, Some(called)) => called,
            (None, None) if incoming.method == Method::POST => Self::Sts,
            (None, None) => Self::S3,
        }
    }

    /// Whether addresses with this path are made by browsers, and by programs for them: a plus sign is a blank there, as
    /// in forms, and nothing is signed.
    pub(crate) fn is_for_browsers(path: &str) -> bool {
        ["/authorize", "/federation", "/oauth", "/switchrole"].contains(&path)
            || path.starts_with("/_sandbox/")
    }

    /// The operation a request means, as the API reference calls it; it goes into the record of calls.
    pub(crate) fn operation(self, incoming: &Incoming, params: &Params) -> String {
        let posted = incoming.method == Method::POST;
        let named = match self {
            Self::S3 => s3::operation(incoming),
            Self::Control => incoming.path.trim_start_matches("/_sandbox/"),
            Self::Organizations => {
                let target = incoming.header("x-amz-target").unwrap_or_default();
                target.split('.').nth(1).unwrap_or_default()
            }
            Self::Oidc => match (incoming.path.as_str(), posted) {
                ("/client/register", true) => "RegisterClient",
                ("/device_authorization", true) => "StartDeviceAuthorization",
                ("/token", true) => "CreateToken",
                _ => "Authorize",
            },
            Self::Sso => match incoming.path.as_str() {
                "/federation/credentials" => "GetRoleCredentials",
                "/assignment/accounts" => "ListAccounts",
                "/assignment/roles" => "ListAccountRoles",
                _ => "Logout",
            },
            Self::Container => "ContainerCredentials",
            Self::Instance => instance::operation(&incoming.path),
            Self::SignIn if incoming.path == "/switchrole" => "switchrole",
            Self::Iam | Self::SignIn | Self::Sns | Self::Sts => params.find("Action").unwrap_or_default(),
        };
        // What a client calls its operation goes into the log, so it is cut to something printable.
        named
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-/".contains(*c))
            .take(64)
            .collect()
    }

    /// Whether an operation has to be signed.
    pub(crate) fn is_signed(self, operation: &str) -> bool {
        match self {
            Self::Container | Self::Control | Self::Instance | Self::Oidc | Self::SignIn | Self::Sso => false,
            Self::Sts => !matches!(operation, "AssumeRoleWithSAML" | "AssumeRoleWithWebIdentity"),
            Self::Iam | Self::Organizations | Self::S3 | Self::Sns => true,
        }
    }
}
