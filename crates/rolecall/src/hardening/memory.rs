//! Memory for the one key, and the wiping of everything else.

#![expect(
    unsafe_code,
    reason = "pages that are locked and left out of dumps have no safe interface"
)]

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::error::{Error, ErrorKind};

/// Bytes of the key: 256 bits.
pub const KEY_BYTES: usize = 32;

/// Bytes of the page. Where pages are larger, the system rounds up.
const PAGE: usize = 4096;

/// How well a key's page is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Held {
    /// By `memfd_secret(2)`: not even the kernel maps it, so that root reads it neither through `/proc` nor a debugger,
    /// and it is neither swapped nor dumped.
    Secret,
    /// In anonymous memory that is never swapped and in no core.
    Locked,
    /// In anonymous memory that may be swapped; in no core.
    Plain,
}

impl Held {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Locked => "locked",
            Self::Plain => "plain",
        }
    }
}

/// A page of its own for one key. It is in no core, no child inherits it, and it is wiped when it is dropped.
pub(crate) struct KeyPage {
    at: NonNull<u8>,
    held: Held,
}

// SAFETY: the page belongs to this value alone, and is written through `&mut self` only.
unsafe impl Send for KeyPage {}
// SAFETY: as above; shared references only read.
unsafe impl Sync for KeyPage {}

impl KeyPage {
    /// A page of zeros, held as well as the system allows, and no better than `best`: a machine with secret memory in use
    /// does not hibernate (`memfd_secret(2)`).
    ///
    /// # Errors
    /// `unavailable` when there is no memory at all.
    pub(crate) fn new(best: Held) -> Result<Self, Error> {
        if best == Held::Secret
            && let Some(at) = system::secret(PAGE)
        {
            let held = Held::Secret;
            return Ok(Self { at, held });
        }
        let at = system::anonymous(PAGE).ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                "the system gives no memory for the key of the sessions",
            )
        })?;
        let held = if system::lock(at, PAGE) {
            Held::Locked
        } else {
            system::warn_once();
            Held::Plain
        };
        Ok(Self { at, held })
    }

    /// The key.
    pub(crate) fn key(&self) -> &[u8; KEY_BYTES] {
        // SAFETY: a page is longer than a key, aligned, mapped and initialized for as long as `self` lives, and written
        // through `&mut self` only.
        unsafe { self.at.cast().as_ref() }
    }

    /// The key, to be written.
    pub(crate) fn key_mut(&mut self) -> &mut [u8; KEY_BYTES] {
        // SAFETY: as above, and `&mut self` is the only reference.
        unsafe { self.at.cast().as_mut() }
    }

    /// How well it is held.
    pub(crate) fn held(&self) -> Held {
        self.held
    }
}

impl Drop for KeyPage {
    fn drop(&mut self) {
        // SAFETY: the page is ours, whole, writable, and nothing refers to it any more.
        unsafe {
            wipe(self.at.as_ptr(), PAGE);
            system::unmap(self.at, PAGE);
        }
    }
}

impl fmt::Debug for KeyPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPage({:?})", self.held)
    }
}

/// Bytes of stack that are wiped after work with a key: more than a cipher uses, with what calls it, in a build that
/// inlines nothing.
const STACK: usize = 16 * 1024;

/// Runs it, and wipes the stack it ran on: ciphers copy keys to the stack and nobody wipes them there.
pub(crate) fn on_a_clean_stack<T>(run: impl FnOnce() -> T) -> T {
    // A frame of its own below ours, where the wiping frame will be.
    #[inline(never)]
    fn apart<T>(run: impl FnOnce() -> T) -> T {
        run()
    }

    #[inline(never)]
    fn clean() {
        let mut frame = MaybeUninit::<[u8; STACK]>::uninit();
        // SAFETY: the frame is ours, as long as said, and never read.
        unsafe { wipe(frame.as_mut_ptr().cast(), STACK) }
    }

    let answer = apart(run);
    clean();
    answer
}

/// Overwrites `size` bytes with zeros, though nobody will read them: libc's function is the one whose write no compiler
/// may drop.
///
/// # Safety
/// The bytes must be writable and the caller's alone.
#[cfg(target_os = "linux")]
pub(super) unsafe fn wipe(at: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::explicit_bzero(at.cast(), size) }
}

