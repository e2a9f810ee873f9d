//! The federation endpoint: who may sign in to the console, for how long, and that nothing secret is left behind.

use std::time::Duration;

use aws_credential_types::Credentials;
use rolecall_sandbox::Sandbox;
use serde_json::json;

use crate::common::{Answer, BLAH, assume, query, user};
use crate::identity_center;
use crate::rest::{form, get, post_form, rest};

const HOME: &str = "https://console.aws.amazon.com/s3/home?region=eu-central-1";

fn session_json(credentials: &Credentials) -> String {
    json!({
        "sessionId": credentials.access_key_id(),
        "sessionKey": credentials.secret_access_key(),
        "sessionToken": credentials.session_token().unwrap_or_default(),
    })
    .to_string()
}

fn signin_token(sandbox: &Sandbox, method: &str, session: &str, seconds: Option<&str>) -> Answer {
    let mut fields = vec![("Action", "getSigninToken"), ("Session", session)];
    fields.extend(seconds.map(|seconds| ("SessionDuration", seconds)));
    match method {
        "GET" => get(sandbox, "/federation", &fields),
        _ => post_form(sandbox, "/federation", &fields),
    }
}

fn joe_as_blah(sandbox: &Sandbox) -> Credentials {
    assume(sandbox, &user(sandbox, "joe.bloggs"), BLAH, &[]).credentials()
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["SigninToken"]
        .as_str()
        .expect("a test's own helper")
        .to_owned()
}

fn login(sandbox: &Sandbox, token: &str, destination: &str) -> Answer {
    let fields = [
        ("Action", "login"),
        ("Issuer", "https://rolecall.example"),
        ("Destination", destination),
        ("SigninToken", token),
    ];
    get(sandbox, "/federation", &fields)
}

/// Follows a login to the console's page.
fn console(sandbox: &Sandbox, login: &Answer) -> Answer {
    assert_eq!(login.status, 302, "{}", login.body);
    let location = login.header("location").expect("a test's own helper");
    let path = location
        .strip_prefix(sandbox.endpoint())
        .expect("a test's own helper");
    let cookie = login.header("set-cookie").expect("a test's own helper");
    assert!(cookie.contains("HttpOnly"));
    let cookie = cookie.split(';').next().expect("a test's own helper");
    rest(sandbox, "GET", path, &[("cookie", cookie)], "")
}

#[test]
fn only_real_role_sessions_and_federated_users_get_a_token() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let blah = joe_as_blah(&sandbox);
    for method in ["GET", "POST"] {
        let answer = signin_token(&sandbox, method, &session_json(&blah), None);
        let token = token_of(&answer);
        assert!(token.starts_with("CANARYTOKEN"));
        assert!(!sandbox.secrets().leaks_in(token.as_bytes()).is_empty());
    }
    // As `quote_plus` of Python encodes it, which AWS's own example uses ("Example code using IAM query API operations").
    let spaced = session_json(&blah).replace("\":\"", "\": \"");
    let plus = form(&[("Action", "getSigninToken"), ("Session", &spaced)]).replace("%20", "+");
    assert!(plus.contains('+'));
    token_of(&rest(&sandbox, "GET", &format!("/federation?{plus}"), &[], ""));
    let of_user = query(&sandbox, &joe, "sts", "GetSessionToken", &[]).credentials();
    let part = |id: &str, key: &str, token: &str| {
        json!({"sessionId": id, "sessionKey": key, "sessionToken": token}).to_string()
    };
    let (id, key) = (blah.access_key_id(), blah.secret_access_key());
    let token = blah.session_token().unwrap();
    let other = joe_as_blah(&sandbox);
    let table = [
        ("an unknown key", part("ASIACANARYNOBODY0000", key, token)),
        ("a wrong secret", part(id, "wrong", token)),
        (
            "another session's secret",
            part(id, other.secret_access_key(), token),
        ),
        ("a wrong token", part(id, key, "wrong")),
        (
            "another session's token",
            part(id, key, other.session_token().unwrap()),
        ),
        (
            "no token",
            json!({"sessionId": id, "sessionKey": key}).to_string(),
        ),
        ("a long-term key", session_json(&joe)),
        ("GetSessionToken", session_json(&of_user)),
        ("no JSON", "sessionId".to_owned()),
        ("another JSON", "[1]".to_owned()),
        ("nothing", String::new()),
    ];
    for (what, session) in table {
        for method in ["GET", "POST"] {
            let answer = signin_token(&sandbox, method, &session, None);
            assert_eq!(answer.status, 400, "{what}: {}", answer.body);
            assert!(
                sandbox.secrets().leaks_in(answer.body.as_bytes()).is_empty(),
                "{what}"
            );
        }
    }
    assert_eq!(
        get(&sandbox, "/federation", &[("Action", "elsewhere")]).status,
        400
    );
    sandbox.advance(Duration::from_secs(3600));
    assert_eq!(
        signin_token(&sandbox, "GET", &session_json(&blah), None).status,
        400
    );
}

