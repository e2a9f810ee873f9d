//! The variables that AWS's tools read, and how they lead astray.

use super::{Area, Finding, Severity};
use crate::host::{Host, LookKind};
use crate::profile::{ProfileSet, shown_url};
use crate::time::{parsed, rfc3339};

fn finding(severity: Severity, check: &'static str, variable: &str, what: String, hint: String) -> Finding {
    Finding::new(Area::Environment, severity, check, what)
        .hint(hint)
        .at(format!("${variable}"))
}

/// `is_read`: the files could be read, so that it is known which profiles there are.
pub(super) fn look(host: &Host, profiles: &ProfileSet, is_read: bool) -> Vec<Finding> {
    if ["ROLECALL_EXEC_DIR", "ROLECALL_EXEC"]
        .iter()
        .any(|name| host.env(name).is_some())
    {
        let what = "this runs inside `rolecall exec`, whose variables are meant";
        return vec![
            Finding::new(Area::Environment, Severity::Note, "nested", what)
                .hint("Run `rolecall doctor` outside of it to have the environment looked at."),
        ];
    }
    let mut found = Vec::new();
    keys(host, &mut found);
    if is_read {
        selected(host, profiles, &mut found);
        stray_default(profiles, &mut found);
    }
    files(host, &mut found);
    calls(host, &mut found);
    if found.is_empty() {
        let what = "no variable leads AWS's tools astray";
        found.push(Finding::new(Area::Environment, Severity::Ok, "environment", what));
    }
    found
}

/// Keys in the environment, which every AWS SDK takes before any profile that is not named on the command line.
fn keys(host: &Host, found: &mut Vec<Finding>) {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
    const END: &str = "AWS_CREDENTIAL_EXPIRATION";
    let token = ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]
        .into_iter()
        .find(|name| host.env(name).is_some());
    match (host.env(ID), host.env(SECRET), token) {
        (Some(_), Some(_), Some(_)) => found.push(finding(
            Severity::Warning,
            "keys_in_environment",
            ID,
            "AWS_ACCESS_KEY_ID is set: AWS's tools take the session in the environment, whatever AWS_PROFILE says".to_owned(),
            "Unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, unless you mean it; `rolecall exec` takes them away from what it runs.".to_owned(),
        )),
        (Some(_), Some(_), None) => found.push(finding(
            Severity::Warning,
            "key_in_environment",
            ID,
            "a long-term access key is in the environment: every program can read it, and AWS's tools take it whatever AWS_PROFILE says"
                .to_owned(),
            "Put it into the vault (`rolecall vault add PROFILE`), and take it out of what sets it, as ~/.profile or ~/.bashrc."
                .to_owned(),
        )),
        (Some(_), None, _) => found.push(half(ID, SECRET)),
        (None, Some(_), _) => found.push(half(SECRET, ID)),
        (None, None, Some(token)) => found.push(half(token, ID)),
        (None, None, None) => {}
    }
    let (Some(_), Some(end)) = (host.env(ID), host.env(END)) else {
        return;
    };
    let (what, hint) = match parsed(end) {
        None => (
            format!("{END} is no time like 2026-01-01T00:00:00Z"),
            "Correct it, or unset it.",
        ),
        Some(end) if end <= host.now() => (
            format!("the session in the environment ended at {}", rfc3339(end)),
            "Unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION, or get a new one: `eval \"$(rolecall env TARGET)\"`.",
        ),
        Some(_) => return,
    };
    found.push(finding(
        Severity::Problem,
        "environment_ended",
        END,
        what,
        hint.to_owned(),
    ));
}

fn half(there: &str, missing: &str) -> Finding {
    finding(
        Severity::Problem,
        "half_a_key",
        there,
        format!("{there} is set, and {missing} is not: half a key pair, at which AWS's tools fail"),
        format!("Set {missing} too, or unset {there}."),
    )
}

