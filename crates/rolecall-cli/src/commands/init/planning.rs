//! What would be done. A person is asked here only for what the plan cannot be made without: names, never secrets.

use std::path::PathBuf;

use rolecall::host::Choice;
use rolecall::profile::edit::{Change, Edit, UserFile};
use rolecall::profile::{Origin, Taken, own_process};
use rolecall::vault::{Chosen, Vault, check_name};
use rolecall::{Error, ErrorKind, Host, Region};

use super::look::Seen;
use crate::cli::InitArgs;

/// The region of those who say nothing: the one that AWS's own pages begin with.
const REGION: &str = "us-east-1";
/// How often a name or a region may be mistyped.
const TRIES: usize = 3;

/// What would be done, in this order.
pub(super) struct Plan {
    /// Whether the keys of the files are taken, as [`Seen::import`] has it.
    pub(super) imports: bool,
    /// A key that comes from elsewhere.
    pub(super) new: Option<New>,
    /// The profiles of keys that are in the vault and in no file, and what writes them.
    pub(super) written: Option<(Vec<String>, Edit)>,
    /// Whom AWS is asked about at the end.
    pub(super) tried: Vec<String>,
    /// Whether a passphrase is chosen on the way.
    pub(super) passphrase: bool,
    /// What is not done, and could be: sentences.
    pub(super) advice: Vec<String>,
    /// Whether there is nothing yet, and a dry run asks nobody for what it would begin with.
    pub(super) would_ask: bool,
}

/// A key that is not in the vault yet, and the profile that it gets.
pub(super) struct New {
    pub(super) profile: String,
    pub(super) from: From,
    pub(super) chosen: Chosen,
    pub(super) edit: Edit,
}

/// Where a key comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum From {
    Person,
    Csv(PathBuf),
    Environment,
}

impl Plan {
    pub(super) fn is_nothing(&self) -> bool {
        !self.imports && self.new.is_none() && self.written.is_none() && !self.would_ask
    }
}

/// As many targets are tried at the end: each costs a call, and may cost a code.
const MOST_TRIED: usize = 5;

pub(super) fn plan(host: &Host, seen: &Seen, args: &InitArgs) -> Result<Plan, Error> {
    let mut plan = Plan {
        imports: !seen.import.is_nothing(),
        new: None,
        written: None,
        tried: Vec::new(),
        passphrase: false,
        advice: Vec::new(),
        would_ask: false,
    };
    if plan.imports {
        plan.tried = seen.import.profiles();
    } else if seen.is_empty() {
        begin(host, seen, args, &mut plan)?;
    } else {
        // After an import, not with it: both would write the config file, each as it was when it was read.
        unwritten(host, seen, &mut plan)?;
    }
    plan.tried.truncate(MOST_TRIED);
    plan.passphrase = needs_passphrase(host, seen, &plan);
    advice(seen, &mut plan);
    Ok(plan)
}

/// What to begin with where nothing leads to credentials.
fn begin(host: &Host, seen: &Seen, args: &InitArgs, plan: &mut Plan) -> Result<(), Error> {
    if !seen.sign_ins.is_empty() {
        return Ok(());
    }
    let from = match (seen.csv.as_slice(), &seen.environment) {
        ([(path, 1)], _) => From::Csv(path.clone()),
        ([], Some(_)) => From::Environment,
        // Which of several is meant is for `vault add` to be told.
        ([_, ..], _) => return Ok(()),
        ([], None) => From::Person,
    };
    if from == From::Person {
        if args.dry_run {
            plan.would_ask = true;
            return Ok(());
        }
        if !has_key(host)? {
            plan.advice.push(
                "Identity Center needs no key. Write it into ~/.aws/config (`aws configure sso` does), as in docs/identity-center.md: `[sso-session corp]` with `sso_start_url`, `sso_region` and `sso_registration_scopes = sso:account:access`. Then `rolecall login --sso-session corp`, and `rolecall roles --write` for its accounts."
                    .to_owned(),
            );
            return Ok(());
        }
    }
    // Whoever says yes to everything takes what is proposed.
    let is_asked = from == From::Person || !(args.dry_run || args.yes);
    let profile = name(host, seen, &from, is_asked)?;
    let region = match seen
        .profiles
        .profile(&profile)
        .and_then(|known| known.value("region"))
    {
        Some(_) => None,
        None => Some(region(host, is_asked)?),
    };
    let mut changes = Vec::new();
    if let Some(region) = region {
        changes.push(set(&profile, "region", region));
    }
    changes.push(set(&profile, "credential_process", own_process(&profile)));
    let [config, _] = UserFile::read_both(host)?;
    let edit = config.edit(&changes)?;
    edit.check(host)?;
    plan.tried = vec![profile.clone()];
    plan.new = Some(New {
        chosen: Vault::of(host).choose(None)?,
        profile,
        from,
        edit,
    });
    Ok(())
}

