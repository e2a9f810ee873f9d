//! One role ARN in, credentials out that are always fresh and never exposed.
//!
//! `rolecall` lets a Rust program use AWS through **cross-account roles**: it works out from the user's own
//! `~/.aws/config` and `~/.aws/credentials` how to reach a role, assumes it through STS, hands the temporary credentials
//! to any AWS client, and renews them before they run out, once however many ask.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = rolecall::Provider::for_profile("prod")?;
//! let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).credentials_provider(provider).load().await;
//! let s3 = aws_sdk_s3::Client::new(&config);
//! println!("{} buckets", s3.list_buckets().send().await?.buckets().len());
//! # Ok(()) }
//! ```
//!
//! # The one path
//!
//! ```text
//! ~/.aws text + environment ─► ProfileSet ─► Chain ─► SessionCache ─hit─► Session ─► your client, or `export`, `endpoint`
//!       read once               parsed       resolved     └─miss─► STS ────┘
//! ```
//!
//! Resolving is pure: a [`Chain`] is data without a secret in it, and says of every value where it comes from.
//!
//! ```
//! use std::path::Path;
//! use rolecall::profile::FileKind;
//! use rolecall::{Chain, Host, ProfileSet, Request};
//!
//! let mut profiles = ProfileSet::default();
//! profiles.add(FileKind::Config, Path::new("config"), "
//! [profile prod]
//! role_arn = arn:aws:iam::666666666666:role/BlahRole
//! source_profile = joe
//! region = eu-west-1
//! ")?;
//! profiles.add(FileKind::Credentials, Path::new("credentials"), "
//! [joe]
//! aws_access_key_id = AKIAIOSFODNN7EXAMPLE
//! aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
//! ")?;
//! let request = Request { target: Some("prod".to_owned()), ..Request::default() };
//! let chain = Chain::resolve(&profiles, &Host::builder().build(), &request)?;
//! assert_eq!(chain.source.to_string(), "access key AKIA…MPLE of profile `joe`");
//! assert_eq!(chain.roles[0].arn.account().as_str(), "666666666666");
//! assert_eq!(chain.roles[0].origin.to_string(), "config:3");
//! # Ok::<(), rolecall::Error>(())
//! ```
//!
//! # A service with many roles
//!
//! Providers that share a [`SessionCache`] share every session, those in the middle of their chains included, and
//! providers that share a [`ProfileSet`] read the files once.
//!
//! ```no_run
//! use std::sync::Arc;
//! use rolecall::{Host, ProfileSet, Provider, SessionCache};
//!
//! # fn example(tenants: &[String]) -> Result<(), rolecall::Error> {
//! let host = Host::system();
//! let cache = Arc::new(SessionCache::new());
//! let profiles = Arc::new(ProfileSet::load(&host)?);
//! for tenant in tenants {
//!     let provider = Provider::builder(host.clone()).cache(&cache).profiles(&profiles).target(tenant).build()?;
//!     // One client for each tenant; the network is first touched when it is used.
//! #   drop(provider);
//! }
//! # Ok(()) }
//! ```
//!
//! # Errors and logs
//!
//! An [`Error`] is a decision: its [`ErrorKind`] says what a program does next, its hints what a person does next, and
//! its message is one clause without a secret in it. The library prints nothing; it speaks through `tracing`, and no
//! level of the log holds a secret.
//!
//! # Where what is
//!
//! | module | what it owns |
//! |---|---|
//! | [`arn`], [`partition`], [`parameters`] | what STS takes, each parsed with STS's own limits |
//! | [`command_line`] | the words of a command that a profile names |
//! | [`host`] | the one door to the world: environment, files, clock, HTTP, login name |
//! | [`index`] | the roles that were found, kept between runs |
//! | [`profile`] | the grammar of the two files, and where each value stands |
//! | [`chain`] | from a target to a source and its roles; calls nothing |
//! | [`session`] | sessions, their keys, their times, and one renewal in flight for each |
//! | [`provider`] | runs a chain; the only module that calls AWS |
//! | [`export`], [`endpoint`] | a session in the forms that other programs read |
//! | [`federation`] | a session as a link to the console, and where in the console it leads |
//! | [`audit`] | who got which session when: a log that shows where it was changed |
//! | [`discover`] | which roles a caller may assume, read out of their policies |
//! | [`doctor`] | whether a set-up works and is safe, and what to do where it is not |
//! | [`explain`] | why a role can or cannot be assumed, hop by hop, and the smallest change that lets it |
//! | [`switch_role`] | the console's own link to a role, and whether it can work |
//! | [`policy`] | IAM policy documents, and what they decide; calls nothing |
//! | [`vault`] | where long-term access keys rest, encrypted |
//! | [`rotation`] | a new key in the place of the vault's, step by step, resumed where it stopped |
//! | [`hardening`], [`seal`] | what keeps secrets out of what others may read of this process |
//! | [`error`], [`time`] | what went wrong, and when |
#![deny(unsafe_code)]

#[cfg(unix)]
pub mod agent;
pub mod arn;
pub mod audit;
pub mod chain;
pub mod command_line;
#[cfg(unix)]
pub mod discover;
#[cfg(unix)]
pub mod doctor;
pub mod endpoint;
pub mod error;
#[cfg(unix)]
pub mod explain;
pub mod export;
pub mod federation;
pub mod hardening;
mod hex;
pub mod host;
pub mod index;
pub mod parameters;
pub mod partition;
pub mod policy;
pub mod profile;
pub mod provider;
pub mod rotation;
pub mod seal;
mod secret;
pub mod session;
pub mod switch_role;
pub mod time;
pub mod vault;

pub use arn::{AccountId, AssumedRoleArn, PolicyArn, RoleArn};
pub use chain::{AskedDuration, Chain, Request};
pub use error::{Error, ErrorKind, Invalid};
pub use host::Host;
pub use parameters::{
    ExternalId, MfaSerial, SessionDuration, SessionName, SessionPolicy, SourceIdentity, Tag, Tags,
};
pub use partition::{Partition, Region};
pub use profile::ProfileSet;
pub use provider::{CallerIdentity, Provider, ProviderBuilder};
pub use secret::Secret;
pub use session::{Session, SessionCache, SessionKey};
