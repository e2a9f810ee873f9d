//! MFA: devices, the codes they show, and what a code opens.

use std::time::Duration;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rolecall_sandbox::Sandbox;

use crate::common::{Answer, assume, user};
use crate::sts_world::{TWO, code, control, device, iam, role, sts, world};

fn assume_with(sandbox: &Sandbox, credentials: &Credentials, name: &str, serial: &str, code: &str) -> Answer {
    assume(
        sandbox,
        credentials,
        &role(TWO, name),
        &[("SerialNumber", serial), ("TokenCode", code)],
    )
}

const WRONG: &str = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
const HALF: &str =
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ";

#[test]
fn a_code_opens_what_demands_mfa_once() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let serial = device(&sandbox, &ann, "ann", "ann-phone");
    // Long-term keys do not carry the keys at all, so that only the …IfExists condition holds without a code.
    for (name, code) in [
        ("Open", "200"),
        ("Mfa", "403 AccessDenied"),
        ("FreshMfa", "403 AccessDenied"),
        ("NotWithoutMfa", "200"),
    ] {
        let answer = assume(&sandbox, &ann, &role(TWO, name), &[]);
        assert_eq!(answer.code(), code, "{name}");
    }
    // Both steps of EnableMFADevice are used up; the next one is taken, and only once.
    for offset in [-1, 0] {
        let used = code(&sandbox, &serial, offset);
        let answer = assume_with(&sandbox, &ann, "Mfa", &serial, &used);
        assert_eq!((answer.code(), answer.message()), denied(WRONG));
    }
    let next = sandbox.mfa_code(&serial).unwrap();
    let good = assume_with(&sandbox, &ann, "Mfa", &serial, &next);
    assert_eq!(good.code(), "200", "{}", good.body);
    let again = assume_with(&sandbox, &ann, "Mfa", &serial, &next);
    assert_eq!((again.code(), again.message()), denied(WRONG));
    // The code is as fresh as can be.
    let other = device(&sandbox, &ann, "ann", "ann-key");
    let fresh = sandbox.mfa_code(&other).unwrap();
    let fresh = assume_with(&sandbox, &ann, "FreshMfa", &other, &fresh);
    assert_eq!(fresh.code(), "200", "{}", fresh.body);
    // What it made does not carry MFA on.
    let session = good.credentials();
    let onward = assume(&sandbox, &session, &role(TWO, "Mfa"), &[]);
    assert_eq!(onward.code(), "403 AccessDenied");
}

fn denied(message: &str) -> (String, String) {
    ("403 AccessDenied".to_owned(), message.to_owned())
}

#[test]
fn a_code_is_the_callers_own_or_none() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let (anns, bens) = (
        device(&sandbox, &ann, "ann", "ann-phone"),
        device(&sandbox, &ann, "ben", "ben-phone"),
    );
    let spare = iam(
        &sandbox,
        &ann,
        "CreateVirtualMFADevice",
        &[("VirtualMFADeviceName", "spare")],
    )
    .text("SerialNumber")
    .unwrap();
    let wrong = if code(&sandbox, &anns, 1) == "000000" {
        "000001"
    } else {
        "000000"
    };
    let nobodys = "arn:aws:iam::111111111111:mfa/nobody";
    let of = |serial: &str| code(&sandbox, serial, 1);
    for (what, parameters, words) in [
        (
            "another's",
            vec![("SerialNumber", bens.clone()), ("TokenCode", of(&bens))],
            WRONG,
        ),
        (
            "no device",
            vec![("SerialNumber", nobodys.to_owned()), ("TokenCode", of(&anns))],
            WRONG,
        ),
        (
            "not enabled",
            vec![("SerialNumber", spare.clone()), ("TokenCode", of(&spare))],
            WRONG,
        ),
        (
            "wrong code",
            vec![("SerialNumber", anns.clone()), ("TokenCode", wrong.to_owned())],
            WRONG,
        ),
        (
            "too early",
            vec![
                ("SerialNumber", anns.clone()),
                ("TokenCode", code(&sandbox, &anns, 3)),
            ],
            WRONG,
        ),
        ("no code", vec![("SerialNumber", anns.clone())], HALF),
        ("no device named", vec![("TokenCode", of(&anns))], HALF),
    ] {
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for answer in [
            assume(&sandbox, &ann, &role(TWO, "Open"), &parameters),
            sts(&sandbox, &ann, "GetSessionToken", &parameters),
        ] {
            assert_eq!((answer.code(), answer.message()), denied(words), "{what}");
        }
    }
    let good = assume_with(&sandbox, &ann, "Open", &anns, &of(&anns));
    assert_eq!(good.code(), "200", "{}", good.body);
    // Roles have no devices.
    let session = good.credentials();
    let answer = assume_with(&sandbox, &session, "Open", &bens, &of(&bens));
    assert_eq!((answer.code(), answer.message()), denied(WRONG));
}

