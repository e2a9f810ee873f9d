use super::*;

fn refused(text: &str) -> String {
    text.parse::<Document>().unwrap_err().to_string()
}

#[test]
fn one_and_a_list_of_one_are_the_same() {
    let one: Document = r#"{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#
        .parse()
        .unwrap();
    let list: Document = r#"{"Statement":[{"Effect":"Allow","Action":["s3:Get*"],"Resource":["*"]}]}"#
        .parse()
        .unwrap();
    for document in [one, list] {
        assert_eq!(document.version(), Version::V2008);
        assert_eq!(document.statements()[0].actions().unwrap(), ["s3:Get*"]);
        assert!(document.check_identity().is_ok());
        assert!(document.check_trust().is_err());
    }
}

#[test]
fn what_iam_refuses_is_refused() {
    for (text, word) in [
        ("", "invalid Json"),
        ("[]", "object"),
        ("{}", "no `Statement`"),
        (
            r#"{"Version":"2020-01-01","Statement":[]}"#,
            "valid version string",
        ),
        (r#"{"Extra":1,"Statement":[]}"#, "Extra"),
        (r#"{"Statement":{"Action":"s3:*","Resource":"*"}}"#, "Effect"),
        (
            r#"{"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}"#,
            "Effect",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            "must contain actions",
        ),
        (r#"{"Statement":[]}"#, "Statement is empty!"),
        (r#"{"Statement":{},"Statement":{}}"#, "stands twice"),
        (
            r#"{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            "`Effect` stands twice",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"a:b":"true","a:b":"false"}}}}"#,
            "`a:b` stands twice",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"a":"true"}}}}"#,
            "vendor",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
            "must contain actions",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":[]}}"#,
            "must contain resources",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*:Describe*","Resource":"*"}}"#,
            "must not contain wildcards",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:Get:Object","Resource":"*"}}"#,
            "only one colon",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":":GetObject","Resource":"*"}}"#,
            "vendor",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:::b"}}"#,
            "cannot contain regexes",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws"}}"#,
            "fully qualified",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","NotPrincipal":{"AWS":"111111111111"}}}"#,
            "Allow with NotPrincipal",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Principal":"arn:aws:iam::111111111111:root"}}"#,
            "a principal is",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Principal":{"AWS":[]}}}"#,
            "cannot be empty",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Principal":{"Robot":"r2"}}}"#,
            "kind of principal",
        ),
        (r#"{"Statement":[]} x"#, "invalid Json"),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"read","Resource":"*"}}"#,
            "vendor",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}"#,
            "ARN format",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}}"#,
            "opposite",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Conditions":{}}}"#,
            "Conditions",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringSimilar":{"a:b":"c"}}}}"#,
            "StringSimilar",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::1:user/*"}}}"#,
            "Invalid principal",
        ),
        (
            r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
            "unique",
        ),
    ] {
        assert!(refused(text).contains(word), "{text}: {}", refused(text));
    }
}

#[test]
fn trust_policies_name_principals_and_no_resources() {
    let trust: Document =
        r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["111111111111"]}}}"#
            .parse()
            .unwrap();
    assert!(trust.check_trust().is_ok());
    assert!(trust.check_identity().is_err());
}

#[test]
fn what_iam_takes_is_taken() {
    for text in [
        r#"{"Statement":{"Effect":"Allow","Action":"*:*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3","arn:*:s3:::b"]}}"#,
        r#"{"Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"},
                         {"Sid":"","Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":
            {"NumericLessThan":{"s3:max-keys":10},"Bool":{"aws:SecureTransport":true}}}}"#,
    ] {
        assert!(
            text.parse::<Document>().unwrap().check_identity().is_ok(),
            "{text}"
        );
    }
}

#[test]
fn each_place_has_checks_of_its_own() {
    let check = |rest: &str| -> [Option<String>; 3] {
        let text = format!(r#"{{"Statement":{{{rest}}}}}"#);
        let document: Document = text.parse().unwrap();
        [
            document.check_identity(),
            document.check_trust(),
            document.check_service_control(),
        ]
        .map(|result| result.err().map(|problem| problem.to_string()))
    };
    let allow = r#""Effect":"Allow","Action":"sts:AssumeRole""#;
    for (rest, identity, trust, service_control) in [
        (r#""Resource":"*""#, "", "Missing required field Principal", ""),
        (r#""Principal":"*""#, "specify a principal", "", "requirements"),
        (
            "",
            "must contain resources",
            "Missing required field Principal",
            "requirements",
        ),
        (
            r#""Principal":"*","Resource":"*""#,
            "specify a principal",
            "prohibited field Resource",
            "requirements",
        ),
        (
            r#""Principal":"*","NotResource":"*""#,
            "specify a principal",
            "must not contain resources",
            "requirements",
        ),
        (
            r#""Resource":"*","Sid":"a b""#,
            "alpha-numeric",
            "alpha-numeric",
            "",
        ),
    ] {
        let rest = format!("{allow}{}{rest}", if rest.is_empty() { "" } else { "," });
        for (found, wanted) in check(&rest).into_iter().zip([identity, trust, service_control]) {
            let found = found.unwrap_or_default();
            assert_eq!(found.is_empty(), wanted.is_empty(), "{rest}: {found}");
            assert!(found.contains(wanted), "{rest}: {found}");
        }
    }
    for (rest, wanted) in [
        (
            r#""Effect":"Allow","Action":"*","Principal":"*""#,
            "only specify STS",
        ),
        (
            r#""Effect":"Allow","NotAction":"s3:*","Principal":"*""#,
            "only specify STS",
        ),
        (
            r#""Effect":"Deny","Action":"sts:*","NotPrincipal":{"AWS":"111111111111"}"#,
            "NotPrincipal",
        ),
    ] {
        let [_, trust, _] = check(rest);
        assert!(trust.is_some_and(|trust| trust.contains(wanted)), "{rest}");
    }
    let [_, trust, _] = check(r#""Effect":"Allow","Action":["STS:AssumeRole","sts:*"],"Principal":"*""#);
    assert_eq!(trust, None);
}

/// Neither the depth nor the length of a document may cost more than its size.
#[test]
fn hostile_documents_are_read_or_refused_in_no_time() {
    let deep = format!(r#"{{"Statement":{}"#, "[".repeat(100_000));
    assert!(refused(&deep).contains("recursion limit"), "{}", refused(&deep));
    let statement =
        |index| format!(r#"{{"Sid":"s{index}","Effect":"Allow","Action":"s3:*","Resource":"*"}}"#);
    let many: Vec<String> = (0..20_000).map(statement).collect();
    let long: Document = format!(r#"{{"Statement":[{}]}}"#, many.join(","))
        .parse()
        .unwrap();
    assert_eq!(long.statements().len(), 20_000);
    let keys: Vec<String> = (0..20_000).map(|index| format!(r#""a:{index}":"x""#)).collect();
    let wide = format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{{"StringLike":{{{}}}}}}}}}"#,
        keys.join(",")
    );
    assert_eq!(
        wide.parse::<Document>().unwrap().statements()[0]
            .condition_keys()
            .count(),
        20_000
    );
}

#[test]
fn a_document_tells_what_it_says() {
    let document: Document = r#"{"Id":"one","Statement":[
        {"Effect":"Deny","NotAction":["iam:*","sts:*"],"NotResource":"arn:aws:s3:::reports/*"},
        {"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#
        .parse()
        .unwrap();
    let [not, only] = document.statements() else {
        panic!("two statements");
    };
    assert_eq!(document.id(), Some("one"));
    assert_eq!(not.not_actions().unwrap(), ["iam:*", "sts:*"]);
    assert_eq!(not.not_resources().unwrap(), ["arn:aws:s3:::reports/*"]);
    assert_eq!((not.actions(), not.resources()), (None, None));
    assert_eq!((only.not_actions(), only.not_resources()), (None, None));
    let unnamed: Document = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#
        .parse()
        .unwrap();
    assert_eq!(unnamed.id(), None);
}

/// Twins are found wherever they stand, and not only beside each other.
#[test]
fn statement_ids_are_unique_across_the_whole_document() {
    let of = |sids: [&str; 3]| {
        let statements =
            sids.map(|sid| format!(r#"{{"Sid":"{sid}","Effect":"Allow","Action":"s3:*","Resource":"*"}}"#));
        format!(r#"{{"Statement":[{}]}}"#, statements.join(","))
    };
    assert!(refused(&of(["b", "a", "b"])).contains("must be unique"));
    assert!(of(["b", "a", "c"]).parse::<Document>().is_ok());
}
