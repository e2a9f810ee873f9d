//! Files that are ours alone: written whole or not at all, and locked between processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Host, LARGEST_FILE};
use crate::error::{Error, ErrorKind};

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
    /// A file that says who one is, `None` where there is none. One that others may write is refused: whoever wrote it
    /// would choose whom this process acts as. Links are followed, and what they lead to is judged.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: it cannot be read, is no file, or others may write it.
    pub fn read_trusted(&self, path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
        let fail =
            |why: &dyn std::fmt::Display| Error::config(format!("cannot read {}: {why}", path.display()));
        // What is no file has no end, and may have no beginning: it is not waited for.
        let file = match without_waiting(OpenOptions::new().read(true)).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(fail(&error).with_hint("Check who owns the file and its mode (ls -l)."));
            }
        };
        let about = file.metadata().map_err(|error| fail(&error))?;
        if !about.is_file() {
            return Err(fail(&"it is not a file").with_hint("Take it away, then sign in again."));
        }
        if let Some(why) = written_by_others(&about) {
            return Err(
                Error::config(format!("{} is not used: {why}", path.display())).with_hint(
                    "Somebody else may have written it: look at it, take it away, then sign in again.",
                ),
            );
        }
        let size = usize::try_from(about.len().min(LARGEST_FILE)).unwrap_or_default();
        // Of the whole size from the beginning: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(size + 1));
        match file.take(LARGEST_FILE + 1).read_to_string(&mut text) {
            Ok(_) if text.len() as u64 > LARGEST_FILE => Err(fail(&"it is larger than 16 MiB")),
            Ok(_) => Ok(Some(text)),
            Err(error) => Err(fail(&error)),
        }
        .map_err(|error| match error.hints() {
            [] => error.with_hint("Take it away, then sign in again."),
            _ => error,
        })
    }

    /// Why a file, or what it is reached through, may be somebody else's work; `None` where it is not, or is not there.
    pub(crate) fn may_be_anybodys(&self, path: &Path) -> Option<String> {
        written_by_others(&fs::metadata(path).ok()?)
    }

    /// A file that somebody names for a secret, off the thread that others need: a pipe in its place may never end, and
    /// then only this wait is given up.
    ///
    /// # Errors
    /// As [`Host::read`].
    pub(crate) async fn read_secret(&self, path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
        let (host, path) = (self.clone(), path.to_owned());
        let read = move || Ok(host.read(&path)?.map(Zeroizing::new));
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| {
            Err(
                Error::new(ErrorKind::Internal, format!("a file was not read: {error}"))
                    .with_hint("This is a bug of rolecall: please report it."),
            )
        })
    }

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
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// For its owner alone, and no link: in a folder that others may write, one would lead to a file of somebody's choice.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits();
    options.mode(0o600).custom_flags(no_link.cast_signed())
}

#[cfg(not(unix))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Why a file may be somebody else's work. A group may write it where the other SDKs were left to the usual mask; root
/// reads what belongs to others, as in a container that has somebody's home mounted.
#[cfg(unix)]
fn written_by_others(about: &fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let me = rustix::process::geteuid().as_raw();
    if about.mode() & 0o002 != 0 {
        return Some("everybody may write it".to_owned());
    }
    (me != 0 && about.uid() != me && about.uid() != 0).then(|| format!("it belongs to user {}", about.uid()))
}

#[cfg(not(unix))]
fn written_by_others(_about: &fs::Metadata) -> Option<String> {
    None
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
    fn what_others_may_have_written_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder().build();
        let path = folder.path().join("file");
        assert!(host.read_trusted(&path).unwrap().is_none());
        host.write_private(&path, "mine").unwrap();
        let read = |path: &Path| host.read_trusted(path).map(|text| text.unwrap().to_string());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for mode in [0o600, 0o644, 0o664] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).unwrap(), "mine");
            assert_eq!(read(&link).unwrap(), "mine");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o606)).unwrap();
        for path in [&path, &link] {
            let error = read(path).unwrap_err();
            assert!(
                error.to_string().ends_with("is not used: everybody may write it"),
                "{error}"
            );
            assert!(!error.hints().is_empty());
        }
        assert!(read(folder.path()).is_err(), "a folder");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(read(&pipe).is_err(), "a pipe without a writer");
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(&path, Some(4242), None).unwrap();
            assert_eq!(read(&path).unwrap(), "mine", "root reads what belongs to others");
        }
    }

    #[test]
    fn a_link_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder().build();
        let (victim, lock) = (folder.path().join("victim"), folder.path().join("lock"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &lock).unwrap();
        assert!(host.try_lock(&lock).is_err());
        assert_eq!(host.read(&victim).unwrap().as_deref(), Some("precious"));
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
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
