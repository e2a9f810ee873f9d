//! The grammar of AWS's shared files, as the SDKs for Rust, Java and .NET share it. It is not INI.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Origin, Profile, Property, is_secret};
use crate::error::{Error, printable};

/// Which of the two files a text is: they name their sections differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileKind {
    /// `~/.aws/config`: `[default]`, `[profile NAME]`, `[sso-session NAME]`, `[services NAME]`.
    Config,
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) sso_sessions: BTreeMap<String, Profile>,
    pub(super) services: BTreeMap<String, Profile>,
    pub(super) warnings: Vec<String>,
}

/// What a section's heading says.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Heading {
    Profile {
        name: String,
        prefixed: bool,
    },
    SsoSession(String),
    Services(String),
    /// Read over, with the reason.
    Ignored(String),
}

struct Parser<'a> {
    kind: FileKind,
    path: &'a Arc<Path>,
    parsed: Parsed,
    section: Option<Heading>,
    /// The property a continuation line belongs to.
    property: Option<String>,
    /// `[profile default]` beats `[default]`, wherever the two stand.
    default_prefixed: bool,
}

pub(super) fn parse(kind: FileKind, path: &Arc<Path>, text: &str) -> Result<Parsed, Error> {
    let mut parser = Parser {
        kind,
        path,
        parsed: Parsed::default(),
        section: None,
        property: None,
        default_prefixed: false,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        parser.line(index + 1, line)?;
    }
    Ok(parser.parsed)
}

impl Parser<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        if line.starts_with([' ', '\t']) {
            return self.continuation(number, line);
        }
        if let Some(rest) = line.strip_prefix('[') {
            return self.heading(number, rest);
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(self.fatal(number, "this line is neither a `[section]` nor `key = value`"));
        };
        let key = key.trim().to_ascii_lowercase();
        if key.is_empty() {
            return Err(self.fatal(number, "there is no key before the `=`"));
        }
        let Some(section) = &self.section else {
            return Err(self.fatal(number, "this stands before any `[section]`"));
        };
        self.property = None;
        if matches!(section, Heading::Ignored(_)) {
            return Ok(());
        }
        if !key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            // Not quoted: a secret pasted on a line of its own may hold an `=`.
            self.warn(
                number,
                "what stands before the `=` is not a key, and the line is ignored",
            );
            return Ok(());
        }
        let value = without_comment(value).trim();
        let origin = Origin::File {
            path: Arc::clone(self.path),
            line: number,
        };
        let property = Property::new(&key, value, origin);
        if let Some(profile) = self.current() {
            profile.properties.insert(key.clone(), property);
        }
        self.property = Some(key);
        Ok(())
    }

    /// A line that begins with a blank goes on with the property above it; comments in it belong to it.
    fn continuation(&mut self, number: usize, line: &str) -> Result<(), Error> {
        if matches!(self.section, Some(Heading::Ignored(_))) {
            return Ok(());
        }
        let Some(key) = self.property.clone() else {
            // An indented comment belongs to nothing; AWS's parsers refuse an indented anything else.
            if self.section.is_none() || !line.trim_start().starts_with(['#', ';']) {
                return Err(self.fatal(
                    number,
                    "this line begins with a blank, and no property stands above it",
                ));
            }
            return Ok(());
        };
        let text = line.trim();
        let nested = self
            .current()
            .and_then(|profile| profile.properties.get(&key))
            .is_some_and(|property| property.value.is_empty() || property.value.starts_with('\n'));
        if nested && text.split_once('=').is_none_or(|(key, _)| key.trim().is_empty()) {
            return Err(self.fatal(
                number,
                &format!("below the empty `{key}`, each line is `key = value`"),
            ));
        }
        if !nested && is_indented_key(&key, text) {
            // Not quoted: the value that would become a part of the one above it may be a secret.
            return Err(Error::config(format!(
                "{}:{number}: this line begins with a blank, and so would be a part of the value of `{key}` above it",
                self.path.display()
            ))
            .with_hint("Take the blanks before it away."));
        }
        if let Some(property) = self
            .current()
            .and_then(|profile| profile.properties.get_mut(&key))
        {
            property.push_line(&key, text);
        }
        Ok(())
    }

    fn heading(&mut self, number: usize, rest: &str) -> Result<(), Error> {
        let Some((inside, after)) = rest.split_once(']') else {
            return Err(self.fatal(number, "the section's `]` is missing"));
        };
        if !after.trim().is_empty() && !after.trim_start().starts_with(['#', ';']) {
            return Err(self.fatal(number, "something stands behind the section's `]`"));
        }
        self.property = None;
        let heading = read_heading(self.kind, inside);
        if let Heading::Ignored(reason) = &heading {
            self.warn(number, reason);
        }
        if let Heading::Profile { name, prefixed } = &heading
            && name == "default"
            && self.kind == FileKind::Config
        {
            if *prefixed && !self.default_prefixed {
                self.default_prefixed = true;
                if self.parsed.profiles.remove("default").is_some() {
                    self.warn(number, "`[profile default]` replaces the `[default]` above it");
                }
            } else if !*prefixed && self.default_prefixed {
                self.warn(
                    number,
                    "`[default]` is ignored, because there is a `[profile default]`",
                );
                self.section = Some(Heading::Ignored(String::new()));
                return Ok(());
            }
        }
        self.section = Some(heading);
        let origin = Origin::File {
            path: Arc::clone(self.path),
            line: number,
        };
        if let Some((sections, name)) = self.sections() {
            sections.entry(name.clone()).or_insert_with(|| Profile {
                name,
                origin,
                properties: BTreeMap::new(),
            });
        }
        Ok(())
    }

    fn sections(&mut self) -> Option<(&mut BTreeMap<String, Profile>, String)> {
        match self.section.as_ref()? {
            Heading::Profile { name, .. } => Some((&mut self.parsed.profiles, name.clone())),
            Heading::SsoSession(name) => Some((&mut self.parsed.sso_sessions, name.clone())),
            Heading::Services(name) => Some((&mut self.parsed.services, name.clone())),
            Heading::Ignored(_) => None,
        }
    }

    fn current(&mut self) -> Option<&mut Profile> {
        let (sections, name) = self.sections()?;
        sections.get_mut(&name)
    }

    fn fatal(&self, number: usize, problem: &str) -> Error {
        Error::config(format!("{}:{number}: {problem}", self.path.display()))
            .with_hint("Correct that line; AWS's own tools stop at it too.")
    }

    fn warn(&mut self, number: usize, problem: &str) {
        self.parsed
            .warnings
            .push(printable(format!("{}:{number}: {problem}", self.path.display())));
    }
}

