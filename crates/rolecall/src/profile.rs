//! The user's AWS config and credentials files, read as AWS's own tools read them.

mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::host::Host;
pub use parse::FileKind;

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A command-line argument of that name.
    Argument(&'static str),
    /// Nobody said anything; the text names the rule.
    Default(&'static str),
    /// A line of a file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
    },
    /// A command-line flag or a method of the library of that name.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) => f.write_str(name),
            Self::Default(rule) => write!(f, "default: {rule}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => write!(f, "${name}"),
        }
    }
}

/// One value of a profile, and where it stands. Its `Debug` masks what is secret.
#[derive(Clone)]
pub struct Property {
    value: Zeroizing<String>,
    /// What is shown instead of the value, where something in it is secret.
    masked: Option<String>,
    origin: Origin,
}

impl Property {
    fn new(key: &str, value: &str, origin: Origin) -> Self {
        Self {
            value: Zeroizing::new(value.to_owned()),
            masked: masked(key, value),
            origin,
        }
    }

    /// Goes on with one more line.
    fn push_line(&mut self, key: &str, line: &str) {
        // Into a buffer of its own, because one that grows leaves a copy of what it held behind.
        let mut longer = Zeroizing::new(String::with_capacity(self.value.len() + 1 + line.len()));
        longer.push_str(&self.value);
        longer.push('\n');
        longer.push_str(line);
        self.masked = masked(key, &longer);
        self.value = longer;
    }

    /// The value as it stands in the file.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value, which has to be one line: nothing that is one word goes on below.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], with the first line only: what was indented by mistake below it may be a secret.
    pub(crate) fn one_line(&self, key: &str) -> Result<&str, Error> {
        match self.value.split_once('\n') {
            None => Ok(&self.value),
            Some((first, _)) => Err(Error::config(format!(
                "{}: {key}: the value `{}…` goes on in the lines below it",
                self.origin,
                masked(key, first).as_deref().unwrap_or(first)
            ))
            .with_hint("Take the blanks before those lines away, or the lines.")),
        }
    }

    /// The value as it may be shown: what is secret in it is masked.
    pub fn shown(&self) -> &str {
        self.masked.as_deref().unwrap_or(&self.value)
    }

    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.shown(), self.origin)
    }
}

const MASK: &str = "**********";

/// Keys whose values never leave the process, by pattern: rival tools have keys of their own. The arguments of a
/// `credential_process` may hold a password.
fn is_secret(key: &str) -> bool {
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

/// What is shown instead of a value, where something in it is secret.
fn masked(key: &str, value: &str) -> Option<String> {
    if is_secret(key) {
        return Some(MASK.to_owned());
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
    (shown != value).then_some(shown)
}

/// A URL without the user and password before its host. Up to the last `@`: in a password anything may stand.
pub(crate) fn without_userinfo(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    match url[begin..].rfind('@') {
        Some(at) => format!("{}***{}", &url[..begin], &url[begin + at..]),
        None => url.to_owned(),
    }
}

/// One named section; each property remembers its file and line.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    origin: Origin,
    properties: BTreeMap<String, Property>,
}

impl Profile {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it begins.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The property of that (lowercase) key; one that is empty counts as absent.
    pub fn property(&self, key: &str) -> Option<&Property> {
        self.properties
            .get(key)
            .filter(|property| !property.value.trim().is_empty())
    }

    /// The value of that key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.property(key).map(Property::value)
    }

    /// Every property, by key.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.properties
            .iter()
            .map(|(key, property)| (key.as_str(), property))
    }
}

/// The merged contents of the config and credentials files.
#[derive(Clone, Debug, Default)]
pub struct ProfileSet {
    profiles: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Profile>,
    services: BTreeMap<String, Profile>,
    warnings: Vec<String>,
    /// The files that were looked at, and whether they were there.
    files: Vec<(PathBuf, bool)>,
}

impl ProfileSet {
    /// Reads the files that `host` points to. A missing file is an empty one, as to AWS's tools.
    ///
    /// `ROLECALL_CONFIG_FILE` and `ROLECALL_SHARED_CREDENTIALS_FILE`, which `exec` sets for its child, come before
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, and these before `~/.aws/config` and `~/.aws/credentials`.
    /// They come first only while the `AWS_` ones lie in `ROLECALL_EXEC_DIR`, as `exec` set them: whoever sets one again
    /// inside means it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a file or a variable that cannot be read, and for what the format does not allow, with file and line.
    pub fn load(host: &Host) -> Result<Self, Error> {
        host.check()?;
        let mut set = Self::default();
        for (kind, path) in Self::paths(host) {
            let text = host.read(&path)?.map(Zeroizing::new);
            if let Some(text) = &text {
                set.add(kind, &path, text)?;
            }
            set.files.push((path, text.is_some()));
        }
        Ok(set)
    }

