//! The runtime directory, and a private folder in it for as long as a command lives.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rolecall::{Error, Host};
use tempfile::TempDir;

/// `ROLECALL_RUNTIME_DIR`, else `XDG_RUNTIME_DIR/rolecall`, else `rolecall-UID` in the temporary directory: made with mode
/// 0700, and refused when it is anything but our own closed directory. Links are not followed.
pub(crate) fn runtime_dir(host: &Host) -> Result<PathBuf, Error> {
    let uid = rustix::process::geteuid().as_raw();
    let path = match (host.env("ROLECALL_RUNTIME_DIR"), host.env("XDG_RUNTIME_DIR")) {
        (Some(own), _) => PathBuf::from(own),
        (None, Some(xdg)) => Path::new(xdg).join("rolecall"),
        (None, None) => Path::new(host.env("TMPDIR").unwrap_or("/tmp")).join(format!("rolecall-{uid}")),
    };
    let fail = |why: &str| {
        Error::config(format!(
            "{} cannot be the runtime directory: {why}",
            path.display()
        ))
        .with_hint("It has to be a directory of your own with mode 0700; ROLECALL_RUNTIME_DIR names another.")
    };
    if !path.is_absolute() {
        return Err(fail("its path is not absolute"));
    }
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail(&error.to_string())),
    }
    let meta = fs::symlink_metadata(&path).map_err(|error| fail(&error.to_string()))?;
    if !meta.is_dir() {
        return Err(fail("it is not a directory, or a link to one"));
    }
    if meta.uid() != uid {
        return Err(fail(&format!("it belongs to user {}", meta.uid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(fail(&format!(
            "others may enter it (mode {:04o})",
            meta.mode() & 0o7777
        )));
    }
    Ok(path)
}

/// A folder with mode 0700 that goes when this is dropped. What a killed command left behind goes with the next one.
#[derive(Debug)]
pub(crate) struct PrivateDir(TempDir);

impl PrivateDir {
    pub(crate) fn new(host: &Host, what: &str) -> Result<Self, Error> {
        let parent = runtime_dir(host)?;
        sweep(&parent, what);
        let prefix = format!("{what}-{}-", std::process::id());
        tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map(Self)
            .map_err(|error| Error::config(format!("cannot make a folder in {}: {error}", parent.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it with mode 0600.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        use std::io::Write as _;
        let path = self.path().join(name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Error::config(format!("cannot write {}: {error}", path.display())))?;
        Ok(path)
    }
}

/// Removes the folders of commands that are no more.
fn sweep(parent: &Path, what: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| {
            name.strip_prefix(what)?
                .strip_prefix('-')?
                .split('-')
                .next()?
                .parse::<i32>()
                .ok()
        });
        let gone = pid.and_then(rustix::process::Pid::from_raw).is_some_and(|pid| {
            rustix::process::test_kill_process(pid).is_err_and(|error| error == rustix::io::Errno::SRCH)
        });
        if gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
