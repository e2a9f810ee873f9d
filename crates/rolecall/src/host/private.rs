//! Files that hold secrets: opened without following links, refused where anybody else could have read or written them.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Host, LARGEST_FILE, files, journal, replace};
use crate::error::Error;

/// What the name of a file begins with that is not finished yet.
const UNFINISHED: &str = ".new-";
/// What nobody has finished by then was left by a process that ended.
const ABANDONED: Duration = Duration::from_secs(600);
/// How many folders above a private one are looked at: who may write those may put another in its place. Beyond them
/// lie the home and the system's own, which every program has to trust.
const FOLDERS_ABOVE: usize = 2;

const LOOK: &str = "Check what it is, who owns it and its mode (ls -l).";
const LOOK_AT_FOLDER: &str = "Check who owns the folder, its mode, and the free space there.";

impl Host {
    /// What is in a file that only its owner may read, `None` where there is none. Neither the file nor its folder may be a
    /// link, another's, or open to others; what is not so is refused, and not repaired: somebody may have read it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub(crate) fn read_private(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if !check_folder(folder_of(path))? {
            return Ok(None);
        }
        let file = match without_waiting(OpenOptions::new().read(true)).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) if path.is_symlink() => {
                return Err(refused(path, "it is a link").with_hint("Put the file itself there."));
            }
            Err(error) => return Err(refused(path, &error.to_string()).with_hint(LOOK)),
        };
        let fail = |why: &str| refused(path, why).with_hint(LOOK);
        let about = file.metadata().map_err(|error| fail(&error.to_string()))?;
        if !about.is_file() {
            return Err(fail("it is no file"));
        }
        if let Some((why, hint)) = open_to_others(&about) {
            return Err(refused(path, &why).with_hint(hint));
        }
        let size = usize::try_from(about.len().min(LARGEST_FILE)).unwrap_or_default();
        // Of the whole size from the beginning: growing would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        match file.take(LARGEST_FILE + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > LARGEST_FILE => Err(fail("it is larger than 16 MiB")),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => Err(fail(&error.to_string())),
        }
    }

    /// Writes such a file, whole or not at all, and so that it outlives a crash; a folder that is missing is made. What is
    /// written for the time being is as closed as the file, and nothing that the caller did not give.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: nothing was changed.
    pub(crate) fn write_private_bytes(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let folder = folder_of(path);
        self.private_folder(folder)?;
        let write = || -> io::Result<()> {
            // Such a write would end this process.
            if journal::over_limit(bytes.len() as u64) {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            // Its mode is 0600 from the beginning.
            let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            replace::sync(folder);
            Ok(())
        };
        write().map_err(|error| {
            Error::config(format!("cannot write {}: {error}", path.display())).with_hint(
                "Nothing was changed. Check who owns the folder, its mode, and the free space there.",
            )
        })
    }

    /// Removes such a file, so that it stays away after a crash; one that is not there is as good as removed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: its folder is not ours alone, or it cannot be removed.
    pub(crate) fn remove_private(&self, path: &Path) -> Result<(), Error> {
        let folder = folder_of(path);
        if check_folder(folder)? {
            self.remove(path)?;
            replace::sync(folder);
        }
        Ok(())
    }

    /// Removes what processes began to write in such a folder and did not finish, before they were killed. Never what one
    /// may be writing now.
    pub(crate) fn sweep_unfinished(&self, folder: &Path) {
        let Ok(names) = self.names_in(folder) else { return };
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let path = folder.join(name);
            let written = fs::symlink_metadata(&path).and_then(|about| about.modified());
            // On the clock that wrote it, whatever clock sessions are judged by.
            let age = written.map(|at| super::wall_clock().duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age > ABANDONED) {
                // It harms nobody, and the next one tries again.
                let _ = fs::remove_file(path);
            }
        }
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
        read().map_err(|error| refused(folder, &error.to_string()).with_hint(LOOK_AT_FOLDER))
    }

    /// Makes a folder that only its owner may enter, where there is none, and refuses any other.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path.
    pub(crate) fn private_folder(&self, folder: &Path) -> Result<(), Error> {
        if check_folder(folder)? {
            return Ok(());
        }
        let missing: Vec<_> = folder.ancestors().take_while(|path| !path.exists()).collect();
        files::make_private(folder)
            .map_err(|error| refused(folder, &error.to_string()).with_hint(LOOK_AT_FOLDER))?;
        // What is written in it would be lost with it.
        for made in missing {
            replace::sync(folder_of(made));
        }
        check_folder(folder).map(drop)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn refused(path: &Path, why: &str) -> Error {
    Error::config(format!("{} is not used: {why}", path.display()))
}

/// Whether it is there. It is refused where others may enter it, or put another in its place.
fn check_folder(folder: &Path) -> Result<bool, Error> {
    let existing = folder
        .ancestors()
        .skip(1)
        .map(|above| (above, fs::metadata(above)));
    let existing = existing.filter_map(|(above, about)| Some((above, about.ok()?)));
    for (above, about) in existing.take(FOLDERS_ABOVE) {
        if let Some(why) = replaceable_in(&about) {
            return Err(refused(folder, &format!("{why} ({})", above.display())).with_hint(
                "Run rolecall as the user whose home it is, and without sudo; or close that folder to others (chmod go-w).",
            ));
        }
    }
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused(folder, &error.to_string()).with_hint(LOOK_AT_FOLDER)),
        Ok(about) if !about.is_dir() => Err(refused(folder, "it is no folder, or a link to one")
            .with_hint("Put the folder itself there; XDG_DATA_HOME says where rolecall keeps it.")),
        Ok(about) => match open_to_others(&about) {
            Some((why, hint)) => Err(refused(folder, &why).with_hint(hint)),
            None => Ok(true),
        },
    }
}

/// Opens no link, and waits for nothing: what is no file may have no beginning.
#[cfg(unix)]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(flags.bits().cast_signed())
}

#[cfg(not(unix))]
fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Why others may put something else in the place of what lies in a folder. A group may write it whose only member is
/// usually this user: many systems make homes so.
#[cfg(unix)]
fn replaceable_in(about: &fs::Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let me = rustix::process::geteuid().as_raw();
    if ![me, 0].contains(&about.uid()) {
        return Some(format!("the folder above it belongs to user {}", about.uid()));
    }
    let is_sticky = about.mode() & 0o1000 != 0;
    let my_group = about.gid() == rustix::process::getegid().as_raw();
    let by_others = about.mode() & 0o002 != 0 || (about.mode() & 0o020 != 0 && !my_group);
    (by_others && !is_sticky).then(|| "others may write the folder above it".to_owned())
}

#[cfg(not(unix))]
fn replaceable_in(_about: &fs::Metadata) -> Option<String> {
    None
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
