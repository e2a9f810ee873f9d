//! `rolecall vault remove`: take a key out of the vault, for good.

use rolecall::profile::Profile;
use rolecall::session::masked_key_id;
use rolecall::{Host, ProfileSet};
use serde_json::json;

use crate::cli::VaultRemoveArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultRemoveArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = super::vault(host);
    let profile = args.profile.as_str();
    let list = vault.list()?;
    if let Some(entry) = list.entry(profile) {
        super::not_while_rotated(host, entry)?;
        let id = masked_key_id(&entry.access_key_id);
        let question = format!(
            "Remove key {id} of profile `{profile}` from {}; nothing brings it back",
            entry.backend
        );
        if !super::agreed(host, args.yes, &question)? {
            return super::declined(json);
        }
    }
    let entry = vault.remove(profile)?;
    if json {
        output::print_json(&json!({
            "profile": entry.profile,
            "access_key_id": entry.access_key_id,
            "backend": entry.backend.name(),
        }))?;
    } else {
        output::print(&format!(
            "Key {} of profile `{profile}` is gone from {}. AWS still takes it: delete it in IAM if nobody needs it.\n",
            masked_key_id(&entry.access_key_id),
            entry.backend
        ))?;
        let profiles = ProfileSet::load(host).ok();
        if profiles
            .as_ref()
            .and_then(|profiles| profiles.profile(profile))
            .is_some_and(Profile::names_itself)
        {
            output::hint(&format!(
                "The config file still says `credential_process = {}`: take that line out, for there is nothing behind it any more.",
                rolecall::profile::own_process(profile)
            ));
        }
    }
    Ok(Ended::WELL)
}
