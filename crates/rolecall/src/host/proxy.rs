//! Which proxy a URL is called through: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` of the host's environment.
//!
//! The spelling in small letters comes first, as for curl, Go and Python; one that is set and empty turns the proxy off,
//! as Python has it, and so the AWS CLI. `HTTP_PROXY` in capitals is passed over in a CGI program (`REQUEST_METHOD` is
//! set), where it is a header of the visitor's.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;

use http::Uri;
use zeroize::Zeroizing;

use crate::error::Error;

/// The proxies of an environment. One that is set wrongly is refused when a call would go through it.
#[derive(Clone)]
pub(super) struct Proxies {
    http: Result<Option<Proxy>, Error>,
    https: Result<Option<Proxy>, Error>,
    exceptions: Exceptions,
}

/// One proxy. Its user and password are shown nowhere.
#[derive(Clone)]
pub(super) struct Proxy {
    /// With user and password, as the connector takes it.
    url: Zeroizing<String>,
    shown: String,
    variable: &'static str,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (${})", self.shown, self.variable)
    }
}

impl Proxy {
    /// The URL, with its password.
    pub(super) fn expose(&self) -> &str {
        &self.url
    }

    /// Host and port of a proxy that is spoken to over plain http and asks for no password.
    pub(super) fn open_address(&self) -> Option<(String, u16)> {
        let uri: Uri = self.url.parse().ok()?;
        let authority = uri.authority()?;
        let is_open = !self.is_https() && !authority.as_str().contains('@');
        let host = authority.host().trim_matches(['[', ']']);
        is_open.then(|| (host.to_owned(), authority.port_u16().unwrap_or(80)))
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.starts_with("https:")
    }

    /// `[http://][USER[:PASSWORD]@]HOST[:PORT][/]`.
    fn parse(text: &str, variable: &'static str) -> Result<Self, Error> {
        let fail = |why: &str| {
            Error::config(format!("${variable} is not the URL of a proxy: {why}")).with_hint(
                "Write it as in `http://proxy.example:3128`, or unset it; characters of a password that a URL gives a meaning are written as %XX.",
            )
        };
        let (scheme, rest) = match text.trim().split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            // As curl and Python have it: `proxy:3128` is a proxy that is spoken to over plain http.
            None => ("http".to_owned(), text.trim().trim_start_matches("//")),
        };
        if scheme != "http" && scheme != "https" {
            return Err(fail("its scheme is neither http nor https"));
        }
        // Up to the last `@`: in a password anything may stand.
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = place.trim_end_matches('/');
        let url = match user {
            Some(user) => Zeroizing::new(format!("{scheme}://{}@{place}/", encoded(user).as_str())),
            None => Zeroizing::new(format!("{scheme}://{place}/")),
        };
        // What cannot be read here the connector would take for no proxy at all, and call directly.
        let uri: Uri = url.parse().map_err(|_| fail("it cannot be read"))?;
        let authority = uri.authority().ok_or_else(|| fail("it has no host"))?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(fail("it has a path"));
        }
        let after = authority.as_str().rsplit('@').next().unwrap_or_default();
        if authority.host().is_empty() || after.starts_with(':') {
            return Err(fail("it has no host"));
        }
        if after.len() > authority.host().len() && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(fail("its port is no number from 1 to 65535"));
        }
        let mask = if user.is_some() { "***@" } else { "" };
        Ok(Self {
            shown: format!("{scheme}://{mask}{place}"),
            url,
            variable,
        })
    }
}

/// A user and password with what an authority cannot hold written as `%XX`; what is written so already stays.
fn encoded(user: &str) -> Zeroizing<String> {
    // Never longer than three times the text: a buffer that grows leaves a copy of what it held behind.
    let mut out = Zeroizing::new(String::with_capacity(user.len() * 3));
    for byte in user.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'*' | b'+' | b',' | b';' | b'=' | b':'
            | b'%' => {
                out.push(char::from(byte));
            }
            _ => {
                const DIGITS: [char; 16] = [
                    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
                ];
                out.push('%');
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
        }
    }
    out
}

