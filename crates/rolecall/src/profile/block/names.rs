//! What the profiles of the block are called.
//!
//! A name is made of letters, digits, `_`, `.` and `-` where a template says nothing else: AWS's SDKs take more
//! (`/%@:+`), but file names, URLs and the word breaks of shells' completion do not. A profile `prod/Admin` would also
//! look like a target `ACCOUNT/ROLE`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::{Start, Wanted};
use crate::error::Invalid;

/// How a profile is named: text with `{account_name}` (the account's name, or its id where it has none),
/// `{account_id}`, `{role}` and `{source}` in it.
///
/// ```
/// use rolecall::profile::block::NameTemplate;
/// assert!("{role}@{account_id}".parse::<NameTemplate>().is_ok());
/// assert!("{nobody}".parse::<NameTemplate>().is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameTemplate(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    AccountName,
    AccountId,
    Role,
    Source,
}

const FIELDS: [(&str, Part); 4] = [
    ("account_name", Part::AccountName),
    ("account_id", Part::AccountId),
    ("role", Part::Role),
    ("source", Part::Source),
];

impl Default for NameTemplate {
    /// `{account_name}-{role}`.
    fn default() -> Self {
        Self(vec![Part::AccountName, Part::Text("-".to_owned()), Part::Role])
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            field => {
                let name = FIELDS.iter().find(|(_, part)| part == field);
                write!(f, "{{{}}}", name.map_or("", |(name, _)| name))
            }
        })
    }
}

impl FromStr for NameTemplate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fail = |problem: &str| Invalid::new(format!("`{text}` names no profile: {problem}"));
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, field) = rest.split_once('{').unwrap_or((rest, ""));
            if let Some(bad) = plain.chars().find(|c| !is_name_character(*c)) {
                return Err(fail(&format!(
                    "it has {bad:?}, which AWS's tools do not all take"
                )));
            }
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            if plain.len() == rest.len() {
                break;
            }
            let (field, after) = field
                .split_once('}')
                .ok_or_else(|| fail("a `}` is missing behind its `{`"))?;
            let known = FIELDS.into_iter().find(|(name, _)| *name == field);
            let (_, part) = known.ok_or_else(|| {
                let known = FIELDS.map(|(name, _)| format!("`{{{name}}}`")).join(", ");
                fail(&format!("there is no `{{{field}}}`, only {known}"))
            })?;
            parts.push(part);
            rest = after;
        }
        if !parts.iter().any(|part| !matches!(part, Part::Text(_))) {
            return Err(fail(
                "it says nothing of the role, as `{account_name}-{role}` does",
            ));
        }
        if text.starts_with('-') {
            return Err(fail("it begins with a `-`, as options do"));
        }
        Ok(Self(parts))
    }
}

impl NameTemplate {
    fn fill(&self, wanted: &Wanted, start: &Start) -> String {
        let account = wanted.role.account();
        let name = wanted.account_name.as_deref().map(tidy).unwrap_or_default();
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::AccountName if name.is_empty() => text.push_str(account.as_str()),
                Part::AccountName => text.push_str(&name),
                Part::AccountId => text.push_str(account.as_str()),
                Part::Role => text.push_str(&tidy(wanted.role.name())),
                Part::Source => text.push_str(&tidy(start.value())),
            }
        }
        // What begins with a `-` is an option to every command.
        let text = text.trim_start_matches('-');
        if text.is_empty() {
            account.to_string()
        } else {
            text.to_owned()
        }
    }
}

/// What every SDK takes in a section's name, without what a shell would have to be told of.
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c)
}

/// A name for people as a part of a profile's: what it may not have becomes one `-`.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
            tidy.push(c);
        } else if !tidy.ends_with('-') {
            tidy.push('-');
        }
    }
    tidy.trim_matches('-').to_owned()
}

