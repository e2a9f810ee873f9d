//! What each argument may hold: by its own list in the parser, else by its name here.

use clap::{Arg, Command};
use rolecall::Host;
use rolecall::index::RoleIndex;
use rolecall::profile::{FileKind, ProfileSet};
use zeroize::Zeroizing;

use super::{Candidate, Completion};

/// Where more roles than these would do, their accounts are offered first.
const MANY: usize = 100;

/// What is typed before a role that has no profile.
const ARN: &str = "arn:";

/// AWS's regions (general reference, "Regions and Zones"; China, GovCloud and the European sovereign cloud by their own).
const REGIONS: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// What `--fault` may name: those that the sandbox's tests let go wrong most.
const OPERATIONS: [&str; 9] = [
    "*",
    "AssumeRole",
    "AssumeRoleWithWebIdentity",
    "GetCallerIdentity",
    "GetFederationToken",
    "GetObject",
    "GetRoleCredentials",
    "GetSessionToken",
    "Publish",
];

/// How an argument is completed.
#[derive(Clone, Copy)]
enum How {
    Targets,
    Profiles,
    SsoSessions,
    Regions,
    Services,
    Worlds,
    Faults,
    Files,
    Folders,
    Words(&'static [&'static str]),
    /// What `vault restore` puts back.
    Backups,
    /// Nobody but the person knows.
    Free,
}

fn how(arg: &Arg) -> Option<How> {
    Some(match arg.get_id().as_str() {
        "target" | "targets" | "via" => How::Targets,
        "source_profile" | "profile" | "profiles" => How::Profiles,
        "backup" => How::Backups,
        "backend" | "to" => How::Words(&["secret-service", "file", "keychain", "credential-manager"]),
        "sso_session" => How::SsoSessions,
        "region" => How::Regions,
        "service" => How::Services,
        "world" => How::Worlds,
        "fault" => How::Faults,
        "policy" | "all" | "explain" | "csv" => How::Files,
        "tls" => How::Folders,
        "shell" => How::Words(&["bash", "zsh", "fish"]),
        "format" => How::Words(&[
            "process",
            "env",
            "env-no-export",
            "powershell",
            "windows-cmd",
            "fish",
        ]),
        "color" => How::Words(&["red", "orange", "yellow", "green", "blue"]),
        "duration" => How::Words(&["max", "1h", "2h", "4h", "8h", "12h"]),
        "since" => How::Words(&["1h", "12h", "1d", "7d", "30d"]),
        "external_id" | "session_name" | "policy_arn" | "source_identity" | "tag" | "transitive_tag"
        | "mfa_serial" | "mfa_fd" | "browser_wait" | "display_name" | "profile_name" | "browser"
        | "decode" | "hops" | "idle" | "role" | "since_hash" | "session_seconds" | "skew" | "port"
        | "command" | "user" => How::Free,
        _ => return None,
    })
}

/// Whether somebody has said what completes it.
#[cfg(test)]
pub(super) fn is_known(arg: &Arg) -> bool {
    how(arg).is_some() || !arg.get_possible_values().is_empty()
}

/// What an argument may hold, where this much of it has been typed.
pub(super) fn of(host: &Host, command: &Command, arg: &Arg, typed: &str) -> Completion {
    let listed = arg.get_possible_values();
    if !listed.is_empty() {
        let shown = listed.iter().filter(|value| !value.is_hide_set());
        let about = |value: &clap::builder::PossibleValue| super::about(value.get_help());
        return Completion::Values(
            shown
                .map(|value| Candidate::new(value.get_name(), about(value)))
                .collect(),
        );
    }
    let words = |words: &mut dyn Iterator<Item = String>| {
        Completion::Values(words.map(|word| Candidate::new(word, "")).collect())
    };
    match how(arg).unwrap_or(How::Free) {
        How::Targets => Completion::Values(targets(host, typed)),
        // What these take has a key in the vault.
        How::Profiles if ["remove", "rotate", "move"].contains(&command.get_name()) => {
            let list = rolecall::vault::List::load(host).unwrap_or_default();
            let entries = list.entries().iter();
            let about = |entry: &rolecall::vault::Entry| entry.arn.clone().unwrap_or_default();
            let keys = entries.map(|entry| Candidate::new(entry.profile.as_str(), about(entry)));
            Completion::Values(keys.collect())
        }
        How::Profiles => Completion::Values(of_profiles(&profiles(host))),
        How::Backups => {
            let list = rolecall::vault::List::load(host).unwrap_or_default();
            words(&mut list.backups().iter().map(|backup| backup.id.clone()))
        }
        How::SsoSessions => words(&mut profiles(host).sso_sessions().map(|one| one.name().to_owned())),
        How::Regions => words(&mut REGIONS.iter().map(|region| (*region).to_owned())),
        How::Services => Completion::Values(services()),
        How::Worlds => {
            let fit = rolecall_sandbox::World::ready_names().filter(|name| name.starts_with(typed));
            let fit: Vec<_> = fit.map(|name| Candidate::new(name, "a ready world")).collect();
            match fit.is_empty() {
                true => Completion::Files,
                false => Completion::Values(fit),
            }
        }
        How::Faults => words(&mut faults(typed)),
        How::Files => Completion::Files,
        How::Folders => Completion::Folders,
        // An action's subcommand is no value.
        How::Words(list) if command.get_name() != "status" => {
            words(&mut list.iter().map(|word| (*word).to_owned()))
        }
        How::Words(_) | How::Free => Completion::Values(Vec::new()),
    }
}

