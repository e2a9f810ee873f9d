//! One role ARN in, credentials out that are always fresh and never exposed.

pub mod arn;
pub mod chain;
pub mod endpoint;
pub mod error;
pub mod export;
pub mod host;
pub mod parameters;
pub mod partition;
pub mod policy;
pub mod profile;
pub mod provider;
mod secret;
pub mod session;
pub mod time;

pub use arn::{AccountId, AssumedRoleArn, PolicyArn, RoleArn};
pub use chain::{Chain, Request};
pub use error::{Error, ErrorKind, Invalid};
pub use host::Host;
pub use parameters::{
    ExternalId, MfaSerial, SessionDuration, SessionName, SessionPolicy, SourceIdentity, Tag, Tags,
};
pub use partition::{Partition, Region};
pub use provider::Provider;
pub use secret::Secret;
pub use session::{Session, SessionCache, SessionKey};