#[test]
fn get_session_token_carries_mfa_on() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let serial = device(&sandbox, &ann, "ann", "ann-phone");
    let plain = sts(&sandbox, &ann, "GetSessionToken", &[]).credentials();
    let next = sandbox.mfa_code(&serial).unwrap();
    let proved = sts(
        &sandbox,
        &ann,
        "GetSessionToken",
        &[("SerialNumber", &serial), ("TokenCode", &next)],
    )
    .credentials();
    for (name, without, with) in [
        ("Open", "200", "200"),
        ("Mfa", "403 AccessDenied", "200"),
        ("FreshMfa", "403 AccessDenied", "200"),
        // Temporary credentials carry the key, and it is false.
        ("NotWithoutMfa", "403 AccessDenied", "200"),
    ] {
        let arn = role(TWO, name);
        assert_eq!(assume(&sandbox, &plain, &arn, &[]).code(), without, "{name}");
        assert_eq!(assume(&sandbox, &proved, &arn, &[]).code(), with, "{name}");
    }
    assert_eq!(
        iam(&sandbox, &plain, "ListUsers", &[]).code(),
        "403 InvalidClientTokenId"
    );
    assert_eq!(iam(&sandbox, &proved, "ListUsers", &[]).code(), "200");
    // It grows old.
    sandbox.advance(Duration::from_secs(301));
    assert_eq!(
        assume(&sandbox, &proved, &role(TWO, "FreshMfa"), &[]).code(),
        "403 AccessDenied"
    );
    assert_eq!(assume(&sandbox, &proved, &role(TWO, "Mfa"), &[]).code(), "200");
}

