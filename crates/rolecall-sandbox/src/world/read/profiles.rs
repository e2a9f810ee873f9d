//! Profiles for the config files.

use super::Reader;
use super::fields::Fields;
use crate::world::profile::{Profile, ProfileKind, RoleSource};

impl<'t> Reader<'t> {
    /// What a profile is follows from its keys: a role's ARN, an account of Identity Center, or a user's key.
    pub(super) fn profile(&mut self, fields: &Fields<'t>) -> Option<Profile> {
        let has = |key: &str| fields.table.contains_key(key);
        let name = self.required(fields, "name");
        let region = self.text(fields, "region").unwrap_or_else(|| "us-east-1".into());
        let kind = if has("role_arn") {
            self.known(
                fields,
                &[
                    "name",
                    "region",
                    "role_arn",
                    "source_profile",
                    "credential_source",
                    "external_id",
                    "mfa_serial",
                    "duration_seconds",
                    "role_session_name",
                    "dangling",
                ],
            );
            let source = if has("credential_source") && !has("source_profile") {
                self.text(fields, "credential_source").map(RoleSource::Machine)
            } else {
                if has("credential_source") {
                    self.problems.add(
                        fields.at,
                        "a profile has both `source_profile` and `credential_source`",
                    );
                }
                self.required(fields, "source_profile").map(RoleSource::Profile)
            };
            ProfileKind::Role {
                role_arn: self.text(fields, "role_arn")?,
                source: source?,
                external_id: self.text(fields, "external_id"),
                mfa_serial: self.text(fields, "mfa_serial"),
                duration_seconds: self.number(fields, "duration_seconds"),
                role_session_name: self.text(fields, "role_session_name"),
                dangling: self.flag(fields, "dangling").unwrap_or(false),
            }
        } else if has("sso_account_id") || has("sso_role_name") {
            self.known(fields, &["name", "region", "sso_account_id", "sso_role_name"]);
            let (account, permission_set) = (
                self.required(fields, "sso_account_id"),
                self.required(fields, "sso_role_name"),
            );
            ProfileKind::Sso {
                account: account?,
                permission_set: permission_set?,
            }
        } else if !has("account") && !has("user") {
            self.lose_with_hint(
                fields.at,
                "a profile says neither whose key nor which role it is about",
                "It has account and user, role_arn and source_profile, or sso_account_id and sso_role_name.",
            );
            return None;
        } else {
            self.known(
                fields,
                &[
                    "name",
                    "region",
                    "account",
                    "user",
                    "mfa_serial",
                    "role_arn",
                    "sso_account_id",
                    "sso_role_name",
                ],
            );
            let (account, user) = (self.required(fields, "account"), self.required(fields, "user"));
            ProfileKind::Key {
                account: account?,
                user: user?,
                mfa_serial: self.text(fields, "mfa_serial"),
            }
        };
        Some(Profile {
            name: name?,
            region,
            kind,
        })
    }
}
