//! The per-user agent: it keeps sessions sealed in memory and grants leases, so that all processes of a user renew once and
//! ask once.
//!
//! The client resolves and mints, in its own environment; the agent keeps and leases. It calls nobody, reads no config, runs
//! no command and asks no one. Who wants a session that is not there gets the lease for it, mints it, and deposits it;
//! whoever else wants it waits for that. A lease dies with its connection, and the next who waits takes it. Correctness
//! never depends on the agent: whatever is wrong with it, a client goes on alone.
//!
//! The socket is `agent.sock` in the runtime directory ([`Host::runtime_dir`]). Both sides look at the other's user before
//! they say anything.

mod client;
mod connection;
mod launch;
mod line;
mod local;
mod protocol;
mod server;
mod store;
mod wire;

pub use client::{Acquired, Agent, Attachment, Lease, Peeked};
pub use connection::{Connection, Gone, SocketFile};
pub use launch::inherited;
pub use local::{LONGEST_LOCAL_LINE, Local};
pub use protocol::{About, Caller, Failure, Holder, Live, Status};
pub use server::{Options, serve};

#[cfg(doc)]
use crate::host::Host;
