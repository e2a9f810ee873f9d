//! Which roles a caller may assume, read out of the policies that say so.
//!
//! The order of the rooms is the order of the work: [`Caller`] is who it is, [`holdings`] reads every policy that has a say,
//! [`Holdings::judge`] weighs them for one role, [`roles`] does so for every role that can be found, and [`verify`] proves
//! it by assuming them without power. What may not be read is told with the permission that would let it ([`Unread`],
//! [`needs`]), and everything else goes on.
//!
//! The rules are those of the IAM user guide ("Cross-account policy evaluation logic"); both sides must grant, and the side of
//! the role is known only where its trust policy could be read: in the caller's own account, and in accounts whose roles a
//! hop could list.

mod gather;
mod held;
mod hops;
mod judge;
mod needs;
mod patterns;
mod roles;
mod verify;

pub use gather::holdings;
pub(crate) use gather::unread;
pub use held::{Caller, Held, Holdings, Part, Unread, Who};
pub use judge::{Ground, Judgement};
pub(crate) use judge::{UNREAD, ground, with_policies};
pub use needs::needs;
pub use patterns::Pattern;
pub use roles::{Found, FoundRole, roles};
pub use verify::{Proof, verify};
