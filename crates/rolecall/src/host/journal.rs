//! A file of lines that every process of this user appends to: one writer at a time, whole lines, in nobody else's file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{make_private, private};
use crate::error::Error;

/// At this size a file is put away under the next free number.
const FULL: u64 = 16 * 1024 * 1024;

/// Between two looks at a lock that another process holds: from the first, twice as long each time, to the last.
const FIRST_LOOK: Duration = Duration::from_micros(100);
const LAST_LOOK: Duration = Duration::from_millis(8);

/// The files `NAME.jsonl` and, older, `NAME-000001.jsonl` and on in one folder. Opens nothing by itself.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    name: &'static str,
}

/// The right to append, until it is dropped.
pub(crate) struct Appender<'a> {
    journal: &'a Journal,
    file: File,
    length: u64,
    _lock: File,
}

/// One file to read, up to where it went when it was opened.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) length: u64,
}

impl Journal {
    pub(crate) fn new(folder: PathBuf, name: &'static str) -> Self {
        Self { folder, name }
    }

    /// The file that is appended to.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.jsonl", self.name))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{}-{number:06}.jsonl", self.name))
    }

    /// Takes the lock, waiting for it as long as `patience`, and opens the file; what is missing is made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path: the folder or the file is not ours alone, or cannot be opened;
    /// [`crate::ErrorKind::Unavailable`] where another process did not let go of the lock.
    pub(crate) fn appender(&self, patience: Duration) -> Result<Appender<'_>, Error> {
        let path = self.path();
        make_private(&self.folder).map_err(|error| fail(&self.folder, &error))?;
        self.check_folder()?;
        let lock = self.lock(patience)?;
        let open = || ours(OpenOptions::new().read(true).append(true).create(true)).open(&path);
        let file = open().map_err(|error| fail(&path, &named(error)))?;
        let about = file.metadata().map_err(|error| fail(&path, &error))?;
        check_file(&about).map_err(|why| fail(&path, &why))?;
        tighten(&file, &about).map_err(|error| fail(&path, &error))?;
        Ok(Appender {
            journal: self,
            file,
            length: about.len(),
            _lock: lock,
        })
    }

    fn check_folder(&self) -> Result<(), Error> {
        let about = fs::symlink_metadata(&self.folder).map_err(|error| fail(&self.folder, &error))?;
        if about.is_symlink() {
            return Err(fail(&self.folder, &"it is a link"));
        }
        if !about.is_dir() {
            return Err(fail(&self.folder, &"it is not a folder"));
        }
        owned_alone(&about).map_err(|why| fail(&self.folder, &why))
    }

    /// The lock beside the file. It ends with its holder, however that ends.
    fn lock(&self, patience: Duration) -> Result<File, Error> {
        let path = self.folder.join(format!("{}.lock", self.name));
        let open = || ours(OpenOptions::new().read(true).write(true).create(true)).open(&path);
        let file = open().map_err(|error| fail(&path, &named(error)))?;
        let (mut left, mut look) = (patience, FIRST_LOOK);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if !left.is_zero() => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::new(
                        crate::ErrorKind::Unavailable,
                        format!("another process does not let go of {}", path.display()),
                    )
                    .with_hint("Look for a rolecall that is stopped, and end it or let it go on."));
                }
                Err(TryLockError::Error(error)) => return Err(fail(&path, &error)),
            }
            let pause = look.min(left);
            std::thread::sleep(pause);
            left -= pause;
            look = (look * 2).min(LAST_LOOK);
        }
    }

    /// The numbers of the files that were put away, oldest first.
    fn numbers(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| {
                let digits = name.strip_prefix(self.name)?.strip_prefix('-')?;
                digits.strip_suffix(".jsonl")?.parse().ok()
            });
            numbers.extend(number.filter(|number| self.numbered(*number).file_name() == Some(&*name)));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Every file there is, oldest first. They are opened under the lock, so that none is half written or on its way to
    /// another name, and read without it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path of what is there and cannot be read, or is not ours alone.
    pub(crate) fn parts(&self, patience: Duration) -> Result<Vec<Part>, Error> {
        match fs::symlink_metadata(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            _ => self.check_folder()?,
        }
        // Who cannot lock may still read; the worst to be seen is a last line that is not whole yet.
        let _lock = self.lock(patience);
        let numbers = self.numbers().map_err(|error| fail(&self.folder, &error))?;
        let paths = numbers.into_iter().map(|number| self.numbered(number));
        let mut parts = Vec::new();
        for path in paths.chain([self.path()]) {
            match open_part(&path) {
                Ok(part) => parts.push(part),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(fail(&path, &named(error))),
            }
        }
        Ok(parts)
    }
}