/// Overwrites `size` bytes with zeros by writes that no compiler may drop.
///
/// # Safety
/// The bytes must be writable and the caller's alone.
#[cfg(not(target_os = "linux"))]
pub(super) unsafe fn wipe(at: *mut u8, size: usize) {
    use std::sync::atomic::{Ordering, compiler_fence};

    for offset in 0..size {
        // SAFETY: the caller's promise.
        unsafe { at.add(offset).write_volatile(0) }
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(unix)]
mod system {
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};
    use std::sync::Once;

    use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous, munmap};

    /// A page that the kernel itself cannot read. None where it has no such memory, forbids it, or RLIMIT_MEMLOCK is
    /// used up.
    #[cfg(target_os = "linux")]
    pub(super) fn secret(bytes: usize) -> Option<NonNull<u8>> {
        use std::os::fd::{FromRawFd as _, OwnedFd};

        use rustix::mm::{Advice, madvise, mmap};

        // SAFETY: the call takes one flag and no memory.
        let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
        let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        // SAFETY: the kernel has just made it for us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        rustix::fs::ftruncate(&fd, u64::try_from(bytes).ok()?).ok()?;
        // SAFETY: a new mapping, where the kernel likes it; the file has that size and nobody else has it.
        let at = unsafe {
            mmap(
                null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &fd,
                0,
            )
        };
        let at = at.ok()?;
        // The kernel keeps such pages out of dumps and swap by itself; children inherit them unless told otherwise.
        // SAFETY: our own mapping, as long as said.
        unsafe {
            if madvise(at, bytes, Advice::LinuxDontFork).is_err() {
                let _ = munmap(at, bytes);
                return None;
            }
        }
        NonNull::new(at.cast())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn secret(_bytes: usize) -> Option<NonNull<u8>> {
        None
    }

    /// A page of our own that no core holds and no child inherits.
    pub(super) fn anonymous(bytes: usize) -> Option<NonNull<u8>> {
        // SAFETY: a new mapping, where the kernel likes it.
        let at = unsafe {
            mmap_anonymous(
                null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let at: *mut c_void = at.ok()?;
        // SAFETY: our own mapping, as long as said. Kernels without these advices are older than any we support, and
        // the page is as good as the heap then.
        #[cfg(target_os = "linux")]
        unsafe {
            use rustix::mm::{Advice, madvise};
            let _ = madvise(at, bytes, Advice::LinuxDontDump);
            let _ = madvise(at, bytes, Advice::LinuxDontFork);
        }
        NonNull::new(at.cast())
    }

    pub(super) fn lock(at: NonNull<u8>, bytes: usize) -> bool {
        // SAFETY: our own mapping, as long as said.
        unsafe { mlock(at.as_ptr().cast(), bytes).is_ok() }
    }

    /// # Safety
    /// The mapping must be the caller's, and nothing may refer to it any more.
    pub(super) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller's promise.
        let _ = unsafe { munmap(at.as_ptr().cast(), bytes) };
    }

    /// Once a process: it is the same for every key, and nothing fails for it.
    pub(super) fn warn_once() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::warn!(
                "the key of the sessions is not locked in memory and may be swapped to disk; \
                 raise the limit of locked memory (`ulimit -l 64`, or `LimitMEMLOCK=64K` in a systemd unit)"
            );
        });
    }
}

#[cfg(not(unix))]
mod system {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 4096).expect("a page")
    }

    pub(super) fn secret(_bytes: usize) -> Option<NonNull<u8>> {
        None
    }

    /// From the heap: locking pages is not done on this system yet.
    pub(super) fn anonymous(bytes: usize) -> Option<NonNull<u8>> {
        // SAFETY: the layout has a size.
        NonNull::new(unsafe { alloc_zeroed(layout(bytes)) })
    }

    pub(super) fn lock(_at: NonNull<u8>, _bytes: usize) -> bool {
        false
    }

    /// # Safety
    /// The block must come from `anonymous`, and nothing may refer to it any more.
    pub(super) unsafe fn unmap(at: NonNull<u8>, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(at.as_ptr(), layout(bytes)) }
    }

    pub(super) fn warn_once() {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The flags that the kernel has for a page (`smaps` in proc_pid_smaps(5)).
    fn flags(at: *const u8) -> String {
        let wanted = format!("{:x}-", at as usize);
        let file = std::fs::OpenOptions::new().read(true).open("/proc/self/smaps");
        let smaps = std::io::read_to_string(file.expect("smaps")).expect("text");
        let mapping = smaps
            .split_once(&wanted)
            .unwrap_or_else(|| panic!("no mapping begins at {wanted}"))
            .1;
        let line = mapping.lines().find(|line| line.starts_with("VmFlags:"));
        line.expect("flags").to_owned()
    }

    #[test]
    fn the_page_is_locked_and_in_no_dump_and_no_child_has_it() {
        let page = KeyPage::new(Held::Secret).unwrap();
        let flags = flags(page.at.as_ptr());
        let has = |flag: &str| flags.split(' ').any(|word| word == flag);
        assert!(has("dd") && has("dc"), "{:?}: {flags}", page.held());
        assert_eq!(
            has("lo"),
            page.held() != Held::Plain,
            "{:?}: {flags}",
            page.held()
        );
    }

    #[test]
    fn a_key_is_what_was_written() {
        let mut page = KeyPage::new(Held::Secret).unwrap();
        assert_eq!(page.key(), &[0; KEY_BYTES]);
        page.key_mut().fill(7);
        assert_eq!(page.key(), &[7; KEY_BYTES]);
    }

    #[test]
    fn the_stack_below_is_clean() {
        /// Leaves a pattern on the stack, and says where.
        #[inline(never)]
        fn litter() -> usize {
            let mut frame = [0u8; 2048];
            frame.fill(0xC7);
            std::hint::black_box(&mut frame).as_ptr() as usize
        }

        /// How many whole words of the pattern there are where it was. A single byte says nothing: the frames that were
        /// there since hold addresses, and an address has any byte in it.
        #[inline(never)]
        fn left(at: usize) -> usize {
            // A stack that was used stays mapped, and this frame is higher than the pattern's.
            // SAFETY: the bytes belong to this thread's own stack; they are read as they are.
            let byte = |offset: usize| unsafe { ((at + offset) as *const u8).read_volatile() };
            let word = |first: usize| (first..first + 8).all(|offset| byte(offset) == 0xC7);
            (0..2048).step_by(8).filter(|first| word(*first)).count()
        }

        let at = litter();
        assert!(left(at) > 100, "the pattern is seen: {}", left(at));
        let at = on_a_clean_stack(litter);
        assert_eq!(left(at), 0);
    }
}
