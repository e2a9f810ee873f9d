//! Signals while a terminal does not show what is typed: it has to be as it was before they do what they do.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, pipe};

/// What ends or stops us. SIGTSTP is the last.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Catches signals while a question is asked. At all other times they do what they always did.
#[derive(Debug)]
pub(crate) struct Interrupts {
    /// Whether the signals that end us do so at once.
    end_at_once: Arc<AtomicBool>,
    stop_at_once: Arc<AtomicBool>,
    last: Arc<AtomicUsize>,
    woken: UnixStream,
}

impl Interrupts {
    /// Registers what stays registered. `ignored` is the mask of what was ignored when we came: it stays so.
    pub(super) fn new(ignored: u64) -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let interrupts = Self {
            end_at_once: Arc::new(AtomicBool::new(true)),
            stop_at_once: Arc::new(AtomicBool::new(true)),
            last: Arc::default(),
            woken,
        };
        let mut all = ENDING.to_vec();
        all.push(SIGTSTP);
        for signal in all.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
            let at_once = if signal == SIGTSTP {
                &interrupts.stop_at_once
            } else {
                &interrupts.end_at_once
            };
            signal_hook::flag::register_conditional_default(signal, Arc::clone(at_once))?;
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupts.last), number)?;
            pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(interrupts)
    }

    /// From here on, signals wake whoever asks.
    pub(crate) fn hold(&self) {
        let mut old = [0; 64];
        while let Ok(1..) = rustix::io::read(&self.woken, &mut old) {}
        self.last.store(0, Ordering::SeqCst);
        self.end_at_once.store(false, Ordering::SeqCst);
        self.stop_at_once.store(false, Ordering::SeqCst);
    }

    pub(crate) fn waker(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// Does what the signal does that woke us. It returns where that was to stop, and somebody has continued us.
    pub(crate) fn obey(&self) {
        let mut old = [0; 64];
        let _ = rustix::io::read(&self.woken, &mut old);
        let signal = i32::try_from(self.last.swap(0, Ordering::SeqCst)).unwrap_or_default();
        if signal != 0 {
            let _ = emulate_default_handler(signal);
        }
    }

    /// From here on they do again what they always did.
    pub(crate) fn release(&self) {
        self.end_at_once.store(true, Ordering::SeqCst);
        self.stop_at_once.store(true, Ordering::SeqCst);
    }

    /// From here on what ends us is somebody else's: a child's, to which it is forwarded.
    pub(super) fn hand_over(&self) {
        self.end_at_once.store(false, Ordering::SeqCst);
    }
}
