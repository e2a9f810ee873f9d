//! What is there: files, keys in them, the vault, sign-ins, the environment.

use std::path::PathBuf;
use std::sync::Arc;

use rolecall::doctor::Doctor;
use rolecall::session::masked_key_id;
use rolecall::vault::List;
use rolecall::{Chain, Error, Host, ProfileSet, Request};

use super::super::vault::import::{Import, Wishes, plan};

/// What is there.
pub(super) struct Seen {
    pub(super) profiles: Arc<ProfileSet>,
    /// How many of the profiles lead to credentials.
    pub(super) usable: usize,
    pub(super) list: List,
    /// What `vault import` would do with the files.
    pub(super) import: Import,
    /// The console's files with new keys, and how many keys are in each.
    pub(super) csv: Vec<(PathBuf, usize)>,
    /// The id of a long-term key in the environment.
    pub(super) environment: Option<String>,
    /// The sections and start URLs of Identity Center.
    pub(super) sign_ins: Vec<String>,
}

impl Seen {
    /// Looks. Nothing is unlocked, asked or called.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(super) fn look(host: &Host) -> Result<Self, Error> {
        let doctor = Doctor::of(host);
        let profiles =
            Arc::clone(doctor.profiles().map_err(|error| {
                error.with_hint("Nothing was done. `rolecall doctor` looks at all of it.")
            })?);
        let list = doctor.vault().list()?;
        let import = plan(
            host,
            Wishes {
                profiles: &[],
                backend: None,
                process: true,
            },
        )?;
        let resolves = |name: &str| {
            let request = Request {
                target: Some(name.to_owned()),
                ..Request::default()
            };
            Chain::resolve(&profiles, host, &request).is_ok()
        };
        let usable = profiles
            .profiles()
            .filter(|profile| resolves(profile.name()))
            .count();
        let mut sign_ins: Vec<_> = profiles
            .sso_sessions()
            .map(|section| section.name().to_owned())
            .collect();
        let urls = profiles
            .profiles()
            .filter_map(|profile| profile.value("sso_start_url"));
        sign_ins.extend(urls.map(str::to_owned));
        sign_ins.sort_unstable();
        sign_ins.dedup();
        Ok(Self {
            usable,
            list,
            import,
            csv: doctor.consoles_files(),
            environment: long_term_key(host),
            sign_ins,
            profiles,
        })
    }

    /// Whether nothing leads to credentials, or could.
    pub(super) fn is_empty(&self) -> bool {
        self.usable == 0 && self.list.entries().is_empty() && self.import.is_nothing()
    }

    /// What is there, in lines for a person.
    pub(super) fn lines(&self) -> Vec<String> {
        let count = |count: usize, one: &str, several: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {several}"),
        };
        let mut lines = Vec::new();
        match self.profiles.profiles().count() {
            0 => lines.push("no profile in the AWS files".to_owned()),
            all => lines.push(format!(
                "{}, of which {} {} to credentials",
                count(all, "profile", "profiles"),
                self.usable,
                if self.usable == 1 { "leads" } else { "lead" },
            )),
        }
        if !self.import.taken.is_empty() {
            let keys = count(
                self.import.taken.len(),
                "long-term access key",
                "long-term access keys",
            );
            lines.push(format!("{keys} in plain text in the AWS files"));
        }
        match self.list.entries().len() {
            0 => {}
            keys => lines.push(format!("{} in the vault", count(keys, "key", "keys"))),
        }
        for name in &self.sign_ins {
            lines.push(format!("IAM Identity Center, `{name}`"));
        }
        for (path, keys) in &self.csv {
            lines.push(format!(
                "the console's file with {}, {}",
                count(*keys, "access key", "access keys"),
                path.display()
            ));
        }
        if let Some(id) = &self.environment {
            lines.push(format!(
                "the long-term access key {} in the environment",
                masked_key_id(id)
            ));
        }
        lines
    }
}

/// A key in the environment that has no end.
fn long_term_key(host: &Host) -> Option<String> {
    let is_session = ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]
        .iter()
        .any(|name| host.env(name).is_some());
    host.env("AWS_SECRET_ACCESS_KEY")?;
    let id = host.env("AWS_ACCESS_KEY_ID")?;
    (!is_session && !id.starts_with("ASIA")).then(|| id.to_owned())
}
