//! Wildcards, ARNs and policy variables.

use super::condition::Context;
use super::document::Version;

/// A pattern, taken apart. What a variable stands for is literal: a user called `*` is not everyone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token {
    /// `*`: any characters, none too.
    Any,
    /// `?`: one character.
    One,
    Literal(char),
}

/// Whether `text` fits a pattern of `*` (any characters, none too) and `?` (exactly one).
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    tokens_match(&plain(pattern), text)
}

/// Whether an action fits a pattern. Case does not matter ("IAM JSON policy elements: Action").
pub fn action_matches(pattern: &str, action: &str) -> bool {
    wildcard_matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Whether an ARN fits a pattern, field by field: a wildcard stays inside of its field, except in the last, which may
/// hold colons of its own. A pattern with fewer than six fields has `*` in those it lacks ("IAM JSON policy elements:
/// Resource", incomplete ARNs).
pub fn resource_matches(pattern: &str, resource: &str) -> bool {
    fields_match(pattern, resource, |field| Some(plain(field)))
}

/// The same with the variables of `version` filled in; a variable without a value lets nothing match.
pub(super) fn resource_matches_in(
    pattern: &str,
    resource: &str,
    version: Version,
    context: &Context,
) -> bool {
    fields_match(pattern, resource, |field| expanded(field, version, context))
}

/// A condition's value as a pattern; `None` where a variable has no value.
pub(super) fn value_matches(pattern: &str, text: &str, version: Version, context: &Context) -> Option<bool> {
    Some(tokens_match(&expanded(pattern, version, context)?, text))
}

/// The same for ARNs, field by field (`ArnEquals` and `ArnLike` are one and the same to IAM).
pub(super) fn arn_matches(pattern: &str, text: &str, version: Version, context: &Context) -> Option<bool> {
    // Variables without a value are looked for first, because fields that differ would hide them.
    expanded(pattern, version, context)?;
    Some(
        pattern.splitn(6, ':').count() == 6
            && text.splitn(6, ':').count() == 6
            && resource_matches_in(pattern, text, version, context),
    )
}

/// A condition's value as plain text, its variables filled in; wildcards mean themselves.
pub(super) fn value_text(text: &str, version: Version, context: &Context) -> Option<String> {
    Some(
        expanded(text, version, context)?
            .into_iter()
            .map(|token| match token {
                Token::Any => '*',
                Token::One => '?',
                Token::Literal(c) => c,
            })
            .collect(),
    )
}

fn fields_match(pattern: &str, resource: &str, tokens: impl Fn(&str) -> Option<Vec<Token>>) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut fields = resource.splitn(6, ':');
    let mut patterns = pattern.splitn(6, ':');
    for position in 0..6 {
        let (Some(field), pattern) = (fields.next(), patterns.next()) else {
            return false;
        };
        let Some(pattern) = pattern else { return true };
        let fits = if position < 5 {
            // Variables have no place before the fifth colon.
            tokens_match(&plain(pattern), field)
        } else {
            tokens(pattern).is_some_and(|tokens| tokens_match(&tokens, field))
        };
        if !fits {
            return false;
        }
    }
    true
}

fn plain(pattern: &str) -> Vec<Token> {
    pattern.chars().map(token).collect()
}

fn token(c: char) -> Token {
    match c {
        '*' => Token::Any,
        '?' => Token::One,
        c => Token::Literal(c),
    }
}

/// The pattern with `${key}`, `${key, 'default'}`, `${*}`, `${?}` and `${$}` filled in.
fn expanded(pattern: &str, version: Version, context: &Context) -> Option<Vec<Token>> {
    if version < Version::V2012 {
        return Some(plain(pattern));
    }
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { break };
        tokens.extend(rest[..start].chars().map(token));
        let variable = rest[start + 2..start + end].trim();
        match variable {
            "*" | "?" | "$" => tokens.extend(variable.chars().map(Token::Literal)),
            _ => {
                let (key, default) = match variable.split_once(',') {
                    Some((key, default)) => {
                        (key.trim(), default.trim().strip_prefix('\'')?.strip_suffix('\''))
                    }
                    None => (variable, None),
                };
                // A key with several values cannot stand in a variable ("Policy variables": single-valued keys).
                let value = match context.values(key) {
                    Some([value]) => value.as_str(),
                    _ => default?,
                };
                tokens.extend(value.chars().map(Token::Literal));
            }
        }
        rest = &rest[start + end + 1..];
    }
    tokens.extend(rest.chars().map(token));
    Some(tokens)
}

/// Greedy with one place to go back to: linear in practice, never exponential, so that a hostile pattern costs nothing.
fn tokens_match(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Any) => {
                back = Some((p, t));
                p += 1;
            }
            Some(Token::One) => (p, t) = (p + 1, t + 1),
            Some(Token::Literal(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(resource_matches(pattern, role), fits, "{pattern}");
        }
        assert!(resource_matches(
            "arn:aws:sns:*:*:a*",
            "arn:aws:sns:us-east-1:1:a:b:c"
        ));
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
            (Some((&'*', rest)), Some((_, tail))) => {
                by_definition(rest, text) || by_definition(pattern, tail)
            }
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
}
