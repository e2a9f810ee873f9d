//! HTTP clients: one for each way of getting somewhere, built when it is first needed, and kept.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use http::Uri;

use super::proxy::{Proxies, Proxy};
use super::{Host, trust};
use crate::error::{Error, ErrorKind};

/// How a URL is called.
#[derive(Clone, Copy, Debug)]
pub struct Transport<'a> {
    /// The URL; its scheme and host decide about TLS and the proxy.
    pub url: &'a str,
    /// The authorities trusted in place of the operating system's. Absent: those of `AWS_CA_BUNDLE`, where it is set.
    pub ca_bundle: Option<CaBundle<'a>>,
    /// Never through a proxy, whatever the environment says: for addresses that mean this machine.
    pub direct: bool,
}

impl<'a> Transport<'a> {
    /// To a URL, as the environment has it.
    pub fn to(url: &'a str) -> Self {
        Self {
            url,
            ca_bundle: None,
            direct: false,
        }
    }
}

/// A file of PEM certificates, and where it was named.
#[derive(Clone, Copy)]
pub struct CaBundle<'a> {
    /// The file.
    pub path: &'a Path,
    /// Where it was named, for messages.
    pub origin: &'a (dyn fmt::Display + Sync),
}

impl fmt::Debug for CaBundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.origin)
    }
}

/// What a host has built so far.
#[derive(Default)]
pub(super) struct Clients {
    proxies: OnceLock<Proxies>,
    clients: Kept<Setup, SharedHttpClient>,
    connectors: Kept<(Setup, Duration, Duration), SharedHttpConnector>,
}

/// Everything that sets one client apart from another.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Setup {
    tls: bool,
    ca_bundle: Option<PathBuf>,
    route: Route,
}

/// Which of the environment's proxies is used, if any. The environment of a host never changes.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Route {
    Direct,
    ProxyOfHttp,
    ProxyOfHttps,
}

/// What connectors are made from.
#[derive(Clone)]
struct Recipe {
    tls: Option<TlsContext>,
    proxy: ProxyConfig,
}

impl Recipe {
    fn connector(&self, settings: Option<&HttpConnectorSettings>) -> Connector {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_proxy_config(Some(self.proxy.clone()));
        match &self.tls {
            // rustls with ring: see `Cargo.toml`.
            Some(context) => builder
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
                .tls_context(context.clone())
                .build(),
            None => builder.build_http(),
        }
    }
}

struct Kept<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn get_or_build(&self, key: K, build: impl FnOnce() -> Result<V, Error>) -> Result<V, Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&key) {
            return Ok(found.clone());
        }
        let built = build()?;
        kept.insert(key, built.clone());
        Ok(built)
    }
}

impl Host {
    /// The HTTP client for a transport. Each distinct setup has one, built when it is first asked for: a bundle that
    /// changes on the disk is read by the next process.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a URL, a CA bundle or a proxy that cannot be used, with its place; nothing is called.
    pub fn client_for(&self, transport: &Transport<'_>) -> Result<SharedHttpClient, Error> {
        self.with_setup(transport, |setup, recipe| {
            self.0.http.clients.get_or_build(setup, || Ok(client(recipe()?)))
        })
    }

    /// The proxy a URL is called through, as people may see it: its URL without user and password, and its variable.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a URL or a proxy that cannot be used.
    pub fn proxy_for(&self, url: &str) -> Result<Option<String>, Error> {
        let uri = uri(url)?;
        Ok(self.proxies().for_uri(&uri)?.map(ToString::to_string))
    }

    /// The connector for calls outside of any SDK operation.
    pub(super) fn connector(
        &self,
        transport: &Transport<'_>,
        connect: Duration,
        read: Duration,
    ) -> Result<SharedHttpConnector, Error> {
        self.with_setup(transport, |setup, recipe| {
            self.0.http.connectors.get_or_build((setup, connect, read), || {
                let settings = HttpConnectorSettings::builder()
                    .connect_timeout(connect)
                    .read_timeout(read)
                    .build();
                Ok(SharedHttpConnector::new(recipe()?.connector(Some(&settings))))
            })
        })
    }

    pub(super) fn proxy(&self, transport: &Transport<'_>, uri: &Uri) -> Result<Option<&Proxy>, Error> {
        if transport.direct {
            return Ok(None);
        }
        self.proxies().for_uri(uri)
    }

    fn proxies(&self) -> &Proxies {
        let inner = &self.0;
        inner
            .http
            .proxies
            .get_or_init(|| Proxies::of(&inner.env, &inner.unreadable))
    }

    /// Works out what a transport needs, and leaves reading the certificates to whoever finds nothing kept.
    fn with_setup<T>(
        &self,
        transport: &Transport<'_>,
        kept: impl FnOnce(Setup, &dyn Fn() -> Result<Recipe, Error>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let uri = uri(transport.url)?;
        let is_https = uri.scheme_str() == Some("https");
        let proxy = self.proxy(transport, &uri)?;
        let variable = self.env("AWS_CA_BUNDLE").map(|path| CaBundle {
            path: Path::new(path),
            origin: &"$AWS_CA_BUNDLE",
        });
        let tls = is_https || proxy.is_some_and(Proxy::is_https);
        let ca_bundle = transport.ca_bundle.or(variable).filter(|_| tls);
        let setup = Setup {
            tls,
            ca_bundle: ca_bundle.map(|bundle| bundle.path.to_owned()),
            route: match (proxy, is_https) {
                (None, _) => Route::Direct,
                (Some(_), true) => Route::ProxyOfHttps,
                (Some(_), false) => Route::ProxyOfHttp,
            },
        };
        kept(setup, &|| {
            Ok(Recipe {
                tls: if tls { Some(context(ca_bundle)?) } else { None },
                proxy: config(proxy)?,
            })
        })
    }
}

fn client(recipe: Recipe) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, _| recipe.connector(settings))
}

fn context(ca_bundle: Option<CaBundle<'_>>) -> Result<TlsContext, Error> {
    let Some(bundle) = ca_bundle else {
        return Ok(TlsContext::default());
    };
    let store = TrustStore::empty().with_pem_certificate(trust::read(&bundle)?);
    TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|error| {
            Error::config(format!(
                "the CA bundle {} ({}) cannot be used",
                bundle.path.display(),
                bundle.origin
            ))
            .with_hint("Write the certificates anew, in PEM.")
            .with_source(error)
        })
}

/// Explicit in both cases: what the connector would find by itself is the environment of the process.
fn config(proxy: Option<&Proxy>) -> Result<ProxyConfig, Error> {
    match proxy {
        None => Ok(ProxyConfig::disabled()),
        // Its error would show the password, if there were one: the URL has been read before.
        Some(proxy) => ProxyConfig::all(proxy.expose()).map_err(|_| {
            Error::new(ErrorKind::Internal, format!("the proxy {proxy} cannot be used"))
                .with_hint("This is a bug of rolecall: please report it.")
        }),
    }
}

/// A URL that can be called. What is wrong is said without the URL: its path or its query may be a secret.
pub(super) fn uri(url: &str) -> Result<Uri, Error> {
    let fail = |why: &str| {
        Error::config(format!("a URL that was to be called {why}"))
            .with_hint("Write it out, as in `https://sts.eu-west-1.amazonaws.com`.")
    };
    let uri: Uri = url.parse().map_err(|_| fail("cannot be read"))?;
    let authority = uri.authority().ok_or_else(|| fail("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(fail("holds a user name"));
    }
    match uri.scheme_str() {
        Some("http" | "https") => Ok(uri),
        _ => Err(fail("is neither http nor https")),
    }
}
