//! The runtime directory: where sockets and the files of running commands are.

use std::path::PathBuf;

use super::Host;
use crate::error::Error;

impl Host {
    /// `ROLECALL_RUNTIME_DIR`, else `XDG_RUNTIME_DIR/rolecall`, else `rolecall-UID` in the temporary directory: made with
    /// mode 0700, and refused when it is anything but our own closed directory. Links are not followed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: it is another's, others may enter or replace it, it is a link, or it
    /// cannot be made.
    #[cfg(unix)]
    pub fn runtime_dir(&self) -> Result<PathBuf, Error> {
        use std::fs::{self, DirBuilder};
        use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

        let uid = rustix::process::geteuid().as_raw();
        let (path, named_by) = self.runtime_path();
        let fail = |why: &str| {
            Error::config(format!("{} cannot be the runtime directory: {why}", path.display())).with_hint(format!(
                "It comes from {named_by} (after `su` that is another user's). It has to be a directory of your own with \
                 mode 0700 in a place where others cannot replace it; ROLECALL_RUNTIME_DIR names another."
            ))
        };
        let Some(parent) = path.parent().filter(|_| path.is_absolute()) else {
            return Err(fail("its path is not absolute"));
        };
        let above = fs::metadata(parent).map_err(|error| fail(&format!("{}: {error}", parent.display())))?;
        let sticky = above.mode() & 0o1000 != 0;
        if ![uid, 0].contains(&above.uid()) || (above.mode() & 0o022 != 0 && !sticky) {
            return Err(fail(&format!("others may replace it in {}", parent.display())));
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

    /// Where the runtime directory is or would be, and the variable that says so. Nothing is looked at or made.
    #[cfg(unix)]
    pub(crate) fn runtime_path(&self) -> (PathBuf, &'static str) {
        use std::path::Path;

        let (path, named_by) = match (self.env("ROLECALL_RUNTIME_DIR"), self.env("XDG_RUNTIME_DIR")) {
            (Some(own), _) => (PathBuf::from(own), "ROLECALL_RUNTIME_DIR"),
            (None, Some(xdg)) => (Path::new(xdg).join("rolecall"), "XDG_RUNTIME_DIR"),
            (None, None) => {
                let temporary = Path::new(self.env("TMPDIR").unwrap_or("/tmp"));
                let uid = rustix::process::geteuid().as_raw();
                (temporary.join(format!("rolecall-{uid}")), "TMPDIR")
            }
        };
        // Without the slashes at its end: `lstat` follows a link that has one behind it.
        (path.components().collect(), named_by)
    }

    /// There is none on this system.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`], always.
    #[cfg(not(unix))]
    pub fn runtime_dir(&self) -> Result<PathBuf, Error> {
        Err(Error::config("there is no runtime directory on this system"))
    }
}
