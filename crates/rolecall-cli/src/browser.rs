//! The browser of whoever is at the machine, and the page of a sign-in in it.

use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};

use rolecall::Host;
use rolecall::command_line::CommandLine;
use rolecall::host::{Browser, SignIn};

use crate::person::plain;

/// Where a page can be opened: not over SSH without a display, nor where there is no display at all.
pub(crate) fn place(host: &Host) -> Browser {
    let set = |names: &[&str]| names.iter().any(|name| host.env(name).is_some());
    let has_display = !cfg!(target_os = "linux") || set(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]);
    let is_remote = set(&["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]);
    if is_remote && !set(&["DISPLAY", "WAYLAND_DISPLAY"]) {
        return Browser::Elsewhere;
    }
    if has_display || set(&["BROWSER"]) {
        Browser::Here
    } else {
        Browser::Elsewhere
    }
}

/// Opens a page: `BROWSER`'s first program, else the system's own way. Whether something was started.
pub(crate) fn open(host: &Host, url: &str) -> bool {
    start(host, None, url).is_ok()
}

/// The same with this command in the place of `BROWSER`, where one is given. The program that was started, where it is a
/// child of ours.
pub(crate) fn start(
    host: &Host,
    command: Option<&CommandLine>,
    url: &str,
) -> Result<Option<Child>, rolecall::Error> {
    const HINT: &str = "Name another browser with --browser or BROWSER, or have the link printed.";
    // Whatever starts with another scheme may start another program than a browser.
    if !may_be_opened(url) {
        return Err(rolecall::Error::config("no browser is started for what is no page").with_hint(HINT));
    }
    let named = host.env("BROWSER").and_then(|list| list.split(':').next());
    let words: Vec<&str> = match command {
        Some(command) => command.words().collect(),
        None => named.unwrap_or_default().split_whitespace().collect(),
    };
    let cannot = |what: &str, error: io::Error| {
        rolecall::Error::config(format!("the browser does not start: {what}: {error}")).with_hint(HINT)
    };
    let Some((program, arguments)) = words.split_first() else {
        return match open::that_detached(url) {
            Ok(()) => Ok(None),
            Err(error) => Err(cannot("the system's own", error)),
        };
    };
    let (mut is_placed, mut browser) = (false, Command::new(program));
    for word in arguments {
        is_placed |= word.contains("%s");
        browser.arg(word.replace("%s", url));
    }
    if !is_placed {
        browser.arg(url);
    }
    let quiet = browser
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.spawn().map(Some).map_err(|error| cannot(program, error))
}

/// `https`, or a stand-in on a literal address of loopback.
fn may_be_opened(url: &str) -> bool {
    let local = [
        "http://127.0.0.1:",
        "http://127.0.0.1/",
        "http://[::1]:",
        "http://[::1]/",
    ];
    let is_plain = url.chars().all(|c| c.is_ascii_graphic()) && !url.contains('@');
    is_plain && (url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)))
}

/// Shows the page of a sign-in on stderr, and opens it where it may and can be opened.
pub(crate) fn show(host: &Host, page: &SignIn, opens: bool) {
    let opened = opens && place(host) == Browser::Here && open(host, &page.url);
    let mut text = if opened {
        format!(
            "A page to sign in to {} opens in the browser. If it does not, open it yourself:\n",
            plain(&page.to)
        )
    } else {
        format!("Open this page to sign in to {}:\n", plain(&page.to))
    };
    // Whole, however long: a part of it leads nowhere.
    let url: String = page.url.chars().filter(char::is_ascii_graphic).collect();
    text.push_str(&format!("\n  {url}\n\n"));
    if let Some(code) = &page.code {
        text.push_str(&format!(
            "Go on only if the page shows this very code: {}\n",
            plain(code)
        ));
    }
    // A closed stderr leaves nobody to tell, and the browser may be open all the same.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(pairs: &[(&str, &str)]) -> Host {
        pairs
            .iter()
            .fold(Host::builder(), |host, (name, value)| host.env(name, value))
            .build()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_browser_is_here_where_there_is_a_display() {
        let (ssh, display, browser) = (("SSH_CONNECTION", "1"), ("DISPLAY", ":0"), ("BROWSER", "x"));
        for (pairs, expected) in [
            (&[][..], Browser::Elsewhere),
            (&[display], Browser::Here),
            (&[browser], Browser::Here),
            (&[ssh], Browser::Elsewhere),
            (&[ssh, browser], Browser::Elsewhere),
            (&[ssh, display], Browser::Here),
        ] {
            assert_eq!(place(&host(pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn no_other_program_is_started_than_a_browser() {
        for good in [
            "https://a.example/x?y=1",
            "http://127.0.0.1:1/x",
            "http://[::1]:1/",
        ] {
            assert!(may_be_opened(good), "{good}");
        }
        let host = host(&[("BROWSER", "true")]);
        for bad in [
            "file:///etc/passwd",
            "http://a.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1:1@evil.example/",
            "--help",
            "https://a.example/ x",
            "javascript:alert(1)",
        ] {
            assert!(!open(&host, bad), "{bad}");
        }
    }
}
