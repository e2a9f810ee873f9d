//! The device authorization grant (RFC 8628): a code for the device, a shorter one for the person, and the page where the
//! person says yes.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{DEVICE_CODE, Input, center, client, invalid, refusal};
use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::ids;
use crate::signin::page::{facts, hidden, page, paragraph, users};
use crate::state::{Device, State, Verdict};

/// "expiresIn: the number of seconds in which the verification code will become invalid".
const LIFETIME: Duration = Duration::from_secs(600);
/// How often a client may ask, in seconds.
pub(super) const INTERVAL: u64 = 1;

pub(super) fn start(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let input = Input::of(call)?;
    let now = call.clock.session();
    let recorder = state.recorder.clone();
    let center = center(state)?;
    let (client_id, client) = client(center, &input, now)?;
    if !client.may(DEVICE_CODE) {
        return Err(refusal(
            "UnauthorizedClientException",
            "The client is not authorized to use the device authorization grant",
        ));
    }
    if !center.is_start_url(input.required("startUrl")?) {
        return Err(invalid("Invalid startUrl provided"));
    }
    let (device_code, user_code) = (ids::token(), ids::user_code());
    recorder.token(&client_id, &device_code);
    let page = format!("{}/_sandbox/device", call.endpoint);
    let answer = json!({
        "deviceCode": device_code,
        "userCode": user_code,
        "verificationUri": page,
        "verificationUriComplete": format!("{page}?user_code={user_code}"),
        "expiresIn": LIFETIME.as_secs(),
        "interval": INTERVAL,
    });
    let device = Device {
        client_id,
        user_code,
        expires: now + LIFETIME,
        verdict: Verdict::Pending,
        asked: None,
    };
    center.signed_in.forget(now);
    center.signed_in.devices.insert(device_code, device);
    Ok(Answer::json(&answer))
}

/// `/_sandbox/device`: the page for a person, and the same as JSON for a test.
pub(crate) fn verification(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let json = call
        .incoming
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    if call.incoming.method != Method::POST {
        return Ok(show(call, state));
    }
    if json {
        return said_as_json(call, state);
    }
    let find = |name| call.params.find(name).unwrap_or_default();
    let approve = find("decision") == "approve";
    Ok(match say(call, state, find("user_code"), find("user"), approve) {
        Ok(()) if approve => approved(),
        Ok(()) => page(200, "Request denied", &paragraph("The device was not signed in.")),
        Err(why) => page(400, "That did not work", &paragraph(why)),
    })
}

fn approved() -> Answer {
    page(
        200,
        "Request approved",
        &paragraph("The device is signed in now. You can close this window."),
    )
}

fn said_as_json(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let input = Input::of(call)?;
    let approve = input.0.get("approve").and_then(Value::as_bool).unwrap_or(true);
    let user = input.find("user")?.unwrap_or_default();
    say(call, state, input.required("user_code")?, user, approve)
        .map(|()| Answer::json(&json!({"ok": true})))
        .map_err(|why| Refusal::new(404, "NotFound", why))
}

/// Lets a person say yes or no to a waiting device.
fn say(
    call: &Open<'_>,
    state: &mut State,
    user_code: &str,
    user: &str,
    approve: bool,
) -> Result<(), &'static str> {
    const NO_CODE: &str = "There is no request with this code, or it is no longer waiting.";
    let now = call.clock.session();
    let center = state.identity_center.as_mut().ok_or(NO_CODE)?;
    if approve && !center.users.contains(user) {
        return Err("The directory has no such user.");
    }
    if approve {
        return center.approve(user_code, user, now).then_some(()).ok_or(NO_CODE);
    }
    center.signed_in.waiting(user_code, now).ok_or(NO_CODE)?.verdict = Verdict::Denied;
    Ok(())
}

fn show(call: &Open<'_>, state: &mut State) -> Answer {
    let now = call.clock.session();
    let typed = call.incoming.query("user_code").unwrap_or_default();
    let title = "Authorize a device";
    let field = "<form method=\"get\" action=\"/_sandbox/device\"><label for=\"user_code\">Code that the device shows\
        </label><input id=\"user_code\" name=\"user_code\" autocomplete=\"off\" required><br>\
        <button type=\"submit\">Continue</button></form>";
    let Some(center) = state.identity_center.as_mut() else {
        return page(404, title, &paragraph("This world has no IAM Identity Center."));
    };
    if typed.is_empty() {
        return page(200, title, field);
    }
    let waiting = center.signed_in.waiting(typed, now);
    let Some((user_code, client_id)) =
        waiting.map(|device| (device.user_code.clone(), device.client_id.clone()))
    else {
        let why = paragraph("There is no request with this code, or it is no longer waiting.");
        return page(404, title, &format!("{why}{field}"));
    };
    if let Some(user) = center.browser.clone() {
        center.approve(&user_code, &user, now);
        return approved();
    }
    let client = center.signed_in.clients.get(&client_id);
    let name = client.map_or("", |client| client.name.as_str());
    let form = format!(
        "{}{}<form method=\"post\" action=\"/_sandbox/device\">{}{}<br>\
         <button type=\"submit\" name=\"decision\" value=\"approve\">Confirm and continue</button>\
         <button type=\"submit\" name=\"decision\" value=\"deny\" formnovalidate>Deny</button></form>",
        paragraph("Confirm only if you started this yourself and the code is the one that you see there."),
        facts(&[
            ("Code", user_code.as_str()),
            ("Client", name),
            ("Start URL", center.start_url.as_str()),
            ("Region", center.region.as_str())
        ]),
        hidden([("user_code", user_code.as_str())]),
        users(&center.users),
    );
    page(200, title, &form)
}