/// Whether it begins with a key: Identity Center needs none.
fn has_key(host: &Host) -> Result<bool, Error> {
    let choice = Choice {
        question: "How do you sign in to AWS".to_owned(),
        options: vec![
            "with an access key of an IAM user".to_owned(),
            "with IAM Identity Center (single sign-on)".to_owned(),
        ],
    };
    let chosen = host.person().choose(&choice).map_err(|error| match error.kind() {
        ErrorKind::NeedsUser => Error::new(
            ErrorKind::NeedsUser,
            "there is no key and no sign-in to begin with, and nobody can be asked for one here",
        )
        .with_hint("Run `rolecall init` in a terminal; in a script `rolecall vault add PROFILE --stdin` puts a key into the vault."),
        _ => error,
    })?;
    Ok(chosen == 0)
}

/// The profile's name: what the person says, else what the console's file is called by, else `default`.
fn name(host: &Host, seen: &Seen, from: &From, is_asked: bool) -> Result<String, Error> {
    let proposed = match from {
        From::Csv(path) => {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let name = stem.and_then(|stem| Some(stem.strip_suffix("_accessKeys")?.to_owned()));
            name.filter(|name| fault(seen, name).is_none())
        }
        From::Person | From::Environment => None,
    };
    let proposed = proposed.unwrap_or_else(|| "default".to_owned());
    let mut last = None;
    for _ in 0..TRIES {
        let said = match is_asked {
            true => ask(host, &format!("The name of the profile [{proposed}]"))?,
            false => String::new(),
        };
        let name = if said.is_empty() { proposed.clone() } else { said };
        match fault(seen, &name) {
            None => return Ok(name),
            Some(error) if !is_asked => return Err(error),
            Some(error) => {
                crate::output::tell(&format!("rolecall: {error}\n"));
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::config("no name was given")))
}

fn ask(host: &Host, question: &str) -> Result<String, Error> {
    let answer = host.person().text(question);
    answer.map_err(|error| match error.kind() {
        ErrorKind::NeedsUser => {
            error.with_hint("Nothing was done. Run it in a terminal, or say --yes to take what is proposed.")
        }
        _ => error,
    })
}

/// Why a profile cannot be called so.
fn fault(seen: &Seen, name: &str) -> Option<Error> {
    if !is_plain(name) || check_name(name).is_err() {
        return Some(
            Error::config(format!(
                "`{name}` is no good name: other tools have to read it as one word"
            ))
            .with_hint("Take letters, digits, and `-`, `_` or `.` between them."),
        );
    }
    let known = seen.profiles.profile(name)?;
    let sources = known.sources(Taken::AsTarget);
    let (setting, _) = sources.first()?;
    Some(
        Error::config(format!(
            "there is a profile `{name}` already, with a source of its own ({})",
            setting.name()
        ))
        .with_hint("Take another name."),
    )
}

/// Whether a name is one word to a shell and to an argument parser.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '=');
    !name.starts_with('-') && name.chars().all(is_plain)
}

