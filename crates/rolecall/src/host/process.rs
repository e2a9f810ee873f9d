//! Processes as they are told of: to whoever asks who uses a session, and to the audit log.

use std::fs::OpenOptions;
use std::io::Read as _;

/// A process, as far as it can be known. For people and records: nothing is decided by it, for any process can be started
/// under any name.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The user it runs as.
    pub uid: u32,
    /// When it was started, in clock ticks since the machine was: with the number it names one process and no later one.
    pub started: Option<u64>,
    /// Its executable, where it may be known: a hardened process of another memory hides it from all but root.
    pub executable: Option<String>,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        #[cfg(unix)]
        let uid = rustix::process::geteuid().as_raw();
        #[cfg(not(unix))]
        let uid = 0;
        Self::of(std::process::id(), uid)
    }

    /// The process that started this one, where it can still be known.
    pub(crate) fn parent() -> Option<Self> {
        // There is none where it is outside of this PID namespace.
        #[cfg(unix)]
        let pid = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
        #[cfg(not(unix))]
        let pid: Option<u32> = None;
        pid.map(|pid| Self::of(pid, 0))
    }

    /// The process of that number, which runs as that user.
    pub fn of(pid: u32, uid: u32) -> Self {
        let executable = std::fs::read_link(format!("/proc/{pid}/exe"));
        Self {
            pid,
            uid,
            started: Stat::of(pid).map(|stat| stat.started),
            executable: executable.ok().map(|path| path.display().to_string()),
        }
    }

    /// Whether it is still the same one that runs.
    pub fn is_running(&self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| !stat.has_ended && Some(stat.started) == self.started)
    }
}

/// What `proc_pid_stat(5)` says of a process. A number is 0 where it names something outside of our PID namespace.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The name of its program, of 15 bytes at most.
    pub name: String,
    /// The process that started it.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it was started, in clock ticks since the machine was.
    pub started: u64,
    /// Where its stack begins: a copy of a process has the stack of the one it was made from. 0 where it is hidden.
    pub stack: u64,
    /// It runs no more, and waits for whoever started it.
    pub has_ended: bool,
    /// It is stopped, by a signal or a debugger.
    pub is_stopped: bool,
}

impl Stat {
    /// None where there is no such process, or no `/proc`.
    pub fn of(pid: u32) -> Option<Self> {
        Self::at(&format!("/proc/{pid}/stat"))
    }

    /// This process's own.
    pub fn own() -> Option<Self> {
        Self::at("/proc/self/stat")
    }

    fn at(path: &str) -> Option<Self> {
        /// Fifty numbers and a name.
        const LONGEST: usize = 2048;
        let mut file = OpenOptions::new().read(true).open(path).ok()?;
        // In one call: a second one would tell of another moment.
        let mut bytes = [0; LONGEST];
        let length = file.read(&mut bytes).ok()?;
        Self::read(&String::from_utf8_lossy(bytes.get(..length)?))
    }

    fn read(text: &str) -> Option<Self> {
        // "PID (NAME) STATE PPID …"; a name may hold anything, brackets too.
        let (name, fields) = text.split_once(" (")?.1.rsplit_once(") ")?;
        let fields: Vec<_> = fields.split(' ').collect();
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Self {
            name: name.to_owned(),
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
            started: fields.get(19)?.parse().ok()?,
            stack: fields.get(25)?.parse().ok()?,
            has_ended: matches!(*fields.first()?, "Z" | "X"),
            is_stopped: matches!(*fields.first()?, "T" | "t"),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_later_one() {
        let own = Process::current();
        assert!(own.is_running());
        assert_eq!(own.pid, std::process::id());
        assert!(
            own.executable
                .as_deref()
                .is_some_and(|path| path.starts_with('/')),
            "{own:?}"
        );
        let later = Process {
            started: own.started.map(|ticks| ticks + 1),
            ..own
        };
        assert!(!later.is_running(), "the number of another");
    }

    #[test]
    fn a_name_may_hold_anything() {
        let numbers = "S 7 8 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0 0 0 0 140 0 0";
        let stat = Stat::read(&format!("12 (a) (b c) {numbers}\n")).unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.parent, stat.group, stat.session),
            ("a) (b c", 7, 8, 9)
        );
        assert_eq!(
            (stat.started, stat.stack, stat.has_ended, stat.is_stopped),
            (4242, 140, false, false)
        );
        assert!(Stat::read("12 (a) S 7").is_none());
        let own = Stat::own().unwrap();
        assert_eq!(own.started, Stat::of(std::process::id()).unwrap().started);
        assert_eq!(
            own.parent,
            rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
        );
    }
}