#[test]
fn devices_are_made_enabled_listed_and_unmade() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let made = iam(
        &sandbox,
        &ann,
        "CreateVirtualMFADevice",
        &[("VirtualMFADeviceName", "phone"), ("Path", "/team/")],
    );
    let serial = made.text("SerialNumber").unwrap();
    assert_eq!(serial, "arn:aws:iam::111111111111:mfa/team/phone");
    let decoded = |element: &str| {
        let bytes = STANDARD.decode(made.text(element).unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let seed = decoded("Base32StringSeed");
    assert!(seed.starts_with("CANARYSECRET") && seed.len() == 64);
    assert_eq!(
        decoded("QRCodePNG"),
        format!(
            "otpauth://totp/Amazon%20Web%20Services:phone@111111111111?secret={seed}&issuer=Amazon%20Web%20Services"
        )
    );
    let leaks = sandbox.secrets().leaks_in(made.body.as_bytes());
    assert!(
        leaks
            .iter()
            .any(|leak| leak.kind == "MFA seed" && leak.access_key_id == serial)
    );

    let with_codes = |action: &str, user: &str, first: i64, second: i64| {
        let (first, second) = (code(&sandbox, &serial, first), code(&sandbox, &serial, second));
        let parameters = [
            ("UserName", user),
            ("SerialNumber", serial.as_str()),
            ("AuthenticationCode1", first.as_str()),
            ("AuthenticationCode2", second.as_str()),
        ];
        iam(&sandbox, &ann, action, &parameters).code()
    };
    let of_user = |action: &str, user: &str| {
        let parameters = [("UserName", user), ("SerialNumber", serial.as_str())];
        iam(&sandbox, &ann, action, &parameters)
    };
    let delete = || {
        iam(
            &sandbox,
            &ann,
            "DeleteVirtualMFADevice",
            &[("SerialNumber", &serial)],
        )
        .code()
    };
    let assigned = |status: &str| {
        iam(
            &sandbox,
            &ann,
            "ListVirtualMFADevices",
            &[("AssignmentStatus", status)],
        )
        .body
        .contains("mfa/team/phone")
    };
    let again = [("VirtualMFADeviceName", "PHONE"), ("Path", "/team/")];
    assert_eq!(
        iam(&sandbox, &ann, "CreateVirtualMFADevice", &again).code(),
        "409 EntityAlreadyExists"
    );
    assert!(assigned("Unassigned") && assigned("Any") && !assigned("Assigned"));
    for (first, second) in [(0, 0), (0, -1), (-1, 1), (5, 6)] {
        assert_eq!(
            with_codes("EnableMFADevice", "ben", first, second),
            "403 InvalidAuthenticationCode"
        );
    }
    assert_eq!(with_codes("EnableMFADevice", "nobody", -1, 0), "404 NoSuchEntity");
    assert_eq!(with_codes("EnableMFADevice", "ben", -1, 0), "200");
    assert_eq!(
        with_codes("EnableMFADevice", "ann", 0, 1),
        "409 EntityAlreadyExists"
    );
    assert!(!assigned("Unassigned") && assigned("Any") && assigned("Assigned"));
    assert!(of_user("ListMFADevices", "ben").body.contains(&serial));
    assert!(!of_user("ListMFADevices", "ann").body.contains(&serial));
    let got = of_user("GetMFADevice", "ben");
    assert!(got.text("EnableDate").is_some(), "{}", got.body);
    assert_eq!(of_user("GetMFADevice", "ann").code(), "404 NoSuchEntity");
    // Used up by EnableMFADevice; a device whose clock runs an hour ahead comes back into step.
    assert_eq!(
        with_codes("ResyncMFADevice", "ben", -1, 0),
        "403 InvalidAuthenticationCode"
    );
    assert_eq!(with_codes("ResyncMFADevice", "ben", 120, 121), "200");
    assert_eq!(delete(), "409 DeleteConflict");
    let admin = iam(
        &sandbox,
        &ann,
        "DeleteAccessKey",
        &[
            ("UserName", "ben"),
            ("AccessKeyId", user(&sandbox, "ben").access_key_id()),
        ],
    );
    assert_eq!(admin.code(), "200");
    assert_eq!(
        iam(&sandbox, &ann, "DeleteUser", &[("UserName", "ben")]).code(),
        "409 DeleteConflict"
    );
    assert_eq!(of_user("DeactivateMFADevice", "ann").code(), "404 NoSuchEntity");
    assert_eq!(of_user("DeactivateMFADevice", "ben").code(), "200");
    assert_eq!(
        iam(&sandbox, &ann, "DeleteUser", &[("UserName", "ben")]).code(),
        "200"
    );
    assert_eq!(delete(), "200");
    assert_eq!(delete(), "404 NoSuchEntity");
    assert_eq!(control(&sandbox, "GET", "mfa-code?serial=none", "").0, 404);
    assert_eq!(sandbox.mfa_code(&serial), None);
}

/// The policy of "Allows MFA-authenticated IAM users to manage their own MFA device" (IAM user guide), as far as it goes.
#[test]
fn users_may_be_let_manage_their_own_devices() {
    let own = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iam:ListVirtualMFADevices","Resource":"*"},
        {"Effect":"Allow","Action":["iam:CreateVirtualMFADevice","iam:DeleteVirtualMFADevice"],
         "Resource":"arn:aws:iam::*:mfa/*"},
        {"Effect":"Allow","Action":["iam:EnableMFADevice","iam:ListMFADevices","iam:ResyncMFADevice"],
         "Resource":"arn:aws:iam::*:user/${aws:username}"}]}"#;
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, ben) = (user(&sandbox, "ann"), user(&sandbox, "ben"));
    let phone = [("VirtualMFADeviceName", "ben")];
    assert_eq!(
        iam(&sandbox, &ben, "CreateVirtualMFADevice", &phone).code(),
        "403 AccessDenied"
    );
    let put = [
        ("UserName", "ben"),
        ("PolicyName", "own"),
        ("PolicyDocument", own),
    ];
    assert_eq!(iam(&sandbox, &ann, "PutUserPolicy", &put).code(), "200");
    let serial = device(&sandbox, &ben, "ben", "ben");
    let of = |name: &str| iam(&sandbox, &ben, "ListMFADevices", &[("UserName", name)]).code();
    assert_eq!(
        (of("ben").as_str(), of("ann").as_str()),
        ("200", "403 AccessDenied")
    );
    assert_eq!(iam(&sandbox, &ben, "ListMFADevices", &[]).code(), "200");
    assert_eq!(
        iam(
            &sandbox,
            &ben,
            "DeactivateMFADevice",
            &[("SerialNumber", &serial)]
        )
        .code(),
        "403 AccessDenied"
    );
    // Eight at most.
    for n in 2..=8 {
        device(&sandbox, &ben, "ben", &format!("ben-{n}"));
    }
    let ninth = iam(
        &sandbox,
        &ben,
        "CreateVirtualMFADevice",
        &[("VirtualMFADeviceName", "ben-9")],
    );
    let ninth = ninth.text("SerialNumber").unwrap();
    let enabled = iam(
        &sandbox,
        &ben,
        "EnableMFADevice",
        &[
            ("UserName", "ben"),
            ("SerialNumber", &ninth),
            ("AuthenticationCode1", &code(&sandbox, &ninth, -1)),
            ("AuthenticationCode2", &code(&sandbox, &ninth, 0)),
        ],
    );
    assert_eq!(enabled.code(), "409 LimitExceeded");
}
