//! Clients, devices and tokens.

use std::time::Duration;

use rolecall_sandbox::Sandbox;
use serde_json::{Value, json};

use super::{DEVICE_GRANT, START, portal, register, sign_in, start, start_device, token};
use crate::rest::{get, post_form, post_json};

#[test]
fn clients_are_held_to_the_rules_of_registration() {
    let sandbox = start();
    let ask = |input: &Value| post_json(&sandbox, "/client/register", input);
    let good = json!({"clientName": "test", "clientType": "public", "scopes": ["sso:account:access"]});
    let answer = ask(&good).json();
    let (issued, expires) = (&answer["clientIdIssuedAt"], &answer["clientSecretExpiresAt"]);
    assert!(expires.as_u64().unwrap() > issued.as_u64().unwrap() + 86_400);
    let secret = answer["clientSecret"].as_str().unwrap();
    assert!(secret.starts_with("CANARYSECRET"));
    assert!(!sandbox.secrets().leaks_in(secret.as_bytes()).is_empty());

    let table = [
        (json!({"clientName": null}), "400 InvalidRequestException"),
        (json!({"clientName": 5}), "400 InvalidRequestException"),
        (
            json!({"clientType": "confidential"}),
            "400 InvalidClientMetadataException",
        ),
        (json!({"scopes": ["everything"]}), "400 InvalidScopeException"),
        (
            json!({"grantTypes": ["password"]}),
            "400 UnsupportedGrantTypeException",
        ),
        (
            json!({"grantTypes": ["authorization_code"]}),
            "400 InvalidRequestException",
        ),
        (
            json!({"redirectUris": ["http://evil.example/"]}),
            "400 InvalidRedirectUriException",
        ),
        (
            json!({"redirectUris": ["http://127.0.0.1.evil.example/"]}),
            "400 InvalidRedirectUriException",
        ),
        (
            json!({"issuerUrl": "https://other.awsapps.com/start"}),
            "400 InvalidRequestException",
        ),
    ];
    for (change, code) in table {
        let mut input = good.clone();
        for (name, value) in change.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = ask(&input);
        assert_eq!(answer.error(), code, "{change}");
        let body = answer.json();
        assert!(
            body["error"].is_string() && body["error_description"].is_string(),
            "{body}"
        );
    }
    let empty = Sandbox::builder().start().unwrap();
    let answer = post_json(&empty, "/client/register", &good);
    assert_eq!(answer.error(), "400 InvalidRequestException");
}

#[test]
fn a_device_waits_for_its_person() {
    let sandbox = start();
    let client = register(&sandbox, &json!({}));
    let device = start_device(&sandbox, &client);
    let (code, user_code) = (device["deviceCode"].clone(), device["userCode"].as_str().unwrap());
    let ask = |code: &Value| {
        token(
            &sandbox,
            &client,
            &json!({"grantType": DEVICE_GRANT, "deviceCode": code}),
        )
    };
    let pending = ask(&code);
    assert_eq!(pending.error(), "400 AuthorizationPendingException");
    assert_eq!(pending.json()["error"], "authorization_pending");
    // On a machine that stands still for a second between two calls, none of them is hasty.
    let hasty = (0..20)
        .map(|_| ask(&code))
        .find(|answer| answer.error() != "400 AuthorizationPendingException")
        .unwrap();
    assert_eq!(hasty.error(), "400 SlowDownException");
    assert_eq!(hasty.json()["error"], "slow_down");
    sandbox.advance(Duration::from_secs(device["interval"].as_u64().unwrap()));
    assert_eq!(ask(&code).error(), "400 AuthorizationPendingException");
    assert!(!sandbox.approve_device(user_code, "nobody"));
    assert!(!sandbox.approve_device("AAAA-AAAA", "ann"));
    assert!(sandbox.approve_device(&user_code.to_lowercase().replace('-', ""), "ann"));
    assert!(!sandbox.approve_device(user_code, "ann"), "it no longer waits");
    let answer = ask(&code);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["tokenType"], "Bearer");
    assert_eq!(answer["expiresIn"], 28_800);
    for name in ["accessToken", "refreshToken"] {
        let text = answer[name].as_str().unwrap();
        assert!(text.starts_with("CANARYTOKEN"));
        assert!(!sandbox.secrets().leaks_in(text.as_bytes()).is_empty(), "{name}");
    }
    // Once is all a code is good for.
    assert_eq!(ask(&code).error(), "400 InvalidGrantException");
    assert_eq!(ask(&json!("CANARYTOKEN")).error(), "400 InvalidGrantException");

    // Another one is denied, another one is too late.
    let device = start_device(&sandbox, &client);
    let denied = json!({"user_code": device["userCode"], "approve": false});
    assert_eq!(post_json(&sandbox, "/_sandbox/device", &denied).status, 200);
    let answer = ask(&device["deviceCode"]);
    assert_eq!(answer.error(), "400 AccessDeniedException");
    assert_eq!(answer.json()["error"], "access_denied");
    let device = start_device(&sandbox, &client);
    sandbox.advance(Duration::from_secs(device["expiresIn"].as_u64().unwrap()));
    assert_eq!(ask(&device["deviceCode"]).error(), "400 ExpiredTokenException");
    assert!(!sandbox.approve_device(device["userCode"].as_str().unwrap(), "ann"));
}

