//! A private folder in the runtime directory, for as long as a command lives.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rolecall::{Error, Host};
use tempfile::TempDir;

/// A folder with mode 0700 that goes when this is dropped. What a killed command left behind goes with the next one:
/// a folder is in use as long as anybody holds the lock on the file in it, and the child holds it with us.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    folder: TempDir,
    lock: File,
}

const LOCK: &str = "lock";

impl PrivateDir {
    /// A new folder for `what`, in the runtime directory.
    pub(crate) fn new(host: &Host, what: &str) -> Result<Self, Error> {
        let parent = host.runtime_dir()?;
        sweep(&parent, what);
        let fail = |error: std::io::Error| {
            Error::config(format!("cannot make a folder in {}: {error}", parent.display()))
                .with_hint("Check the free space there; ROLECALL_RUNTIME_DIR names another place.")
        };
        let folder = tempfile::Builder::new()
            .prefix(&format!("{what}-"))
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(fail)?;
        let lock = create(&folder.path().join(LOCK)).map_err(fail)?;
        lock.lock().map_err(fail)?;
        Ok(Self { folder, lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it with mode 0600.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path().join(name);
        create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| {
                Error::config(format!("cannot write {}: {error}", path.display()))
                    .with_hint("Check the free space there; ROLECALL_RUNTIME_DIR names another place.")
            })?;
        Ok(path)
    }

    /// Lets the child that is started next hold the lock as well, so that the folder lives as long as either of us.
    pub(crate) fn share(&self) {
        let _ = rustix::io::fcntl_setfd(&self.lock, rustix::io::FdFlags::empty());
    }

    /// Leaves the folder to the process that takes our place.
    pub(crate) fn hand_over(self) {
        self.share();
        let _ = self.folder.keep();
        // The open file is the lock: it lives on in the process that comes after us.
        std::mem::forget(self.lock);
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Removes the folders that nobody holds any more.
fn sweep(parent: &Path, what: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(&format!("{what}-")));
        let lock = entry.path().join(LOCK);
        // A folder without a lock has only just been made.
        let left = ours
            && fs::OpenOptions::new()
                .read(true)
                .open(lock)
                .is_ok_and(|file| file.try_lock().is_ok());
        if left {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
