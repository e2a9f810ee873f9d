//! What there is instead of a console.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::is_console;
use super::page::{facts, page, paragraph};
use crate::api::Answer;
use crate::call::Open;
use crate::clock;
use crate::state::{Actor, State};

const COOKIE: &str = "sandbox-console";

/// To the console's page, with the cookie that opens it. The address holds nothing that is secret.
pub(super) fn redirect(call: &Open<'_>, cookie: &str, destination: &str) -> Answer {
    let destination = utf8_percent_encode(destination, NON_ALPHANUMERIC);
    let location = format!("{}/_sandbox/console?destination={destination}", call.endpoint);
    Answer::empty(302)
        .header("location", location)
        .header(
            "set-cookie",
            format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"),
        )
        .header("cache-control", "no-store")
        .header("referrer-policy", "no-referrer")
}

/// The cookie of a request.
fn cookie<'a>(call: &'a Open<'_>) -> Option<&'a str> {
    let mut cookies = call.incoming.header("cookie")?.split(';');
    cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// `/_sandbox/console`: who is signed in, where to, and until when.
pub(crate) fn show(call: &Open<'_>, state: &State) -> Answer {
    let now = call.clock.session();
    let console = cookie(call)
        .and_then(|cookie| state.sign_ins.consoles.get(cookie))
        .filter(|console| now < console.expires);
    let Some(console) = console else {
        let why = "You are not signed in, or your session has ended. Sign in again with a new link.";
        return page(401, "Signed out", &paragraph(why));
    };
    let caller = &console.caller;
    let destination = call.incoming.query("destination").unwrap_or_default();
    let destination = Some(destination).filter(|destination| is_console(destination, call.endpoint));
    let (kind, name) = match &caller.actor {
        Actor::Role { name, session_name } => ("Role", format!("{name}/{session_name}")),
        Actor::Federated { name, .. } => ("Federated user", name.clone()),
        Actor::User(name) => ("User", name.clone()),
        Actor::Root => ("User", "root".to_owned()),
    };
    let account = caller.account.as_str();
    let named = state
        .accounts
        .get(&caller.account)
        .map(|account| account.name.as_str());
    let account = match named.filter(|name| !name.is_empty()) {
        Some(named) => format!("{named} ({account})"),
        None => account.to_owned(),
    };
    let until = clock::iso8601(console.expires);
    let body = format!(
        "{}<p><a href=\"/oauth?Action=logout\">Sign out</a></p>",
        facts(&[
            ("Account", &account),
            (kind, &name),
            ("Acts as", caller.principal.arn()),
            ("Destination", destination.unwrap_or("the console's home")),
            ("Signed in until", &until),
        ])
    );
    page(200, "AWS Management Console (sandbox)", &body)
}

/// Ends the console session that the cookie opens.
pub(super) fn logout(call: &Open<'_>, state: &mut State) -> Answer {
    if let Some(cookie) = cookie(call) {
        state.sign_ins.consoles.remove(cookie);
    }
    page(200, "Signed out", &paragraph("You are signed out.")).header(
        "set-cookie",
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
    )
}