#[test]
fn session_duration_is_for_unchained_roles_by_get() {
    let sandbox = Sandbox::builder().start().unwrap();
    let blah = joe_as_blah(&sandbox);
    let chained = assume(
        &sandbox,
        &blah,
        "arn:aws:iam::666666666666:role/team/ChainedRole",
        &[],
    )
    .credentials();
    let table = [
        (&blah, "GET", Some("900"), 200),
        (&blah, "GET", Some("43200"), 200),
        (&blah, "GET", Some("899"), 400),
        (&blah, "GET", Some("43201"), 400),
        (&blah, "GET", Some("-900"), 400),
        (&blah, "GET", Some("an hour"), 400),
        (&blah, "GET", Some("99999999999999999999999"), 400),
        (&blah, "POST", Some("3600"), 400),
        (&blah, "POST", None, 200),
        (&chained, "GET", Some("900"), 400),
        (&chained, "GET", None, 200),
    ];
    for (credentials, method, seconds, expected) in table {
        let answer = signin_token(&sandbox, method, &session_json(credentials), seconds);
        assert_eq!(answer.status, expected, "{method} {seconds:?}: {}", answer.body);
    }
    // A console outlives its credentials where that was asked for, and else ends with them.
    let short = token_of(&signin_token(&sandbox, "GET", &session_json(&blah), None));
    let long = token_of(&signin_token(&sandbox, "GET", &session_json(&blah), Some("7200")));
    let (short, long) = (login(&sandbox, &short, HOME), login(&sandbox, &long, HOME));
    assert_eq!(console(&sandbox, &short).status, 200);
    sandbox.advance(Duration::from_secs(3600));
    assert_eq!(console(&sandbox, &short).status, 401);
    assert_eq!(console(&sandbox, &long).status, 200);
    sandbox.advance(Duration::from_secs(3600));
    assert_eq!(console(&sandbox, &long).status, 401);
}

