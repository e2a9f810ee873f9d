//! The AWS CLI's own cache of tokens and registrations, read and written as it does itself.
//!
//! Facts: `botocore/utils.py` (`BaseSSOTokenFetcher`, `SSOTokenLoader`) and `botocore/tokens.py` of AWS CLI 2.35: the names of
//! the files, their keys in this order, their dates, and JSON as Python writes it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::chain::SsoSession;
use crate::error::Error;
use crate::hex::hex;
use crate::host::Host;
use crate::secret::Secret;
use crate::time::rfc3339;

/// What is asked for where nothing is configured: the one scope of the portal.
pub(super) const ACCOUNT_ACCESS: &str = "sso:account:access";
/// A registration is not begun anything with that ends within this time; the AWS CLI's own number.
const REGISTRATION_LEFT: Duration = Duration::from_secs(900);

/// A signing in, as the cache holds it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) start_url: Option<String>,
    pub(super) access: Secret,
    pub(super) expires_at: SystemTime,
    pub(super) renewal: Option<Renewal>,
}

/// What a token is renewed with.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) client: Client,
    pub(super) refresh: Option<Secret>,
}

/// A client that is registered with Identity Center.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) expires_at: SystemTime,
}

/// What a client is registered for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Grant {
    Code,
    Device,
}

/// Where the files of one session are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) token: PathBuf,
    registration: PathBuf,
    /// Held while the token is renewed or written.
    pub(super) lock: PathBuf,
    /// Held while a person signs in.
    pub(super) sign_in_lock: PathBuf,
    /// When renewing failed last.
    pub(super) failed: PathBuf,
}

impl Files {
    pub(super) fn of(host: &Host, session: &SsoSession) -> Result<Self, Error> {
        let (Some(home), Some(state)) = (host.home(), host.state_dir()) else {
            return Err(Error::config(
                "there is no home directory, and the AWS CLI keeps its sign-ins there",
            )
            .with_hint("Set HOME."));
        };
        let (cache, state) = (home.join(".aws/sso/cache"), state.join("sso"));
        let key = sha1(session.name.as_deref().unwrap_or(&session.start_url));
        Ok(Self {
            token: cache.join(format!("{key}.json")),
            registration: cache.join(format!("{}.json", registration_key(session))),
            lock: state.join(format!("{key}.lock")),
            sign_in_lock: state.join(format!("{key}.sign-in.lock")),
            failed: state.join(format!("{key}.failed")),
        })
    }

    /// The token, where there is one that can be read.
    pub(super) fn token(&self, host: &Host) -> Result<Option<Token>, Error> {
        let Some(text) = host.read_trusted(&self.token)? else {
            return Ok(None);
        };
        let token = serde_json::from_str::<RawToken>(&text)
            .ok()
            .and_then(RawToken::read);
        if token.is_none() {
            // What is in it is not told: it may be a token.
            tracing::debug!(file = %self.token.display(), "the cached sign-in cannot be read");
        }
        Ok(token)
    }

    pub(super) fn write_token(&self, host: &Host, session: &SsoSession, token: &Token) -> Result<(), Error> {
        let mut json = Json::new();
        json.text("startUrl", &session.start_url)
            .text("region", session.region.as_str())
            .text("accessToken", token.access.expose())
            .text("expiresAt", &rfc3339(token.expires_at));
        if let Some(renewal) = &token.renewal {
            json.text("clientId", &renewal.client.id)
                .text("clientSecret", renewal.client.secret.expose())
                .text("registrationExpiresAt", &rfc3339(renewal.client.expires_at));
            if let Some(refresh) = &renewal.refresh {
                json.text("refreshToken", refresh.expose());
            }
        }
        host.write_private(&self.token, &json.finish())
    }

