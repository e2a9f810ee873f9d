//! Discovery against worlds: what it calls allowed is, what it calls denied is not, and nothing is missed.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod brute;
mod built;
mod denied;
mod generated;
mod hops;
mod organization;
mod random;
