use std::path::Path;

use super::*;
use crate::chain::Request;
use crate::host::Host;
use crate::profile::{FileKind, ProfileSet};

const CONFIG: &str = "
[profile keys]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = CANARYSECRET
[profile half]
aws_access_key_id = ASIACANARYEXAMPLE
aws_secret_access_key = CANARYSECRET
[profile written]
aws_access_key_id = ASIACANARYEXAMPLE
aws_secret_access_key = CANARYSECRET
aws_session_token = CANARYTOKEN
[profile portal]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Reader
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile console]
login_session = arn:aws:iam::111111111111:user/joe
[profile command]
credential_process = /usr/bin/saml --role x
[profile pod]
role_arn = arn:aws:iam::222222222222:role/App
web_identity_token_file = /var/run/token
[profile app]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = keys
duration_seconds = 43200
[profile app-half]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = half
[profile app-written]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = written
[profile app-mfa]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = keys
mfa_serial = arn:aws:iam::111111111111:mfa/joe
[profile app-portal]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = portal
[profile app-console]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = console
[profile app-command]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = command
[profile app-instance]
role_arn = arn:aws:iam::222222222222:role/App
credential_source = Ec2InstanceMetadata
[profile app-chained]
role_arn = arn:aws:iam::333333333333:role/Second
source_profile = app
[profile app-partner]
role_arn = arn:aws:iam::222222222222:role/App
source_profile = keys
external_id = partner-7
[profile cn]
role_arn = arn:aws-cn:iam::222222222222:role/App
source_profile = keys
region = cn-north-1
";

fn chain(profile: &str) -> Chain {
    let mut profiles = ProfileSet::default();
    profiles
        .add(FileKind::Config, Path::new("config"), CONFIG)
        .expect("the text is good");
    let request = Request {
        target: Some(profile.to_owned()),
        ..Request::default()
    };
    let host = Host::builder()
        .env(
            "AWS_DEFAULT_REGION",
            if profile == "cn" {
                "cn-north-1"
            } else {
                "eu-west-1"
            },
        )
        .login_name("joe")
        .build();
    Chain::resolve(&profiles, &host, &request).expect("the profile is good")
}

/// One refusal: whose, of which call, by which profile's chain, at its last hop.
struct Case {
    service: Service,
    operation: &'static str,
    profile: &'static str,
    code: &'static str,
    message: &'static str,
    kind: ErrorKind,
    cause: &'static str,
    next: &'static str,
}

#[expect(clippy::too_many_arguments, reason = "a row of the table")]
#[rustfmt::skip]
const fn case(
    service: Service, operation: &'static str, profile: &'static str, code: &'static str, message: &'static str,
    kind: ErrorKind, cause: &'static str, next: &'static str,
) -> Case {
    Case { service, operation, profile, code, message, kind, cause, next }
}

use ErrorKind::{Config, Denied, NeedsUser, Unavailable};
use Service::{Iam, Portal, SignIn, Sts};

const ROLE: &str = "AssumeRole";
const TOKEN: &str = "GetSessionToken";
const WEB: &str = "AssumeRoleWithWebIdentity";
const NOT: &str = "User: arn:aws:iam::111111111111:user/joe is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/App";