    /// The client, where one is registered for this grant that lives long enough.
    pub(super) fn client(&self, host: &Host, grant: Grant) -> Result<Option<Client>, Error> {
        let Some(text) = host.read_trusted(&self.registration)? else {
            return Ok(None);
        };
        let Ok(raw) = serde_json::from_str::<RawClient>(&text) else {
            return Ok(None);
        };
        // Those of the device grant name none, in this cache.
        let is_for_codes = raw.grant_types.iter().any(|grant| grant == "authorization_code");
        let Some(client) = client(raw.client_id, raw.client_secret, raw.expires_at) else {
            return Ok(None);
        };
        let lives = client.expires_at > host.now() + REGISTRATION_LEFT;
        Ok(Some(client).filter(|_| lives && is_for_codes == (grant == Grant::Code)))
    }

    pub(super) fn write_client(
        &self,
        host: &Host,
        client: &Client,
        grant: Grant,
        scopes: &[String],
    ) -> Result<(), Error> {
        let mut json = Json::new();
        json.text("clientId", &client.id)
            .text("clientSecret", client.secret.expose())
            .text("expiresAt", &rfc3339(client.expires_at));
        if !scopes.is_empty() {
            json.list("scopes", scopes.iter().map(String::as_str));
        }
        if grant == Grant::Code {
            json.list("grantTypes", CODE_GRANTS.into_iter());
        }
        host.write_private(&self.registration, &json.finish())
    }

    pub(super) fn forget_client(&self, host: &Host) -> Result<(), Error> {
        host.remove(&self.registration)
    }
}

/// What a client of the code grant registers for.
pub(super) const CODE_GRANTS: [&str; 2] = ["authorization_code", "refresh_token"];

impl Token {
    /// What it can be renewed with at `now`.
    pub(super) fn renewable(&self, now: SystemTime) -> Option<(&Client, &Secret)> {
        let renewal = self.renewal.as_ref()?;
        let refresh = renewal.refresh.as_ref()?;
        (renewal.client.expires_at > now).then_some((&renewal.client, refresh))
    }

