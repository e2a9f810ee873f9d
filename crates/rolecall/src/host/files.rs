//! Files that are ours alone: written whole or not at all, and locked between processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use super::Host;
use crate::error::Error;

/// A lock that every process of this user respects. It ends with its holder, however that ends.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// Writes into the file who holds it, for those who wait. They only tell it to a person, so that a failure is no
    /// error.
    pub fn say(&mut self, holder: &str) {
        let mut write = || -> io::Result<()> {
            self.0.set_len(0)?;
            self.0.rewind()?;
            self.0.write_all(holder.as_bytes())
        };
        let _ = write();
    }
}

impl Host {
    /// Writes a file that only its owner may read, whole or not at all; folders that are missing are made, closed to others.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub fn write_private(&self, path: &Path, text: &str) -> Result<(), Error> {
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            make_private(folder)?;
            // Its mode is 0600 from the beginning.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| {
            Error::config(format!("cannot write {}: {error}", path.display()))
                .with_hint("Check who owns the folder, its mode, and the free space there.")
        })
    }

    /// Removes a file; one that is not there is as good as removed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub fn remove(&self, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::config(format!(
                "cannot remove {}: {error}",
                path.display()
            ))
            .with_hint("Check who owns the folder, and its mode.")),
            _ => Ok(()),
        }
    }

    /// Takes the lock of that file, which is made where there is none. None while another process holds it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub fn try_lock(&self, path: &Path) -> Result<Option<FileLock>, Error> {
        let open = || -> io::Result<File> {
            make_private(path.parent().unwrap_or(Path::new(".")))?;
            private(OpenOptions::new().read(true).write(true).create(true)).open(path)
        };
        let fail = |error: &dyn std::fmt::Display| {
            Error::config(format!("cannot lock {}: {error}", path.display()))
                .with_hint("Check who owns the folder, and its mode.")
        };
        let file = open().map_err(|error| fail(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(fail(&error)),
        }
    }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder().build();
        let path = folder.path().join("a/b/file");
        host.write_private(&path, "one").unwrap();
        host.write_private(&path, "two").unwrap();
        assert_eq!(host.read(&path).unwrap().as_deref(), Some("two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        host.remove(&path).unwrap();
        host.remove(&path).unwrap();
        assert_eq!(host.read(&path).unwrap(), None);
    }

    #[test]
    fn one_holds_a_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder().build();
        let path = folder.path().join("lock");
        let held = host.try_lock(&path).unwrap();
        assert!(held.is_some() && host.try_lock(&path).unwrap().is_none());
        drop(held);
        let mut again = host.try_lock(&path).unwrap().unwrap();
        again.say("a longer text");
        again.say("me");
        assert_eq!(host.read(&path).unwrap().as_deref(), Some("me"));
    }
}
