//! Processes as they are told of: to whoever asks who uses a session, and to the audit log.

use std::fs::OpenOptions;

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
        let pid = u32::try_from(Stat::of(std::process::id())?.parent).ok()?;
        // Its number is 0 where it is outside of this PID namespace.
        (pid > 0).then(|| Self::of(pid, 0))
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

/// What `proc_pid_stat(5)` says of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) parent: i32,
    pub(crate) session: i32,
    pub(crate) started: u64,
    pub(crate) has_ended: bool,
    pub(crate) is_stopped: bool,
}

impl Stat {
    /// None where there is no such process, or no `/proc`.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let file = OpenOptions::new().read(true).open(format!("/proc/{pid}/stat"));
        let text = std::io::read_to_string(file.ok()?).ok()?;
        // The name before may hold anything, brackets too.
        let fields: Vec<_> = text.rsplit_once(") ")?.1.split(' ').collect();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
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
}