/// The profile that is selected.
fn selected(host: &Host, profiles: &ProfileSet, found: &mut Vec<Finding>) {
    let (ours, theirs) = (host.env("AWS_PROFILE"), host.env("AWS_DEFAULT_PROFILE"));
    for (variable, named) in [("AWS_PROFILE", ours), ("AWS_DEFAULT_PROFILE", theirs)] {
        let Some(name) = named else { continue };
        if name != "default" && profiles.profile(name).is_none() {
            let error = profiles.unknown(name);
            found.push(finding(
                Severity::Problem,
                "selected_profile",
                variable,
                format!("{variable} names `{name}`, and there is no such profile"),
                error.hints().join(" "),
            ));
        }
    }
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && ours != theirs
    {
        found.push(finding(
            Severity::Warning,
            "two_selected_profiles",
            "AWS_DEFAULT_PROFILE",
            format!("AWS_PROFILE names `{ours}` and AWS_DEFAULT_PROFILE `{theirs}`: tools differ in which they take"),
            "Unset AWS_DEFAULT_PROFILE; rolecall and AWS's SDKs read AWS_PROFILE.".to_owned(),
        ));
    }
}

/// `[default]` with keys.
fn stray_default(profiles: &ProfileSet, found: &mut Vec<Finding>) {
    let Some(key) = profiles
        .profile("default")
        .and_then(|profile| profile.property("aws_access_key_id"))
    else {
        return;
    };
    found.push(
        Finding::new(
            Area::Environment,
            Severity::Warning,
            "stray_default",
            "`[default]` holds an access key: every program that names no profile acts by it, and it comes before the credentials of a container",
        )
        .hint("Give the key a profile with a name, or put it into the vault: `rolecall vault import default`.")
        .at(key.origin()),
    );
}

/// Files that variables name.
fn files(host: &Host, found: &mut Vec<Finding>) {
    for (variable, what) in [
        ("AWS_CONFIG_FILE", "config file"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials file"),
        ("ROLECALL_CONFIG_FILE", "config file"),
        ("ROLECALL_SHARED_CREDENTIALS_FILE", "credentials file"),
    ] {
        let Some(path) = host.env(variable) else { continue };
        if matches!(host.look_behind(&host.expand_home(path)), Ok(None)) {
            found.push(finding(
                Severity::Warning,
                "named_file_missing",
                variable,
                format!("{variable} names a {what} that is not there, {path}: it counts as empty"),
                format!("Correct it, or unset {variable}."),
            ));
        }
    }
    if let Some(path) = host.env("AWS_CA_BUNDLE") {
        let is_file = matches!(
            host.look_behind(&host.expand_home(path)),
            Ok(Some(about)) if about.kind == LookKind::File
        );
        if !is_file {
            found.push(finding(
                Severity::Problem,
                "ca_bundle",
                "AWS_CA_BUNDLE",
                format!("AWS_CA_BUNDLE names {path}, which is no file: no AWS tool can check who answers"),
                "Name a PEM file with every authority that is to be trusted, or unset it.".to_owned(),
            ));
        }
    }
}

/// Where calls go, and what is written of them.
fn calls(host: &Host, found: &mut Vec<Finding>) {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM"] {
        if let Some(url) = host.env(variable) {
            let which = match variable.strip_prefix("AWS_ENDPOINT_URL_") {
                Some(service) => format!("calls of {service}"),
                None => "calls of every service".to_owned(),
            };
            found.push(finding(
                Severity::Warning,
                "endpoint_override",
                variable,
                format!("{variable} is set: {which} go to {}", shown_url(url)),
                format!("Unset {variable}, unless you mean it, as with a sandbox."),
            ));
        }
    }
    // Of the SDK for Rust (`aws-sigv4`): bodies of requests in the log, and those of STS hold tokens.
    if host.env("LOG_SIGNABLE_BODY").is_some_and(|value| value == "true") {
        found.push(finding(
            Severity::Warning,
            "log_signable_body",
            "LOG_SIGNABLE_BODY",
            "LOG_SIGNABLE_BODY is set: programs with AWS's SDK for Rust write what they send into their logs, tokens included"
                .to_owned(),
            "Unset it.".to_owned(),
        ));
    }
    if let Some(region) = host.env("AWS_REGION").or_else(|| host.env("AWS_DEFAULT_REGION"))
        && region.parse::<crate::partition::Region>().is_err()
    {
        found.push(finding(
            Severity::Problem,
            "region",
            "AWS_REGION",
            format!("`{region}` is no region"),
            "Set AWS_REGION to one as `eu-west-1`.".to_owned(),
        ));
    }
}
