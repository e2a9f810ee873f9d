//! AssumeRoleWithWebIdentity: tokens of the sandbox's own issuer, and every reason not to believe one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rolecall_sandbox::{Account, Role, Sandbox, World};
use serde_json::{Value, json};

use crate::common::{Answer, Raw, assume, s3};
use crate::sts_world::{ONE, TWO, admin, allow, control, iam, role, sts};

const AUDIENCE: &str = "sts.amazonaws.com";

fn issuer(sandbox: &Sandbox) -> String {
    format!("{}/_sandbox/oidc", sandbox.endpoint())
}

/// The issuer as ARNs and condition keys have it.
fn host(sandbox: &Sandbox) -> String {
    issuer(sandbox).trim_start_matches("http://").to_owned()
}

fn provider(sandbox: &Sandbox, account: &str) -> String {
    format!("arn:aws:iam::{account}:oidc-provider/{}", host(sandbox))
}

/// A sandbox whose account 1 takes the issuer's tokens, with roles that only runtime can know the trust of.
pub(crate) fn start() -> Sandbox {
    let world = World::new()
        .account(Account::new(ONE).bucket("ones", &[("a", "a")]))
        .account(Account::new(TWO).role(Role::new("Fixed", &nobody())));
    let sandbox = Sandbox::builder()
        .world(world)
        .start()
        .expect("the world is sound");
    let one = admin(&sandbox, ONE);
    let made = iam(
        &sandbox,
        &one,
        "CreateOpenIDConnectProvider",
        &[
            ("Url", &issuer(&sandbox)),
            ("ClientIDList.member.1", AUDIENCE),
            ("ClientIDList.member.2", "another"),
        ],
    );
    assert_eq!(
        made.text("OpenIDConnectProviderArn"),
        Some(provider(&sandbox, ONE)),
        "{}",
        made.body
    );
    make_role(&sandbox, "Web", r#""sts:AssumeRoleWithWebIdentity""#, &json!({}));
    sandbox
}

fn nobody() -> String {
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}}"#
        .to_owned()
}