/// Keys of AWS's that nobody means as a part of another value.
const KEYS: [&str; 20] = [
    "aws_access_key_id",
    "aws_account_id",
    "aws_credential_expiration",
    "aws_session_token",
    "credential_source",
    "duration_seconds",
    "endpoint_url",
    "external_id",
    "login_session",
    "mfa_serial",
    "output",
    "region",
    "role_arn",
    "role_session_name",
    "source_profile",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// Whether a line below the property `above` is a property of its own that was indented by mistake.
fn is_indented_key(above: &str, line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else {
        return false;
    };
    let key = key.trim_end().to_ascii_lowercase();
    // A list of tags may go on with one of any name.
    if above == "session_tags" && !key.starts_with("aws_") {
        return false;
    }
    KEYS.contains(&key.as_str())
        || (is_secret(&key)
            && key
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
}

fn read_heading(kind: FileKind, inside: &str) -> Heading {
    let inside = inside.trim();
    let (word, rest) = inside.split_once([' ', '\t']).unwrap_or((inside, ""));
    let rest = rest.trim();
    let ignored = |why: &str| Heading::Ignored(format!("section `[{inside}]` is ignored: {why}"));
    let named = |name: &str, make: fn(String) -> Heading| {
        if is_name(name) {
            make(name.to_owned())
        } else {
            ignored("its name has characters that AWS's tools do not take")
        }
    };
    match (kind, word, rest) {
        (FileKind::Credentials, "profile" | "sso-session" | "services", rest) if !rest.is_empty() => {
            ignored("in the credentials file a section is the bare name of its profile")
        }
        (FileKind::Credentials, _, _) => named(inside, |name| Heading::Profile {
            name,
            prefixed: false,
        }),
        (FileKind::Config, "default", "") => Heading::Profile {
            name: "default".into(),
            prefixed: false,
        },
        (FileKind::Config, "profile", name) if !name.is_empty() => {
            named(name, |name| Heading::Profile { name, prefixed: true })
        }
        (FileKind::Config, "sso-session", name) if !name.is_empty() => named(name, Heading::SsoSession),
        (FileKind::Config, "services", name) if !name.is_empty() => named(name, Heading::Services),
        (FileKind::Config, _, _) => ignored("in the config file a profile is `[profile NAME]`"),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b))
}

/// A comment behind a value begins with `#` or `;` after a blank; without the blank it is part of the value.
fn without_comment(value: &str) -> &str {
    let bytes = value.as_bytes();
    let begins =
        |at: &usize| matches!(bytes[*at], b'#' | b';') && *at > 0 && matches!(bytes[*at - 1], b' ' | b'\t');
    (0..bytes.len()).find(begins).map_or(value, |at| &value[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: FileKind, text: &str) -> Result<Parsed, Error> {
        parse(kind, &Arc::from(Path::new("f")), text)
    }

    fn value(text: &str, profile: &str, key: &str) -> Option<String> {
        let parsed = read(FileKind::Config, text).unwrap();
        parsed
            .profiles
            .get(profile)?
            .properties
            .get(key)
            .map(|property| property.value.to_string())
    }

    #[test]
    fn values_and_comments() {
        for (text, expected) in [
            ("[profile a]\nk = v\n", "v"),
            ("[profile a]\r\nK=v\r\n", "v"),
            ("[profile a] ; note\nk = v # note\n", "v"),
            ("[profile a]\nk = v;x\n", "v;x"),
            ("[profile a]\nk = a=b\n", "a=b"),
            ("[  profile   a  ]\nk =\n", ""),
            ("[profile a]\nk = 1\n[profile b]\n[profile a]\nk = 2\n", "2"),
            ("\u{feff}[profile a]\nk = v\n", "v"),
            ("[profile a]\nk = v\n  more # kept\n", "v\nmore # kept"),
            ("[profile a]\n# c\n\n; c\nk = v\n", "v"),
        ] {
            assert_eq!(value(text, "a", "k").as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn sections_that_are_not_profiles_are_ignored_with_a_warning() {
        for text in ["[a]\nk = v\n", "[profilea]\nk = v\n", "[profile a!b]\nk=v\n"] {
            let parsed = read(FileKind::Config, text).unwrap();
            assert!(
                parsed.profiles.is_empty() && parsed.warnings.len() == 1,
                "{text:?} {parsed:?}"
            );
        }
        let parsed = read(FileKind::Credentials, "[profile a]\nk = v\n[b]\nk = w\n").unwrap();
        assert_eq!(parsed.profiles.keys().collect::<Vec<_>>(), ["b"]);
        let parsed = read(FileKind::Config, "[a\u{1b}[2J]\n").unwrap();
        assert!(
            parsed.warnings[0].contains(r"`[a\u{1b}[2J"),
            "{:?}",
            parsed.warnings
        );
    }

    #[test]
    fn profile_default_beats_default_in_either_order() {
        for text in [
            "[default]\nk = 1\nl = 1\n[profile default]\nk = 2\n",
            "[profile default]\nk = 2\n[default]\nk = 1\nl=1\n",
        ] {
            assert_eq!(value(text, "default", "k").as_deref(), Some("2"));
            assert_eq!(value(text, "default", "l"), None);
        }
    }

    #[test]
    fn nested_settings_keep_their_lines() {
        assert_eq!(
            value("[profile a]\ns3 =\n  max = 1\n  min = 2\n", "a", "s3").as_deref(),
            Some("\nmax = 1\nmin = 2")
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (text, line) in [
            ("k = v\n", 1),
            ("[profile a\n", 1),
            ("[profile a]\nkey : value\n", 2),
            ("[profile a]\n = v\n", 2),
            ("[profile a]\n  indented = v\n", 2),
            ("[profile a]\ns3 =\n  nonsense\n", 3),
            ("[profile a] junk\n", 1),
        ] {
            let error = read(FileKind::Config, text).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("f:{line}: ")),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn an_indented_key_is_refused_and_not_quoted() {
        for line in [
            "aws_secret_access_key = CANARY",
            "AWS_SESSION_TOKEN=CANARY",
            "aws_access_key_id = CANARY",
            "role_arn = CANARY",
            "github_token = CANARY",
        ] {
            for file in [
                format!("[profile a]\nregion = us-east-1\n  {line}\n"),
                format!("[profile a]\nregion = us-east-1\n\t{line}"),
            ] {
                let error = read(FileKind::Config, &file).unwrap_err();
                assert!(error.to_string().starts_with("f:3: "), "{error}");
                assert!(error.to_string().contains("`region`"), "{error}");
                assert_eq!(error.hints(), ["Take the blanks before it away."]);
                assert!(!format!("{error:?}").contains("CANARY"), "{line}");
            }
        }
        for fine in [
            "[profile a]\nsession_tags = a=b,\n  region=eu\n",
            "[profile a]\ns3 =\n  endpoint_url = https://h\n",
            "[profile a]\ncredential_process = x\n  --token=y\n",
        ] {
            assert!(read(FileKind::Config, fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_not_quoted() {
        let parsed = read(FileKind::Credentials, "[joe]\nCANARY/abc=def\n").unwrap();
        assert!(parsed.warnings[0].starts_with("f:2: "), "{:?}", parsed.warnings);
        assert!(!format!("{parsed:?}").contains("anary") && !format!("{parsed:?}").contains("CANARY"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(\\[|\\]|=|#|;| |\n|\t|profile|default|a|é|\r){0,40}") {
            let _ = read(FileKind::Config, &text);
            let _ = read(FileKind::Credentials, &text);
        }
    }
}
