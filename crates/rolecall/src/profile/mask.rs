//! What is shown instead of a value, where something in it is secret.

use std::borrow::Cow;

const MASK: &str = "**********";

/// Keys whose values never leave the process, by pattern: rival tools have keys of their own. The arguments of a
/// `credential_process` may hold a password.
pub(super) fn is_secret(key: &str) -> bool {
    // A file's name and a number of seconds are what a person looks for, and give nothing away.
    if key == "web_identity_token_file" || key.ends_with("token_duration") {
        return false;
    }
    key.ends_with("_process")
        || ["secret", "password", "passphrase", "token"]
            .iter()
            .any(|part| key.contains(part))
}

/// The key of a line `key = value`, or of one that is commented out: below another property it still is text of a file.
fn key_of(line: &str) -> Option<String> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_start_matches(['#', ';', ' ', '\t']).trim_end();
    Some(key.to_ascii_lowercase())
}

/// A value as it may be shown.
pub(super) fn masked<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_secret(key) {
        return Cow::Borrowed(MASK);
    }
    let is_url = key.ends_with("_url") || key.ends_with("_uri");
    let line = |line: &str| match key_of(line) {
        Some(nested) if is_secret(&nested) => format!("{} = {MASK}", nested.as_str()),
        _ if is_url || line.contains("://") => without_userinfo(line),
        _ => line.to_owned(),
    };
    let shown = match value.split_once('\n') {
        // What was indented by mistake below a value may be anything; only lists of tags are meant to go on.
        Some((first, _)) if !first.is_empty() && !key.ends_with("session_tags") => {
            format!("{}\n…", line(first))
        }
        _ => value.split('\n').map(line).collect::<Vec<_>>().join("\n"),
    };
    if shown == value {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(shown)
    }
}

/// A URL without the user and password before its host. Up to the last `@`: in a password anything may stand.
fn without_userinfo(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].rfind('@') {
        Some(at) => format!("{}***{}", &url[..begin], &url[begin + at..]),
        None => url.to_owned(),
    }
}

/// A URL as a message may quote it: a password may stand before the host, and a key in the query.
pub(crate) fn shown_url(url: &str) -> String {
    let shown = without_userinfo(url);
    match shown.split_once(['?', '#']) {
        Some((place, _)) => format!("{place}?…"),
        None => shown,
    }
}