/// A role of account 1 that trusts the provider, if the condition holds.
fn make_role(sandbox: &Sandbox, name: &str, actions: &str, condition: &Value) -> String {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},
            "Principal":{{"Federated":"{}"}},"Condition":{condition}}}}}"#,
        provider(sandbox, ONE)
    );
    let one = admin(sandbox, ONE);
    let made = iam(
        sandbox,
        &one,
        "CreateRole",
        &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)],
    );
    assert_eq!(made.code(), "200", "{}", made.body);
    let tagged = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"},
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:PrincipalTag/bucket}/*"}]}"#;
    let put = [
        ("RoleName", name),
        ("PolicyName", "may"),
        ("PolicyDocument", tagged),
    ];
    assert_eq!(iam(sandbox, &one, "PutRolePolicy", &put).code(), "200");
    role(ONE, name)
}

pub(crate) fn token(sandbox: &Sandbox, more: &Value) -> String {
    let mut claims = json!({"sub": "repo:blah/app", "aud": AUDIENCE});
    for (claim, value) in more.as_object().expect("an object") {
        claims[claim] = value.clone();
    }
    sandbox.web_identity_token(claims)
}

/// The call as SDKs make it: without a signature.
pub(crate) fn assume_web(sandbox: &Sandbox, arn: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![
        ("RoleArn", arn),
        ("RoleSessionName", "web"),
        ("WebIdentityToken", token),
    ];
    parameters.extend(more);
    Raw::query(sandbox, "sts", "AssumeRoleWithWebIdentity", &parameters)
        .header("host", "x")
        .send(sandbox)
}

#[test]
fn a_token_becomes_a_session_of_the_role() {
    let sandbox = start();
    let token = token(&sandbox, &json!({}));
    let answer = assume_web(&sandbox, &role(ONE, "Web"), &token, &[]);
    assert_eq!(answer.code(), "200", "{}", answer.body);
    for (element, expected) in [
        ("SubjectFromWebIdentityToken", "repo:blah/app"),
        ("Audience", AUDIENCE),
        ("Provider", &issuer(&sandbox)),
        ("Arn", "arn:aws:sts::111111111111:assumed-role/Web/web"),
    ] {
        assert_eq!(answer.text(element).as_deref(), Some(expected), "{element}");
    }
    let session = answer.credentials();
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), "200");
    // The token is a secret, and found in whatever holds it.
    let leaks = sandbox.secrets().leaks_in(format!("token={token}").as_bytes());
    assert!(
        leaks
            .iter()
            .any(|leak| leak.kind == "web identity token" && leak.access_key_id == "repo:blah/app"),
        "{leaks:?}"
    );
    assert!(
        sandbox
            .secrets()
            .leaks_in(format!("{:?}", sandbox.calls()).as_bytes())
            .is_empty()
    );
}

/// "OpenID Connect Discovery 1.0", and a check of the signature that is not the sandbox's own.
#[test]
fn the_issuer_is_one_that_anybody_can_verify() {
    let sandbox = start();
    let (status, discovery) = control(&sandbox, "GET", "oidc/.well-known/openid-configuration", "");
    assert_eq!(
        (status, discovery["issuer"].as_str()),
        (200, Some(issuer(&sandbox).as_str()))
    );
    assert_eq!(discovery["jwks_uri"], format!("{}/jwks", issuer(&sandbox)));
    let (_, keys) = control(&sandbox, "GET", "oidc/jwks", "");
    let key = &keys["keys"][0];
    let (status, minted) = control(
        &sandbox,
        "POST",
        "oidc/token",
        r#"{"sub":"joe","aud":["a","b"],"lifetime_seconds":60,"team":{"x":1}}"#,
    );
    assert_eq!(status, 200);
    let token = minted["token"].as_str().unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &key["kid"]));
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        60
    );
    assert_eq!(
        (&claims["team"]["x"], &claims["aud"][1]),
        (&json!(1), &json!("b"))
    );
    assert!(claims["jti"].as_str().unwrap().starts_with("CANARYTOKEN"));
    let point = [
        &[4][..],
        &decode(key["x"].as_str().unwrap()),
        &decode(key["y"].as_str().unwrap()),
    ]
    .concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &decode(parts[2]))
        .unwrap();
    assert_eq!(control(&sandbox, "POST", "oidc/token", "[]").0, 400);
    assert_eq!(control(&sandbox, "GET", "oidc/token", "").0, 404);
}

/// The token with another header, claims or signature.
fn forged(token: &str, header: Option<Value>, claims: Option<Value>, signature: Option<&str>) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(header) = header {
        parts[0] = URL_SAFE_NO_PAD.encode(header.to_string());
    }
    if let Some(claims) = claims {
        parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    }
    if let Some(signature) = signature {
        parts[2] = signature.to_owned();
    }
    parts.join(".")
}

#[test]
fn tokens_are_not_believed_unless_everything_is_right() {
    let sandbox = start();
    let good = token(&sandbox, &json!({}));
    let now = jiff::Timestamp::try_from(sandbox.now()).unwrap().as_second();
    let of = |claims: Value| token(&sandbox, &claims);
    let kid = control(&sandbox, "GET", "oidc/jwks", "").1["keys"][0]["kid"].clone();
    let claims =
        json!({"iss": issuer(&sandbox), "sub": "admin", "aud": AUDIENCE, "iat": now, "exp": now + 60});
    let invalid = "400 InvalidIdentityToken";
    for (what, token, code) in [
        ("good", good.clone(), "200"),
        ("audience of several", of(json!({"aud": ["x", "another"]})), "200"),
        ("not before now", of(json!({"nbf": now})), "200"),
        (
            "authorized party",
            of(json!({"aud": "x", "azp": AUDIENCE})),
            "200",
        ),
        ("no token", "nonsense".to_owned(), invalid),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned(), invalid),
        (
            "no JSON",
            format!("YQ.YQ.{}", good.rsplit('.').next().unwrap()),
            invalid,
        ),
        (
            "none",
            forged(&good, Some(json!({"alg": "none"})), None, Some("")),
            invalid,
        ),
        (
            "none, other claims",
            forged(
                &good,
                Some(json!({"alg": "none"})),
                Some(claims.clone()),
                Some(""),
            ),
            invalid,
        ),
        (
            "HS256",
            forged(&good, Some(json!({"alg": "HS256", "kid": kid})), None, None),
            invalid,
        ),
        (
            "another key",
            forged(&good, Some(json!({"alg": "ES256", "kid": "other"})), None, None),
            invalid,
        ),
        ("other claims", forged(&good, None, Some(claims), None), invalid),
        ("no signature", forged(&good, None, None, Some("")), invalid),
        (
            "another signature",
            forged(&good, None, None, of(json!({})).rsplit('.').next()),
            invalid,
        ),
        ("over", of(json!({"exp": now - 1})), "400 ExpiredTokenException"),
        ("no end", of(json!({"exp": null})), invalid),
        ("no beginning", of(json!({"iat": null})), invalid),
        ("made tomorrow", of(json!({"iat": now + 86_400})), invalid),
        ("good tomorrow", of(json!({"nbf": now + 86_400})), invalid),
        ("no subject", of(json!({"sub": null})), invalid),
        ("no audience", of(json!({"aud": null})), invalid),
        ("another audience", of(json!({"aud": "x"})), invalid),
        ("another party", of(json!({"azp": "x"})), invalid),
        ("no issuer", of(json!({"iss": null})), invalid),
        (
            "an issuer nobody knows",
            of(json!({"iss": "https://oidc.example.com"})),
            invalid,
        ),
    ] {
        let answer = assume_web(&sandbox, &role(ONE, "Web"), &token, &[]);
        assert_eq!(answer.code(), code, "{what} {}", answer.body);
    }
    let (status, _) = control(
        &sandbox,
        "POST",
        "oidc/revoke",
        &json!({"token": good}).to_string(),
    );
    assert_eq!(status, 200);
    let answer = assume_web(&sandbox, &role(ONE, "Web"), &good, &[]);
    assert_eq!(answer.code(), "403 IDPRejectedClaim");
    // Tokens end on the session clock.
    let short = of(json!({"lifetime_seconds": 60}));
    sandbox.advance(std::time::Duration::from_secs(61));
    let answer = assume_web(&sandbox, &role(ONE, "Web"), &short, &[]);
    assert_eq!(answer.code(), "400 ExpiredTokenException");
}

#[test]
fn the_provider_must_be_of_the_roles_account() {
    let sandbox = start();
    let (one, two) = (admin(&sandbox, ONE), admin(&sandbox, TWO));
    let good = token(&sandbox, &json!({}));
    let answer = assume_web(&sandbox, &role(TWO, "Fixed"), &good, &[]);
    assert_eq!(answer.code(), "400 InvalidIdentityToken");
    assert_eq!(
        answer.message(),
        format!(
            "No OpenIDConnect provider found in your account for {}",
            issuer(&sandbox)
        )
    );
    let url = issuer(&sandbox);
    let made = iam(
        &sandbox,
        &two,
        "CreateOpenIDConnectProvider",
        &[("Url", &url), ("ClientIDList.member.1", AUDIENCE)],
    );
    assert_eq!(made.code(), "200");
    // Now the token is believed, and the role does not trust it; nor does one that is not there.
    for name in ["Fixed", "Missing"] {
        let answer = assume_web(&sandbox, &role(TWO, name), &good, &[]);
        assert_eq!(answer.code(), "403 AccessDenied", "{name}");
        assert_eq!(
            answer.message(),
            "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        );
    }
    // A provider that is elsewhere cannot be asked.
    let elsewhere = [
        ("Url", "https://oidc.example.com/id"),
        ("ClientIDList.member.1", AUDIENCE),
    ];
    assert_eq!(
        iam(&sandbox, &one, "CreateOpenIDConnectProvider", &elsewhere).code(),
        "200"
    );
    let foreign = token(&sandbox, &json!({"iss": "https://oidc.example.com/id"}));
    assert_eq!(
        assume_web(&sandbox, &role(ONE, "Web"), &foreign, &[]).code(),
        "400 IDPCommunicationError"
    );
    // Without its provider, the token is nobody's.
    let arn = provider(&sandbox, ONE);
    let gone = [("OpenIDConnectProviderArn", arn.as_str())];
    assert_eq!(
        iam(&sandbox, &one, "DeleteOpenIDConnectProvider", &gone).code(),
        "200"
    );
    assert_eq!(
        assume_web(&sandbox, &role(ONE, "Web"), &good, &[]).code(),
        "400 InvalidIdentityToken"
    );
}

#[test]
fn trust_policies_hold_tokens_to_their_claims() {
    let sandbox = start();
    let host = host(&sandbox);
    let key = |claim: &str| format!("{host}:{claim}");
    let action = r#""sts:AssumeRoleWithWebIdentity""#;
    for (name, condition, claims, matches) in [
        (
            "Sub",
            json!({"StringEquals": {key("sub"): "repo:blah/app"}}),
            json!({"sub": "repo:blah/other"}),
            "subject",
        ),
        (
            "SubLike",
            json!({"StringLike": {key("sub"): "repo:blah/*"}}),
            json!({"sub": "repo:else/app"}),
            "pattern",
        ),
        (
            "Aud",
            json!({"StringEquals": {key("aud"): AUDIENCE}}),
            json!({"aud": "another"}),
            "audience",
        ),
        (
            "Amr",
            json!({"ForAnyValue:StringEquals": {key("amr"): "authenticated"}}),
            json!({"amr": ["unauthenticated"]}),
            "method",
        ),
        (
            "Session",
            json!({"StringEquals": {"sts:RoleSessionName": "web", "aws:FederatedProvider": provider(&sandbox, ONE)}}),
            json!({"RoleSessionName": "x"}),
            "session name",
        ),
    ] {
        let arn = make_role(&sandbox, name, action, &condition);
        let good = token(&sandbox, &json!({"amr": ["authenticated", "x"]}));
        let answer = assume_web(&sandbox, &arn, &good, &[]);
        assert_eq!(answer.code(), "200", "{matches} {}", answer.body);
        let mut other = assume_web(&sandbox, &arn, &token(&sandbox, &claims), &[]);
        if name == "Session" {
            let parameters = [
                ("RoleArn", arn.as_str()),
                ("RoleSessionName", "other"),
                ("WebIdentityToken", good.as_str()),
            ];
            other = Raw::query(&sandbox, "sts", "AssumeRoleWithWebIdentity", &parameters)
                .header("host", "x")
                .send(&sandbox);
        }
        assert_eq!(other.code(), "403 AccessDenied", "{matches}");
    }
    // A role that users assume is not one for tokens, nor the other way round.
    let answer = assume(&sandbox, &admin(&sandbox, ONE), &role(ONE, "Web"), &[]);
    assert_eq!(answer.code(), "403 AccessDenied");
}

#[test]
fn tokens_bring_tags_and_a_source_identity_where_the_trust_lets_them() {
    let sandbox = start();
    let all = r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]"#;
    let tagged = make_role(&sandbox, "Tagged", all, &json!({}));
    let tags = json!({"https://aws.amazon.com/tags":
        {"principal_tags": {"bucket": ["ones"]}, "transitive_tag_keys": ["bucket"]}});
    let identity = json!({"https://aws.amazon.com/source_identity": "joe"});
    for (claims, words) in [
        (&tags, "Not authorized to perform sts:TagSession"),
        (&identity, "Not authorized to perform sts:SetSourceIdentity"),
    ] {
        let answer = assume_web(&sandbox, &role(ONE, "Web"), &token(&sandbox, claims), &[]);
        assert_eq!(
            (answer.code().as_str(), answer.message().as_str()),
            ("403 AccessDenied", words)
        );
    }
    let answer = assume_web(&sandbox, &tagged, &token(&sandbox, &identity), &[]);
    assert_eq!(
        answer.text("SourceIdentity").as_deref(),
        Some("joe"),
        "{}",
        answer.body
    );
    let answer = assume_web(&sandbox, &tagged, &token(&sandbox, &tags), &[]);
    assert!(answer.text("PackedPolicySize").is_some());
    let session = answer.credentials();
    assert_eq!(s3(&sandbox, &session, "GET", "/ones/a", "").code(), "200");
    let plain = assume_web(&sandbox, &tagged, &token(&sandbox, &json!({})), &[]).credentials();
    assert_eq!(
        s3(&sandbox, &plain, "GET", "/ones/a", "").code(),
        "403 AccessDenied"
    );
    // The session's tag is handed on, and cannot be set again.
    let again = [("Tags.member.1.Key", "Bucket"), ("Tags.member.1.Value", "x")];
    assert_eq!(
        assume(&sandbox, &session, &tagged, &again).code(),
        "400 InvalidParameterValue"
    );
    for claims in [
        json!({"https://aws.amazon.com/tags": "x"}),
        json!({"https://aws.amazon.com/tags": {"principal_tags": {"a": ["b", "c"]}}}),
        json!({"https://aws.amazon.com/tags": {"principal_tags": {"a<": ["b"]}}}),
        json!({"https://aws.amazon.com/source_identity": "a b"}),
    ] {
        let answer = assume_web(&sandbox, &tagged, &token(&sandbox, &claims), &[]);
        assert_eq!(answer.code(), "400 InvalidIdentityToken", "{claims}");
    }
}

#[test]
fn parameters_of_web_identity_are_held_to_their_limits() {
    let sandbox = start();
    let good = token(&sandbox, &json!({}));
    let big = "x".repeat(20_001);
    let web = role(ONE, "Web");
    let lists = allow(r#""s3:ListAllMyBuckets""#);
    let validation = "400 ValidationError";
    for (token, more, code, words) in [
        (good.as_str(), &[][..], "200", ""),
        (&good, &[("DurationSeconds", "900")], "200", ""),
        (&good, &[("Policy", lists.as_str())], "200", ""),
        (&good, &[("DurationSeconds", "899")], validation, "900"),
        (&good, &[("DurationSeconds", "43201")], validation, "43200"),
        (
            &good,
            &[("DurationSeconds", "3601")],
            validation,
            "MaxSessionDuration",
        ),
        (&good, &[("Policy", "{")], "400 MalformedPolicyDocument", ""),
        (
            &good,
            &[("ProviderId", "www.amazon.com")],
            validation,
            "ProviderId",
        ),
        (&good, &[("ProviderId", "x")], validation, "providerId"),
        ("abc", &[], validation, "greater than or equal to 4"),
        (&big, &[], validation, "less than or equal to 20000"),
        (
            "abc",
            &[("DurationSeconds", "1"), ("ProviderId", "x")],
            validation,
            "3 validation errors",
        ),
    ] {
        let answer = assume_web(&sandbox, &web, token, more);
        assert_eq!(answer.code(), code, "{more:?} {}", answer.body);
        assert!(answer.message().contains(words), "{more:?} {}", answer.message());
        assert!(!answer.message().contains("abc"), "a token is never repeated");
    }
    let refused = Raw::query(&sandbox, "sts", "AssumeRoleWithSAML", &[])
        .header("host", "x")
        .send(&sandbox);
    assert_eq!(refused.code(), "400 InvalidAction");
    assert_eq!(
        sts(&sandbox, &admin(&sandbox, ONE), "AssumeRoot", &[]).code(),
        "400 InvalidAction"
    );
}

#[test]
fn providers_are_made_changed_and_unmade() {
    let sandbox = start();
    let one = admin(&sandbox, ONE);
    let call = |action: &str, parameters: &[(&str, &str)]| iam(&sandbox, &one, action, parameters);
    let own = issuer(&sandbox);
    let thumbprint = "a".repeat(40);
    for (url, code) in [
        ("https://oidc.example.com/id/A1", "200"),
        ("https://oidc.example.com/id/A1", "409 EntityAlreadyExists"),
        (own.as_str(), "409 EntityAlreadyExists"),
        ("http://oidc.example.com", "400 ValidationError"),
        ("http://127.0.0.1:1/_sandbox/oidc", "400 ValidationError"),
        ("https://oidc.example.com:8443", "400 ValidationError"),
        ("https://oidc.example.com?x=1", "400 ValidationError"),
        ("https://", "400 ValidationError"),
        ("oidc.example.com", "400 ValidationError"),
    ] {
        let parameters = [("Url", url), ("ThumbprintList.member.1", thumbprint.as_str())];
        assert_eq!(
            call("CreateOpenIDConnectProvider", &parameters).code(),
            code,
            "{url}"
        );
    }
    let arn = "arn:aws:iam::111111111111:oidc-provider/oidc.example.com/id/A1";
    let with = |action: &str, client: &str| {
        call(action, &[("OpenIDConnectProviderArn", arn), ("ClientID", client)]).code()
    };
    for _ in 0..2 {
        assert_eq!(with("AddClientIDToOpenIDConnectProvider", "one"), "200");
    }
    assert_eq!(with("AddClientIDToOpenIDConnectProvider", "two"), "200");
    for _ in 0..2 {
        assert_eq!(with("RemoveClientIDFromOpenIDConnectProvider", "one"), "200");
    }
    let named = [("OpenIDConnectProviderArn", arn)];
    let got = call("GetOpenIDConnectProvider", &named);
    assert_eq!(got.text("Url").as_deref(), Some("oidc.example.com/id/A1"));
    assert!(
        got.body
            .contains("<ClientIDList><member>two</member></ClientIDList>")
    );
    assert!(got.body.contains(&thumbprint));
    let other = "b".repeat(40);
    let changed = [named[0], ("ThumbprintList.member.1", other.as_str())];
    assert_eq!(
        call("UpdateOpenIDConnectProviderThumbprint", &changed).code(),
        "200"
    );
    assert_eq!(
        call(
            "UpdateOpenIDConnectProviderThumbprint",
            &[named[0], ("ThumbprintList.member.1", "b")]
        )
        .code(),
        "400 ValidationError"
    );
    assert!(call("GetOpenIDConnectProvider", &named).body.contains(&other));
    let listed = call("ListOpenIDConnectProviders", &[]).body;
    assert!(listed.contains(arn) && listed.contains(&provider(&sandbox, ONE)));
    assert_eq!(call("DeleteOpenIDConnectProvider", &named).code(), "200");
    assert_eq!(
        call("DeleteOpenIDConnectProvider", &named).code(),
        "404 NoSuchEntity"
    );
    assert_eq!(
        call("GetOpenIDConnectProvider", &named).code(),
        "404 NoSuchEntity"
    );
}