/// A name for each of these, none of which is taken. Where accounts share a name, the id tells them apart; what still is one
/// name is numbered.
pub(super) fn give(
    template: &NameTemplate,
    wanted: &[(&Wanted, &Start)],
    taken: &mut HashSet<String>,
) -> Vec<String> {
    let plain: Vec<_> = wanted
        .iter()
        .map(|(wanted, start)| template.fill(wanted, start))
        .collect();
    let mut accounts: HashMap<&str, HashSet<_>> = HashMap::new();
    for (name, (wanted, _)) in plain.iter().zip(wanted) {
        accounts.entry(name).or_default().insert(wanted.role.account());
    }
    // Where numbering goes on: many roles of one name must not count from the beginning each.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(wanted.len());
    for (name, (wanted, _)) in plain.iter().zip(wanted) {
        let is_shared = accounts.get(name.as_str()).is_some_and(|ids| ids.len() > 1);
        let mut free = name.clone();
        let id = wanted.role.account();
        if (is_shared || taken.contains(&free)) && !free.contains(id.as_str()) {
            free = format!("{name}-{id}");
        }
        if taken.contains(&free) {
            let number = numbers.entry(free.clone()).or_insert(1);
            loop {
                *number += 1;
                let numbered = format!("{free}-{number}");
                if !taken.contains(&numbered) {
                    free = numbered;
                    break;
                }
            }
        }
        taken.insert(free.clone());
        names.push(free);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(account: &str, name: Option<&str>, role: &str) -> Wanted {
        Wanted::new(
            format!("arn:aws:iam::{account}:role/{role}").parse().unwrap(),
            name,
            Some(Start::Environment),
        )
    }

    fn names(template: &str, all: &[Wanted], taken: &[&str]) -> Vec<String> {
        let template = template.parse().unwrap();
        let all: Vec<_> = all.iter().map(|one| (one, &Start::Environment)).collect();
        let mut taken = taken.iter().map(|name| (*name).to_owned()).collect();
        give(&template, &all, &mut taken)
    }

    #[test]
    fn a_name_needs_no_quotes_anywhere() {
        for (account, role, name) in [
            (Some("Production EU"), "team/Admin", "Production-EU-Admin"),
            (Some("--x $(rm) 'y'"), "a+b=c,d@e", "x-rm-y-a-b-c-d-e"),
            (Some("本番"), "Admin", "111111111111-Admin"),
            (Some("Zürich"), "Admin", "Z-rich-Admin"),
            (None, "Admin", "111111111111-Admin"),
            (Some("a"), "=", "a-"),
        ] {
            let all = [wanted("111111111111", account, role)];
            assert_eq!(names("{account_name}-{role}", &all, &[]), [name]);
        }
        let all = [wanted("111111111111", Some("a"), "=")];
        assert_eq!(names("{role}", &all, &[]), ["111111111111"], "nothing is left");
        let all = [wanted("111111111111", Some("a"), "r")];
        assert_eq!(
            names("x/{source}/{role}@{account_id}", &all, &[]),
            ["x/Environment/r@111111111111"]
        );
    }

    #[test]
    fn no_name_is_given_twice() {
        let all = [
            wanted("111111111111", Some("prod"), "Admin"),
            wanted("222222222222", Some("prod"), "Admin"),
            wanted("222222222222", Some("dev"), "a=b"),
            wanted("222222222222", Some("dev"), "a,b"),
            wanted("222222222222", Some("dev"), "a@b"),
        ];
        assert_eq!(
            names("{account_name}-{role}", &all, &["dev-a-b-222222222222-2"]),
            [
                "prod-Admin-111111111111",
                "prod-Admin-222222222222",
                "dev-a-b",
                "dev-a-b-222222222222",
                "dev-a-b-222222222222-3",
            ]
        );
    }

    #[test]
    fn a_template_that_names_nothing_is_refused() {
        for bad in [
            "", "x", "{role", "{x}", "{role} x", "{role}#", "-{role}", "{role}}", "[{role}]",
        ] {
            assert!(bad.parse::<NameTemplate>().is_err(), "{bad}");
        }
        for good in [
            "{role}",
            "{account_name}-{role}",
            "a/{account_id}:{role}+{source}",
        ] {
            assert_eq!(good.parse::<NameTemplate>().unwrap().to_string(), good);
        }
        assert_eq!(NameTemplate::default().to_string(), "{account_name}-{role}");
    }
}
