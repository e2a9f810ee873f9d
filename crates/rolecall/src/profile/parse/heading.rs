//! What stands between the brackets, as AWS's SDKs read it and as botocore does.

use super::{About, FileKind};
use crate::profile::BLANKS;

/// Where the properties of a section go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Home {
    Profile,
    SsoSession,
    Services,
    /// Read over.
    Nowhere,
}

/// What a section's heading says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Heading {
    pub(super) home: Home,
    /// The name; of a section that is read over, all that stands between the brackets.
    pub(super) name: String,
    /// Whether it is `[profile NAME]` and not `[NAME]`.
    pub(super) is_prefixed: bool,
    /// Why it is read over.
    why: Option<&'static str>,
}

/// What is wrong with a heading's end.
pub(super) enum Unclosed {
    NoBracket,
    Behind,
}

/// Sections of the AWS CLI and of Granted that are not meant for anybody else.
const FOREIGN: [&str; 4] = [
    "plugins",
    "preview",
    "granted_registry_start",
    "granted_registry_end",
];

/// What stands between the brackets, and whether a `]` in the comment behind them misleads Python's parser.
pub(super) fn inside(line: &str) -> Result<(&str, bool), Unclosed> {
    let close = line.find(']').ok_or(Unclosed::NoBracket)?;
    let comment = line[close..].find(['#', ';']).map(|at| close + at);
    let heading = &line[..comment.unwrap_or(line.len())];
    let inside = heading.trim_end_matches(BLANKS).strip_suffix(']');
    let inside = inside.and_then(|inside| inside.strip_prefix('['));
    let is_misread = comment.is_some_and(|at| line[at..].contains(']'));
    Ok((inside.ok_or(Unclosed::Behind)?, is_misread))
}

impl Heading {
    pub(super) fn read(kind: FileKind, inside: &str) -> Self {
        let trimmed = inside.trim_matches(BLANKS);
        let (word, name) = trimmed.split_once(BLANKS).unwrap_or((trimmed, ""));
        let name = name.trim_matches(BLANKS);
        let ignored = |why| Self {
            home: Home::Nowhere,
            name: trimmed.to_owned(),
            is_prefixed: false,
            why: Some(why),
        };
        let named = |home, name: &str, is_prefixed| {
            if !is_name(name) {
                return ignored("its name has characters that AWS's SDKs do not take");
            }
            Self {
                home,
                name: name.to_owned(),
                is_prefixed,
                why: None,
            }
        };
        match (kind, word, name) {
            (FileKind::Credentials, "profile" | "sso-session" | "services", name) if !name.is_empty() => {
                ignored("in the credentials file a section is the bare name of its profile")
            }
            (FileKind::Credentials, ..) => named(Home::Profile, trimmed, false),
            (FileKind::Config, "default", "") => named(Home::Profile, "default", false),
            (FileKind::Config, "profile", name) if !name.is_empty() => named(Home::Profile, name, true),
            (FileKind::Config, "sso-session", name) if !name.is_empty() => {
                named(Home::SsoSession, name, true)
            }
            (FileKind::Config, "services", name) if !name.is_empty() => named(Home::Services, name, true),
            (FileKind::Config, ..) => ignored("in the config file a profile is `[profile NAME]`"),
        }
    }

    /// What a warning about this section is of. Of a section that is read over, whoever asks for that name hears.
    pub(super) fn about(&self) -> About {
        match self.home {
            Home::Profile => About::Profile(self.name.clone()),
            Home::SsoSession => About::SsoSession(self.name.clone()),
            Home::Services => About::Services(self.name.clone()),
            Home::Nowhere => {
                let words = self.name.trim_start_matches("profile").trim_matches(BLANKS);
                About::Profile(words.trim_matches(['"', '\'']).to_owned())
            }
        }
    }

    /// What to say where it is read over, or read otherwise by botocore.
    pub(super) fn warning(&self, kind: FileKind, inside: &str, is_misread: bool) -> Option<String> {
        // Nearly all are as everybody reads them.
        let plain = match (kind, self.is_prefixed) {
            (FileKind::Config, true) if self.home == Home::Profile => inside.strip_prefix("profile "),
            _ => Some(inside),
        };
        if plain == Some(self.name.as_str()) && self.why.is_none() && !is_misread && inside != "DEFAULT" {
            return None;
        }
        if inside == "DEFAULT" {
            return Some(format!(
                "section `[DEFAULT]` is {}; the AWS CLI gives what stands in it to every section of the file",
                match self.why {
                    Some(_) => "ignored",
                    None => "a profile of that name",
                }
            ));
        }
        let word = inside.split(BLANKS).next().unwrap_or_default();
        if self.why.is_some() && kind == FileKind::Config && FOREIGN.contains(&word) {
            return None;
        }
        let theirs = if is_misread { None } else { botocores(kind, inside) };
        let theirs_differ = match &theirs {
            Some((home, name)) => (*home, name.as_str()) != (self.home, self.name.as_str()),
            None => self.home != Home::Nowhere,
        };
        let ours = self
            .why
            .map(|why| format!("section `[{inside}]` is ignored: {why}"));
        let theirs = match theirs {
            Some((home, name)) => format!("the AWS CLI reads it as {} `{name}`", what(home)),
            None => "the AWS CLI passes over it".to_owned(),
        };
        match (ours, theirs_differ) {
            (None, false) => None,
            (Some(ours), false) => Some(ours),
            (Some(ours), true) => Some(format!("{ours}; {theirs}")),
            (None, true) => Some(format!(
                "section `[{inside}]` is {} `{}`; {theirs}",
                what(self.home),
                self.name
            )),
        }
    }
}

fn what(home: Home) -> &'static str {
    match home {
        Home::Profile | Home::Nowhere => "profile",
        Home::SsoSession => "sso-session",
        Home::Services => "services",
    }
}

/// Where botocore puts the properties of a section: by what the text begins with, and by shell quoting.
fn botocores(kind: FileKind, inside: &str) -> Option<(Home, String)> {
    if kind == FileKind::Credentials {
        return Some((Home::Profile, inside.to_owned()));
    }
    if inside == "default" {
        return Some((Home::Profile, inside.to_owned()));
    }
    let home = if inside.starts_with("profile") {
        Home::Profile
    } else if inside.starts_with("sso-session") {
        Home::SsoSession
    } else if inside.starts_with("services") {
        Home::Services
    } else {
        return None;
    };
    // Python's `shlex` takes no comments here, and ours takes a `#` at the beginning of a word for one.
    let words = shlex::split(&inside.replace(" #", " \\#"))?;
    match <[String; 2]>::try_from(words) {
        Ok([_, name]) => Some((home, name)),
        Err(_) => None,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b))
}