    /// The files that [`ProfileSet::load`] reads, in that order.
    pub fn paths(host: &Host) -> Vec<(FileKind, PathBuf)> {
        let places = [
            (
                FileKind::Config,
                ["ROLECALL_CONFIG_FILE", "AWS_CONFIG_FILE"],
                "config",
            ),
            (
                FileKind::Credentials,
                ["ROLECALL_SHARED_CREDENTIALS_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
                "credentials",
            ),
        ];
        let place = |[ours, theirs]: [&str; 2], name| {
            let (ours, theirs) = (host.env(ours), host.env(theirs));
            let named = match (theirs, host.env("ROLECALL_EXEC_DIR")) {
                (Some(path), Some(folder)) if !lies_in(&host.expand_home(path), Path::new(folder)) => {
                    Some(path)
                }
                _ => ours.or(theirs),
            };
            named
                .map(|path| host.expand_home(path))
                .or_else(|| Some(host.home()?.join(".aws").join(name)))
        };
        places
            .into_iter()
            .filter_map(|(kind, variables, name)| Some((kind, place(variables, name)?)))
            .collect()
    }

    /// Adds the text of one file. The credentials file is to be added last: its properties win.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what the format does not allow, with file and line.
    pub fn add(&mut self, kind: FileKind, path: &Path, text: &str) -> Result<(), Error> {
        let parsed = parse::parse(kind, &Arc::from(path), text)?;
        for (into, from) in [
            (&mut self.profiles, parsed.profiles),
            (&mut self.sso_sessions, parsed.sso_sessions),
            (&mut self.services, parsed.services),
        ] {
            for (name, profile) in from {
                match into.get_mut(&name) {
                    Some(known) => known.properties.extend(profile.properties),
                    None => drop(into.insert(name, profile)),
                }
            }
        }
        self.warnings.extend(parsed.warnings);
        Ok(())
    }

    /// The profile of exactly that name.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// Every profile, by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.values()
    }

    /// Every `[sso-session NAME]`.
    pub fn sso_sessions(&self) -> impl Iterator<Item = &Profile> {
        self.sso_sessions.values()
    }

    /// Every `[services NAME]`.
    pub fn services(&self) -> impl Iterator<Item = &Profile> {
        self.services.values()
    }

    /// The value of `key` for one service in the `[services …]` section that `profile` names, as in
    /// `[services local]`, `sts =`, and below it, set in, `endpoint_url = …`.
    pub(crate) fn service_value(
        &self,
        profile: &Profile,
        service: &str,
        key: &str,
    ) -> Option<(&str, &Origin)> {
        let section = self.services.get(profile.value("services")?)?;
        let nested = section.property(service)?;
        let value = nested.value().lines().rev().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })?;
        (!value.is_empty()).then_some((value, nested.origin()))
    }

    /// What was ignored while reading, with file and line.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The error for a name that no profile has, with the nearest names.
    pub(crate) fn unknown(&self, name: &str) -> Error {
        let looked_at: Vec<_> = self
            .files
            .iter()
            .map(|(path, there)| format!("{}{}", path.display(), if *there { "" } else { " (not there)" }))
            .collect();
        let error = Error::new(ErrorKind::NotConfigured, format!("there is no profile `{name}`"));
        let near = self.nearest(name);
        let error = match near.len() {
            0 => error,
            _ => error.with_hint(format!("Did you mean {}?", near.join(", "))),
        };
        if self.profiles.is_empty() {
            return error.with_hint(format!(
                "No profile was found in {}. `rolecall demo` shows the whole way without any.",
                if looked_at.is_empty() {
                    "any file: HOME is not set".to_owned()
                } else {
                    looked_at.join(" and ")
                }
            ));
        }
        error.with_hint(match looked_at.len() {
            0 => "`rolecall profiles` lists what there is.".to_owned(),
            _ => format!(
                "`rolecall profiles` lists what is in {}.",
                looked_at.join(" and ")
            ),
        })
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        let lower = name.to_lowercase();
        let mut near: Vec<_> = self
            .profiles
            .keys()
            .map(|known| {
                let likeness = strsim::jaro_winkler(&lower, &known.to_lowercase());
                (
                    if known.to_lowercase().contains(&lower) {
                        likeness.max(0.9)
                    } else {
                        likeness
                    },
                    known,
                )
            })
            .filter(|(likeness, _)| *likeness > 0.78)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        near.into_iter()
            .take(3)
            .map(|(_, known)| format!("`{known}`"))
            .collect()
    }
}

