//! The page of links: one file that needs no network, holds no credential, and lists everything without its script too.

use std::fmt::Write as _;

use rolecall::error::is_hidden;
use rolecall::{Partition, RoleArn};

use super::all::{Account, Entry};

/// By this a page of ours is known, and may be written over.
const MARKER: &str = "<!-- rolecall switch-role: written by a machine, and written over by it -->";
const BEGIN: &str = "<!doctype html>\n";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// The SHA-256 of the two, in base64: nothing else may style the page or run in it, whatever a name holds.
const STYLE_HASH: &str = "KVH/Esergj8FdlJtl0eOqamYO48rlU4H2Udw8LOYNrE=";
const SCRIPT_HASH: &str = "9VdupWU963Rz796S4w1RRm52RkUW6Lr9jIHskN001NA=";

/// Whether a file's text is such a page.
pub(super) fn is_ours(text: &str) -> bool {
    text.strip_prefix(BEGIN)
        .is_some_and(|rest| rest.starts_with(MARKER))
}

/// The page. The same accounts make the same text.
pub(super) fn render(accounts: &[Account]) -> String {
    let roles = accounts.iter().map(|account| account.entries.len()).sum();
    let mut out = String::with_capacity(8192 + 640 * roles);
    out.push_str(BEGIN);
    out.push_str(MARKER);
    let total = format!(
        "{} in {}",
        counted(roles, "role"),
        counted(accounts.len(), "account")
    );
    let _ = write!(
        out,
        r#"
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; script-src 'sha256-{SCRIPT_HASH}'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Switch role</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<div class="bar">
<h1>Switch role</h1>
<div id="tools" role="search" hidden>
<label for="q">Search</label>
<input id="q" type="search" autocomplete="off" spellcheck="false" aria-describedby="count" aria-keyshortcuts="/" placeholder="account, role or profile">
<kbd aria-hidden="true">/</kbd>
</div>
<p id="count" role="status">{total}</p>
</div>
</header>
<main>
<p class="lead">Sign in to the AWS console, then follow a link: the console switches to the role with the identity you signed in with. There is no credential in this page.</p>
<p id="none" hidden>No role fits this search.</p>
"#
    );
    for account in accounts {
        section(&mut out, account);
    }
    let _ = write!(
        out,
        "</main>\n<footer>Written by <code>rolecall switch-role --all</code>. <span id=\"keys\" hidden><kbd>/</kbd> searches, <kbd>Enter</kbd> opens the first role, <kbd>↑</kbd> <kbd>↓</kbd> go from role to role, <kbd>Esc</kbd> begins anew.</span></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn section(out: &mut String, account: &Account) {
    let id = account.id.as_str();
    let known = &account.known;
    out.push_str("<section>\n<h2>");
    match known.name.as_ref().or(known.alias.as_ref()) {
        Some(name) => {
            let _ = write!(out, "<bdi>{}</bdi> <span class=\"id\">{id}</span>", text(name));
        }
        None => {
            let _ = write!(out, "<span class=\"id\">{id}</span>");
        }
    }
    if let (Some(_), Some(alias)) = (&known.name, &known.alias) {
        let _ = write!(out, " <bdi class=\"alias\">{}</bdi>", text(alias));
    }
    out.push_str("</h2>\n<ul>\n");
    for entry in &account.entries {
        row(out, entry);
    }
    out.push_str("</ul>\n</section>\n");
}

fn row(out: &mut String, entry: &Entry) {
    match &entry.link {
        Ok(link) => {
            let _ = write!(
                out,
                "<li><a href=\"{}\" rel=\"noreferrer\" title=\"shown as {}\">{}</a>",
                text(&link.url),
                text(&link.display_name),
                name(&entry.role)
            );
        }
        Err(_) => {
            let _ = write!(out, "<li class=\"dead\"><span>{}</span>", name(&entry.role));
        }
    }
    out.push_str("<span class=\"tags\">");
    if let Some(color) = entry.link.as_ref().ok().and_then(|link| link.color) {
        let _ = write!(
            out,
            "<svg class=\"color\" viewBox=\"0 0 1 1\" role=\"img\" aria-label=\"colour {color}\"><rect width=\"1\" height=\"1\" fill=\"#{color}\"/></svg>"
        );
    }
    if entry.role.partition() != Partition::Aws {
        let _ = write!(
            out,
            " <span class=\"partition\">{}</span>",
            entry.role.partition()
        );
    }
    for profile in &entry.profiles {
        let _ = write!(out, " <bdi class=\"profile\">{}</bdi>", text(profile));
    }
    out.push_str("</span>");
    if let Err(reason) = &entry.link {
        let _ = write!(out, " <small>No link: {}.</small>", text(reason));
    }
    for note in &entry.notes {
        let _ = write!(out, " <small>{}.</small>", text(&sentence(note)));
    }
    out.push_str("</li>\n");
}

/// The name, with its path before it.
fn name(role: &RoleArn) -> String {
    let path = role.path().trim_start_matches('/');
    if path.is_empty() {
        return format!("<b>{}</b>", text(role.name()));
    }
    format!(
        "<span class=\"path\">{}</span><b>{}</b>",
        text(path),
        text(role.name())
    )
}

/// Text as HTML has it, in an attribute too. What is not seen is shown as a mark: it could turn what stands beside it.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_hidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A clause as a sentence begins, but for names, which begin as they are.
fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

fn counted(number: usize, what: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use rolecall::index::IndexedAccount;
    use sha2::{Digest as _, Sha256};

    use super::super::all::Link;
    use super::*;

    /// A browser that does not know them runs nothing: the search would be gone, and no other test would say so.
    #[test]
    fn the_hashes_are_those_of_the_style_and_the_script() {
        for (what, hash) in [(STYLE, STYLE_HASH), (SCRIPT, SCRIPT_HASH)] {
            let own = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(what));
            assert_eq!(own, hash);
        }
    }

    fn page(name: &str, role: &str, profile: &str, reason: Option<&str>) -> String {
        let role: RoleArn = format!("arn:aws:iam::666666666666:role/{role}").parse().unwrap();
        let link = match reason {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(Link {
                url: "https://signin.aws.amazon.com/switchrole?account=666666666666&roleName=x".to_owned(),
                display_name: name.to_owned(),
                color: Some("red".parse().unwrap()),
            }),
        };
        render(&[Account {
            id: role.account(),
            known: IndexedAccount {
                name: Some(name.to_owned()),
                alias: Some(name.to_owned()),
            },
            entries: vec![Entry {
                role,
                profiles: vec![profile.to_owned()],
                link,
                notes: vec![name.to_owned()],
            }],
        }])
    }

    #[test]
    fn no_name_is_markup() {
        const BAD: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;";
        let plain = page("a", "x", "a", None);
        let tags = |page: &str| page.matches('<').count();
        let hostile = page(BAD, "\"'><script>alert(1)</script>/x", BAD, None);
        // Nothing but the path's own element is more.
        assert_eq!(tags(&hostile), tags(&plain) + 2);
        assert!(
            !hostile.contains("<script>alert") && !hostile.contains("<img"),
            "{hostile}"
        );
        assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(!page("a", "x", "a", Some(BAD)).contains("<img"));
        let turned = page("a\u{202e}b", "x", "a", None);
        assert!(turned.contains("a\u{fffd}b") && !turned.contains('\u{202e}'));
    }

    #[test]
    fn a_page_is_known_again_and_nothing_else_is() {
        let ours = page("a", "x", "a", None);
        assert!(is_ours(&ours));
        assert_eq!(ours, page("a", "x", "a", None));
        for other in ["", "<!doctype html>\n<html>", &format!("x{ours}"), MARKER] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (number, expected) in [
            (0, "0 roles"),
            (1, "1 role"),
            (999, "999 roles"),
            (1000, "1,000 roles"),
            (12_345_678, "12,345,678 roles"),
        ] {
            assert_eq!(counted(number, "role"), expected);
        }
    }
}
