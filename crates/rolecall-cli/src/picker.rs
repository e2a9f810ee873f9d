//! Picking a target out of the profiles and the roles that were found, where a command is given none. See
//! `docs/completion.md` for when that is. Calls nothing.

mod rank;
mod screen;

use std::io::IsTerminal as _;

use rolecall::chain::Chain;
use rolecall::index::{IndexedRole, RoleIndex};
use rolecall::profile::Profile;
use rolecall::{Error, ErrorKind, Host, ProfileSet, Request, RoleArn};
use serde::{Deserialize, Serialize};

use crate::cli::{Cli, Command};
use crate::command_error::{CommandError, Ended};
use crate::completion;
use crate::person::{Asker, plain};

use screen::Picked;

/// As a shell says that a command was ended by Ctrl-C.
const LEFT: Ended = Ended::Code(130);

/// How many targets are remembered.
const REMEMBERED: usize = 50;

/// One thing to pick.
#[derive(Clone, Debug, Default)]
struct Row {
    /// What it goes by.
    name: String,
    /// What it is.
    about: String,
    /// What is then named as the target.
    target: String,
    /// The profile it starts from, where the target does not say so by itself.
    source: Option<String>,
}

/// Lets the person pick where the command has no target, and puts what they picked into it. Says how the command ends where
/// they picked nothing.
pub(crate) fn choose(cli: &mut Cli, host: &Host, person: &Asker) -> Result<Option<Ended>, CommandError> {
    let is_wanted = match cli.command.target_mut() {
        Some(target) => target.pick,
        None => return Ok(None),
    };
    if !is_wanted && !is_missed(&mut cli.command, host) {
        return Ok(None);
    }
    let title = cli.command.name();
    if is_wanted && matches!(cli.command, Command::CredentialProcess(_)) {
        return Err(
            Error::config("credential-process is run by programs, and they pick nothing")
                .with_hint("Name the target.")
                .into(),
        );
    }
    let rows = rows(host);
    if rows.is_empty() {
        // Without --pick the command's own error says more.
        return match is_wanted {
            true => Err(
                Error::new(ErrorKind::NotConfigured, "there is nothing to pick from")
                    .with_hint("There is no profile, and `rolecall roles` has found no role yet.")
                    .into(),
            ),
            false => Ok(None),
        };
    }
    let desk = person.desk().filter(|_| !is_dumb(host));
    let Some((terminal, interrupts)) = desk else {
        return match is_wanted {
            true => Err(
                Error::new(ErrorKind::NeedsUser, "a target can be picked in a terminal only")
                    .with_hint("Name the target.")
                    .into(),
            ),
            false => Ok(None),
        };
    };
    let recent = Recent::load(host);
    let entries = rows
        .iter()
        .map(|row| rank::Entry::new(&row.name, &row.about, recent.age(&row.target)));
    let entries = entries.collect();
    let has_colour = host.env("NO_COLOR").is_none_or(str::is_empty);
    let picked = screen::run(&terminal, interrupts, title, &rows, entries, has_colour)
        .map_err(|error| Error::new(ErrorKind::NeedsUser, format!("the terminal was lost: {error}")))?;
    let row = match picked {
        Picked::Row(at) => &rows[at],
        Picked::Nothing => return Ok(Some(LEFT)),
    };
    recent.keep(host, &row.target);
    if let Some(target) = cli.command.target_mut() {
        target.take_picked(&row.target, row.source.as_deref());
    }
    Ok(None)
}

/// Whether a target is needed, nothing says which, and somebody is there to be asked: where the command would fail because
/// nothing is configured, and nowhere else.
fn is_missed(command: &mut Command, host: &Host) -> bool {
    let is_named = command
        .target_mut()
        .is_none_or(|target| target.target.is_some() || target.json);
    let says = |name: &str| host.env(name).is_some();
    let is_settled = ["AWS_PROFILE", "ROLECALL_EXEC_DIR", "ROLECALL_EXEC", "CI"]
        .into_iter()
        .any(says);
    if is_named || is_settled || is_dumb(host) || !command.needs_target() {
        return false;
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    // The credentials file may hold what `default` needs: this is what the command itself would do.
    let resolved =
        ProfileSet::load(host).and_then(|profiles| Chain::resolve(&profiles, host, &Request::default()));
    resolved.is_err_and(|error| error.kind() == ErrorKind::NotConfigured)
}

/// A terminal whose cursor cannot be moved.
fn is_dumb(host: &Host) -> bool {
    matches!(host.env("TERM"), None | Some("dumb"))
}

/// The profiles, then the roles that no profile has.
fn rows(host: &Host) -> Vec<Row> {
    let profiles = completion::profiles(host);
    let index = RoleIndex::load(host);
    let mut configured = std::collections::HashSet::new();
    let mut rows: Vec<_> = profiles
        .profiles()
        .map(|profile| {
            configured.extend(profile.value("role_arn"));
            Row {
                name: plain(profile.name()),
                about: plain(&of_profile(profile, &index)),
                target: profile.name().to_owned(),
                source: None,
            }
        })
        .collect();
    let roles = index.targets().into_iter().filter(|(_, role)| {
        let arn = role.arn.to_string();
        !configured.contains(arn.as_str())
    });
    rows.extend(roles.map(|(written, role)| of_role(written, role, &profiles)));
    rows
}

fn of_profile(profile: &Profile, index: &RoleIndex) -> String {
    let account = |id: &str| {
        let known = id.parse().ok().and_then(|id| index.account_name(id));
        known.unwrap_or(id).to_owned()
    };
    if let Some(arn) = profile.value("role_arn") {
        return match arn.parse::<RoleArn>() {
            Ok(arn) => format!("{} in {}", arn.name(), account(arn.account().as_str())),
            Err(_) => arn.to_owned(),
        };
    }
    match (profile.value("sso_role_name"), profile.value("sso_account_id")) {
        (Some(role), Some(id)) => format!("{role} in {}", account(id)),
        _ => String::new(),
    }
}

fn of_role(written: String, role: &IndexedRole, profiles: &ProfileSet) -> Row {
    let about = match role.conditions.as_slice() {
        [] => role.verdict.to_string(),
        conditions => format!("{}: {}", role.verdict, conditions.join(", ")),
    };
    let is_by_id = written.starts_with(role.arn.account().as_str());
    let is_shadowed = profiles.profile(&written).is_some();
    Row {
        name: plain(&written),
        about: plain(&about),
        // By the account's name the source is known again from where the role is.
        source: role.source.clone().filter(|_| is_by_id || is_shadowed),
        target: if is_shadowed {
            role.arn.to_string()
        } else {
            written
        },
    }
}

/// The targets that were picked before, the last one first. They are names, and no secret.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Recent {
    targets: Vec<String>,
}

impl Recent {
    fn load(host: &Host) -> Self {
        let text = path(host).and_then(|path| host.read(&path).ok().flatten());
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// How many were picked since.
    fn age(&self, target: &str) -> Option<usize> {
        self.targets.iter().position(|known| known == target)
    }

    /// What cannot be kept is forgotten: it orders a list, no more.
    fn keep(mut self, host: &Host, target: &str) {
        self.targets.retain(|known| known != target);
        self.targets.insert(0, target.to_owned());
        self.targets.truncate(REMEMBERED);
        if let (Some(path), Ok(text)) = (path(host), serde_json::to_string(&self)) {
            let _ = host.write_private(&path, &text);
        }
    }
}

fn path(host: &Host) -> Option<std::path::PathBuf> {
    Some(host.state_dir()?.join("recent.json"))
}
