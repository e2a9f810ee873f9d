//! `rolecall vault import`: take keys out of the credentials file.
//!
//! The order of it is what makes it safe to end at any moment. Every key is saved and read back; what the files are now is
//! kept encrypted; then the config file is replaced, and the credentials file last. Until that the key is where it was, and
//! both rolecall and AWS's tools go on with it; from then on it is in the vault, and the config file says so. Run again, it
//! goes on where it ended.

mod done;
mod planning;
mod shown;

use rolecall::profile::edit::Edit;
use rolecall::vault::{AccessKey, BackendKind, Chosen, Vault};
use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultImportArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) use done::Done;
pub(crate) use planning::plan;

/// What is wanted of an import.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes<'a> {
    /// The profiles whose keys are taken; without any every one that has nothing but a long-term key.
    pub(crate) profiles: &'a [String],
    /// Where they are to rest.
    pub(crate) backend: Option<BackendKind>,
    /// Whether the config file is to say `credential_process` for the AWS CLI and SDKs.
    pub(crate) process: bool,
}

/// What an import would do. Nothing is done, unlocked or asked before [`Import::run`].
#[derive(Debug)]
pub(crate) struct Import {
    /// By profile.
    pub(crate) taken: Vec<Taken>,
    /// What stays in the files, by profile.
    pub(crate) left: Vec<Left>,
    /// Where the keys will rest; none where none is taken.
    pub(crate) chosen: Option<Chosen>,
    /// Those that change something, in the order they are written in.
    pub(crate) edits: Vec<Edit>,
    /// What a person should know besides, as sentences.
    pub(crate) warnings: Vec<String>,
}

/// A key that goes into the vault.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) profile: String,
    pub(crate) access_key_id: String,
    /// None where a half only is left in the file, and the whole key is in the vault.
    key: Option<AccessKey>,
    /// Whether the vault lists this key already.
    pub(crate) is_listed: bool,
    /// Where it stands, as `FILE:LINE`.
    pub(crate) places: Vec<String>,
    /// How the AWS CLI and SDKs get at it afterwards.
    pub(crate) process: Process,
}

/// How the AWS CLI and SDKs get at a key that is in the vault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Process {
    /// The config file will say `credential_process`.
    Written,
    /// It says so already.
    There,
    /// Not at all, and why.
    Not(String),
}

/// Something that stays in a file.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    /// None where it is nobody's.
    pub(crate) profile: Option<String>,
    pub(crate) places: Vec<String>,
    /// Why, as a clause.
    pub(crate) why: String,
}

pub(crate) fn run(host: &Host, args: &VaultImportArgs, json: bool) -> Result<Ended, CommandError> {
    let wishes = Wishes {
        profiles: &args.profiles,
        backend: args.backend,
        process: !args.no_process,
    };
    let import = plan(host, wishes)?;
    if import.is_nothing() {
        if json {
            output::print_json(&import.json(None, false))?;
        } else {
            output::tell(&import.text());
        }
        return Ok(Ended::WELL);
    }
    if args.dry_run {
        match json {
            true => output::print_json(&import.json(None, false))?,
            false => output::print(&import.text())?,
        }
        return Ok(Ended::WELL);
    }
    output::tell(&import.text());
    let agrees = args.yes
        || host
            .person()
            .confirm(&import.question())
            .map_err(|error| match error.kind() {
                ErrorKind::NeedsUser => error.with_hint(
                    "Nothing was changed. Say --yes to do what is shown above without being asked.",
                ),
                _ => error,
            })?;
    let done = if agrees {
        Some(import.run(host, &Vault::of(host))?)
    } else {
        output::tell("Nothing was changed.\n");
        None
    };
    if let Some(done) = &done {
        output::tell(&import.told(done));
    }
    if json {
        output::print_json(&import.json(done.as_ref(), !agrees))?;
    }
    Ok(Ended::WELL)
}

impl Import {
    /// Whether nothing would be done.
    pub(crate) fn is_nothing(&self) -> bool {
        self.taken.is_empty()
    }

    /// The profiles whose keys are taken.
    pub(crate) fn profiles(&self) -> Vec<String> {
        self.taken.iter().map(|taken| taken.profile.clone()).collect()
    }
}

/// The error for what should have been planned.
fn unplanned() -> Error {
    Error::new(ErrorKind::Internal, "an import without a place for the keys")
        .with_hint("Nothing was changed. This is a bug of rolecall: please report it.")
}
