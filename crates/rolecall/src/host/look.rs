//! What lies on a disk, for whoever only looks: nothing is made, changed, or waited for.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::Host;

/// What something on a disk is, and who may do what with it.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// What it is, as a person calls it.
    pub(crate) kind: LookKind,
    /// Whose it is, where that is neither this user nor root.
    pub(crate) foreign: Option<u32>,
    /// Whose it is, where that is not this user: what is ours alone is not root's either.
    pub(crate) not_ours: Option<u32>,
    /// Its mode; 0 where the system has none.
    pub(crate) mode: u32,
    /// How many names it has.
    pub(crate) names: u64,
}

/// What something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LookKind {
    File,
    Folder,
    Link,
    Other,
}

/// Which others get at a file, its folders included: what they cannot reach they cannot read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Openness {
    /// Every user may read it.
    pub(crate) all_read: bool,
    /// Its group may read it.
    pub(crate) group_reads: bool,
    /// Every user may write it, or put another in its place.
    pub(crate) all_write: bool,
    /// Its group, or that of its folder, may.
    pub(crate) group_writes: bool,
}

impl Host {
    /// What is at this very path, a link included; `None` where nothing is.
    pub(crate) fn look_at(&self, path: &Path) -> io::Result<Option<Look>> {
        found(fs::symlink_metadata(path))
    }

    /// What links lead to.
    pub(crate) fn look_behind(&self, path: &Path) -> io::Result<Option<Look>> {
        found(fs::metadata(path))
    }

    /// The names of what lies in a folder, so many at most, in order; none where it cannot be read.
    pub(crate) fn names_near(&self, folder: &Path, most: usize) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .take(most)
            .collect();
        names.sort_unstable();
        names
    }

    /// The beginning of a file, so many bytes at most. `None` of what is no file or cannot be read; a pipe is not waited for.
    pub(crate) fn beginning(&self, path: &Path, most: u64) -> Option<Zeroizing<Vec<u8>>> {
        let file = without_waiting(OpenOptions::new().read(true)).open(path).ok()?;
        let about = file.metadata().ok().filter(Metadata::is_file)?;
        // Of the whole size from the beginning: growing would leave copies behind.
        let size = usize::try_from(about.len().min(most)).ok()?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
        file.take(most).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Which others get at what is there, links followed. What is not there is closed.
    #[cfg(unix)]
    pub(crate) fn openness(&self, path: &Path) -> Openness {
        use std::os::unix::fs::MetadataExt as _;

        const STICKY: u32 = 0o1000;
        let Ok(path) = fs::canonicalize(path) else {
            return Openness::default();
        };
        let Ok(about) = fs::metadata(&path) else {
            return Openness::default();
        };
        let mut open = Openness {
            all_read: about.mode() & 0o004 != 0,
            group_reads: about.mode() & 0o040 != 0,
            all_write: about.mode() & 0o002 != 0,
            group_writes: about.mode() & 0o020 != 0,
        };
        for (up, folder) in path.ancestors().skip(1).enumerate() {
            let Ok(about) = fs::metadata(folder) else {
                return Openness::default();
            };
            let mode = about.mode();
            // Whoever may write its folder puts another file in its place.
            if up == 0 && mode & STICKY == 0 {
                open.all_write |= mode & 0o002 != 0;
                open.group_writes |= mode & 0o020 != 0;
            }
            if mode & 0o001 == 0 {
                (open.all_read, open.all_write) = (false, false);
                // The group of a folder further up may be another: only what is closed to both is closed.
                if mode & 0o010 == 0 {
                    (open.group_reads, open.group_writes) = (false, false);
                }
            }
        }
        open
    }

    #[cfg(not(unix))]
    pub(crate) fn openness(&self, _path: &Path) -> Openness {
        Openness::default()
    }
}

fn found(about: io::Result<Metadata>) -> io::Result<Option<Look>> {
    match about {
        Ok(about) => Ok(Some(Look::of(&about))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Look {
    fn of(about: &Metadata) -> Self {
        let kind = if about.is_symlink() {
            LookKind::Link
        } else if about.is_file() {
            LookKind::File
        } else if about.is_dir() {
            LookKind::Folder
        } else {
            LookKind::Other
        };
        let (not_ours, mode, names) = owner(about);
        Self {
            kind,
            foreign: not_ours.filter(|uid| *uid != 0),
            not_ours,
            mode,
            names,
        }
    }
}

#[cfg(unix)]
fn owner(about: &Metadata) -> (Option<u32>, u32, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let me = rustix::process::geteuid().as_raw();
    let not_ours = Some(about.uid()).filter(|uid| *uid != me);
    (not_ours, about.mode() & 0o7777, about.nlink())
}

#[cfg(not(unix))]
fn owner(_about: &Metadata) -> (Option<u32>, u32, u64) {
    (None, 0, 1)
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
    }

    #[test]
    fn what_cannot_be_reached_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        let file = folder.join("file");
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "x").unwrap();
        let host = Host::builder().build();
        mode(place.path(), 0o755);
        for (of_folder, of_file, expected) in [
            (0o755, 0o600, [false, false, false, false]),
            (0o755, 0o644, [true, true, false, false]),
            (0o755, 0o646, [true, true, true, false]),
            (0o700, 0o666, [false, false, false, false]),
            (0o710, 0o666, [false, true, false, true]),
            // Others put another file in its place.
            (0o757, 0o600, [false, false, true, false]),
            (0o775, 0o600, [false, false, false, true]),
            // Sticky: they cannot.
            (0o1777, 0o600, [false, false, false, false]),
        ] {
            mode(&folder, of_folder);
            mode(&file, of_file);
            let open = host.openness(&file);
            assert_eq!(
                [open.all_read, open.group_reads, open.all_write, open.group_writes],
                expected,
                "{of_folder:o} {of_file:o}"
            );
        }
        mode(&folder, 0o755);
        mode(&file, 0o666);
        mode(place.path(), 0o700);
        assert_eq!(host.openness(&file), Openness::default(), "further up");
        assert_eq!(host.openness(&folder.join("none")), Openness::default());
    }

    #[test]
    fn a_pipe_is_not_waited_for_and_links_are_seen() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let host = Host::builder().build();
        let fifo = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, fifo, 0).unwrap();
        assert!(host.beginning(&at("pipe"), 10).is_none());
        fs::write(at("file"), "0123456789abc").unwrap();
        assert_eq!(&**host.beginning(&at("file"), 10).unwrap(), b"0123456789");
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let kind = |look: io::Result<Option<Look>>| look.unwrap().unwrap().kind;
        assert_eq!(kind(host.look_at(&at("link"))), LookKind::Link);
        assert_eq!(kind(host.look_behind(&at("link"))), LookKind::File);
        assert!(host.look_at(&at("none")).unwrap().is_none());
        assert_eq!(host.names_near(place.path(), 9), ["file", "link", "pipe"]);
    }
}
