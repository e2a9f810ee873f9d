//! Files that hold secrets: opened without following links, refused where anybody else could have read or written them.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Host, LARGEST_FILE, files};
use crate::error::Error;

impl Host {
    /// What is in a file that only its owner may read, `None` where there is none. Neither the file nor its folder may be a
    /// link, another's, or open to others; what is not so is refused, and not repaired: somebody may have read it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub(crate) fn read_private(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if !check_folder(path.parent().unwrap_or(Path::new(".")))? {
            return Ok(None);
        }
        let file = match files::private(OpenOptions::new().read(true)).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let error = refused(path, &error.to_string());
                return Err(error.with_hint("Check what it is, who owns it and its mode (ls -l)."));
            }
        };
        let about = file
            .metadata()
            .map_err(|error| refused(path, &error.to_string()))?;
        if let Some((why, hint)) = open_to_others(&about) {
            return Err(refused(path, &why).with_hint(hint));
        }
        let size = usize::try_from(about.len().min(LARGEST_FILE)).unwrap_or_default();
        // Of the whole size from the beginning: growing would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        match file.take(LARGEST_FILE + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > LARGEST_FILE => Err(refused(path, "it is larger than 16 MiB")),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(refused(path, &error.to_string())),
        }
    }

    /// Writes such a file, whole or not at all, and so that it outlives a crash; a folder that is missing is made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: nothing was changed.
    pub(crate) fn write_private_bytes(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new("."));
        self.private_folder(folder)?;
        let write = || -> io::Result<()> {
            // Its mode is 0600 from the beginning.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            super::replace::sync(folder);
            Ok(())
        };
        write().map_err(|error| {
            Error::config(format!("cannot write {}: {error}", path.display())).with_hint(
                "Nothing was changed. Check who owns the folder, its mode, and the free space there.",
            )
        })
    }

    /// The names of what lies in such a folder; none where there is none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub(crate) fn names_in(&self, folder: &Path) -> Result<Vec<String>, Error> {
        if !check_folder(folder)? {
            return Ok(Vec::new());
        }
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(folder)? {
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|error| refused(folder, &error.to_string()))
    }

    /// Makes a folder that only its owner may enter, where there is none, and refuses any other.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub(crate) fn private_folder(&self, folder: &Path) -> Result<(), Error> {
        files::make_private(folder).map_err(|error| refused(folder, &error.to_string()))?;
        check_folder(folder).map(drop)
    }
}

fn refused(path: &Path, why: &str) -> Error {
    Error::config(format!("{} is not used: {why}", path.display()))
}

/// Whether it is there.
fn check_folder(folder: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused(folder, &error.to_string())),
        Ok(about) if !about.is_dir() => Err(refused(folder, "it is no folder, or a link to one")
            .with_hint("Put the folder itself there; XDG_DATA_HOME says where rolecall keeps it.")),
        Ok(about) => match open_to_others(&about) {
            Some((why, hint)) => Err(refused(folder, &why).with_hint(hint)),
            None => Ok(true),
        },
    }
}

/// Why somebody else may have seen or made it, and what to do.
#[cfg(unix)]
fn open_to_others(about: &fs::Metadata) -> Option<(String, &'static str)> {
    use std::os::unix::fs::MetadataExt as _;
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != me {
        return Some((
            format!("it belongs to user {}", about.uid()),
            "Run rolecall as that user, and without sudo; or give the file to its user (chown).",
        ));
    }
    if !about.is_dir() && !about.is_file() {
        return Some((
            "it is neither a file nor a folder".to_owned(),
            "Look at it, and take it away.",
        ));
    }
    if about.mode() & 0o077 != 0 {
        let mode = about.mode() & 0o7777;
        return Some((
            format!("others may read or write it (mode {mode:04o})"),
            "Find out who could have; then close it (chmod go=), and replace the keys in it if you are not sure.",
        ));
    }
    if about.is_file() && about.nlink() > 1 {
        return Some((
            format!("it has {} names (hard links)", about.nlink()),
            "Remove the other names.",
        ));
    }
    None
}

#[cfg(not(unix))]
fn open_to_others(_about: &fs::Metadata) -> Option<(String, &'static str)> {
    None
}
