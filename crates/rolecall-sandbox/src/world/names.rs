//! The rules of names ("IAM and AWS STS quotas", "IAM name requirements", and the API references of each service).

use rolecall::Tag;

use super::error::{Place, Problems, Told};
use crate::mfa;

/// `; see line N`, where the line is known.
pub(super) fn see(place: Place) -> String {
    place
        .line()
        .map(|line| format!("; see line {line}"))
        .unwrap_or_default()
}

fn is_name(name: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}

/// A user, group, role, device or managed policy.
pub(super) fn check_name(what: &str, name: &Told, most: usize, problems: &mut Problems) {
    if !is_name(name, 1, most) {
        problems.add(
            name.at,
            format!("{what} `{name}`: a name has 1 to {most} letters, digits and _+=,.@-"),
        );
    }
}

pub(super) fn check_path(what: &str, path: &Told, problems: &mut Problems) {
    let is_path = path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 512
        && path.text != "//"
        && path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if !is_path {
        problems.add_with_hint(
            path.at,
            format!("{what} has the path `{path}`, which is no path"),
            "A path begins and ends with a slash, as in \"/team/\", and has up to 512 characters.",
        );
    }
}

/// Inline policies' names have up to 128 characters, as the API reference of PutRolePolicy says.
pub(super) fn check_inline_name(what: &str, name: &Told, problems: &mut Problems) {
    if !is_name(name, 1, 128) {
        problems.add(
            name.at,
            format!("policy `{name}` of {what}: a name has 1 to 128 letters, digits and _+=,.@-"),
        );
    }
}

/// At most 50, whose keys differ in more than case.
pub(super) fn check_tags(what: &str, tags: &[(Told, Told)], problems: &mut Problems) {
    for (at, (key, value)) in tags.iter().take(50).enumerate() {
        if let Err(invalid) = Tag::new(&key.text, &value.text) {
            problems.add(value.at, format!("tag `{key}` of {what}: {invalid}"));
        }
        let earlier = tags
            .iter()
            .take(at)
            .find(|(other, _)| other.eq_ignore_ascii_case(key));
        if let Some((other, _)) = earlier {
            problems.add(
                key.at,
                format!("{what} has the tags `{other}` and `{key}`, whose keys differ in nothing but case"),
            );
        }
    }
    if let Some((key, _)) = tags.get(50) {
        problems.add(
            key.at,
            format!("{what} has {} tags: IAM lets it have 50", tags.len()),
        );
    }
}

pub(super) fn check_session_seconds(what: &str, seconds: u32, at: Place, problems: &mut Problems) {
    if !(3600..=43_200).contains(&seconds) {
        problems.add(
            at,
            format!("the sessions of {what} last {seconds} seconds at most: AWS takes 3600 to 43200"),
        );
    }
}

pub(super) fn check_alias(alias: &Told, problems: &mut Problems) {
    let is_alias = (3..=63).contains(&alias.len())
        && alias
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !alias.starts_with('-')
        && !alias.ends_with('-')
        && !alias.contains("--")
        && alias.parse::<rolecall::AccountId>().is_err();
    if !is_alias {
        problems.add(
            alias.at,
            format!(
                "the alias `{alias}` is none: it has 3 to 63 small letters, digits and single dashes within, and is no \
                 account id"
            ),
        );
    }
}

/// "Bucket naming rules" (S3 user guide).
pub(super) fn check_bucket(name: &Told, problems: &mut Problems) {
    let is_edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    let is_bucket = (3..=63).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte))
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !name.starts_with("xn--")
        && !name.ends_with("-s3alias");
    if !is_bucket {
        problems.add(
            name.at,
            format!("bucket `{name}`: a name has 3 to 63 small letters, digits, dots and dashes, and is no address"),
        );
    }
}

pub(super) fn check_topic(name: &Told, problems: &mut Problems) {
    let is_topic = (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !is_topic {
        problems.add(
            name.at,
            format!("topic `{name}`: a name has 1 to 256 letters, digits, _ and -"),
        );
    }
}

/// What is in the address of a task's credentials.
pub(super) fn check_task(name: &Told, problems: &mut Problems) {
    let is_task = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_task {
        problems.add(
            name.at,
            format!("container `{name}`: a name has 1 to 64 letters, digits, _ and -"),
        );
    }
}

pub(super) fn check_region(region: &Told, problems: &mut Problems) {
    if let Err(invalid) = region.parse::<rolecall::Region>() {
        problems.add(region.at, format!("`region`: {invalid}"));
    }
}

pub(super) fn check_external_id(external_id: &Told, problems: &mut Problems) {
    if let Err(invalid) = external_id.parse::<rolecall::ExternalId>() {
        problems.add(external_id.at, format!("`external_id`: {invalid}"));
    }
}

pub(super) fn check_session_name(name: &Told, problems: &mut Problems) {
    if let Err(invalid) = name.parse::<rolecall::SessionName>() {
        problems.add(name.at, format!("`role_session_name`: {invalid}"));
    }
}

/// Anything that AWS's tools find again in the heading of a section.
pub(super) fn check_profile(name: &Told, problems: &mut Problems) {
    let is_profile = !name.is_empty()
        && name.trim() == name.text
        && !name
            .chars()
            .any(|c| c.is_control() || "[]#;\"'".contains(c) || (c.is_whitespace() && c != ' '));
    if !is_profile {
        problems.add(
            name.at,
            format!(
                "profile `{name}`: a name has no brackets, quotes or comment signs, and no blanks at its ends"
            ),
        );
    }
}

pub(super) fn check_directory_user(name: &Told, problems: &mut Problems) {
    // Its name becomes the name of sessions.
    if !is_name(name, 2, 64) {
        problems.add(
            name.at,
            format!("directory user `{name}`: a name has 2 to 64 letters, digits and _+=,.@-"),
        );
    }
}

pub(super) fn check_permission_set(name: &Told, problems: &mut Problems) {
    check_name("permission set", name, 32, problems);
}

/// An issuer: `https://HOST/PATH`, without query and fragment (CreateOpenIDConnectProvider).
pub(super) fn check_issuer(url: &Told, problems: &mut Problems) {
    let is_issuer = url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty()
            && url.len() <= 255
            && !rest.starts_with('/')
            && rest
                .bytes()
                .all(|byte| (0x21..=0x7e).contains(&byte) && !b"?#@\"\\".contains(&byte))
    });
    if !is_issuer {
        problems.add_with_hint(
            url.at,
            format!("the OIDC provider's `url` is no issuer: {url}"),
            "It begins with https://; \"sandbox\" is the sandbox's own.",
        );
    }
}

/// The bytes of a seed in base32 (RFC 4648), with or without padding, as authenticators take it.
pub(super) fn seed(text: &str) -> Option<Vec<u8>> {
    let seed = mfa::base32(text)?;
    (10..=128).contains(&seed.len()).then_some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_base32() {
        let text = "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR";
        assert_eq!(seed(text).as_deref(), Some(b"CANARYSECRETOMAR4711".as_slice()));
        assert_eq!(seed(&text.to_lowercase()), seed(text));
        assert_eq!(
            seed("MZXW6YTBOJRGC6RANFZSAZTVNY======").as_deref(),
            Some(b"foobarbaz is fun".as_slice())
        );
        for text in [
            "",
            "MZXW6",
            "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJ1",
            "INAU 4QKSLFJUKQ2SIVKE6",
            "=",
            "é",
        ] {
            assert_eq!(seed(text), None, "{text}");
        }
        assert_eq!(seed(&"A".repeat(1_000_000)), None);
    }
}