    /// Whether it is of this portal; of an older one when the section has been changed since.
    pub(super) fn is_of(&self, session: &SsoSession) -> bool {
        let bare = |url: &str| url.trim_end_matches(['#', '/']).to_owned();
        self.start_url
            .as_deref()
            .is_none_or(|url| bare(url) == bare(&session.start_url))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawToken {
    start_url: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    access_token: Option<Secret>,
    expires_at: Option<String>,
    client_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<Secret>,
    registration_expires_at: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    refresh_token: Option<Secret>,
}

impl RawToken {
    fn read(self) -> Option<Token> {
        let client = client(self.client_id, self.client_secret, self.registration_expires_at);
        Some(Token {
            start_url: self.start_url,
            access: self.access_token.filter(|token| !token.expose().is_empty())?,
            expires_at: date(&self.expires_at?)?,
            renewal: client.map(|client| Renewal {
                client,
                refresh: self.refresh_token.filter(|token| !token.expose().is_empty()),
            }),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawClient {
    client_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    client_secret: Option<Secret>,
    expires_at: Option<String>,
    #[serde(default)]
    grant_types: Vec<String>,
}

fn client(id: Option<String>, secret: Option<Secret>, expires_at: Option<String>) -> Option<Client> {
    Some(Client {
        id: id?,
        secret: secret?,
        expires_at: date(&expires_at?)?,
    })
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// `2026-01-01T00:00:00Z`, and `2026-01-01T00:00:00UTC` as older versions wrote it.
fn date(text: &str) -> Option<SystemTime> {
    let text = text
        .strip_suffix("UTC")
        .map_or(text.to_owned(), |bare| format!("{bare}Z"));
    let time: Timestamp = text.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).ok()?)
}

fn sha1(text: &str) -> String {
    hex(&Sha1::digest(text.as_bytes()))
}

/// The name of the registration's file: the SHA-1 of this JSON, with its keys in order.
fn registration_key(session: &SsoSession) -> String {
    let mut json = Json::new();
    json.text("region", session.region.as_str());
    if session.scopes.is_empty() {
        json.null("scopes");
    } else {
        json.list("scopes", session.scopes.iter().map(String::as_str));
    }
    match &session.name {
        Some(name) => json.text("session_name", name),
        None => json.null("session_name"),
    };
    json.text("startUrl", &session.start_url).text("tool", "botocore");
    sha1(&json.finish())
}

/// JSON as Python's `json.dumps` writes it, in a buffer that is wiped.
struct Json(Zeroizing<String>);

impl Json {
    fn new() -> Self {
        // Larger than any token that was ever seen, so that it does not grow and leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
        text.push('{');
        Self(text)
    }

    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        self.quoted(value);
        self
    }

    fn null(&mut self, key: &str) -> &mut Self {
        self.key(key);
        self.0.push_str("null");
        self
    }

    fn list<'t>(&mut self, key: &str, values: impl Iterator<Item = &'t str>) -> &mut Self {
        self.key(key);
        self.0.push('[');
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.0.push_str(", ");
            }
            self.quoted(value);
        }
        self.0.push(']');
        self
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push_str(", ");
        }
        self.quoted(key);
        self.0.push_str(": ");
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                ' '..='~' => self.0.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.0, "\\u{unit:04x}");
                    }
                }
            }
        }
        self.0.push('"');
    }

    fn finish(mut self) -> Zeroizing<String> {
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chain::Endpoints;
    use crate::profile::{FileKind, ProfileSet};

    fn session(text: &str, name: &str) -> SsoSession {
        let mut profiles = ProfileSet::default();
        profiles.add(FileKind::Config, Path::new("config"), text).unwrap();
        let endpoints = Endpoints {
            profiles: &profiles,
            host: &Host::builder().build(),
            insecure: false,
        };
        SsoSession::named(&endpoints, name).unwrap()
    }

    const CORP: &str =
        "[sso-session corp]\nsso_start_url = https://canary.awsapps.com/start\nsso_region = us-east-1\n";

    /// Made with Python: `hashlib.sha1(json.dumps({...}, sort_keys=True).encode()).hexdigest()`.
    #[test]
    fn the_files_are_named_as_botocore_names_them() {
        let session = session(CORP, "corp");
        let host = Host::builder().home("/home/joe").build();
        let files = Files::of(&host, &session).unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            files.token.parent().unwrap(),
            Path::new("/home/joe/.aws/sso/cache")
        );
        assert_eq!(
            name(&files.token),
            "ee0bfd2552fbd840c02cc48b6e823320543c450f.json"
        );
        assert_eq!(
            name(&files.registration),
            "617b28a9df7f412375d9d7645896be89e8eb8eb6.json"
        );
        let scoped = SsoSession {
            scopes: vec!["sso:account:access".to_owned(), "codewhisperer:\u{e9}".to_owned()],
            ..session.clone()
        };
        assert_eq!(
            name(&Files::of(&host, &scoped).unwrap().registration),
            "d9fb9644f1cd06037ba1a8b67c52afd52cd99a06.json"
        );
        let legacy = SsoSession {
            name: None,
            ..session
        };
        let files = Files::of(&host, &legacy).unwrap();
        assert_eq!(
            name(&files.token),
            "7490baf9d6cb9e8eb1d7891fee24dc1ec785965b.json"
        );
        assert_eq!(
            name(&files.registration),
            "c4c29aae9b45d75922744da59cd15d77467b858a.json"
        );
    }

    #[test]
    fn both_spellings_of_a_date_are_read() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00UTC",
            "2026-01-01T01:00:00+01:00",
        ] {
            assert_eq!(date(text), Some(expected), "{text}");
        }
        assert_eq!(date("tomorrow"), None);
    }

    #[test]
    fn json_is_written_as_python_writes_it() {
        let mut json = Json::new();
        json.text("a", "\u{1}\"\\\n\u{e9}\u{1f600}/~\u{7f}")
            .null("b")
            .list("c", ["x", "y"].into_iter());
        assert_eq!(
            json.finish().as_str(),
            r#"{"a": "\u0001\"\\\n\u00e9\ud83d\ude00/~\u007f", "b": null, "c": ["x", "y"]}"#
        );
    }
}
