//! What keeps secrets out of what others may read of this process: its memory, its core, its swap.
//!
//! - [`WipingAllocator`] wipes every block before it is given back, so that neither a JSON parser nor an SDK that knows
//!   nothing of secrets leaves one behind. A binary makes it its `#[global_allocator]`; the `rolecall` command does.
//! - [`harden_process`] takes the process away from debuggers and cores; [`harden_keeper`] is for those that stay.
//! - One locked page holds the key under which sessions lie sealed ([`crate::seal`]); [`Held`] says how well.
//!
//! This is the only module with unsafe code. Each block says why it is sound, and a test counts them.

mod allocator;
mod memory;
mod process;

pub use allocator::WipingAllocator;
pub use memory::{Held, KEY_BYTES};
pub(crate) use memory::{KeyPage, on_a_clean_stack};
#[cfg(unix)]
pub use process::keep_from_children;
pub use process::{close_inherited, harden_keeper, harden_process, is_hardened};
