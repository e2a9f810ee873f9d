//! Every limit of STS's parameters, in its own words, each beside a value that is just within it.

use rolecall_sandbox::Sandbox;

use crate::common::user;
use crate::sts_world::{ONE, TWO, role, sts, world};

const VALIDATION: &str = "400 ValidationError";

/// A call with one or more parameters changed, the code it gets, and words of its message.
type Case<'a> = (Vec<(String, String)>, &'a str, &'a str);

fn case<'a>(parameters: &[(&str, &str)], code: &'a str, words: &'a str) -> Case<'a> {
    let parameters = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    (parameters, code, words)
}

/// `PREFIX.member.1` and so on, each with the fields.
fn list(prefix: &str, count: usize, fields: &[(&str, &dyn Fn(usize) -> String)]) -> Vec<(String, String)> {
    (1..=count)
        .flat_map(|n| {
            fields.iter().map(move |(field, value)| {
                let dot = if field.is_empty() { "" } else { "." };
                (format!("{prefix}.member.{n}{dot}{field}"), value(n))
            })
        })
        .collect()
}

fn tags(
    count: usize,
    key: &dyn Fn(usize) -> String,
    value: &dyn Fn(usize) -> String,
) -> Vec<(String, String)> {
    list("Tags", count, &[("Key", key), ("Value", value)])
}

fn run(action: &str, usual: &[(&str, &str)], cases: Vec<Case<'_>>) {
    let sandbox = Sandbox::builder()
        .world(world())
        .start()
        .expect("the world is sound");
    let ann = user(&sandbox, "ann");
    for (given, code, words) in cases {
        let mut parameters: Vec<(&str, &str)> = usual
            .iter()
            .filter(|(name, _)| !given.iter().any(|(other, _)| other == name))
            .copied()
            .collect();
        parameters.extend(
            given
                .iter()
                .filter(|(_, value)| value != "<absent>")
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let answer = sts(&sandbox, &ann, action, &parameters);
        let shown: String = format!("{given:?}").chars().take(200).collect();
        assert_eq!(answer.code(), code, "{action} {shown} {}", answer.body);
        assert!(
            answer.message().contains(words),
            "{action} {shown} {}",
            answer.message()
        );
    }
}

/// What AssumeRole and GetFederationToken share.
fn policies_and_tags() -> Vec<Case<'static>> {
    let lists = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}"#;
    let padded = |length: usize| format!("{lists}{}", " ".repeat(length - lists.len()));
    let managed = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let arns = |count: usize| list("PolicyArns", count, &[("arn", &|_| managed.to_owned())]);
    let with_policy = |length: usize, count: usize| {
        let mut parameters = arns(count);
        parameters.push(("Policy".to_owned(), padded(length)));
        parameters
    };
    let short = |n: usize| format!("k{n}");
    let empty = |_: usize| String::new();
    let key = |length: usize| move |_: usize| "k".repeat(length);
    let text = |text: &'static str| move |_: usize| text.to_owned();
    vec![
        case(&[("Policy", lists)], "200", ""),
        (with_policy(2048, 0), "200", ""),
        (with_policy(2049, 0), VALIDATION, "less than or equal to 2048"),
        (with_policy(2048 - managed.len(), 1), "200", ""),
        (
            with_policy(2049 - managed.len(), 1),
            "400 PackedPolicyTooLarge",
            "Packed policy consumes 101% of allotted space",
        ),
        case(&[("Policy", "")], VALIDATION, "greater than or equal to 1"),
        case(
            &[("Policy", "\u{20ac}")],
            VALIDATION,
            "regular expression pattern",
        ),
        case(&[("Policy", "[]")], "400 MalformedPolicyDocument", ""),
        case(
            &[(
                "Policy",
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Principal":"*"}}"#,
            )],
            "400 MalformedPolicyDocument",
            "",
        ),
        (arns(10), "200", ""),
        (arns(11), VALIDATION, "'policyArns' failed"),
        case(
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:pol")],
            VALIDATION,
            "is not valid",
        ),
        case(
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:po")],
            VALIDATION,
            "'policyArns.1.member.arn' failed to satisfy constraint: Member must have length greater than or equal to 20",
        ),
        (tags(50, &short, &empty), "200", ""),
        (tags(51, &short, &empty), VALIDATION, "'tags' failed"),
        (tags(1, &key(128), &empty), "200", ""),
        (tags(1, &key(129), &empty), VALIDATION, "'tags.1.member.key'"),
        (tags(1, &key(0), &empty), VALIDATION, "greater than or equal to 1"),
        (tags(1, &key(1), &key(256)), "200", ""),
        (tags(1, &key(1), &key(257)), VALIDATION, "'tags.1.member.value'"),
        (tags(1, &text("Größe 大_.:/=+-@"), &text("é")), "200", ""),
        (
            tags(1, &text("a<b"), &empty),
            VALIDATION,
            r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
        ),
        (
            tags(1, &text("a"), &text("b\tc")),
            VALIDATION,
            r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*",
        ),
        (
            tags(1, &text("AWS:a"), &empty),
            VALIDATION,
            "reserved prefix aws:",
        ),
        (
            tags(2, &|n| if n == 1 { "Team" } else { "tEAM" }.to_owned(), &empty),
            "400 InvalidParameterValue",
            "Duplicate tag keys found",
        ),
        case(
            &[("Tags.member.1.Key", "a")],
            VALIDATION,
            "Value null at 'tags.1.member.value'",
        ),
        // Nine tags of 252 bytes, as somebody had AWS refuse them.
        (
            tags(9, &|n| format!("T{n}"), &key(250)),
            "400 PackedPolicyTooLarge",
            "Packed size of session tags consumes 499% of allotted space.",
        ),
        case(&[("MinimumSessionTokenSize", "4096")], "200", ""),
        case(&[("MinimumSessionTokenSize", "4097")], VALIDATION, "4096"),
    ]
}