fn region(host: &Host, is_asked: bool) -> Result<String, Error> {
    let set = host.env("AWS_REGION").or_else(|| host.env("AWS_DEFAULT_REGION"));
    let proposed = set.unwrap_or(REGION);
    let mut last = None;
    for _ in 0..TRIES {
        let said = match is_asked {
            true => ask(host, &format!("Its region [{proposed}]"))?,
            false => String::new(),
        };
        let region = if said.is_empty() { proposed } else { &said };
        match region.parse::<Region>() {
            Ok(region) => return Ok(region.as_str().to_owned()),
            Err(invalid) if !is_asked => return Err(invalid.into()),
            Err(invalid) => {
                crate::output::tell(&format!("rolecall: {}\n", invalid.sentence()));
                last = Some(Error::from(invalid));
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::config("no region was given")))
}

/// Keys that are in the vault, and of which no file says anything: what an interrupted one left, or `vault add`.
fn unwritten(host: &Host, seen: &Seen, plan: &mut Plan) -> Result<(), Error> {
    let stands_nowhere = |name: &str| {
        let profile = seen.profiles.profile(name);
        profile.is_some_and(|profile| *profile.origin() == Origin::Vault)
    };
    let names: Vec<_> = seen
        .list
        .entries()
        .iter()
        .map(|entry| entry.profile.clone())
        .filter(|name| stands_nowhere(name) && is_plain(name))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let region = region(host, false)?;
    let changes: Vec<_> = names
        .iter()
        .flat_map(|name| {
            [
                set(name, "region", region.clone()),
                set(name, "credential_process", own_process(name)),
            ]
        })
        .collect();
    let [config, _] = UserFile::read_both(host)?;
    let edit = config.edit(&changes)?;
    edit.check(host)?;
    plan.tried.clone_from(&names);
    plan.written = Some((names, edit));
    Ok(())
}

fn set(profile: &str, key: &'static str, value: String) -> Change {
    Change::Set {
        profile: profile.to_owned(),
        key,
        value,
    }
}

/// Whether the encrypted file is used, and has no passphrase yet.
fn needs_passphrase(host: &Host, seen: &Seen, plan: &Plan) -> bool {
    let chosen = match (&plan.new, plan.imports) {
        (Some(new), _) => Some(&new.chosen),
        (None, true) => seen.import.chosen.as_ref(),
        (None, false) => None,
    };
    let is_file = chosen.is_some_and(|chosen| chosen.kind == rolecall::vault::BackendKind::File);
    let identity = host.data_dir().map(|data| data.join("vault/identity.age"));
    is_file && identity.is_some_and(|identity| !identity.exists())
}

/// What is left to the person.
fn advice(seen: &Seen, plan: &mut Plan) {
    let new = plan.new.as_ref().map(|new| &new.from);
    if let [name, ..] = seen.sign_ins.as_slice() {
        let is_section = seen.profiles.sso_session(name).is_some();
        plan.advice.push(match is_section {
            true => format!("Identity Center needs no key: `rolecall login --sso-session {name}` signs in, and `rolecall roles --write` writes a profile for each role there."),
            false => "Identity Center needs no key: `rolecall login PROFILE` signs in.".to_owned(),
        });
    }
    for (path, keys) in &seen.csv {
        let path = path.display();
        plan.advice.push(match (new, keys) {
            (Some(From::Csv(_)), _) => {
                format!("Delete {path} then, in the wastebasket too: the key is in plain text there.")
            }
            (_, 1) => format!("`rolecall vault add PROFILE --csv '{path}'` puts that key into the vault; then delete the file."),
            _ => format!("`rolecall vault add PROFILE --csv '{path}' --user NAME` puts one of those keys into the vault."),
        });
    }
    if seen.environment.is_some() {
        plan.advice.push(match new {
            Some(From::Environment) => "Take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY out of what sets them then (~/.profile, ~/.bashrc): AWS's tools take them before any profile.".to_owned(),
            _ => "The key in the environment is left there: AWS's tools take it before any profile. `rolecall vault add PROFILE` puts it into the vault.".to_owned(),
        });
    }
}