/// The console's services, by the names that `console --service` takes.
fn services() -> Vec<Candidate> {
    let services = rolecall::federation::SERVICES.iter();
    services
        .map(|service| Candidate::new(service.name, service.title))
        .collect()
}

/// The operation, then what goes wrong.
fn faults(typed: &str) -> Box<dyn Iterator<Item = String> + '_> {
    match typed.split_once(':') {
        None => Box::new(OPERATIONS.iter().map(|operation| format!("{operation}:"))),
        Some((operation, _)) => {
            let names = rolecall_sandbox::Fault::names().chain(["delay=", "unknown-key="]);
            Box::new(names.map(move |name| format!("{operation}:{name}")))
        }
    }
}

/// Profiles and roles that were found; ARNs, where one is being typed.
fn targets(host: &Host, typed: &str) -> Vec<Candidate> {
    let index = RoleIndex::load(host);
    let profiles = profiles(host);
    if typed.starts_with(ARN) {
        let known = profiles.profiles().filter_map(|profile| {
            let arn = profile.value("role_arn")?;
            Some(Candidate::new(arn, format!("profile {}", profile.name())))
        });
        let found = index.usable().into_iter().map(|role| {
            let name = index.account_name(role.arn.account()).unwrap_or_default();
            Candidate::new(role.arn.to_string(), name)
        });
        let mut all: Vec<_> = known.chain(found).collect();
        all.sort_by(|one, other| one.value.cmp(&other.value));
        all.dedup_by(|one, other| one.value == other.value);
        return all;
    }
    let mut all = of_profiles(&profiles);
    let begins = |text: &str| {
        let start = text.get(..typed.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(typed))
    };
    let is_id = typed.starts_with(|c: char| c.is_ascii_digit());
    let mut roles: Vec<(String, usize, String)> = Vec::new();
    for (written, role) in index.targets() {
        let by_id = is_id.then(|| {
            let path = role.arn.path().trim_start_matches('/');
            format!("{}/{path}{}", role.arn.account(), role.arn.name())
        });
        let resource = role.arn.path().trim_start_matches('/').len() + role.arn.name().len();
        for text in [Some(written), by_id].into_iter().flatten() {
            if begins(&text) && roles.last().is_none_or(|(last, ..)| *last != text) {
                let about = format!("{} {}", role.verdict, role.arn);
                roles.push((text, resource, about));
            }
        }
    }
    if roles.len() <= MANY || typed.contains('/') {
        all.extend(
            roles
                .into_iter()
                .map(|(text, _, about)| Candidate::new(text, about)),
        );
        return all;
    }
    let accounts = roles
        .iter()
        .map(|(text, resource, _)| text[..text.len() - resource].to_owned());
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_unstable();
    accounts.dedup();
    all.extend(
        accounts
            .into_iter()
            .map(|account| Candidate::new(account, "an account")),
    );
    all
}

fn of_profiles(profiles: &ProfileSet) -> Vec<Candidate> {
    let about = |profile: &rolecall::profile::Profile| {
        let account = || {
            Some(format!(
                "{} {}",
                profile.value("sso_account_id")?,
                profile.value("sso_role_name")?
            ))
        };
        profile
            .value("role_arn")
            .map(str::to_owned)
            .or_else(account)
            .unwrap_or_default()
    };
    let all = profiles.profiles();
    all.map(|profile| Candidate::new(profile.name(), about(profile)))
        .collect()
}

/// The profiles by their names and by what is in the config file; of the credentials file nothing but the names is read.
/// A file that cannot be read has none.
pub(crate) fn profiles(host: &Host) -> ProfileSet {
    let mut set = ProfileSet::default();
    for (kind, path) in ProfileSet::paths(host) {
        let Some(text) = host.read(&path).ok().flatten().map(Zeroizing::new) else {
            continue;
        };
        let names: Zeroizing<String>;
        let text = match kind {
            FileKind::Credentials => {
                let headings = text.lines().filter(|line| line.starts_with('['));
                names = Zeroizing::new(headings.collect::<Vec<_>>().join("\n"));
                &names
            }
            _ => &text,
        };
        let _ = set.add(kind, &path, text);
    }
    set
}