impl Appender<'_> {
    /// The last bytes of the file, at most so many; of the one before where it is empty.
    pub(crate) fn tail(&mut self, most: u64) -> io::Result<Vec<u8>> {
        if self.length > 0 {
            return last_bytes(&mut self.file, self.length, most);
        }
        // Whoever put the last one away was ended before it began the next.
        let Some(number) = self.journal.numbers()?.pop() else {
            return Ok(Vec::new());
        };
        let mut part = open_part(&self.journal.numbered(number))?;
        last_bytes(&mut part.file, part.length, most)
    }

    /// Whether the file has nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Cuts so many bytes off the end.
    pub(crate) fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let left = self.length.saturating_sub(bytes);
        self.file.set_len(left)?;
        self.length = left;
        Ok(())
    }

    /// Appends in one write. What was written in part is taken back.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if over_limit(self.length + bytes.len() as u64) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let failed = match self.file.write(bytes) {
            Ok(written) if written == bytes.len() => {
                self.length += bytes.len() as u64;
                return Ok(());
            }
            Ok(_) => io::Error::from(io::ErrorKind::StorageFull),
            Err(error) => error,
        };
        // Should this fail too, the next writer finds a line that is not whole, and cuts it off.
        let _ = self.file.set_len(self.length);
        Err(failed)
    }

    /// Waits until the disk has it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Puts a full file away under the next free number, and begins another.
    pub(crate) fn rotate_if_full(&mut self) -> io::Result<()> {
        if self.length < FULL {
            return Ok(());
        }
        let next = self.journal.numbers()?.last().map_or(1, |last| last + 1);
        fs::rename(self.journal.path(), self.journal.numbered(next))?;
        let mut options = OpenOptions::new();
        self.file = ours(options.read(true).append(true).create_new(true)).open(self.journal.path())?;
        self.length = 0;
        Ok(())
    }
}

/// For its owner alone, no link, and not waited for: what is no file may have no other end.
#[cfg(unix)]
fn ours(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    private(options).custom_flags(flags.bits().cast_signed())
}

#[cfg(not(unix))]
fn ours(options: &mut OpenOptions) -> &mut OpenOptions {
    private(options)
}

fn last_bytes(file: &mut File, length: u64, most: u64) -> io::Result<Vec<u8>> {
    let size = length.min(most);
    file.seek(SeekFrom::Start(length - size))?;
    // Of the whole size from the beginning: else it grows step by step, at each start of a command.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open_part(path: &Path) -> io::Result<Part> {
    let file = ours(OpenOptions::new().read(true)).open(path)?;
    let about = file.metadata()?;
    check_file(&about).map_err(io::Error::other)?;
    Ok(Part {
        path: path.to_owned(),
        file,
        length: about.len(),
    })
}

fn fail(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::config(format!("cannot use the audit log at {}: {why}", path.display())).with_hint(
        "Look at what is there, who owns it, its mode and the free space; ROLECALL_AUDIT=off does without the log.",
    )
}

/// What a link and a socket are refused with names neither.
#[cfg(unix)]
fn named(error: io::Error) -> io::Error {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::LOOP) => io::Error::other("it is a link"),
        Some(rustix::io::Errno::NXIO) => io::Error::other("it is not a file"),
        _ => error,
    }
}

#[cfg(not(unix))]
fn named(error: io::Error) -> io::Error {
    error
}

/// A plain file of our own, under one name only: under another, somebody else may be led to it, or us to theirs.
#[cfg(unix)]
fn check_file(about: &fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    if about.nlink() != 1 {
        return Err(format!("it has {} names", about.nlink()));
    }
    owned_alone(about)
}

#[cfg(not(unix))]
fn check_file(about: &fs::Metadata) -> Result<(), String> {
    if about.is_file() {
        Ok(())
    } else {
        Err("it is not a file".to_owned())
    }
}

#[cfg(unix)]
fn owned_alone(about: &fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("it belongs to user {}", about.uid()));
    }
    if about.mode() & 0o022 != 0 {
        return Err(format!("others may write it (mode {:o})", about.mode() & 0o7777));
    }
    Ok(())
}

#[cfg(not(unix))]
fn owned_alone(_about: &fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// Others have nothing to read in it, whoever copied it here.
#[cfg(unix)]
fn tighten(file: &File, about: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    match about.mode() & 0o077 {
        0 => Ok(()),
        _ => file.set_permissions(fs::Permissions::from_mode(0o600)),
    }
}

#[cfg(not(unix))]
fn tighten(_file: &File, _about: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Whether the limit on the size of files forbids so large a one: the write would end this process (SIGXFSZ).
#[cfg(unix)]
pub(super) fn over_limit(length: u64) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
    limit.current.is_some_and(|most| length > most)
}

#[cfg(not(unix))]
pub(super) fn over_limit(_length: u64) -> bool {
    false
}