#[test]
fn of_assume_role() {
    let open = role(TWO, "Open");
    let usual = [("RoleArn", open.as_str()), ("RoleSessionName", "test")];
    let longest = "x".repeat(2048);
    let id = "x".repeat(1224);
    let too_long_id = "x".repeat(1225);
    let name = "x".repeat(64);
    let too_long_name = "x".repeat(65);
    let serial = "x".repeat(257);
    let mut cases = policies_and_tags();
    cases.extend([
        case(&[("RoleArn", "<absent>")], VALIDATION, "Value null at 'roleArn'"),
        case(&[("RoleArn", &longest)], VALIDATION, "is invalid"),
        case(&[("RoleArn", &format!("{longest}x"))], VALIDATION, "less than or equal to 2048"),
        case(
            &[("RoleArn", "arn:aws-cn:iam::222222222222:role/Open")],
            VALIDATION,
            "is invalid",
        ),
        case(&[("RoleArn", "arn:aws:iam::222222222222:user/ann")], VALIDATION, "is invalid"),
        case(&[("RoleSessionName", "<absent>")], VALIDATION, "Value null at 'roleSessionName'"),
        case(&[("RoleSessionName", "ab")], "200", ""),
        case(&[("RoleSessionName", "a")], VALIDATION, "greater than or equal to 2"),
        case(&[("RoleSessionName", &name)], "200", ""),
        case(&[("RoleSessionName", &too_long_name)], VALIDATION, "less than or equal to 64"),
        case(&[("RoleSessionName", "a:b")], VALIDATION, r"[\w+=,.@-]*"),
        case(&[("DurationSeconds", "43200")], "200", ""),
        case(&[("DurationSeconds", "43201")], VALIDATION, "less than or equal to 43200"),
        case(&[("DurationSeconds", "900")], "200", ""),
        case(&[("DurationSeconds", "-900")], VALIDATION, "greater than or equal to 900"),
        case(&[("DurationSeconds", "99999999999999999999")], VALIDATION, "durationSeconds"),
        case(&[("ExternalId", &id)], "200", ""),
        case(&[("ExternalId", &too_long_id)], VALIDATION, "less than or equal to 1224"),
        case(&[("ExternalId", "a")], VALIDATION, "greater than or equal to 2"),
        case(&[("ExternalId", "a/b:c")], "200", ""),
        case(&[("ExternalId", "a*b")], VALIDATION, r"[\w+=,.@:\/-]*"),
        case(&[("SourceIdentity", "an")], "200", ""),
        case(&[("SourceIdentity", "a")], VALIDATION, "greater than or equal to 2"),
        case(&[("SourceIdentity", &too_long_name)], VALIDATION, "less than or equal to 64"),
        case(&[("SourceIdentity", "aws:ann")], VALIDATION, "sourceIdentity"),
        case(&[("SerialNumber", "short")], VALIDATION, "greater than or equal to 9"),
        case(&[("SerialNumber", &serial)], VALIDATION, "less than or equal to 256"),
        case(&[("SerialNumber", "has a blank")], VALIDATION, r"[\w+=/:,.@-]*"),
        case(&[("TokenCode", "1234567")], VALIDATION, "less than or equal to 6"),
        case(&[("TokenCode", "12345x")], VALIDATION, r"[\d]*"),
        case(
            &[
                ("Tags.member.1.Key", "Team"),
                ("Tags.member.1.Value", "red"),
                ("TransitiveTagKeys.member.1", "team"),
            ],
            "200",
            "",
        ),
        case(
            &[("TransitiveTagKeys.member.1", "team")],
            VALIDATION,
            "transitive tag key must be included",
        ),
        case(&[("TransitiveTagKeys.member.1", "a<b")], VALIDATION, "'transitiveTagKeys.1.member'"),
        (
            list("TransitiveTagKeys", 51, &[("", &|n| format!("k{n}"))]),
            VALIDATION,
            "'transitiveTagKeys' failed",
        ),
        (
            list(
                "ProvidedContexts",
                6,
                &[
                    ("ProviderArn", &|_| "arn:aws:iam::aws:contextProvider/IdentityCenter".to_owned()),
                    ("ContextAssertion", &|_| "a.b.c".to_owned()),
                ],
            ),
            VALIDATION,
            "'providedContexts' failed",
        ),
        case(
            &[
                ("ProvidedContexts.member.1.ProviderArn", "short"),
                ("ProvidedContexts.member.1.ContextAssertion", "abc"),
            ],
            VALIDATION,
            "2 validation errors detected",
        ),
        case(
            &[
                (
                    "ProvidedContexts.member.1.ProviderArn",
                    "arn:aws:iam::aws:contextProvider/IdentityCenter",
                ),
                ("ProvidedContexts.member.1.ContextAssertion", "a.b.c"),
            ],
            VALIDATION,
            "no context provider issued it",
        ),
        // Everything at once.
        case(
            &[
                ("RoleArn", "short"),
                ("RoleSessionName", "a"),
                ("DurationSeconds", "1"),
                ("ExternalId", "a b"),
                ("TokenCode", "1"),
                ("PolicyArns.member.1.arn", "short"),
                ("Tags.member.1.Key", ""),
                ("Tags.member.1.Value", ""),
            ],
            VALIDATION,
            "7 validation errors detected: Value 'short' at 'roleArn' failed to satisfy constraint: Member must have \
             length greater than or equal to 20; Value 'a' at 'roleSessionName'",
        ),
    ]);
    run("AssumeRole", &usual, cases);
}