impl Proxies {
    pub(super) fn of(env: &BTreeMap<String, String>, unreadable: &BTreeSet<OsString>) -> Self {
        let is_cgi = env.contains_key("REQUEST_METHOD");
        let proxy = |names: &[&'static str]| -> Result<Option<Proxy>, Error> {
            for name in names {
                if *name == "HTTP_PROXY" && is_cgi {
                    continue;
                }
                if unreadable.contains(OsStr::new(name)) {
                    return Err(Error::config(format!(
                        "the environment variable `{name}` is not UTF-8 text"
                    ))
                    .with_hint("Set it again as UTF-8 text, or unset it."));
                }
                if let Some(text) = env.get(*name) {
                    return match text.trim() {
                        "" => Ok(None),
                        text => Proxy::parse(text, name).map(Some),
                    };
                }
            }
            Ok(None)
        };
        let exceptions = ["no_proxy", "NO_PROXY"].iter().find_map(|name| env.get(*name));
        Self {
            http: proxy(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exceptions: Exceptions::parse(exceptions.map_or("", String::as_str)),
        }
    }

    /// The proxy for a URL. Never one for this machine itself: what is sent to a stand-in, credentials among it, is not
    /// sent to whoever runs the proxy, where `127.0.0.1` would be another machine anyway.
    pub(super) fn for_uri(&self, uri: &Uri) -> Result<Option<&Proxy>, Error> {
        let Some(host) = uri.host() else { return Ok(None) };
        let host = Host::of(host);
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        if host.is_this_machine() || self.exceptions.hold(&host, port) {
            return Ok(None);
        }
        let proxy = if is_https { &self.https } else { &self.http };
        proxy.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }
}

/// A host as URLs and lists of exceptions name it.
enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    fn of(text: &str) -> Self {
        let text = text.trim_matches(['[', ']']);
        match text.parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Name(text.trim_end_matches('.').to_ascii_lowercase()),
        }
    }

    fn is_this_machine(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

/// `NO_PROXY`: `*`, or names with all below them, addresses and networks, each with a port or without.
#[derive(Clone, Debug, Default)]
struct Exceptions {
    all: bool,
    rules: Vec<(Rule, Option<u16>)>,
}

#[derive(Clone, Debug)]
enum Rule {
    Name(String),
    Network(IpAddr, u8),
}

impl Exceptions {
    fn parse(text: &str) -> Self {
        let mut exceptions = Self::default();
        let entries = text.split(|c: char| c == ',' || c.is_whitespace());
        for entry in entries.filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                exceptions.all = true;
            } else {
                exceptions.rules.push(Rule::parse(entry));
            }
        }
        exceptions
    }

    fn hold(&self, host: &Host, port: u16) -> bool {
        self.all
            || self
                .rules
                .iter()
                .any(|(rule, only)| only.is_none_or(|only| only == port) && rule.fits(host))
    }
}

impl Rule {
    fn parse(entry: &str) -> (Self, Option<u16>) {
        let (place, port) = match entry.rsplit_once(':') {
            // An address of the sixth version has colons of its own, unless it stands in brackets.
            Some((place, port)) if !place.contains(':') || place.ends_with(']') => match port.parse() {
                Ok(port) => (place, Some(port)),
                Err(_) => (entry, None),
            },
            _ => (entry, None),
        };
        let network = place.split_once('/').and_then(|(address, bits)| {
            let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            (bits <= longest).then_some((address, bits))
        });
        let rule = match (network, Host::of(place)) {
            (Some((address, bits)), _) => Self::Network(address, bits),
            (None, Host::Address(address)) => {
                Self::Network(address, if address.is_ipv4() { 32 } else { 128 })
            }
            // `.example.com`, `*.example.com` and `example.com` are the same: the name and all below it.
            (None, Host::Name(name)) => {
                Self::Name(name.trim_start_matches('*').trim_start_matches('.').to_owned())
            }
        };
        (rule, port)
    }

