//! A folder with programs in it, and profiles that name them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rolecall::host::HostBuilder;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::provider::ProviderBuilder;
use rolecall::{Host, Provider};
use tempfile::TempDir;

/// What a command prints that gives the caller a key that no AWS knows.
pub(crate) const SESSION: &str = r#"{"Version":1,"AccessKeyId":"ASIACANARYPROCESS00","SecretAccessKey":"CANARYSECRETOFAPROCESS","SessionToken":"CANARYTOKENOFAPROCESS","Expiration":"2099-01-01T00:00:00Z"}"#;

pub(crate) struct Tools(TempDir);

impl Tools {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A folder within, with these rights.
    pub(crate) fn folder(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("rights");
        path
    }

    /// A script for `sh`.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("rights");
        path.display().to_string()
    }

    pub(crate) fn host(&self) -> HostBuilder {
        Host::builder()
            .env("PATH", "/usr/bin:/bin")
            .home(self.0.path())
            .login_name("joe.bloggs")
    }

    /// A provider for the profile `p` that has these lines.
    pub(crate) fn builder(&self, host: Host, lines: &str) -> ProviderBuilder {
        let mut set = ProfileSet::default();
        let text = format!("[profile p]\nregion = eu-west-1\n{lines}\n");
        set.add(FileKind::Config, Path::new("config"), &text)
            .expect("a config file");
        Provider::builder(host).profiles(&set.into()).target("p")
    }

    /// The same, with this command as `credential_process`.
    pub(crate) fn process(&self, command: &str) -> Provider {
        self.builder(self.host().build(), &format!("credential_process = {command}"))
            .build()
            .expect("a chain")
    }

    /// What a script wrote into a file, once it has; waits for it without a thought of time.
    pub(crate) fn written(&self, name: &str) -> String {
        for _ in 0..2000 {
            if let Ok(text) = fs::read_to_string(self.path(name))
                && text.ends_with('\n')
            {
                return text.trim().to_owned();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody wrote {name}")
    }
}

/// Whether a process runs.
pub(crate) fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
