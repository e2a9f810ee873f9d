use super::*;

#[test]
fn the_articles_session_name_is_refused_with_a_better_one() {
    let invalid = "Fred's Session".parse::<SessionName>().unwrap_err();
    assert_eq!(
        invalid.sentence(),
        "session name `Fred's Session` has an apostrophe, which STS does not allow (letters, digits and `_+=,.@-` are); \
         did you mean `Freds-Session`?"
    );
}

#[test]
fn the_articles_duration_is_refused_with_a_number() {
    for quoted in ["\"1000\"", "“1000”", "'1000'"] {
        for invalid in [
            SessionDuration::parse_seconds(quoted).unwrap_err(),
            quoted.parse::<SessionDuration>().unwrap_err(),
        ] {
            assert!(invalid.to_string().contains("text in quotes"), "{invalid}");
            assert_eq!(invalid.suggestion(), Some("1000"));
        }
    }
}

#[test]
fn session_names_keep_to_the_limits() {
    for good in ["ab", "joe.bloggs@example.com", "a_b+c=d,e.f@g-h", &"x".repeat(64)] {
        assert!(good.parse::<SessionName>().is_ok(), "{good}");
    }
    for bad in ["", "a", "a b", "a:b", "a/b", "é!", "naïve", &"x".repeat(65)] {
        assert!(bad.parse::<SessionName>().is_err(), "{bad}");
    }
}

#[test]
fn any_text_becomes_a_session_name() {
    for (text, name) in [
        ("joe.bloggs", "joe.bloggs"),
        ("CORP\\joe", "CORP-joe"),
        ("Zoë Müller", "Zo-M-ller"),
        ("x", "rolecall-x"),
        ("", "rolecall"),
        ("日本", "rolecall"),
    ] {
        assert_eq!(SessionName::sanitized(text).as_str(), name);
    }
    let (one, two) = ("x".repeat(80), "x".repeat(81));
    assert_ne!(SessionName::sanitized(&one), SessionName::sanitized(&two));
    assert_eq!(SessionName::sanitized(&one).as_str().len(), 64);
}

proptest::proptest! {
    #[test]
    fn sanitized_names_are_always_legal(text in ".{0,100}") {
        let name = SessionName::sanitized(&text);
        proptest::prop_assert!(name.as_str().parse::<SessionName>().is_ok(), "{name:?}");
    }
}

#[test]
fn durations() {
    for (text, seconds) in [
        ("900", 900),
        ("1h", 3600),
        ("90m", 5400),
        ("1h30m", 5400),
        ("43200", 43200),
        ("3600s", 3600),
    ] {
        assert_eq!(
            text.parse::<SessionDuration>().unwrap().seconds(),
            seconds,
            "{text}"
        );
    }
    for bad in [
        "",
        "899",
        "43201",
        "13h",
        "h",
        "1h30",
        "1.5h",
        "-900",
        "1 h",
        "99999999999999999999",
    ] {
        assert!(bad.parse::<SessionDuration>().is_err(), "{bad}");
    }
    assert_eq!(
        SessionDuration::parse_seconds("1h").unwrap_err().suggestion(),
        Some("3600")
    );
    assert_eq!(
        SessionDuration::parse_seconds("60").unwrap_err().suggestion(),
        Some("900")
    );
}

#[test]
fn external_ids_serials_and_source_identities_keep_to_the_limits() {
    assert!("a:b/c=d,e.f@g-h+i_j".parse::<ExternalId>().is_ok());
    assert!("x".repeat(1224).parse::<ExternalId>().is_ok());
    for bad in ["x", "", "a b", "a#b", &"x".repeat(1225)] {
        assert!(bad.parse::<ExternalId>().is_err(), "{bad}");
    }
    assert_eq!(
        "\"abc\"".parse::<ExternalId>().unwrap_err().suggestion(),
        Some("abc")
    );
    assert!("arn:aws:iam::111111111111:mfa/joe".parse::<MfaSerial>().is_ok());
    assert!("GAHT12345678".parse::<MfaSerial>().is_ok());
    assert!(
        "123456"
            .parse::<MfaSerial>()
            .unwrap_err()
            .to_string()
            .contains("code")
    );
    assert!("joe@example.com".parse::<SourceIdentity>().is_ok());
    assert!(
        "AWS:joe"
            .parse::<SourceIdentity>()
            .unwrap_err()
            .to_string()
            .contains("aws:")
    );
    assert!("a".parse::<SourceIdentity>().is_err());
}

#[test]
fn tags_of_any_script_pass() {
    for (key, value) in [
        ("Team", "payments"),
        ("Équipe", "données 12"),
        ("部門", "経理 ②"),
        ("a", ""),
        ("x=y", "a=b"),
    ] {
        assert!(Tag::new(key, value).is_ok(), "{key}");
    }
    for (key, value) in [
        ("", "x"),
        ("aws:x", "y"),
        ("a*b", "c"),
        ("tab\tkey", "c"),
        ("k", "em\u{1F600}ji"),
    ] {
        assert!(Tag::new(key, value).is_err(), "{key}");
    }
    assert!(Tag::new(&"k".repeat(129), "").is_err());
    assert!(Tag::new("k", &"é".repeat(256)).is_ok());
    assert!(Tag::new("k", &"é".repeat(257)).is_err());
    assert_eq!("a=b=c".parse::<Tag>().unwrap(), Tag::new("a", "b=c").unwrap());
}

#[test]
fn tag_sets() {
    let tag = |key: &str| Tag::new(key, "v").unwrap();
    assert!(Tags::new(vec![tag("a"), tag("B")], vec!["b".into()]).is_ok());
    assert!(
        Tags::new(vec![tag("a"), tag("A")], vec![])
            .unwrap_err()
            .to_string()
            .contains("same to STS")
    );
    assert!(Tags::new(vec![tag("a")], vec!["c".into()]).is_err());
    assert!(Tags::new((0..51).map(|n| tag(&format!("k{n}"))).collect(), vec![]).is_err());
    assert_eq!(
        Tags::new(vec![tag("a"), tag("b")], vec![]).unwrap(),
        Tags::new(vec![tag("b"), tag("a")], vec![]).unwrap()
    );
}

#[test]
fn session_policies() {
    let policy: SessionPolicy = "{ \"Version\": \"2012-10-17\", \"Statement\": [ ] }"
        .parse()
        .unwrap();
    assert_eq!(policy.as_str(), r#"{"Version":"2012-10-17","Statement":[]}"#);
    for bad in [
        "",
        "[]",
        "{}",
        "{\"Statement\": \"x\"}",
        "{\"Statement\":[{\"Sid\":\"日\"}]}",
    ] {
        assert!(bad.parse::<SessionPolicy>().is_err(), "{bad}");
    }
    let long = format!(r#"{{"Statement":[{{"Sid":"{}"}}]}}"#, "x".repeat(2048));
    assert!(
        long.parse::<SessionPolicy>()
            .unwrap_err()
            .to_string()
            .contains("at most 2048")
    );
}

#[test]
fn a_duration_that_no_number_holds_is_quoted_as_written() {
    for text in [
        "99999999999999999999",
        "99999999999999999999h",
        "18446744073709551615h",
        "1h18446744073709551615s",
    ] {
        let error = text.parse::<SessionDuration>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("duration `{text}` is too long")),
            "{error}"
        );
        assert_eq!(error.suggestion(), Some("43200"));
    }
    let error = SessionDuration::parse_seconds("99999999999999999999").unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}