#[test]
fn clients_prove_who_they_are_and_keep_to_what_they_registered() {
    let sandbox = start();
    let client = register(&sandbox, &json!({}));
    let other = register(&sandbox, &json!({}));
    let input = |client: &(String, String), start: &str| json!({"clientId": client.0, "clientSecret": client.1, "startUrl": start});
    let ask = |input: &Value| post_json(&sandbox, "/device_authorization", input).error();
    assert_eq!(ask(&input(&client, START)), "200");
    assert_eq!(ask(&input(&client, &format!("{START}/#"))), "200");
    assert_eq!(
        ask(&input(&client, "https://other.awsapps.com/start")),
        "400 InvalidRequestException"
    );
    let mixed = (client.0.clone(), other.1.clone());
    assert_eq!(ask(&input(&mixed, START)), "401 InvalidClientException");
    let unknown = ("nobody".to_owned(), client.1.clone());
    assert_eq!(ask(&input(&unknown, START)), "401 InvalidClientException");

    // A code belongs to the client that asked for it.
    let device = start_device(&sandbox, &client);
    assert!(sandbox.approve_device(device["userCode"].as_str().unwrap(), "ann"));
    let fields = json!({"grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"]});
    assert_eq!(
        token(&sandbox, &mixed, &fields).error(),
        "401 InvalidClientException"
    );
    assert_eq!(
        token(&sandbox, &other, &fields).error(),
        "400 InvalidGrantException"
    );
    let more = |name: &str, value: Value| {
        let mut fields = fields.clone();
        fields[name] = value;
        fields
    };
    for (fields, code) in [
        (
            more("grantType", json!("password")),
            "400 UnsupportedGrantTypeException",
        ),
        (
            more("grantType", json!("authorization_code")),
            "400 UnauthorizedClientException",
        ),
        (more("grantType", Value::Null), "400 InvalidRequestException"),
        (more("deviceCode", Value::Null), "400 InvalidRequestException"),
        (more("deviceCode", json!([1])), "400 InvalidRequestException"),
    ] {
        assert_eq!(token(&sandbox, &client, &fields).error(), code, "{fields}");
    }
    assert_eq!(
        post_json(&sandbox, "/token", &json!([])).error(),
        "400 InvalidRequestException"
    );
    assert_eq!(token(&sandbox, &client, &fields).error(), "200");

    let codes_only = register(
        &sandbox,
        &json!({"grantTypes": ["authorization_code"], "redirectUris": ["http://127.0.0.1/cb"], "issuerUrl": START}),
    );
    assert_eq!(ask(&input(&codes_only, START)), "400 UnauthorizedClientException");
    // Registrations end.
    sandbox.advance(Duration::from_secs(90 * 86_400));
    assert_eq!(ask(&input(&client, START)), "401 InvalidClientException");
}

