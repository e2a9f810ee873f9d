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
