//! A heap that forgets.

#![expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait, and wiping writes to memory that is about to be given back"
)]

use std::alloc::{GlobalAlloc, Layout, System};

use super::memory::wipe;

/// From here on pages are handed back to the kernel instead of being written to: cheaper, and a block that was reserved
/// but never touched is not brought in only to be wiped.
#[cfg(target_os = "linux")]
const PAGES_FROM: usize = 256 * 1024;

/// A multiple of every page size that Linux has. The size itself is not asked for: that may allocate.
#[cfg(target_os = "linux")]
const PAGE: usize = 64 * 1024;

/// The system's allocator, which wipes every block before it gives it back, and the old block of one that moves.
///
/// ```
/// use rolecall::hardening::WipingAllocator;
///
/// #[global_allocator]
/// static HEAP: WipingAllocator = WipingAllocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WipingAllocator;

// Never inlined: in each of the thousands of places that drop something, it would be a tenth of the binary.
// SAFETY: each block comes from `System` and goes back to it with the layout it came with.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's to give back, `layout.size()` bytes long, and nobody reads it any more.
        unsafe {
            forget(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    /// Always to a new block: one that `System` grew by moving it would leave its text behind, and one that it shrank
    /// its tail.
    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, rounded up to the alignment, is no more than `isize::MAX`, and
        // that the block is its own, of that layout. The new block is another one; both have the bytes that are copied.
        unsafe {
            let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Makes `size` bytes at `block` unreadable: small blocks are overwritten, of large ones the whole pages are dropped.
///
/// # Safety
/// The bytes must be writable, owned by the caller, of a private anonymous mapping, and not read again before they are
/// written.
#[cfg(target_os = "linux")]
unsafe fn forget(block: *mut u8, size: usize) {
    use rustix::mm::{Advice, madvise};

    if size < PAGES_FROM {
        // SAFETY: the caller's promise.
        return unsafe { wipe(block, size) };
    }
    let head = block.align_offset(PAGE);
    let pages = (size - head) / PAGE * PAGE;
    let tail = head + pages;
    // SAFETY: `head <= tail <= size`, for a block of this size is longer than one of them. The pages between are whole and
    // the caller's alone; without their content they read as zeros. Locked pages cannot be dropped: they are wiped.
    unsafe {
        wipe(block, head);
        if madvise(block.add(head).cast(), pages, Advice::LinuxDontNeed).is_err() {
            wipe(block.add(head), pages);
        }
        wipe(block.add(tail), size - tail);
    }
}

/// See above: elsewhere every block is overwritten.
///
/// # Safety
/// The bytes must be writable and owned by the caller.
#[cfg(not(target_os = "linux"))]
unsafe fn forget(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { wipe(block, size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block as it is right before `System` gets it back.
    fn forgotten(size: usize, align: usize) {
        let layout = Layout::from_size_align(size, align).unwrap();
        // SAFETY: the block is ours, of this layout, and given back once.
        unsafe {
            let block = System.alloc(layout);
            assert!(!block.is_null());
            block.write_bytes(0xA5, size);
            forget(block, size);
            let bytes = std::slice::from_raw_parts(block, size);
            assert!(bytes.iter().all(|byte| *byte == 0), "{size} bytes at {align}");
            System.dealloc(block, layout);
        }
    }

    #[test]
    fn blocks_of_every_size_and_place_are_empty_when_they_go_back() {
        for size in [1, 7, 8, 4095, 4096, 100_000] {
            forgotten(size, 1);
        }
        for more in [0, 1, 4095, 4096, 4097, 1_000_000] {
            for align in [1, 16, 4096, 65536] {
                forgotten(256 * 1024 + more, align);
            }
        }
    }

    #[test]
    fn what_moves_keeps_its_text() {
        let layout = Layout::from_size_align(64, 1).unwrap();
        // SAFETY: the block is ours, of the layout it is moved from, and given back once, with its new size.
        unsafe {
            let block = WipingAllocator.alloc(layout);
            block.write_bytes(7, 64);
            let moved = WipingAllocator.realloc(block, layout, 1_000_000);
            let text = std::slice::from_raw_parts(moved, 64);
            assert!(text.iter().all(|byte| *byte == 7));
            WipingAllocator.dealloc(moved, Layout::from_size_align(1_000_000, 1).unwrap());
        }
    }
}
