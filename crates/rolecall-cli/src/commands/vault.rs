//! `rolecall vault`: users' access keys, encrypted.

mod add;
mod import;
mod list;
mod move_keys;
mod remove;
mod restore;
mod rotate;

use rolecall::{Error, ErrorKind, Host};

use crate::cli::{VaultAction, VaultArgs};
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(host: &Host, args: VaultArgs) -> Result<Ended, CommandError> {
    let json = args.json;
    match args.action {
        VaultAction::Add(args) => add::run(host, &args, json),
        VaultAction::List(args) => list::run(host, &args, json),
        VaultAction::Remove(args) => remove::run(host, &args, json),
        VaultAction::Import(args) => import::run(host, &args, json),
        VaultAction::Restore(args) => restore::run(host, &args, json),
        VaultAction::Rotate(args) => rotate::run(host, &args, json),
        VaultAction::Move(args) => move_keys::run(host, &args, json),
        VaultAction::Passphrase | VaultAction::Lock => {
            Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
        }
    }
}
