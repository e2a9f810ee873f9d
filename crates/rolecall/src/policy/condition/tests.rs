use super::*;

fn holds(operator: &str, key: &str, values: &[&str]) -> bool {
    let mut context = Context::new();
    context.set("s:one", "Blue");
    context.set("s:n", "7");
    context.set("s:date", "2026-05-01T12:00:00Z");
    context.set("s:epoch", "1777636800");
    context.set("s:ip", "10.1.2.3");
    context.set("s:ip6", "2001:db8::1");
    context.set("s:true", "true");
    context.set("s:false", "False");
    context.set("s:umlaut", "ärger");
    context.set("s:arn", "arn:aws:iam::666666666666:role/team/Deploy");
    context.set("s:short", "arn:aws:iam::666666666666");
    context.set("aws:username", "joe");
    context.set_all("s:many", ["red".to_owned(), "green".to_owned()]);
    context.set_all("s:empty", []);
    context.set("s:blank", "");
    context.set("s:star", "a*b");
    context.set("s:big", "9007199254740993");
    context.set("s:binary", "QmluYXJ5");
    context.set("s:account", "666666666666");
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Condition::new(operator, key, values)
        .unwrap()
        .holds(Version::V2012, &context)
}

#[test]
fn every_operator() {
    for (operator, key, values, wanted) in [
        ("StringEquals", "s:one", &["Blue"][..], true),
        ("StringEquals", "S:ONE", &["Blue"], true),
        ("StringEquals", "s:one", &["blue"], false),
        ("StringEquals", "s:one", &["x", "Blue"], true),
        ("StringEquals", "s:one", &["Bl*"], false),
        ("StringEquals", "s:none", &["Blue"], false),
        ("StringEqualsIfExists", "s:none", &["Blue"], true),
        ("StringEqualsIfExists", "s:one", &["Red"], false),
        ("StringEquals", "s:none", &["${aws:none}"], false),
        ("StringNotEquals", "s:one", &["${aws:none}"], true),
        ("StringNotLike", "s:one", &["${aws:none}"], true),
        ("StringNotEquals", "s:one", &["${aws:none}", "Blue"], false),
        ("ArnNotLike", "s:arn", &["${aws:none}"], true),
        ("ArnLike", "s:one", &["*"], false),
        ("ArnLike", "s:one", &["*:*:*:*:*:*"], false),
        ("ArnLike", "s:short", &["arn:aws:iam::666666666666"], false),
        ("ArnLike", "s:short", &["arn:aws:iam::6666*:*"], false),
        ("ArnLike", "s:short", &["${s:short}:*"], false),
        ("ArnLike", "s:arn", &["${s:arn}"], true),
        ("ArnLike", "s:arn", &["${s:short}:role/team/*"], true),
        ("ArnLike", "s:arn", &["${s:short}:role/other/*"], false),
        ("ArnLike", "s:arn", &["${s:short}"], false),
        ("StringEquals", "s:many", &["${s:many}"], false),
        ("StringEquals", "s:star", &["a${*}b"], true),
        ("StringEquals", "s:star", &["a*b"], true),
        ("StringLike", "s:one", &["Bl${*}"], false),
        ("StringLike", "s:one", &["${aws:none, 'Blue'}"], true),
        ("StringEquals", "s:one", &["${s:one"], false),
        ("StringNotEquals", "s:one", &["Blue", "Red"], false),
        ("StringNotEquals", "s:one", &["Red"], true),
        ("StringNotEquals", "s:none", &["Red"], true),
        ("StringEqualsIgnoreCase", "s:one", &["BLUE"], true),
        ("StringNotEqualsIgnoreCase", "s:one", &["BLUE"], false),
        ("StringEqualsIgnoreCase", "s:one", &["RED"], false),
        ("StringEqualsIgnoreCase", "s:umlaut", &["ÄRGER"], true),
        ("StringEqualsIgnoreCase", "s:umlaut", &["ÖRGER"], false),
        ("Bool", "s:false", &["false"], true),
        ("Bool", "s:false", &["true"], false),
        ("StringLike", "s:one", &["B*e"], true),
        ("StringLike", "s:one", &["b*e"], false),
        ("StringNotLike", "s:one", &["B?ue"], false),
        ("NumericEquals", "s:n", &["7.0"], true),
        ("NumericNotEquals", "s:n", &["7"], false),
        ("NumericLessThan", "s:n", &["8"], true),
        ("NumericLessThan", "s:n", &["7"], false),
        ("NumericLessThanEquals", "s:n", &["7"], true),
        ("NumericGreaterThan", "s:n", &["6"], true),
        ("NumericGreaterThanEquals", "s:n", &["8"], false),
        ("NumericLessThan", "s:one", &["8"], false),
        ("NumericNotEquals", "s:one", &["8"], true),
        ("NumericEquals", "s:big", &["9007199254740993"], true),
        ("NumericEquals", "s:big", &["9007199254740992"], false),
        ("NumericLessThan", "s:n", &["inf"], false),
        ("NumericLessThan", "s:n", &["1e9"], false),
        ("NumericGreaterThan", "s:n", &["6.5"], true),
        ("NumericLessThanEqualsIfExists", "s:none", &["1"], true),
        ("DateLessThan", "s:date", &["2026-05-01T12:00:01Z"], true),
        ("DateGreaterThan", "s:date", &["2026-05-01"], true),
        ("DateGreaterThan", "s:date", &["2026-05-02"], false),
        ("DateGreaterThan", "s:date", &["2026-04"], true),
        ("DateLessThan", "s:date", &["2026"], false),
        ("DateLessThan", "s:date", &["2027"], true),
        ("DateEquals", "s:date", &["2026-05-01T14:00:00+02:00"], true),
        ("DateEquals", "s:date", &["2026-05-01T12:00Z"], true),
        ("DateLessThanEquals", "s:date", &["yesterday"], false),
        ("DateGreaterThanEquals", "s:date", &["1777636800"], true),
        ("DateEquals", "s:epoch", &["2026-05-01T12:00:00Z"], true),
        ("DateNotEquals", "s:date", &["2026-05-01T12:00:00Z"], false),
        ("Bool", "s:true", &["TRUE"], true),
        ("Bool", "s:true", &["false"], false),
        ("Bool", "s:none", &["false"], false),
        ("Bool", "s:one", &["Blue"], false),
        ("Bool", "s:true", &["${s:true}"], false),
        ("BinaryEquals", "s:binary", &["QmluYXJ5"], true),
        ("BinaryEquals", "s:binary", &["qmluyxj5"], false),
        ("BinaryEqualsIfExists", "s:none", &["QmluYXJ5"], true),
        ("BoolIfExists", "s:none", &["false"], true),
        ("Null", "s:none", &["true"], true),
        ("Null", "s:one", &["true"], false),
        ("Null", "s:one", &["false"], true),
        ("Null", "s:empty", &["true"], true),
        ("Null", "s:blank", &["true"], false),
        ("Null", "s:none", &["false", "true"], true),
        ("Null", "s:none", &["maybe"], false),
        ("IpAddress", "s:ip", &["10.0.0.0/8"], true),
        ("IpAddress", "s:ip", &["10.1.2.3"], true),
        ("IpAddress", "s:ip", &["0.0.0.0/0"], true),
        ("IpAddress", "s:ip", &["10.1.2.4/32"], false),
        ("IpAddress", "s:ip6", &["2001:db8::/32"], true),
        ("IpAddress", "s:ip6", &["0.0.0.0/0"], false),
        ("IpAddress", "s:ip", &["10.0.0.0/33"], false),
        ("IpAddress", "s:ip", &["10.0.0.0/x"], false),
        ("IpAddress", "s:ip6", &["::/0"], true),
        ("IpAddress", "s:ip6", &["2001:0DB8:0:0::1"], true),
        ("IpAddress", "s:one", &["0.0.0.0/0"], false),
        ("NotIpAddress", "s:ip", &["2001:db8::/32"], true),
        ("NotIpAddress", "s:none", &["10.0.0.0/8"], true),
        ("NotIpAddress", "s:ip", &["10.0.0.0/8"], false),
        ("ArnLike", "s:arn", &["arn:aws:iam::*:role/*"], true),
        ("ArnEquals", "s:arn", &["arn:aws:iam::*:role/team/Deploy"], true),
        ("ArnLike", "s:arn", &["arn:aws:iam:*"], false),
        ("ArnLike", "s:one", &["*"], false),
        ("ArnLike", "s:arn", &["arn:aws:iam::*:*"], true),
        ("ArnLike", "s:arn", &["arn:aws:iam:*:role/team/Deploy"], false),
        ("ArnLike", "s:arn", &["arn:aws:iam::${s:account}:role/*"], true),
        ("ArnEquals", "s:arn", &["${s:arn}"], true),
        ("ArnNotEquals", "s:one", &["${s:arn}"], true),
        ("ArnNotLike", "s:arn", &["arn:aws:iam::*:user/*"], true),
        ("ArnNotEquals", "s:arn", &["arn:aws:iam::*:role/*"], false),
        ("ForAnyValue:StringEquals", "s:many", &["red"], true),
        ("ForAnyValue:StringEquals", "s:many", &["blue"], false),
        ("ForAnyValue:StringEquals", "s:none", &["red"], false),
        ("ForAllValues:StringEquals", "s:many", &["red"], false),
        (
            "ForAllValues:StringEquals",
            "s:many",
            &["red", "green", "x"],
            true,
        ),
        ("ForAllValues:StringEquals", "s:none", &["red"], true),
        ("ForAllValues:StringEquals", "s:empty", &["red"], true),
        ("ForAllValues:StringEquals", "s:blank", &["red"], true),
        ("ForAllValues:StringEqualsIfExists", "s:many", &["red"], false),
        ("ForAnyValue:StringEquals", "s:blank", &[""], false),
        ("ForAnyValue:StringNotEquals", "s:none", &["red"], false),
        ("ForAnyValue:StringEqualsIfExists", "s:none", &["red"], false),
        ("ForAnyValue:StringEqualsIfExists", "s:many", &["red"], true),
        ("forallvalues:stringlikeifexists", "s:many", &["*e*"], true),
        ("StringEquals", "s:blank", &[""], true),
        ("StringEquals", "s:many", &["green"], true),
        ("StringNotEquals", "s:many", &["green"], false),
        ("ForAllValues:StringNotEquals", "s:many", &["blue"], true),
        ("ForAllValues:StringNotEquals", "s:many", &["red"], false),
        ("ForAnyValue:StringNotEquals", "s:many", &["red"], true),
        ("ForAllValues:StringLike", "s:many", &["r*", "g*"], true),
        ("StringEquals", "aws:username", &["${aws:username}"], true),
    ] {
        assert_eq!(
            holds(operator, key, values),
            wanted,
            "{operator} {key} {values:?}"
        );
    }
    for unknown in [
        "ForSomeValues:Bool",
        "NumericSimilar",
        "NullIfExists",
        "ForAllValues:Null",
        "BoolNotEquals",
        "BinaryNotEquals",
        "IfExists",
        "",
    ] {
        assert!(Condition::new(unknown, "a:b", vec![]).is_err(), "{unknown}");
    }
}

#[test]
fn in_the_older_language_a_variable_is_text() {
    let mut context = Context::new();
    context.set("aws:username", "joe");
    context.set("s:text", "${aws:username}");
    let condition =
        |key: &str| Condition::new("StringEquals", key, vec!["${aws:username}".to_owned()]).unwrap();
    assert!(condition("s:text").holds(Version::V2008, &context));
    assert!(!condition("s:text").holds(Version::V2012, &context));
    assert!(!condition("aws:username").holds(Version::V2008, &context));
}
