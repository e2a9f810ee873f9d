//! What an import would do: read off the files and the vault's list, and nothing unlocked for it.

use std::path::Path;

use rolecall::error::is_hidden;
use rolecall::profile::edit::{Change, ClearKey, Found, UserFile, clear_keys};
use rolecall::profile::{FileKind, Property, SourceSetting, Taken as TakenAs, own_process};
use rolecall::session::masked_key_id;
use rolecall::vault::{AccessKey, List, Vault};
use rolecall::{Error, ErrorKind, Host, ProfileSet, Secret};

use super::{Import, Left, Process, Taken, Wishes};

/// What an import would do.
///
/// # Errors
/// Files that cannot be read or could not be replaced, a profile that is named and has no key to take, a backend that cannot
/// be used.
pub(crate) fn plan(host: &Host, wishes: Wishes<'_>) -> Result<Import, Error> {
    let files = UserFile::read_both(host)?;
    let list = Vault::of(host).list()?;
    let mut profiles = ProfileSet::default();
    for file in &files {
        profiles.add(file.kind(), file.path(), file.text())?;
    }
    let found = clear_keys(&files);
    named_and_not_there(&found, &list, wishes.profiles)?;
    let mut import = Import {
        taken: Vec::new(),
        left: Vec::new(),
        chosen: None,
        edits: Vec::new(),
        warnings: Vec::new(),
    };
    let mut halves = Vec::new();
    for key in found.keys {
        let is_named = wishes.profiles.contains(&key.profile);
        if !is_named && !wishes.profiles.is_empty() {
            continue;
        }
        let (profile, places) = (key.profile.clone(), places(&key));
        let of_key = key.halves.clone();
        match judge(key, &list, &profiles, is_named, wishes.process) {
            Ok(taken) => {
                halves.push(of_key);
                import.taken.push(taken);
            }
            Err(why) if is_named => {
                return Err(
                    Error::config(format!("the key of profile `{profile}` is not taken: {why}")).with_hint(
                        format!("It stands in {}; nothing was changed.", places.join(", ")),
                    ),
                );
            }
            Err(why) => import.left.push(Left {
                profile: Some(profile),
                places,
                why,
            }),
        }
    }
    import.left.extend(found.strays.iter().map(|stray| Left {
        profile: None,
        places: vec![stray.origin.to_string()],
        why: stray.what.to_owned(),
    }));
    if import.taken.is_empty() {
        return Ok(import);
    }
    import.chosen = Some(Vault::of(host).choose(wishes.backend)?);
    // The credentials file last: as long as it holds the key, AWS's tools go on with it. But a half that is left after a crash
    // has to be the id, by which the rest is known to be in the vault.
    let in_file = |halves: &[rolecall::profile::edit::Half], key: &str, file: FileKind| {
        let mut of_key = halves.iter().filter(|half| half.key == key).peekable();
        of_key.peek().is_some() && of_key.all(|half| half.file == file)
    };
    let is_turned = halves.iter().any(|halves| {
        in_file(halves, "aws_access_key_id", FileKind::Config)
            && in_file(halves, "aws_secret_access_key", FileKind::Credentials)
    });
    for file in &files {
        let edit = file.edit(&changes(&import, file.kind()))?;
        if !edit.is_nothing() {
            edit.check(host)?;
            import.edits.push(edit);
        }
    }
    if is_turned {
        import.edits.reverse();
    }
    one_file(&import)?;
    import.warnings = warnings(host, &import, &files, &profiles);
    Ok(import)
}

fn changes(import: &Import, kind: FileKind) -> Vec<Change> {
    let taken = import.taken.iter().map(|taken| Change::TakeKey {
        profile: taken.profile.clone(),
    });
    let written = import
        .taken
        .iter()
        .filter(|taken| kind == FileKind::Config && taken.process == Process::Written);
    let set = written.map(|taken| Change::Set {
        profile: taken.profile.clone(),
        key: "credential_process",
        value: own_process(&taken.profile),
    });
    taken.chain(set).collect()
}

