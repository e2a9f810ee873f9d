//! A file that is the user's own: replaced whole or not at all, by what was shown to them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Host, LARGEST_FILE, files};
use crate::error::{Error, ErrorKind};

/// How many links one follows the other, as Linux has it.
const LINKS: usize = 40;
/// How many letters make the name of a draft the only one.
const DRAFT: usize = 6;

impl Host {
    /// Replaces what is in a file of the user's, `None` where there is none, and keeps that in `backup`, for its owner only:
    /// without one it is kept nowhere, as it has to be where it holds secrets.
    /// The file keeps its mode and its owner; a link stays one, and what it leads to is replaced. Access control lists and
    /// other attributes are the new file's own. Gives the file that was written.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: what is in it is not `before`, or it cannot be replaced so.
    /// [`ErrorKind::Unavailable`] while another rolecall replaces one.
    pub(crate) fn replace_file(
        &self,
        path: &Path,
        before: Option<&str>,
        after: &str,
        backup: Option<&Path>,
    ) -> Result<PathBuf, Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let lock = self.state_dir().unwrap_or_else(|| folder.to_owned());
        let Some(_lock) = self.try_lock(&lock.join("replace.lock"))? else {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("another rolecall writes {} now", path.display()),
            )
            .with_hint("Try again in a moment."));
        };
        files::make_private(folder).map_err(|error| {
            Error::config(format!("cannot make {}: {error}", folder.display()))
                .with_hint("Check who owns the folder above it, and its mode.")
        })?;
        let target = lead(path)?;
        let about = look(&target)?;
        sweep(&target);
        let now = self.read(&target)?.map(Zeroizing::new);
        if now.as_ref().map(|text| text.as_str()) != before {
            return Err(
                Error::config(format!("{} changed since it was read", path.display()))
                    .with_hint("Nothing was written. Run it again to see what it would do now."),
            );
        }
        if let (Some(before), Some(backup)) = (before, backup) {
            self.write_private(backup, before)?;
        }
        write(&target, about.as_ref(), after).map_err(|error| {
            Error::config(format!("cannot write {}: {error}", target.display()))
                .with_hint("Nothing was changed. Check who owns the file and its folder, their modes, and the free space there.")
        })?;
        Ok(target)
    }

    /// Where links lead to from a file that could be replaced now.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: why it could not.
    pub(crate) fn replaceable(&self, path: &Path) -> Result<PathBuf, Error> {
        let target = lead(path)?;
        look(&target)?;
        #[cfg(unix)]
        {
            use rustix::fs::{Access, access};
            let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            // One that is not there is made.
            if folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
                return Err(Error::config(format!(
                    "cannot write {}: its folder may not be written",
                    target.display()
                ))
                .with_hint("Check who owns the folder, its mode, and whether it is mounted read-only."));
            }
        }
        Ok(target)
    }

    /// The mode of a file that others than its owner may read, and `None` where none may, or there is none.
    pub(crate) fn mode_open_to_others(&self, path: &Path) -> Option<u32> {
        open_mode(&fs::metadata(path).ok()?)
    }

    /// What lies beside a file and has its name in its own: what editors and people keep of it.
    pub(crate) fn kept_beside(&self, path: &Path) -> Vec<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let is_kept = |entry: &fs::DirEntry| {
            let other = entry.file_name();
            let other = other.to_string_lossy();
            other != name
                && other.contains(name)
                && !is_draft(&other, path)
                && entry.file_type().is_ok_and(|kind| kind.is_file())
        };
        let mut kept: Vec<_> = entries.filter(is_kept).map(|entry| entry.path()).collect();
        kept.sort_unstable();
        kept
    }

    /// The bytes of a file that need be no text, as far as it can be read: at most 16 MiB.
    pub(crate) fn bytes(&self, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let file = files::private(OpenOptions::new().read(true)).open(path).ok()?;
        file.take(LARGEST_FILE).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

#[cfg(unix)]
fn open_mode(about: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = about.permissions().mode() & 0o777;
    (mode & 0o044 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_mode(_about: &fs::Metadata) -> Option<u32> {
    None
}

/// What the new text is written to before it takes the file's name.
fn draft(path: &Path) -> (String, &'static str) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (format!(".{name}.rolecall-"), ".draft")
}

fn is_draft(name: &str, path: &Path) -> bool {
    let (begin, end) = draft(path);
    name.starts_with(&begin) && name.ends_with(end) && name.len() == begin.len() + DRAFT + end.len()
}

/// Removes drafts that a crash left behind: whoever calls it holds the lock, and nobody else writes one.
fn sweep(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
    for entry in entries.into_iter().flatten().flatten() {
        if is_draft(&entry.file_name().to_string_lossy(), path) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where links lead, to something or to nothing yet.
fn lead(path: &Path) -> Result<PathBuf, Error> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            // A relative one begins where the link lies.
            Ok(next) => path = path.parent().unwrap_or(Path::new(".")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(
        Error::config(format!("{} is a link that leads to itself", path.display()))
            .with_hint("Remove the link, or let it lead to the file."),
    )
}

/// What is there, where it is one to replace.
fn look(path: &Path) -> Result<Option<fs::Metadata>, Error> {
    let fail = |why: String, hint: &str| {
        Err(Error::config(format!("cannot write {}: {why}", path.display())).with_hint(hint))
    };
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return fail(error.to_string(), "Check who owns the folder, and its mode."),
    };
    if !about.is_file() {
        return fail(
            "it is not a file".to_owned(),
            "Let AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE name a file, or unset it.",
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if about.nlink() > 1 {
            return fail(
                format!(
                    "it has {} names (hard links), and the others would keep the old text",
                    about.nlink()
                ),
                "Let the others be symbolic links to it, or copies.",
            );
        }
    }
    // Who may write the folder may replace any file in it; one that is not to be written is left alone all the same.
    if about.permissions().readonly() {
        return fail(
            "it is read-only".to_owned(),
            "Make it writable (chmod u+w), if it is to be changed.",
        );
    }
    if let Err(error) = OpenOptions::new().write(true).open(path) {
        return fail(error.to_string(), "Check who owns the file and its mode (ls -l).");
    }
    Ok(Some(about))
}

fn write(path: &Path, about: Option<&fs::Metadata>, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Its mode is 0600 from the beginning: nobody sees more of it than of what it replaces.
    let (begin, end) = draft(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&begin).suffix(end).rand_bytes(DRAFT);
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(about) = about {
        keep_owner(file.as_file(), about)?;
        file.as_file().set_permissions(about.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync(folder);
    Ok(())
}

#[cfg(unix)]
fn keep_owner(file: &File, about: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let now = file.metadata()?;
    let changed = |now: u32, before: u32| (now != before).then_some(before);
    match (changed(now.uid(), about.uid()), changed(now.gid(), about.gid())) {
        (None, None) => Ok(()),
        (user, group) => fchown(file, user, group)
            .map_err(|error| io::Error::new(error.kind(), format!("its owner cannot be kept: {error}"))),
    }
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _about: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// So that the new name outlives a crash. Not every file system can; the text itself is safe by then.
pub(super) fn sync(folder: &Path) {
    #[expect(clippy::disallowed_methods, reason = "a folder is no file whose text is read")]
    let opened = File::open(folder);
    if let Ok(folder) = opened {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        host: Host,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let host = Host::builder().home(folder.path().join("home")).build();
            Self { folder, host }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn replace(&self, name: &str, before: Option<&str>, after: &str) -> Result<PathBuf, Error> {
            let path = self.at(name);
            let backup = path.with_file_name("backup");
            self.host.replace_file(&path, before, after, Some(&backup))
        }

        fn read(&self, name: &str) -> Option<String> {
            self.host.read(&self.at(name)).unwrap()
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_keeps_mode_and_owner_and_a_copy_of_what_it_was() {
        let place = Place::new();
        fs::write(place.at("config"), "one").unwrap();
        let others = rustix::process::geteuid().is_root().then_some((4242, 4343));
        if let Some((user, group)) = others {
            std::os::unix::fs::chown(place.at("config"), Some(user), Some(group)).unwrap();
        }
        fs::set_permissions(place.at("config"), fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            place.replace("config", Some("one"), "two").unwrap(),
            place.at("config")
        );
        assert_eq!(place.read("config").as_deref(), Some("two"));
        assert_eq!(place.read("backup").as_deref(), Some("one"));
        assert_eq!(
            (mode(&place.at("config")), mode(&place.at("backup"))),
            (0o640, 0o600)
        );
        if let Some(others) = others {
            let about = fs::metadata(place.at("config")).unwrap();
            assert_eq!((about.uid(), about.gid()), others);
        }
        let names = fs::read_dir(place.folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 3, "no temporary file stays: {names:?}");
    }

    #[test]
    fn what_is_missing_is_made_for_its_owner_alone() {
        let place = Place::new();
        place.replace("home/.aws/config", None, "one").unwrap();
        assert_eq!(place.read("home/.aws/config").as_deref(), Some("one"));
        assert_eq!(
            (mode(&place.at("home/.aws/config")), mode(&place.at("home/.aws"))),
            (0o600, 0o700)
        );
        assert!(
            !place.at("home/.aws/backup").exists(),
            "there was nothing to keep"
        );
    }

    #[test]
    fn what_is_not_as_it_was_shown_is_left_alone() {
        let place = Place::new();
        assert!(place.replace("config", Some(""), "two").is_err(), "there is none");
        fs::write(place.at("config"), "other").unwrap();
        for before in [Some("one"), None] {
            let error = place.replace("config", before, "two").unwrap_err();
            assert!(
                error.to_string().ends_with("changed since it was read"),
                "{error}"
            );
        }
        assert_eq!(place.read("config").as_deref(), Some("other"));
        assert!(!place.at("backup").exists());
    }

    #[test]
    fn a_link_stays_one() {
        let place = Place::new();
        fs::create_dir(place.at("dots")).unwrap();
        fs::write(place.at("dots/aws"), "one").unwrap();
        symlink("dots/aws", place.at("second")).unwrap();
        symlink(place.at("second"), place.at("config")).unwrap();
        place.replace("config", Some("one"), "two").unwrap();
        assert_eq!(place.read("dots/aws").as_deref(), Some("two"));
        assert!(place.at("config").is_symlink() && place.at("second").is_symlink());
        assert_eq!(
            place.read("backup").as_deref(),
            Some("one"),
            "beside the name that is used"
        );
        symlink("dots/new", place.at("dangling")).unwrap();
        place.replace("dangling", None, "three").unwrap();
        assert_eq!(place.read("dots/new").as_deref(), Some("three"));
        symlink("circle", place.at("circle")).unwrap();
        assert!(place.replace("circle", None, "x").is_err());
    }

    #[test]
    fn what_cannot_be_replaced_is_said() {
        let place = Place::new();
        fs::write(place.at("config"), "one").unwrap();
        fs::set_permissions(place.at("config"), fs::Permissions::from_mode(0o444)).unwrap();
        let said = |name, before| {
            let error = place.replace(name, before, "two").unwrap_err();
            assert!(!error.hints().is_empty());
            error.to_string()
        };
        assert!(said("config", Some("one")).ends_with("it is read-only"));
        fs::set_permissions(place.at("config"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::hard_link(place.at("config"), place.at("other")).unwrap();
        assert!(said("config", Some("one")).contains("2 names"));
        fs::create_dir(place.at("folder")).unwrap();
        assert!(said("folder", None).ends_with("it is not a file"));
        symlink("/dev/null", place.at("null")).unwrap();
        assert!(said("null", Some("")).ends_with("it is not a file"));
        if !rustix::process::geteuid().is_root() {
            fs::set_permissions(place.at("folder"), fs::Permissions::from_mode(0o500)).unwrap();
            assert!(said("folder/config", None).starts_with("cannot write "));
        }
        assert_eq!(place.read("config").as_deref(), Some("one"));
        assert!(!place.at("backup").exists());
    }

    #[test]
    fn one_writes_at_a_time() {
        let place = Place::new();
        let lock = place.host.state_dir().unwrap().join("replace.lock");
        let held = place.host.try_lock(&lock).unwrap();
        let error = place.replace("config", None, "one").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        drop(held);
        place.replace("config", None, "one").unwrap();
    }
}
