use proptest::prelude::*;

use super::*;

#[test]
fn actions_are_matched_without_case() {
    for (pattern, action, fits) in [
        ("sts:AssumeRole", "sts:AssumeRole", true),
        ("STS:assumerole", "sts:AssumeRole", true),
        ("sts:Assume*", "sts:AssumeRoleWithSAML", true),
        ("sts:AssumeRol?", "sts:AssumeRole", true),
        ("*", "sts:AssumeRole", true),
        ("s?s:*", "sts:AssumeRole", true),
        ("sts:AssumeRole", "sts:AssumeRoleWithSAML", false),
        ("sts:?ssumeRol", "sts:AssumeRole", false),
        ("sts:*Role*SAML", "sts:AssumeRoleWithSAML", true),
        ("sts:*Role*Web", "sts:AssumeRoleWithSAML", false),
        ("", "sts:AssumeRole", false),
    ] {
        assert_eq!(action_matches(pattern, action), fits, "{pattern} {action}");
    }
}

#[test]
fn arns_are_matched_field_by_field_and_with_case() {
    let role = "arn:aws:iam::666666666666:role/team/Deploy";
    for (pattern, fits) in [
        ("*", true),
        (role, true),
        ("arn:aws:iam::666666666666:role/*", true),
        ("arn:aws:iam::*:role/team/Deploy", true),
        ("arn:aws:iam::66666666666?:role/*", true),
        ("arn:*:iam::*:role/*", true),
        ("arn:aws:iam", true),
        ("arn:aws:iam::*", true),
        ("arn:aws:iam::666666666666:role/team/deploy", false),
        ("arn:aws:iam:*/Deploy", false),
        ("arn:aws:*:role/team/Deploy", false),
        ("arn:aws:iam::666666666666:user/*", false),
        ("arn:aws:s3", false),
        ("arn:aws:iam:*:role/team/Deploy", true),
        ("arn:aws:iam:*:role/team", false),
        ("arn:aws:iam::6*:role/team/Deploy", true),
        ("arn:aws:iam:x*:role/team/Deploy", false),
        ("arn:aws:iam:*:666666666666", true),
        ("arn:aws:iam:*:66*66", true),
        ("arn:aws:iam:?*:role/team/Deploy", false),
        ("arn:aws:iam:*:66*66:role/*", true),
        ("arn:aws:iam:*:6*:team/Deploy", false),
        ("arn:aws:iam::*6:role/team/Deploy", true),
        ("arn*:role/team/Deploy", false),
    ] {
        assert_eq!(resource_matches(pattern, role), fits, "{pattern}");
    }
    let topic = "arn:aws:sns:us-east-1:1:a:b:c";
    assert!(resource_matches("arn:aws:sns:*:*:a*", topic));
    assert!(resource_matches("arn:aws:sns:*:c", topic));
    assert!(!resource_matches("arn:aws:sns:?:1:a:b:c", topic));
    assert!(!resource_matches("arn:aws:sns:*", "*"));
    assert!(!resource_matches("arn:aws:sns:*:*:*", "arn:aws:sns:us-east-1"));
}

#[test]
fn variables_are_literal_and_need_the_new_version() {
    let mut context = Context::new();
    context.set("aws:username", "joe*");
    context.set("aws:PrincipalTag/team", "red");
    let arn = |name: &str| format!("arn:aws:s3:::{name}");
    for (pattern, name, version, fits) in [
        ("home/${aws:username}/*", "home/joe*/x", Version::V2012, true),
        ("home/${aws:username}/*", "home/joenna/x", Version::V2012, false),
        ("home/${AWS:UserName}/*", "home/joe*/x", Version::V2012, true),
        ("home/${aws:username}/*", "home/joe*/x", Version::V2008, false),
        (
            "home/${aws:username}",
            "home/${aws:username}",
            Version::V2008,
            true,
        ),
        ("${aws:PrincipalTag/team}", "red", Version::V2012, true),
        ("${aws:PrincipalTag/none}", "red", Version::V2012, false),
        ("${aws:PrincipalTag/none, 'blue'}", "blue", Version::V2012, true),
        ("a${*}b${?}${$}", "a*b?$", Version::V2012, true),
        ("a${*}b", "axb", Version::V2012, false),
        ("${unclosed", "${unclosed", Version::V2012, true),
    ] {
        assert_eq!(
            resource_matches_in(&arn(pattern), &arn(name), version, &context),
            fits,
            "{pattern} {name}"
        );
    }
}

/// The definition, spelled out; exponential, so only for short texts.
fn by_definition(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((&'*', rest)), None) => by_definition(rest, text),
        (Some((&'*', rest)), Some((_, tail))) => by_definition(rest, text) || by_definition(pattern, tail),
        (Some(_), None) => false,
        (Some((&p, rest)), Some((&t, tail))) => (p == '?' || p == t) && by_definition(rest, tail),
    }
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(wildcard_matches(&pattern, &text), by_definition(&p, &t));
    }

    #[test]
    fn a_text_matches_itself_and_its_prefixes(text in "[^*?]{0,40}", cut in 0usize..40) {
        let prefix: String = text.chars().take(cut).collect();
        prop_assert!(wildcard_matches(&text, &text));
        let pattern = format!("{prefix}*");
        prop_assert!(wildcard_matches(&pattern, &text));
    }

    #[test]
    fn any_pattern_ends(pattern in "[*a?]{0,200}", text in "a{0,200}") {
        let _ = wildcard_matches(&pattern, &text);
    }
}

#[test]
fn the_keys_of_variables() {
    let text = "a/${aws:username}/${*}/${ aws:PrincipalTag/team , 'x'}/${unclosed";
    assert_eq!(
        variables(text, Version::V2012),
        ["aws:username", "aws:PrincipalTag/team"]
    );
    assert!(variables(text, Version::V2008).is_empty());
}

#[test]
fn a_resource_full_of_colons_costs_no_more_than_another() {
    let resource = format!("arn:aws:s3:::{}", ":a".repeat(5_000));
    for pattern in [
        "arn:aws:s3:*:*:*x",
        "arn:aws:s3:*a:*a:*b",
        "arn:aws:s3:*:a*:*:a*:*:a*:*x",
    ] {
        assert!(!resource_matches(pattern, &resource), "{pattern}");
    }
    assert!(resource_matches("arn:aws:s3:*:*:*a", &resource));
}

proptest::proptest! {
    /// The quick way and the one that knows every wildcard say the same.
    #[test]
    fn asterisks_alone_are_matched_as_with_others(pattern in "[ab*é]{0,10}", text in "[abé]{0,12}") {
        let slow = tokens_match(plain(&pattern), text.chars());
        proptest::prop_assert_eq!(segments_match(&pattern, &text), slow, "{} {}", pattern, text);
    }
}