fn places(key: &ClearKey) -> Vec<String> {
    key.halves.iter().map(|half| half.origin.to_string()).collect()
}

/// Who is named has to have a key: a slip of the pen is no reason to do nothing.
fn named_and_not_there(found: &Found, list: &List, named: &[String]) -> Result<(), Error> {
    let missing = named
        .iter()
        .find(|name| !found.keys.iter().any(|key| key.profile == **name) && list.entry(name).is_none());
    match missing {
        None => Ok(()),
        Some(name) => {
            let there: Vec<_> = found
                .keys
                .iter()
                .map(|key| format!("`{}`", key.profile))
                .collect();
            let error = Error::new(
                ErrorKind::NotConfigured,
                format!("no access key of a profile `{name}` stands in the config or credentials file"),
            );
            Err(match there.len() {
                0 => error.with_hint("No profile's does. `rolecall profiles` lists what there is."),
                _ => error.with_hint(format!("There are those of {}.", there.join(", "))),
            })
        }
    }
}

/// Whether a key is taken, or why not.
fn judge(
    key: ClearKey,
    list: &List,
    profiles: &ProfileSet,
    is_named: bool,
    wants_process: bool,
) -> Result<Taken, String> {
    let places = places(&key);
    let ClearKey {
        profile,
        access_key_id,
        secret,
        why_not,
        ..
    } = key;
    if let Some(why) = why_not {
        return Err(why);
    }
    let listed = list.entry(&profile);
    let listed_id = listed.map(|entry| entry.access_key_id.as_str());
    let id = access_key_id.as_ref().map(Secret::expose);
    let (access_key_id, key) = match (id, secret) {
        (Some(id), Some(secret)) => {
            let key = AccessKey::new(id, secret).map_err(|invalid| invalid.to_string())?;
            (key.id().to_owned(), Some(key))
        }
        // What an import left that was ended between the two files.
        (Some(id), None) if listed_id == Some(id) => (id.to_owned(), None),
        (Some(_), None) => return Err("half a key: it has no aws_secret_access_key".to_owned()),
        (None, _) => {
            let of_vault = listed.map_or(
                "",
                |_| "; its key is in the vault, so take that line away by hand",
            );
            return Err(format!("half a key: it has no aws_access_key_id{of_vault}"));
        }
    };
    if let Some(other) = listed_id.filter(|other| *other != access_key_id) {
        return Err(format!(
            "the vault has another key of it, {}, which is the one in use: take this one away by hand, or `rolecall vault \
             remove {profile}` first",
            masked_key_id(other)
        ));
    }
    let process = match beside(profiles, &profile) {
        Beside::Nothing if profile.starts_with('-') => {
            Process::Not("its name would be taken for an argument".to_owned())
        }
        Beside::Nothing if wants_process => Process::Written,
        Beside::Nothing => Process::Not("--no-process was said".to_owned()),
        Beside::Ours => Process::There,
        Beside::Other(other) if is_named => {
            Process::Not(format!("the profile has something else besides, {other}"))
        }
        Beside::Other(other) => {
            return Err(format!(
                "it has something else besides, {other}, which AWS's tools would take without the key: name the profile \
                 (`rolecall vault import {profile}`) if that is meant"
            ));
        }
    };
    Ok(Taken {
        profile,
        access_key_id,
        key,
        is_listed: listed.is_some(),
        places,
        process,
    })
}

/// What a profile has beside its key.
enum Beside {
    Nothing,
    /// A `credential_process` that is rolecall's own for this profile.
    Ours,
    /// Something that decides who AWS's tools are without the key.
    Other(String),
}

