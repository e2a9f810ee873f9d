//! A world's profiles as the text of AWS's two config files.

use std::fmt::Write as _;

use super::{Profile, World};
use crate::state::State;

impl World {
    /// The text of `~/.aws/config`.
    pub(crate) fn config_file(&self) -> String {
        let mut text = String::new();
        for profile in &self.profiles {
            match profile {
                // What is hostile about a stray `[default]` is its key; a region would only help.
                Profile::Key { name, .. } if name == "default" => continue,
                Profile::Key { name, .. } => {
                    let _ = writeln!(text, "[profile {name}]");
                }
                Profile::Role {
                    name,
                    role_arn,
                    source_profile,
                    external_id,
                } => {
                    let _ = writeln!(text, "[profile {name}]\nrole_arn = {role_arn}");
                    let _ = writeln!(text, "source_profile = {source_profile}");
                    if let Some(external_id) = external_id {
                        let _ = writeln!(text, "external_id = {external_id}");
                    }
                }
            }
            text.push_str("region = us-east-1\n\n");
        }
        text
    }

    /// The text of `~/.aws/credentials`.
    pub(crate) fn credentials_file(&self, state: &State) -> String {
        let mut text = String::new();
        for profile in &self.profiles {
            let Profile::Key { name, account, user } = profile else {
                continue;
            };
            let key = account
                .parse()
                .ok()
                .and_then(|account| state.key_of(account, user));
            if let Some((id, key)) = key {
                let secret = &key.secret;
                let _ = writeln!(
                    text,
                    "[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
                );
            }
        }
        text
    }
}