#[test]
fn of_get_session_token() {
    run(
        "GetSessionToken",
        &[],
        vec![
            case(&[], "200", ""),
            case(&[("DurationSeconds", "900")], "200", ""),
            case(
                &[("DurationSeconds", "899")],
                VALIDATION,
                "greater than or equal to 900",
            ),
            case(&[("DurationSeconds", "129600")], "200", ""),
            case(
                &[("DurationSeconds", "129601")],
                VALIDATION,
                "less than or equal to 129600",
            ),
            case(&[("DurationSeconds", "")], VALIDATION, "durationSeconds"),
            case(&[("SerialNumber", "short")], VALIDATION, "'serialNumber'"),
            case(&[("TokenCode", "1")], VALIDATION, "'tokenCode'"),
            case(
                &[("MinimumSessionTokenSize", "-1")],
                VALIDATION,
                "'minimumSessionTokenSize'",
            ),
            case(
                &[
                    ("SerialNumber", "short"),
                    ("TokenCode", "1"),
                    ("DurationSeconds", "1"),
                ],
                VALIDATION,
                "3 validation errors detected",
            ),
        ],
    );
}

#[test]
fn of_get_federation_token() {
    let longest = "x".repeat(32);
    let too_long = "x".repeat(33);
    let mut cases = policies_and_tags();
    cases.extend([
        case(&[("Name", "<absent>")], VALIDATION, "Value null at 'name'"),
        case(&[("Name", "a")], VALIDATION, "greater than or equal to 2"),
        case(&[("Name", &longest)], "200", ""),
        case(&[("Name", &too_long)], VALIDATION, "less than or equal to 32"),
        case(&[("Name", "a b")], VALIDATION, r"[\w+=,.@-]*"),
        case(
            &[("DurationSeconds", "899")],
            VALIDATION,
            "greater than or equal to 900",
        ),
        case(
            &[("DurationSeconds", "129601")],
            VALIDATION,
            "less than or equal to 129600",
        ),
        case(
            &[("Name", "a"), ("DurationSeconds", "1")],
            VALIDATION,
            "2 validation errors detected",
        ),
    ]);
    run("GetFederationToken", &[("Name", "fay")], cases);
}

#[test]
fn of_the_other_operations() {
    let too_long = "x".repeat(129);
    run(
        "GetAccessKeyInfo",
        &[],
        vec![
            case(&[], VALIDATION, "Value null at 'accessKeyId'"),
            case(
                &[("AccessKeyId", "AKIA")],
                VALIDATION,
                "greater than or equal to 16",
            ),
            case(
                &[("AccessKeyId", &too_long)],
                VALIDATION,
                "less than or equal to 128",
            ),
            case(&[("AccessKeyId", "AKIA CANARY NOBODY")], VALIDATION, r"[\w]*"),
        ],
    );
    let message = "x".repeat(10_240);
    let too_long = "x".repeat(10_241);
    let invalid = "400 InvalidAuthorizationMessageException";
    run(
        "DecodeAuthorizationMessage",
        &[],
        vec![
            case(&[], VALIDATION, "Value null at 'encodedMessage'"),
            case(
                &[("EncodedMessage", "")],
                VALIDATION,
                "greater than or equal to 1",
            ),
            case(&[("EncodedMessage", "x")], invalid, ""),
            case(&[("EncodedMessage", &message)], invalid, ""),
            case(
                &[("EncodedMessage", &too_long)],
                VALIDATION,
                "less than or equal to 10240",
            ),
        ],
    );
    // GetCallerIdentity takes none, and minds none.
    run(
        "GetCallerIdentity",
        &[("Nonsense", ONE)],
        vec![case(&[], "200", "")],
    );
}
