//! The folder of `sandbox --tls`, and the certificate in it.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rolecall::Error;

/// What clients are told to trust.
const FILE: &str = "ca.pem";

/// A folder of our own in which nobody else can put another certificate.
pub(super) struct AuthorityDir(PathBuf);

impl AuthorityDir {
    /// Makes the folder, unless it is there.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let fail = |why: &str| {
            Error::config(format!("--tls {}: {why}", path.display()))
                .with_hint("--tls takes a directory of your own, which is made where it is missing.")
        };
        match DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(&format!("cannot be made: {error}"))),
        }
        let meta = fs::metadata(path).map_err(|error| fail(&error.to_string()))?;
        if !meta.is_dir() {
            return Err(fail("is no directory"));
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(fail(&format!("belongs to user {}", meta.uid())));
        }
        if meta.mode() & 0o022 != 0 {
            return Err(fail("others may write there, and replace the certificate"));
        }
        let whole = fs::canonicalize(path).map_err(|error| fail(&error.to_string()))?;
        Ok(Self(whole))
    }

    /// Puts the certificate there, whole at any moment. Gives its path, which holds wherever a command changes to.
    pub(super) fn write(&self, certificate: &str) -> Result<PathBuf, Error> {
        let path = self.0.join(FILE);
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new()
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(&self.0)?;
            file.write_all(certificate.as_bytes())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(|error| {
            Error::config(format!("cannot write {}: {error}", path.display()))
                .with_hint("Check the free space there, and that it is a file.")
        })?;
        Ok(path)
    }
}
