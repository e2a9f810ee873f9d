//! The end of a command with everything it has started.
//!
//! A command stays in our process group: one in a group of its own could not read from the terminal, and Ctrl-C would not
//! reach it. So there is no group to end; its descendants are looked for one by one.

use std::time::Duration;

/// How long a command has to put things right (a terminal without echo, a lock) after it was told to end.
const GRACE: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(10);

/// Ends the command and what it has started: told first, then killed. Blocks for 300 ms at most.
///
/// `mark` is a word in the environment of all of them. What has left for a session of its own and for a parent of its own,
/// as agents do that serve more than one command, is not ended.
#[cfg(target_os = "linux")]
pub(super) fn end(root: u32, mark: &str) {
    use rustix::process::Signal;

    /// Whoever starts new ones faster than this is beyond us.
    const ROUNDS: u32 = 20;
    let told = proc::members(root, mark);
    for member in &told {
        member.signal(Signal::TERM);
    }
    let mut waited = Duration::ZERO;
    while waited < GRACE && told.iter().any(proc::Member::is_running) {
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    for member in &told {
        member.signal(Signal::KILL);
    }
    for _ in 0..ROUNDS {
        let left = proc::members(root, mark);
        if left.iter().all(|member| !member.is_running()) {
            return;
        }
        for member in &left {
            member.signal(Signal::KILL);
        }
        std::thread::sleep(LOOK);
    }
}

/// Elsewhere only the command itself is known.
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) fn end(root: u32, _mark: &str) {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};

    let Some(pid) = i32::try_from(root).ok().and_then(Pid::from_raw) else {
        return;
    };
    let _ = kill_process(pid, Signal::TERM);
    let mut waited = Duration::ZERO;
    while waited < GRACE && test_kill_process(pid).is_ok() {
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    let _ = kill_process(pid, Signal::KILL);
}

/// Windows ends it with its handle: see `Running`.
#[cfg(not(unix))]
pub(super) fn end(_root: u32, _mark: &str) {
    let _ = (GRACE, LOOK);
}

#[cfg(target_os = "linux")]
mod proc {
    use std::collections::BTreeMap;
    use std::fs::{OpenOptions, read_dir};
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
    use zeroize::Zeroizing;

    use crate::host::Stat;

    /// A process that is held fast: its number cannot become somebody else's between the look and the signal.
    pub(super) struct Member {
        pid: i32,
        fd: OwnedFd,
    }

    impl Member {
        pub(super) fn signal(&self, signal: Signal) {
            let _ = pidfd_send_signal(&self.fd, signal);
        }

        pub(super) fn is_running(&self) -> bool {
            stat_of(self.pid).is_some_and(|stat| !stat.has_ended)
        }
    }

    /// The command, its descendants, and those of our session that lost their parents but bear the mark.
    pub(super) fn members(root: u32, mark: &str) -> Vec<Member> {
        let Ok(root) = i32::try_from(root) else {
            return Vec::new();
        };
        let all = all();
        let Some(began) = all.get(&root).map(|stat| stat.started) else {
            return Vec::new();
        };
        // As it is listed for the others: 0 where its leader is outside our PID namespace, which rustix's getsid cannot say.
        let ours = all.get(&getpid().as_raw_pid()).map(|stat| stat.session);
        let is_member = |pid: i32| {
            let mut at = pid;
            // A chain of parents is no longer than there are processes.
            for _ in 0..all.len() {
                match all.get(&at) {
                    _ if at == root => return true,
                    Some(stat) => at = stat.parent,
                    None => break,
                }
            }
            let stat = all.get(&pid);
            stat.is_some_and(|stat| Some(stat.session) == ours && stat.started >= began && bears(pid, mark))
        };
        all.iter()
            .filter(|(pid, stat)| !stat.has_ended && is_member(**pid))
            .filter_map(|(pid, stat)| {
                let fd = pidfd_open(Pid::from_raw(*pid)?, PidfdFlags::empty()).ok()?;
                // The same one still, now that it is held.
                let now = stat_of(*pid)?;
                (now.started == stat.started).then_some(Member { pid: *pid, fd })
            })
            .collect()
    }

    fn all() -> BTreeMap<i32, Stat> {
        let numbers = read_dir("/proc").into_iter().flatten().flatten();
        numbers
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat_of(pid)?)))
            .collect()
    }

    fn stat_of(pid: i32) -> Option<Stat> {
        Stat::of(u32::try_from(pid).ok()?)
    }

    fn bears(pid: i32, mark: &str) -> bool {
        /// More than the kernel lets anybody have by default.
        const MOST: u64 = 8 * 1024 * 1024;
        let Ok(file) = OpenOptions::new().read(true).open(format!("/proc/{pid}/environ")) else {
            return false;
        };
        let mut bytes = Zeroizing::new(Vec::new());
        let _ = file.take(MOST).read_to_end(&mut bytes);
        bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
    }
}