#[test]
fn logging_in_leads_to_the_console_and_out_again() {
    let sandbox = Sandbox::builder().start().unwrap();
    let token = token_of(&signin_token(
        &sandbox,
        "POST",
        &session_json(&joe_as_blah(&sandbox)),
        None,
    ));
    let answer = login(&sandbox, &token, HOME);
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!(
        "{}/_sandbox/console?destination=https",
        sandbox.endpoint()
    )));
    assert!(sandbox.secrets().leaks_in(location.as_bytes()).is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = console(&sandbox, &answer);
    assert_eq!(page.status, 200);
    for text in [
        "<html lang=\"en\">",
        "<title>AWS Management Console (sandbox)</title>",
        "<dd>666666666666</dd>",
        "<dd>BlahRole/test</dd>",
        "<dd>arn:aws:sts::666666666666:assumed-role/BlahRole/test</dd>",
        "<dd>https://console.aws.amazon.com/s3/home?region=eu-central-1</dd>",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(sandbox.secrets().leaks_in(page.body.as_bytes()).is_empty());
    // Nobody without the cookie.
    let path = location.strip_prefix(sandbox.endpoint()).unwrap();
    assert_eq!(rest(&sandbox, "GET", path, &[], "").status, 401);
    assert_eq!(
        rest(
            &sandbox,
            "GET",
            path,
            &[("cookie", "sandbox-console=CANARYTOKEN")],
            ""
        )
        .status,
        401
    );
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap();
    let out = rest(&sandbox, "GET", "/oauth?Action=logout", &[("cookie", cookie)], "");
    assert_eq!(out.status, 200);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(console(&sandbox, &answer).status, 401);
    // The call log knows the operations, and nothing that is secret.
    let calls = format!("{:?}", sandbox.calls());
    assert!(
        calls.contains("\"getSigninToken\"") && calls.contains("\"login\"") && calls.contains("\"logout\"")
    );
    assert!(sandbox.secrets().leaks_in(calls.as_bytes()).is_empty());
}

#[test]
fn links_end_and_lead_to_the_console_only() {
    let sandbox = Sandbox::builder().start().unwrap();
    let token = token_of(&signin_token(
        &sandbox,
        "POST",
        &session_json(&joe_as_blah(&sandbox)),
        None,
    ));
    let own = format!("{}/_sandbox/console", sandbox.endpoint());
    for (destination, expected) in [
        (HOME, 302),
        ("https://console.aws.amazon.com", 302),
        (
            "https://eu-west-1.console.aws.amazon.com/lambda/home#/functions",
            302,
        ),
        ("https://console.amazonaws-us-gov.com/", 302),
        ("https://console.amazonaws.cn/ec2", 302),
        (own.as_str(), 302),
        ("https://example.com/", 400),
        ("https://evilconsole.aws.amazon.com/", 400),
        ("https://console.aws.amazon.com.example.com/", 400),
        ("https://console.aws.amazon.com@example.com/", 400),
        ("https://example.com\\.console.aws.amazon.com/", 400),
        ("http://console.aws.amazon.com/", 400),
        ("javascript:alert(1)", 400),
        ("//console.aws.amazon.com/", 400),
        (&format!("{}0/", sandbox.endpoint()), 400),
        ("", 400),
    ] {
        let answer = login(&sandbox, &token, destination);
        assert_eq!(answer.status, expected, "{destination}: {}", answer.body);
    }
    let changed = format!("{}A", &token[..token.len() - 1]);
    for wrong in [changed.as_str(), "", "CANARYTOKEN"] {
        let answer = login(&sandbox, wrong, HOME);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("<title>Sign-in did not work</title>"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    // Credentials that end take their links along.
    let quarter = [("DurationSeconds", "900")];
    let short = assume(&sandbox, &user(&sandbox, "joe.bloggs"), BLAH, &quarter).credentials();
    sandbox.advance(Duration::from_secs(300));
    let of_short = token_of(&signin_token(&sandbox, "POST", &session_json(&short), None));
    assert_eq!(login(&sandbox, &of_short, HOME).status, 302);
    sandbox.advance(Duration::from_secs(600));
    assert_eq!(login(&sandbox, &of_short, HOME).status, 400);

    let token = token_of(&signin_token(
        &sandbox,
        "POST",
        &session_json(&joe_as_blah(&sandbox)),
        None,
    ));
    let fields = [
        ("Action", "login"),
        ("Destination", HOME),
        ("SigninToken", &token),
    ];
    assert_eq!(post_form(&sandbox, "/federation", &fields).status, 302);
    sandbox.advance(Duration::from_secs(899));
    assert_eq!(login(&sandbox, &token, HOME).status, 302);
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(login(&sandbox, &token, HOME).status, 400);
}

#[test]
fn sessions_of_identity_center_sign_in_too() {
    let sandbox = identity_center::start();
    let token = identity_center::access_token(&sandbox, "ann");
    let (reader, _) = identity_center::enter(&sandbox, &token, identity_center::A, "Reader");
    let answer = signin_token(&sandbox, "GET", &session_json(&reader), Some("28800"));
    let page = console(&sandbox, &login(&sandbox, &token_of(&answer), HOME));
    assert!(page.body.contains("/ann</dd>"), "{}", page.body);
}

#[test]
fn switch_role_links_are_checked() {
    let sandbox = Sandbox::builder().start().unwrap();
    let ask =
        |fields: &[(&str, &str)]| rest(&sandbox, "GET", &format!("/switchrole?{}", form(fields)), &[], "");
    let account = ("account", "666666666666");
    let page = ask(&[
        account,
        ("roleName", "team/ChainedRole"),
        ("displayName", "<Prod>"),
        ("color", "f2b0a9"),
    ]);
    assert_eq!(page.status, 200);
    for text in [
        "<title>Switch role</title>",
        "<dd>arn:aws:iam::666666666666:role/team/ChainedRole</dd>",
        "<dd>&lt;Prod&gt;</dd>",
        "<dd>f2b0a9</dd>",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let page = ask(&[account, ("roleName", "BlahRole")]);
    assert!(
        page.body.contains("<dd>BlahRole @ 666666666666</dd>"),
        "{}",
        page.body
    );
    for wrong in [
        &[account][..],
        &[("roleName", "BlahRole")],
        &[("account", "999999999999"), ("roleName", "BlahRole")],
        &[("account", "nobody"), ("roleName", "BlahRole")],
        &[account, ("roleName", "blahrole")],
        &[account, ("roleName", "ChainedRole")],
        &[account, ("roleName", "BlahRole"), ("color", "#f2b0a9")],
        &[account, ("roleName", "BlahRole"), ("color", "red")],
    ] {
        assert_eq!(ask(wrong).status, 400, "{wrong:?}");
    }
}