/// By the names alone. A path that goes up may lie anywhere.
fn lies_in(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && !path.components().any(|part| part == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &str, credentials: &str) -> ProfileSet {
        let mut set = ProfileSet::default();
        set.add(FileKind::Config, Path::new("config"), config).unwrap();
        set.add(FileKind::Credentials, Path::new("credentials"), credentials)
            .unwrap();
        set
    }

    #[test]
    fn the_credentials_file_wins_key_by_key() {
        let set = set(
            "[profile a]\nregion = eu-west-1\naws_access_key_id = 1\n",
            "[a]\naws_access_key_id = 2\n",
        );
        let profile = set.profile("a").unwrap();
        assert_eq!(
            (profile.value("region"), profile.value("aws_access_key_id")),
            (Some("eu-west-1"), Some("2"))
        );
        assert_eq!(
            profile
                .property("aws_access_key_id")
                .unwrap()
                .origin()
                .to_string(),
            "credentials:2"
        );
    }

    #[test]
    fn secrets_are_masked_in_debug_and_when_shown() {
        let set = set(
            "",
            "[a]\naws_secret_access_key = CANARYSECRET\naws_session_token=CANARYTOKEN\n",
        );
        assert!(!format!("{set:?}").contains("CANARY"));
        assert_eq!(
            set.profile("a")
                .unwrap()
                .property("aws_secret_access_key")
                .unwrap()
                .shown(),
            "**********"
        );
    }

    #[test]
    fn whatever_may_hold_a_secret_is_masked_by_the_pattern_of_its_key() {
        for (key, hidden) in [
            ("aws_secret_access_key", true),
            ("aws_security_token", true),
            ("okta_password", true),
            ("key_passphrase", true),
            ("github_token", true),
            ("web_identity_token_process", true),
            ("credential_process", true),
            ("mfa_process", true),
            ("web_identity_token_file", false),
            ("session_token_duration", false),
            ("region", false),
        ] {
            let set = set(&format!("[profile a]\n{key} = CANARY\n"), "");
            let property = set.profile("a").unwrap().property(key).unwrap();
            assert_eq!(property.shown() != "CANARY", hidden, "{key}");
            assert_eq!(property.value(), "CANARY");
        }
    }

    #[test]
    fn urls_are_shown_without_who_signs_in_and_nested_secrets_not_at_all() {
        let set = set(
            "[profile a]\nendpoint_url = https://u:CANARY/@p@h/path\nsso_start_url = u:CANARY@h\n\
             proxy = http://u:CANARY@h:1\nsts =\n  endpoint_url = https://u:CANARY@h\n  client_secret = CANARY\n\
             plain = https://h/path\nmail = a@b\n",
            "",
        );
        let profile = set.profile("a").unwrap();
        let shown = |key| profile.property(key).unwrap().shown();
        assert_eq!(shown("endpoint_url"), "https://***@h/path");
        assert_eq!(shown("sso_start_url"), "***@h");
        assert_eq!(shown("proxy"), "http://***@h:1");
        assert_eq!(
            shown("sts"),
            "\nendpoint_url = https://***@h\nclient_secret = **********"
        );
        assert_eq!((shown("plain"), shown("mail")), ("https://h/path", "a@b"));
        assert!(!format!("{set:?}").contains("CANARY"));
    }

    #[test]
    fn an_unknown_profile_names_the_nearest() {
        let set = set("[profile production]\n[profile staging]\n", "");
        let error = set.unknown("producton");
        assert_eq!(error.hints()[0], "Did you mean `production`?");
        assert!(set.unknown("zzz").hints()[0].contains("rolecall profiles"));
    }

    #[test]
    fn the_originals_count_only_while_the_files_are_those_that_exec_set() {
        let paths = |aws: Option<&str>, folder: Option<&str>| {
            let mut host = Host::builder()
                .home("/home/joe")
                .env("ROLECALL_CONFIG_FILE", "/original/config")
                .env("ROLECALL_SHARED_CREDENTIALS_FILE", "/original/credentials")
                .env("AWS_SHARED_CREDENTIALS_FILE", "/run/x/credentials");
            host = aws
                .into_iter()
                .fold(host, |host, path| host.env("AWS_CONFIG_FILE", path));
            host = folder
                .into_iter()
                .fold(host, |host, path| host.env("ROLECALL_EXEC_DIR", path));
            let paths = ProfileSet::paths(&host.build());
            let shown = paths.iter().map(|(_, path)| path.display().to_string());
            shown.collect::<Vec<_>>()
        };
        let credentials = "/original/credentials";
        for (aws, folder, config) in [
            (Some("/run/x/config"), Some("/run/x"), "/original/config"),
            (Some("/run/x/config"), Some("/run/x/"), "/original/config"),
            (None, Some("/run/x"), "/original/config"),
            (Some("/elsewhere/config"), Some("/run/x"), "/elsewhere/config"),
            (Some("/run/xy/config"), Some("/run/x"), "/run/xy/config"),
            (Some("/run/x/../config"), Some("/run/x"), "/run/x/../config"),
            (Some("~/config"), Some("/run/x"), "/home/joe/config"),
            (Some("/elsewhere/config"), None, "/original/config"),
        ] {
            assert_eq!(paths(aws, folder), [config, credentials], "{aws:?} {folder:?}");
        }
    }

    #[test]
    fn files_are_found_where_the_host_says() {
        let host = Host::builder()
            .home("/nowhere")
            .env("AWS_CONFIG_FILE", "~/other")
            .build();
        let set = ProfileSet::load(&host).unwrap();
        let paths: Vec<_> = set
            .files
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect();
        assert_eq!(paths, ["/nowhere/other", "/nowhere/.aws/credentials"]);
        assert!(set.unknown("default").hints()[0].contains("not there"));
    }
}