    fn fits(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Name(rule), Host::Name(name)) => name
                .strip_suffix(rule.as_str())
                .is_some_and(|rest| rest.is_empty() || (rest.ends_with('.') && !rule.is_empty())),
            (Self::Network(network, bits), Host::Address(address)) => match (network, address) {
                (IpAddr::V4(network), IpAddr::V4(address)) => {
                    let mask = u32::MAX.checked_shl(32 - u32::from(*bits)).unwrap_or(0);
                    network.to_bits() & mask == address.to_bits() & mask
                }
                (IpAddr::V6(network), IpAddr::V6(address)) => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
                    network.to_bits() & mask == address.to_bits() & mask
                }
                _ => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(pairs: &[(&str, &str)]) -> Proxies {
        let env = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Proxies::of(&env, &BTreeSet::new())
    }

    fn chosen(pairs: &[(&str, &str)], url: &str) -> String {
        let proxies = proxies(pairs);
        match proxies.for_uri(&url.parse().unwrap()) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "direct".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_scheme_and_the_spelling_choose() {
        const AWS: &str = "https://sts.eu-west-1.amazonaws.com";
        let small = ("https_proxy", "http://small:1");
        let capital = ("HTTPS_PROXY", "http://capital:1");
        for (env, url, expected) in [
            (&[] as &[_], AWS, "direct"),
            (&[capital], AWS, "http://capital:1 ($HTTPS_PROXY)"),
            (&[capital, small], AWS, "http://small:1 ($https_proxy)"),
            (&[capital, ("https_proxy", "")], AWS, "direct"),
            (&[capital], "http://plain.example", "direct"),
            (&[("HTTP_PROXY", "p:1")], AWS, "direct"),
            (
                &[("HTTP_PROXY", "p:1")],
                "http://plain.example",
                "http://p:1 ($HTTP_PROXY)",
            ),
            // A visitor's header `Proxy:` is this variable in a CGI program.
            (
                &[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")],
                "http://plain.example",
                "direct",
            ),
            (
                &[("http_proxy", "p:1"), ("REQUEST_METHOD", "GET")],
                "http://plain.example",
                "http://p:1 ($http_proxy)",
            ),
            (&[("ALL_PROXY", "p")], AWS, "http://p ($ALL_PROXY)"),
            (
                &[("all_proxy", "//p:1/"), ("ALL_PROXY", "q")],
                "http://plain.example",
                "http://p:1 ($all_proxy)",
            ),
            (
                &[("ALL_PROXY", "p"), capital],
                AWS,
                "http://capital:1 ($HTTPS_PROXY)",
            ),
            (
                &[("HTTPS_PROXY", "HTTPS://p:1")],
                AWS,
                "https://p:1 ($HTTPS_PROXY)",
            ),
            (
                &[("HTTPS_PROXY", "http://[::1]:3128")],
                AWS,
                "http://[::1]:3128 ($HTTPS_PROXY)",
            ),
        ] {
            assert_eq!(chosen(env, url), expected, "{env:?} {url}");
        }
    }

    #[test]
    fn this_machine_is_never_called_through_a_proxy() {
        let env = [("ALL_PROXY", "http://proxy:1")];
        for direct in [
            "http://127.0.0.1:4566",
            "https://127.8.9.1",
            "https://[::1]:1",
            "https://[::ffff:127.0.0.1]",
            "https://localhost",
            "https://Sts.LOCALHOST.",
        ] {
            assert_eq!(chosen(&env, direct), "direct", "{direct}");
        }
        for proxied in [
            "https://128.0.0.1",
            "https://localhost.example",
            "https://notlocalhost",
        ] {
            assert_ne!(chosen(&env, proxied), "direct", "{proxied}");
        }
    }

    #[test]
    fn exceptions_are_names_addresses_networks_and_ports() {
        for (no_proxy, direct, proxied) in [
            ("*", "https://a.example https://10.0.0.1", ""),
            (
                "amazonaws.com",
                "https://sts.amazonaws.com https://AmazonAWS.com https://amazonaws.com.",
                "https://notamazonaws.com https://amazonaws.com.cn",
            ),
            (
                ".a.example",
                "https://a.example https://x.a.example",
                "https://ba.example",
            ),
            (
                "*.a.example , b.example",
                "https://x.a.example https://b.example",
                "https://c.example",
            ),
            (
                "b.example a.example",
                "https://x.a.example https://b.example",
                "https://c.example",
            ),
            (
                "a.example:8443",
                "https://a.example:8443 https://x.a.example:8443",
                "https://a.example https://a.example:443",
            ),
            ("a.example:443", "https://a.example", "http://a.example"),
            (
                "10.0.0.0/8,192.168.1.7",
                "https://10.255.0.1 https://192.168.1.7",
                "https://11.0.0.1 https://192.168.1.8 https://x.10.0.0.0",
            ),
            (
                "0.0.0.0/0",
                "https://10.255.0.1",
                "https://a.example https://[2001:db8::1]",
            ),
            (
                "2001:db8::/32,[fd00::1]:443",
                "https://[2001:db8:1::1] https://[fd00::1]",
                "https://[2001:db9::1] https://[fd00::1]:444",
            ),
            ("10.0.0.0/99,,", "", "https://10.0.0.1 https://a.example"),
            ("", "", "https://a.example"),
        ] {
            let env = [("ALL_PROXY", "http://proxy:1"), ("NO_PROXY", no_proxy)];
            for url in direct.split_whitespace() {
                assert_eq!(chosen(&env, url), "direct", "{no_proxy}: {url}");
            }
            for url in proxied.split_whitespace() {
                assert_ne!(chosen(&env, url), "direct", "{no_proxy}: {url}");
            }
        }
        let both = [("ALL_PROXY", "p"), ("no_proxy", ""), ("NO_PROXY", "*")];
        assert_ne!(
            chosen(&both, "https://a.example"),
            "direct",
            "the small spelling is the one that counts"
        );
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_refused_without_its_password() {
        for (bad, why) in [
            ("socks5://u:CANARY@p:1", "its scheme is neither http nor https"),
            ("http://u:CANARY@", "it cannot be read"),
            ("http://u:CANARY@:3128", ""),
            ("http://u:CANARY@p:port", "its port is no number"),
            ("http://u:CANARY@p:99999", "its port is no number"),
            ("http://u:CANARY@p:0", "its port is no number"),
            ("http://u:CANARY@p:1/path", "it has a path"),
            ("http://u:CANARY@p:1?x", "it has a path"),
            ("http://u:CANARY@p q", "it cannot be read"),
        ] {
            let env = [("HTTPS_PROXY", bad)];
            let error = proxies(&env)
                .for_uri(&"https://a.example".parse().unwrap())
                .err()
                .unwrap();
            assert_eq!(error.kind(), crate::error::ErrorKind::Config);
            assert!(
                error
                    .to_string()
                    .starts_with("$HTTPS_PROXY is not the URL of a proxy: "),
                "{error}"
            );
            assert!(error.to_string().contains(why), "{bad}: {error}");
            assert!(
                !format!("{error:?} {error} {:?}", error.hints()).contains("CANARY"),
                "{error}"
            );
            // It is nobody's business where no call goes through it.
            assert_eq!(chosen(&env, "http://a.example"), "direct");
        }
        let unreadable = BTreeSet::from([OsString::from("https_proxy")]);
        let refused = Proxies::of(&BTreeMap::new(), &unreadable);
        assert!(
            refused.for_uri(&"https://a.example".parse().unwrap()).is_err(),
            "it is not taken for unset"
        );
    }

    #[test]
    fn any_password_reaches_the_connector_in_one_piece() {
        for (given, sent) in [
            ("http://user:pass@p:1", "http://user:pass@p:1/"),
            ("user:p%40ss@p:1", "http://user:p%40ss@p:1/"),
            (
                "user:p@ss/w#rd?^é@p:1",
                "http://user:p%40ss%2Fw%23rd%3F%5E%C3%A9@p:1/",
            ),
        ] {
            let proxy = Proxy::parse(given, "HTTPS_PROXY").unwrap();
            assert_eq!(proxy.expose(), sent);
            assert_eq!(proxy.to_string(), "http://***@p:1 ($HTTPS_PROXY)");
        }
    }
}
