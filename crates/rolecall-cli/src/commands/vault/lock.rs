//! `rolecall vault lock` and `rolecall vault passphrase`: what opens the encrypted file.

use rolecall::Host;
use serde_json::json;

use crate::command_error::{CommandError, Ended};
use crate::output;

/// Forgets what is unlocked.
pub(crate) fn run(host: &Host, json: bool) -> Result<Ended, CommandError> {
    let was_unlocked = super::vault(host).lock_up()?;
    if json {
        output::print_json(&json!({ "was_unlocked": was_unlocked }))?;
    } else {
        output::print(if was_unlocked {
            "The vault is locked: its next use asks for the passphrase.\n"
        } else {
            "The vault was not unlocked.\n"
        })?;
        output::hint("Sessions that are live go on; `rolecall forget --all` wipes them.");
    }
    Ok(Ended::WELL)
}

/// Chooses another passphrase.
pub(crate) fn change(host: &Host, json: bool) -> Result<Ended, CommandError> {
    super::vault(host).change_passphrase()?;
    if json {
        output::print_json(&json!({ "changed": true }))?;
    } else {
        output::print(
            "The vault has a new passphrase. Copies of `identity.age` made before open with the old one.\n",
        )?;
    }
    Ok(Ended::WELL)
}