#[test]
fn refresh_tokens_are_good_for_once() {
    let sandbox = start();
    let (client, first) = sign_in(&sandbox, "ann");
    let refresh = |client: &(String, String), text: &Value, scope: Value| {
        let fields = json!({"grantType": "refresh_token", "refreshToken": text, "scope": scope});
        token(&sandbox, client, &fields)
    };
    let other = register(&sandbox, &json!({}));
    let of_first = &first["refreshToken"];
    assert_eq!(
        refresh(&other, of_first, Value::Null).error(),
        "400 InvalidGrantException"
    );
    // The access token ends, the refresh token does not.
    let accounts = |token: &Value| {
        portal(
            &sandbox,
            token.as_str().unwrap(),
            "GET",
            "/assignment/accounts",
            &[],
        )
        .error()
    };
    assert_eq!(accounts(&first["accessToken"]), "200");
    sandbox.advance(Duration::from_secs(28_800));
    assert_eq!(accounts(&first["accessToken"]), "401 UnauthorizedException");
    let second = refresh(&client, of_first, Value::Null);
    assert_eq!(second.error(), "200");
    let second = second.json();
    assert_eq!(accounts(&second["accessToken"]), "200");
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    assert_eq!(
        refresh(&client, of_first, Value::Null).error(),
        "400 InvalidGrantException"
    );
    assert_eq!(
        refresh(&client, &second["refreshToken"], json!(["openid"])).error(),
        "400 InvalidScopeException"
    );
    // Signing out ends both.
    let signed_in = sign_in(&sandbox, "ann");
    let access = signed_in.1["accessToken"].as_str().unwrap();
    let untouched = sign_in(&sandbox, "ann");
    assert_eq!(portal(&sandbox, access, "POST", "/logout", &[]).error(), "200");
    assert_eq!(
        portal(&sandbox, access, "POST", "/logout", &[]).error(),
        "401 UnauthorizedException"
    );
    assert_eq!(accounts(&signed_in.1["accessToken"]), "401 UnauthorizedException");
    assert_eq!(
        refresh(&signed_in.0, &signed_in.1["refreshToken"], Value::Null).error(),
        "400 InvalidGrantException"
    );
    assert_eq!(accounts(&untouched.1["accessToken"]), "200");
    // Without the scope there is nothing to refresh.
    let client = register(&sandbox, &json!({"scopes": []}));
    let device = start_device(&sandbox, &client);
    assert!(sandbox.approve_device(device["userCode"].as_str().unwrap(), "ann"));
    let fields = json!({"grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"]});
    let answer = token(&sandbox, &client, &fields).json();
    assert!(answer["refreshToken"].is_null());
    assert_eq!(accounts(&answer["accessToken"]), "200");
}

#[test]
fn a_person_confirms_on_a_page() {
    let sandbox = start();
    let client = register(&sandbox, &json!({"clientName": "<script>alert('x')</script>\"&"}));
    let device = start_device(&sandbox, &client);
    let user_code = device["userCode"].as_str().unwrap();
    let complete = device["verificationUriComplete"].as_str().unwrap();
    assert_eq!(
        complete,
        format!("{}/_sandbox/device?user_code={user_code}", sandbox.endpoint())
    );
    let page = get(&sandbox, "/_sandbox/device", &[("user_code", user_code)]);
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(page.body.contains("<title>Authorize a device</title>"));
    assert!(page.body.contains(user_code));
    assert!(
        page.body
            .contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;")
    );
    assert!(!page.body.contains("<script"));
    assert!(page.body.contains("<option value=\"bob@example.com\">"));
    assert!(sandbox.secrets().leaks_in(page.body.as_bytes()).is_empty());
    // No code, or a wrong one, is asked for again; what was typed is not shown as it is.
    assert_eq!(get(&sandbox, "/_sandbox/device", &[("x", "")]).status, 200);
    let wrong = get(&sandbox, "/_sandbox/device", &[("user_code", "\"><b>")]);
    assert_eq!(wrong.status, 404);
    assert!(!wrong.body.contains("<b>"));

    let say = |code: &str, user: &str, decision: &str| {
        let fields = [("user_code", code), ("user", user), ("decision", decision)];
        post_form(&sandbox, "/_sandbox/device", &fields).status
    };
    assert_eq!(say(user_code, "nobody", "approve"), 400);
    assert_eq!(say("AAAA-AAAA", "ann", "approve"), 400);
    assert_eq!(say(user_code, "ann", "approve"), 200);
    assert_eq!(say(user_code, "ann", "approve"), 400);
    let fields = json!({"grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"]});
    assert_eq!(token(&sandbox, &client, &fields).status, 200);
    let device = start_device(&sandbox, &client);
    assert_eq!(say(device["userCode"].as_str().unwrap(), "", "deny"), 200);
    let fields = json!({"grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"]});
    assert_eq!(
        token(&sandbox, &client, &fields).error(),
        "400 AccessDeniedException"
    );
    // As JSON.
    let device = start_device(&sandbox, &client);
    let said = |user: &str| {
        let said = json!({"user_code": device["userCode"], "user": user, "approve": true});
        post_json(&sandbox, "/_sandbox/device", &said).status
    };
    assert_eq!((said("nobody"), said("ann"), said("ann")), (404, 200, 404));
}
