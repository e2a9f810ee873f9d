//! The browser of whoever is at the machine, and the page of a sign-in in it.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use rolecall::Host;
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
    open_by(host, url, None)
}

/// Opens a page by this command, which is split at blanks as `BROWSER` is; without one as [`open`] does.
pub(crate) fn open_by(host: &Host, url: &str, command: Option<&str>) -> bool {
    // Whatever starts with another scheme may start another program than a browser.
    if !may_be_opened(url) {
        return false;
    }
    let chosen = command.or_else(|| host.env("BROWSER").and_then(|list| list.split(':').next()));
    let mut words = chosen.unwrap_or_default().split_whitespace();
    let Some(program) = words.next() else {
        return open::that_detached(url).is_ok();
    };
    let (mut is_placed, mut command) = (false, Command::new(program));
    for word in words {
        is_placed |= word.contains("%s");
        command.arg(word.replace("%s", url));
    }
    if !is_placed {
        command.arg(url);
    }
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.spawn().is_ok()
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
