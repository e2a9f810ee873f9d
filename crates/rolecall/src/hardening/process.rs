//! The process itself, out of the reach of debuggers and cores.

use crate::error::Error;

/// Takes the process away from debuggers and cores: other processes of the same user can neither trace it nor read its
/// memory or environment, and it dumps no core, whatever its limits say (`PR_SET_DUMPABLE`). Done before the first
/// secret is read. A command that it starts is as it always was, for `execve` resets it.
///
/// On other systems than Linux this does nothing.
///
/// # Errors
/// `internal` when the system refuses, as a filter of system calls may; nothing else fails for it.
pub fn harden_process() -> Result<(), Error> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(|error| refused("PR_SET_DUMPABLE", error))?;
    }
    Ok(())
}

/// [`harden_process`] for a process that stays and keeps secrets, and starts nothing: no core by its limit either, which
/// its children would inherit.
///
/// # Errors
/// As there.
pub fn harden_keeper() -> Result<(), Error> {
    harden_process()?;
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};

        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none).map_err(|error| refused("RLIMIT_CORE", error))?;
    }
    Ok(())
}

/// Whether [`harden_process`] was done and holds still.
pub fn is_hardened() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, dumpable_behavior};

        matches!(
            dumpable_behavior(),
            Ok(DumpableBehavior::NotDumpable | DumpableBehavior::DumpableReadableOnlyByRoot)
        )
    }
    #[cfg(not(target_os = "linux"))]
    false
}

#[cfg(unix)]
fn refused(what: &str, error: rustix::io::Errno) -> Error {
    use crate::error::ErrorKind;

    Error::new(
        ErrorKind::Internal,
        format!("the system does not let this process be closed to debuggers and cores ({what})"),
    )
    .with_source(std::io::Error::from(error))
}

/// Keeps a descriptor that is known by its number from every program that this process starts: what is read there is for us
/// alone. The standard streams are everybody's, and a number that is no descriptor is none of anybody's.
#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "a descriptor that is known by its number alone has no safe interface"
)]
pub fn keep_from_children(number: u32) {
    use std::os::fd::BorrowedFd;

    use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

    let Ok(number) = i32::try_from(number) else {
        return;
    };
    if number <= 2 {
        return;
    }
    // SAFETY: it is borrowed for two questions, and where it is no descriptor the answers are errors.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    if let Ok(flags) = fcntl_getfd(descriptor) {
        let _ = fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC);
    }
}

/// Closes every descriptor that whoever started this process left open for it by mistake: a pipe that a process of hours
/// holds open is one whose reader waits for hours. For the beginning of a process that stays and was meant to inherit
/// nothing but its standard streams.
///
/// What this process opened itself has close-on-exec set, as Rust's own files and sockets do, and is left alone.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "a descriptor that is known by its number alone has no safe interface"
)]
pub fn close_inherited() {
    use std::os::fd::BorrowedFd;

    use rustix::io::{FdFlags, close, fcntl_getfd};

    // The folder that is read is a descriptor of our own, closed behind the loop.
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: it is borrowed for one question, and where it is closed by now the answer is an error.
        let flags = fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
        if flags.is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC)) {
            // SAFETY: nothing here owns it: what this process opens has close-on-exec set, so that this was inherited.
            unsafe { close(number) };
        }
    }
}

/// Untested: there is no list of descriptors to go by.
#[cfg(not(target_os = "linux"))]
pub fn close_inherited() {}