fn beside(profiles: &ProfileSet, name: &str) -> Beside {
    let Some(profile) = profiles.profile(name) else {
        return Beside::Other("an `include_profile` that leads to itself".to_owned());
    };
    let named = |property: &Property| format!("`{}` ({})", property.key(), property.origin());
    // One whose source is the profile itself needs the key in the file, to the AWS CLI: it is no other source to us.
    if let Some(property) = profile.property("role_arn") {
        return Beside::Other(named(property));
    }
    let sources = profile.sources(TakenAs::AsTarget);
    let is_other = |setting: SourceSetting| match setting {
        SourceSetting::AccessKey | SourceSetting::Vault => false,
        SourceSetting::Process => !profile.names_itself(),
        _ => true,
    };
    match sources.iter().find(|(setting, _)| is_other(*setting)) {
        Some((_, property)) => Beside::Other(named(property)),
        None if profile.names_itself() => Beside::Ours,
        None => Beside::Nothing,
    }
}

/// Two variables may name one file, and then it would be written twice.
fn one_file(import: &Import) -> Result<(), Error> {
    if let [one, other] = import.edits.as_slice()
        && same(one.path(), other.path())
    {
        return Err(Error::config(format!(
            "{} is both the config and the credentials file",
            one.path().display()
        ))
        .with_hint("Let AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name two files."));
    }
    Ok(())
}

fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// What a person should know of what is not seen in the difference.
fn warnings(host: &Host, import: &Import, files: &[UserFile], profiles: &ProfileSet) -> Vec<String> {
    let mut said = Vec::new();
    let secrets: Vec<_> = import
        .taken
        .iter()
        .filter_map(|taken| Some(taken.key.as_ref()?.secret()))
        .collect();
    for file in files {
        let edit = import.edits.iter().find(|edit| edit.path() == file.path());
        let holds = secrets.iter().any(|secret| file.text().contains(secret.expose()));
        if edit.is_none() || !holds {
            continue;
        }
        let path = plain(file.path());
        if let Some(mode) = file.mode_open_to_others(host) {
            said.push(format!(
                "{path} can be read by others (mode {mode:04o}): whoever did has the keys."
            ));
        }
        if let Some(target) = edit.and_then(|edit| edit.check(host).ok())
            && target != file.path()
        {
            said.push(format!(
                "{path} leads to {}: what keeps the history of that folder keeps the keys.",
                plain(&target)
            ));
        }
        said.extend(file.copies(host, &secrets).iter().map(|copy| {
            format!(
                "{} holds a key too, and is left alone: delete it afterwards.",
                plain(copy)
            )
        }));
    }
    for taken in &import.taken {
        if let Process::Not(why) = &taken.process {
            said.push(format!(
                "The AWS CLI and SDKs get no session of profile `{}` by its key any more: {why}. `rolecall exec {0}` does.",
                taken.profile
            ));
        }
    }
    let is_written = |taken: &Taken| taken.process == Process::Written;
    if import.taken.iter().any(is_written) && !is_in_path(host) {
        said.push("There is no `rolecall` in PATH, and by that name AWS's tools will start it.".to_owned());
    }
    let uses_plain = |taken: &&Taken| {
        taken.process != Process::There
            && profiles
                .profile(&taken.profile)
                .is_none_or(|profile| profile.value("mfa_serial").is_none())
    };
    if import.taken.iter().any(|taken| uses_plain(&taken)) {
        said.push(
            "AWS's tools get a session of each key from now on, and never the key: IAM refuses such a session where no MFA \
             device was proved (`mfa_serial`)."
                .to_owned(),
        );
    }
    said
}

fn is_in_path(host: &Host) -> bool {
    let paths = host.env("PATH").map(std::env::split_paths);
    let name = format!("rolecall{}", std::env::consts::EXE_SUFFIX);
    paths
        .into_iter()
        .flatten()
        .any(|folder| folder.join(&name).is_file())
}

fn plain(path: &Path) -> String {
    let text = path.display().to_string();
    text.chars().map(|c| if is_hidden(c) { '?' } else { c }).collect()
}