/// The table of `docs/errors.md`, in its order: each row is one refusal, and what a person is told.
#[rustfmt::skip]
const CASES: &[Case] = &[
    // The credentials themselves.
    case(Sts, ROLE, "app", "InvalidClientTokenId", "The security token included in the request is invalid.", Denied, "does not know the access key", "deleted, inactive or mistyped"),
    case(Sts, ROLE, "app-half", "InvalidClientTokenId", "The security token included in the request is invalid.", Config, "its session token is missing", "aws_session_token"),
    case(Sts, ROLE, "cn", "InvalidClientTokenId", "The security token included in the request is invalid.", Denied, "in partition `aws-cn`", "not known in `aws-cn`"),
    case(Sts, ROLE, "app-written", "InvalidClientTokenId", "The security token included in the request is invalid.", Denied, "session token", "of one set"),
    case(Sts, ROLE, "app-chained", "InvalidClientTokenId", "The security token included in the request is invalid.", Denied, "the step before", "try again"),
    case(Sts, ROLE, "app-portal", "UnrecognizedClientException", "The security token included in the request is invalid.", Denied, "does not know these credentials", "rolecall login portal"),
    case(Iam, "ListMFADevices", "app-written", "InvalidClientTokenId", "The security token included in the request is invalid", Denied, "proved no MFA", "--mfa-serial"),
    case(Sts, ROLE, "app-written", "ExpiredToken", "The security token included in the request is expired", Denied, "have ended", "saml2aws login"),
    case(Sts, ROLE, "app-portal", "ExpiredToken", "The security token included in the request is expired", Denied, "have ended", "rolecall login portal"),
    case(Sts, ROLE, "app-console", "ExpiredToken", "The security token included in the request is expired", Denied, "have ended", "aws login --profile console"),
    case(Sts, ROLE, "app-command", "ExpiredToken", "The security token included in the request is expired", Denied, "have ended", "/usr/bin/saml"),
    case(Sts, ROLE, "app-instance", "ExpiredToken", "The security token included in the request is expired", Denied, "have ended", "hands out new ones by itself"),
    case(Sts, ROLE, "app-chained", "ExpiredToken", "The security token included in the request is expired", Denied, "the step before has ended", "renewed by itself"),
    case(Sts, ROLE, "app-mfa", "ExpiredToken", "The security token included in the request is expired", Denied, "the step before has ended", "renewed by itself"),
    case(Sts, ROLE, "app", "ExpiredToken", "The security token included in the request is expired", Denied, "without an end", "AWS_ENDPOINT_URL"),
    case(Sts, ROLE, "app", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", Denied, "does not fit the access key", "copy both again"),
    case(Sts, ROLE, "app-written", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", Denied, "does not fit the access key", "copy all three again"),
    case(Sts, ROLE, "app-command", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", Denied, "does not fit the access key", "run it by itself"),
    case(Sts, ROLE, "app-chained", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.", Denied, "does not fit the access key", "a proxy on the way"),
    case(Sts, ROLE, "app", "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z (20260101T003000Z - 15 min.)", Denied, "15 minutes", "timedatectl"),
    case(Sts, ROLE, "app", "RequestExpired", "Request has expired.", Denied, "15 minutes", "timedatectl"),
    case(Sts, ROLE, "app", "IncompleteSignature", "Authorization header requires 'Signature' parameter.", Denied, "without a whole signature", "proxy"),
    case(Sts, ROLE, "app", "MissingAuthenticationToken", "Request is missing Authentication Token", Denied, "without a whole signature", "proxy"),
    // Who may what.
    case(Sts, ROLE, "app", "AccessDenied", NOT, Denied, "the caller may not assume the role, or", "Both sides must allow it"),
    case(Sts, ROLE, "app-partner", "AccessDenied", NOT, Denied, "the caller may not assume the role, or", "Both sides must allow it"),
    case(Sts, ROLE, "app", "AccessDenied", "User: arn:aws:iam::111111111111:user/joe is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/App because no identity-based policy allows the sts:AssumeRole action", Denied, "own policies do not allow it", r#"`{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::222222222222:role/App"}`"#),
    case(Sts, ROLE, "app-partner", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … because no resource-based policy allows the sts:AssumeRole action", Denied, "trust policy does not let the caller in", "ExternalId sent was `partner-7`"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … because no permissions boundary allows the sts:AssumeRole action", Denied, "boundary does not allow", "Add to the boundary"),
    case(Sts, ROLE, "app-chained", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … because no session policy allows the sts:AssumeRole action", Denied, "session policy of the step before", "--read-only"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … because no service control policy allows the sts:AssumeRole action", Denied, "the organization does not allow", "administrators"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … because no VPC endpoint policy allows the sts:AssumeRole action", Denied, "VPC endpoint", "AWS_ENDPOINT_URL_STS"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a service control policy", Denied, "service control policy forbids", "administrators"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a resource control policy", Denied, "resource control policy", "administrators"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a permissions boundary", Denied, "boundary forbids", "boundary changed"),
    case(Sts, ROLE, "app-chained", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a session policy", Denied, "session policy of the step before forbids", "--policy"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a resource-based policy", Denied, "trust policy of the role forbids", "Deny in the role's trust policy"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in a VPC endpoint policy", Denied, "VPC endpoint forbids", "AWS_ENDPOINT_URL_STS"),
    case(Sts, ROLE, "app", "AccessDenied", "… is not authorized to perform: sts:AssumeRole on resource: … with an explicit deny in an identity-based policy", Denied, "a policy of the caller forbids", "Have the Deny changed"),
    case(Sts, ROLE, "app", "AccessDenied", "User: … is not authorized to perform: sts:TagSession on resource: …", Denied, "carries tags", "sts:TagSession"),
    case(Sts, ROLE, "app", "AccessDenied", "User: … is not authorized to perform: sts:SetSourceIdentity on resource: …", Denied, "source identity", "sts:SetSourceIdentity"),
    case(Sts, ROLE, "app", "AccessDenied", "Roles may not be assumed by root accounts.", Denied, "no root user", "--source-profile"),
    case(Sts, TOKEN, "written", "AccessDenied", "Cannot call GetSessionToken with session credentials", Config, "these credentials are temporary", "mfa_serial"),
    case(Sts, ROLE, "app", "NoSuchEntity", "", Denied, "no such role", "case counts"),
    case(Iam, "ListMFADevices", "keys", "AccessDenied", "User: … is not authorized to perform: iam:ListMFADevices on resource: user joe because no identity-based policy allows the iam:ListMFADevices action", Denied, "list its own MFA devices", "--mfa-serial"),
    case(Iam, "ListMFADevices", "keys", "NoSuchEntity", "The user with name joe cannot be found.", Denied, "is not there", "case counts"),
    case(Iam, "ListMFADevices", "keys", "AccessDenied", "", Denied, "not allowed to do this", "has to allow ListMFADevices"),
    // MFA.
    case(Sts, TOKEN, "keys", "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", NeedsUser, "the MFA code was wrong", "next code"),
    case(Sts, ROLE, "app", "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", Config, "without its device", "--mfa-serial"),
    case(Sts, TOKEN, "keys", "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", Denied, "device was not taken", "list-mfa-devices"),
    // What was asked for.
    case(Sts, ROLE, "app", "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", Config, "no session of 12 h", "--duration max"),
    case(Sts, ROLE, "app-chained", "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", Config, "an hour at most", "--duration 1h"),
    case(Sts, TOKEN, "keys", "ValidationError", "1 validation error detected: Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900", Config, "that duration", "15 minutes to 12 hours"),
    case(Sts, ROLE, "app-chained", "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.", Config, "what is handed on stays", "session_tags"),
    case(Sts, ROLE, "app", "ValidationError", "The specified transitive tag key must be included in the requested tags.", Config, "no tag of the session", "--tag KEY=VALUE"),
    case(Sts, ROLE, "app", "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", Config, "these tags", "differ by more than case"),
    case(Sts, ROLE, "app", "ValidationError", "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", Config, "the session name", "--session-name"),
    case(Sts, ROLE, "app", "ValidationError", "ARN arn:aws:iam::1:policy/X is not valid.", Config, "an ARN", "role's account"),
    case(Sts, ROLE, "app", "ValidationError", "novel", Config, "a value of the request", "rolecall plan"),
    case(Sts, ROLE, "app", "MissingParameter", "The request must contain the parameter RoleArn.", Config, "lacks", "proxies"),
    case(Sts, ROLE, "app", "MalformedPolicyDocument", "Syntax errors in policy.", Config, "session policy", "--policy"),
    case(Sts, ROLE, "app", "PackedPolicyTooLarge", "Packed policy consumes 112% of allotted space, please use smaller policy.", Config, "take 112% of the room", "--policy-arn"),
    case(Sts, ROLE, "app", "RegionDisabledException", "STS is not activated in this region for account:222222222222.", Denied, "switched off in eu-west-1", "--region"),
    case(Sts, ROLE, "app", "OptInRequired", "You are not subscribed to this service.", Denied, "has not opted in", "--region"),
    // Web identity.
    case(Sts, WEB, "pod", "ExpiredTokenException", "Token expired: current date/time 1 must be before the expiration date/time 0", Denied, "token has ended", "/var/run/token"),
    case(Sts, WEB, "pod", "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://idp", Config, "account 222222222222 has no identity provider", "create-open-id-connect-provider"),
    case(Sts, WEB, "pod", "InvalidIdentityToken", "Incorrect token audience", Config, "another audience", "client id"),
    case(Sts, WEB, "pod", "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements", Unavailable, "the keys", "Try again"),
    case(Sts, WEB, "pod", "InvalidIdentityToken", "The ID Token provided is not a valid JWT.", Config, "does not take the token", "/var/run/token"),
    case(Sts, WEB, "pod", "IDPRejectedClaim", "Token is from the future", Denied, "claims are not what AWS takes", "/var/run/token"),
    case(Sts, WEB, "pod", "IDPCommunicationError", "", Unavailable, "could not reach the identity provider", "Try again"),
    case(Sts, WEB, "pod", "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", Denied, "does not trust the token", "`sub`"),
    // Identity Center.
    case(Portal, "GetRoleCredentials", "portal", "UnauthorizedException", "Session token not found or invalid", NeedsUser, "sign-in to Identity Center has ended", "rolecall login portal"),
    case(Portal, "GetRoleCredentials", "portal", "ForbiddenException", "No access", Denied, "does not give this person Reader in account 111111111111", "sso_role_name"),
    case(Portal, "GetRoleCredentials", "portal", "ResourceNotFoundException", "", Denied, "knows no Reader", "sso_account_id"),
    case(Portal, "GetRoleCredentials", "portal", "InvalidRequestException", "Invalid account", Config, "the account or the role", "twelve digits"),
    case(Portal, "GetRoleCredentials", "portal", "TooManyRequestsException", "HTTP 429 Unknown Code", Unavailable, "throttling", "Try again"),
    case(SignIn, "CreateToken", "portal", "AuthorizationPendingException", "", NeedsUser, "not been confirmed yet", "browser"),
    case(SignIn, "CreateToken", "portal", "ExpiredTokenException", "", NeedsUser, "not confirmed in time", "rolecall login portal"),
    case(SignIn, "CreateToken", "portal", "AccessDeniedException", "", Denied, "declined", "rolecall login portal"),
    case(SignIn, "CreateToken", "portal", "InvalidGrantException", "", NeedsUser, "neither used nor renewed", "rolecall login portal"),
    case(SignIn, "CreateToken", "portal", "InvalidClientException", "", NeedsUser, "does not know this client", "rolecall login portal"),
    case(SignIn, "CreateToken", "portal", "UnauthorizedClientException", "", NeedsUser, "does not know this client", "rolecall login portal"),
    case(SignIn, "StartDeviceAuthorization", "portal", "InvalidScopeException", "", Config, "a scope", "sso_registration_scopes"),
    case(SignIn, "StartDeviceAuthorization", "portal", "InvalidRequestException", "", Config, "as it was asked for", "sso_start_url"),
    case(SignIn, "RegisterClient", "portal", "InvalidRequestRegionException", "", Config, "not in eu-west-1", "sso_region"),
    case(SignIn, "RegisterClient", "portal", "InvalidClientMetadataException", "", Config, "as it was asked for", "sso_region"),
    case(SignIn, "CreateToken", "portal", "UnsupportedGrantTypeException", "", Config, "as it was asked for", "sso_start_url"),
    case(SignIn, "CreateToken", "portal", "SlowDownException", "", Unavailable, "throttling", "Try again"),
    case(SignIn, "CreateToken", "portal", "InternalServerException", "", Unavailable, "failed", "Try again"),
    // AWS itself.
    case(Sts, ROLE, "app", "Throttling", "Rate exceeded", Unavailable, "throttling", "Try again"),
    case(Sts, ROLE, "app", "ThrottlingException", "Rate exceeded", Unavailable, "throttling", "Try again"),
    case(Sts, ROLE, "app", "ServiceUnavailable", "", Unavailable, "STS failed", "health page"),
    case(Sts, ROLE, "app", "InternalFailure", "", Unavailable, "STS failed", "health page"),
    case(Sts, "GetCallerIdentity", "app", "InvalidAction", "Could not find operation GetCallerIdentity for version 2011-06-15", Config, "does not offer GetCallerIdentity", "whoami"),
    // Of calls that are made elsewhere.
    case(Sts, "DecodeAuthorizationMessage", "app", "InvalidAuthorizationMessageException", "", Config, "not one that STS wrote", "Copy it whole"),
    case(Sts, "GetDelegatedAccessToken", "app", "ExpiredTradeInTokenException", "", Denied, "traded in has ended", "new one"),
    case(Sts, "GetWebIdentityToken", "app", "SessionDurationEscalationException", "", Config, "longer than the one", "--duration"),
    case(Sts, "GetWebIdentityToken", "app", "OutboundWebIdentityFederationDisabledException", "", Denied, "does not hand out web identity tokens", "account settings"),
    case(Sts, "GetWebIdentityToken", "app", "JWTPayloadSizeExceededException", "", Config, "too large", "audiences"),
];

fn decided(case: &Case) -> Decision {
    let chain = chain(case.profile);
    let hop = chain.roles.len().checked_sub(1);
    decision(
        case.service,
        case.code,
        case.message,
        400,
        &context(case, &chain, hop),
    )
}

fn context<'a>(case: &Case, chain: &'a Chain, hop: Option<usize>) -> Context<'a> {
    Context {
        region: Some(&chain.source_sts.region),
        source: Some(&chain.source),
        signer: Signer::of(chain, hop),
        role: chain.roles.last(),
        ..Context::new(case.operation, "https://sts.eu-west-1.amazonaws.com")
    }
}

#[test]
fn every_refusal_says_why_and_what_next() {
    for case in CASES {
        let chain = chain(case.profile);
        let hop = chain.roles.len().checked_sub(1);
        let decision = decided(case);
        let of = format!("{} {}: {}", case.profile, case.code, case.message);
        assert_eq!(decision.kind, case.kind, "{of}: {decision:?}");
        let cause = decision.cause.as_deref().unwrap_or_default();
        assert!(cause.contains(case.cause), "{of}: {cause}");
        let hints = decision.hints.join(" ");
        assert!(hints.contains(case.next), "{of}: {hints}");
        let error = decide(
            case.service,
            case.code,
            case.message,
            400,
            &context(case, &chain, hop),
        );
        let text = format!("{error} {}", error.hints().join(" "));
        assert!(!text.contains("CANARY"), "a key or a secret: {text}");
        let message = error.to_string();
        assert!(!message.ends_with('.') && !message.contains(". "), "{message}");
        let name = message.split(' ').next().unwrap_or_default();
        let is_name = ["STS", "IAM", "AWS", "AWS's", "Identity"].contains(&name);
        assert!(
            is_name || message.starts_with(|c: char| c.is_lowercase()),
            "{message}"
        );
        assert!(message.contains(case.code), "{message}");
        assert!(!error.hints().is_empty(), "{message}");
        for hint in error.hints() {
            let begins = hint.starts_with(|c: char| c.is_uppercase() || c == '`');
            assert!(hint.ends_with('.') && begins, "a hint is a sentence: {hint}");
        }
    }
}

/// Every code that is known of the services' models and of practice has a decision of its own.
#[test]
fn no_known_code_is_left_over() {
    let left: Vec<_> = CASES
        .iter()
        .filter(|case| decided(case).cause.is_none())
        .map(|case| case.code)
        .collect();
    assert_eq!(left, Vec::<&str>::new());
    let chain = chain("app");
    let novel = decision(Sts, "Novel", "New.", 400, &context(&CASES[0], &chain, Some(0)));
    assert_eq!((novel.kind, novel.cause, novel.hints.len()), (Denied, None, 1));
    let trouble = decision(Sts, "Novel", "New.", 503, &context(&CASES[0], &chain, Some(0)));
    assert_eq!(trouble.kind, Unavailable);
}

#[test]
fn mfa_is_suggested_where_none_was_proved() {
    let suggests = |profile: &str, proved: bool| {
        let chain = chain(profile);
        let context = Context {
            proved,
            ..context(&CASES[0], &chain, chain.roles.len().checked_sub(1))
        };
        let decision = decision(Sts, "AccessDenied", NOT, 403, &context);
        decision.hints.iter().any(|hint| hint.contains("--mfa"))
    };
    assert!(suggests("app", false));
    for (profile, proved) in [
        ("app", true),
        ("app-mfa", false),
        ("app-portal", false),
        ("app-chained", false),
    ] {
        assert!(!suggests(profile, proved), "{profile}");
    }
}

#[test]
fn a_clock_is_blamed_only_where_it_is_wrong() {
    let chain = chain("app");
    let decided = |skew, message| {
        let context = Context {
            skew,
            ..context(&CASES[0], &chain, Some(0))
        };
        decision(Sts, "SignatureDoesNotMatch", message, 403, &context)
    };
    let expired = "Signature expired: 1 is now earlier than 2";
    let cause = decided(7200, expired).cause.unwrap_or_default();
    assert!(cause.contains("2 h behind AWS's"), "{cause}");
    let cause = decided(-1200, expired).cause.unwrap_or_default();
    assert!(cause.contains("20 min ahead of AWS's"), "{cause}");
    assert_eq!(decided(-1200, expired).kind, Config);
    // With the clock off as well, a wrong secret is still a wrong secret.
    let wrong = decided(
        7200,
        "The request signature we calculated does not match the signature you provided.",
    );
    assert!(wrong.hints[0].contains("copy both again"), "{wrong:?}");
}

#[test]
fn what_aws_says_is_quoted_on_one_line_and_short() {
    let chain = chain("app");
    let nasty = format!("a\u{1b}[2J\n\u{202e}b{}", "x".repeat(5000));
    let error = decide(
        Sts,
        "Odd\ncode",
        &nasty,
        400,
        &context(&CASES[0], &chain, Some(0)),
    );
    let text = error.to_string();
    assert!(
        text.len() < 800 && !text.contains(['\n', '\u{1b}', '\u{202e}']),
        "{text}"
    );
}

/// The page for people is this table: what it says of a refusal is what is said.
#[test]
fn the_documentation_says_what_the_code_says() {
    let mut rows = Vec::new();
    for case in CASES {
        let decision = decided(case);
        let words = match case.message.trim().trim_end_matches('.') {
            "" => String::new(),
            text => format!(": {}", text.replace('|', "\\|")),
        };
        rows.push(format!(
            "| {} {}, `{}` | `{}`{words} | {} | {} |",
            case.service,
            case.operation,
            case.profile,
            case.code,
            decision.cause.unwrap_or_default(),
            decision.hints.join(" ").replace('|', "\\|"),
        ));
    }
    let page = include_str!("../../../../../docs/errors.md");
    let table: Vec<_> = page
        .lines()
        .skip_while(|line| !line.starts_with("|---|---|---|---|"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let at = rows.iter().zip(&table).position(|(row, line)| row != line);
    assert!(
        table == rows,
        "row {at:?} of the table of docs/errors.md; all of it is in this test's output:\n{}",
        rows.join("\n")
    );
}
