//! A sandbox, a host that lives in it, and everything that is logged meanwhile.

#[path = "log.rs"]
mod log;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolecall::host::{Clock, HostBuilder};
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::provider::ProviderBuilder;
use rolecall::{Error, Host, Provider, SessionCache};
use rolecall_sandbox::{Builder, Leak, Sandbox};
use tracing::subscriber::DefaultGuard;

use log::Log;

/// A running AWS, one cache, and the log of the test's own thread at its most talkative.
pub(crate) struct Aws {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) cache: Arc<SessionCache>,
    extra_config: String,
    log: Log,
    _logging: DefaultGuard,
}

/// The sandbox's session clock, so that a test moves both with one word.
#[derive(Debug)]
struct Following(Arc<Sandbox>);

impl Clock for Following {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

impl Aws {
    /// The world of the article.
    pub(crate) fn article() -> Self {
        Self::with(Sandbox::builder())
    }

    pub(crate) fn with(builder: Builder) -> Self {
        Self::talking(builder, tracing::Level::TRACE)
    }

    /// The world of the article with the log at warnings only: for calls by the thousand.
    pub(crate) fn quiet() -> Self {
        Self::talking(Sandbox::builder(), tracing::Level::WARN)
    }

    fn talking(builder: Builder, level: tracing::Level) -> Self {
        let (log, logging) = Log::start(level);
        Self {
            sandbox: Arc::new(builder.start().unwrap()),
            cache: Arc::new(SessionCache::new()),
            extra_config: String::new(),
            log,
            _logging: logging,
        }
    }

    /// More profiles than the world's own.
    pub(crate) fn with_config(mut self, text: &str) -> Self {
        self.extra_config.push_str(text);
        self
    }

    pub(crate) fn profiles(&self) -> ProfileSet {
        let mut set = ProfileSet::default();
        let config = self.sandbox.config_file() + &self.extra_config;
        set.add(FileKind::Config, Path::new("config"), &config).unwrap();
        set.add(
            FileKind::Credentials,
            Path::new("credentials"),
            &self.sandbox.credentials_file(),
        )
        .unwrap();
        set
    }

    pub(crate) fn host_builder(&self) -> HostBuilder {
        Host::builder()
            .env("AWS_ENDPOINT_URL", self.sandbox.endpoint())
            .login_name("joe.bloggs")
            .clock(Following(Arc::clone(&self.sandbox)))
    }

    /// A provider to be, with the test's cache and profiles.
    pub(crate) fn builder(&self) -> ProviderBuilder {
        self.builder_on(self.host_builder().build())
    }

    pub(crate) fn builder_on(&self, host: Host) -> ProviderBuilder {
        Provider::builder(host)
            .cache(&self.cache)
            .profiles(&Arc::new(self.profiles()))
    }

    pub(crate) fn provider(&self, target: &str) -> Provider {
        self.builder().target(target).build().unwrap()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.sandbox.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn assumed(&self) -> usize {
        self.sandbox.count("AssumeRole")
    }

    pub(crate) fn log(&self) -> String {
        self.log.to_string()
    }

    pub(crate) fn leaks(&self, bytes: &[u8]) -> Vec<Leak> {
        self.sandbox.secrets().leaks_in(bytes)
    }

    /// Panics unless the error reads well and says no secret, in none of its forms.
    pub(crate) fn assert_sentence(&self, error: &Error) {
        crate::sentences::assert_well_spoken(error);
        let mut all = format!("{error} {error:?} {:?} {:?}", error.hints(), error.hop());
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(next) = cause {
            all.push_str(&format!("{next} {next:?}"));
            cause = next.source();
        }
        assert_eq!(self.leaks(all.as_bytes()), [], "{error}");
    }
}

/// No test ends with a secret in its log.
impl Drop for Aws {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let leaks = self.sandbox.secrets().leaks_in(self.log.to_string().as_bytes());
            assert!(leaks.is_empty(), "the log holds {leaks:?}");
        }
    }
}
