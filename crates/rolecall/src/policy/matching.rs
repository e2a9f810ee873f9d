//! Wildcards, ARNs and policy variables.

use std::borrow::Cow;

use super::context::Context;
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
    if pattern.contains('?') {
        tokens_match(plain(pattern), text.chars())
    } else {
        segments_match(pattern, text)
    }
}

/// Without a `?`, what stands between the asterisks is searched for as it is, in time that grows with the text alone.
fn segments_match(pattern: &str, text: &str) -> bool {
    let mut segments = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(segments.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = segments.next_back() else {
        return rest.is_empty();
    };
    for segment in segments {
        match rest.split_once(segment) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether an action fits a pattern. Case does not matter ("IAM JSON policy elements: Action").
pub fn action_matches(pattern: &str, action: &str) -> bool {
    tokens_match(
        pattern.chars().map(|c| token(c.to_ascii_lowercase())),
        action.chars().map(|c| c.to_ascii_lowercase()),
    )
}

/// Whether an ARN fits a pattern, field by field ("IAM JSON policy elements: Resource").
///
/// A wildcard stays inside of its field, except in the last, which may hold colons of its own, and except for a `*` at
/// the end of the region or the account, which "can expand to match beyond the colon boundaries". A pattern with fewer
/// than six fields has `*` in those it lacks.
pub fn resource_matches(pattern: &str, resource: &str) -> bool {
    pattern == "*" || fields_match(pattern, resource, &wildcard_matches)
}

/// The same with the variables of `version` filled in; a variable without a value lets nothing match.
pub(super) fn resource_matches_in(
    pattern: &str,
    resource: &str,
    version: Version,
    context: &Context,
) -> bool {
    // Variables have no place before the fifth colon ("Where you can use policy variables").
    let last = |pattern: &str, text: &str| value_matches(pattern, text, version, context);
    pattern == "*" || fields_match(pattern, resource, &last)
}

/// Whether an ARN may fit, with whatever the variables stand for of which nothing is known.
pub(super) fn resource_may_match(pattern: &str, resource: &str, version: Version, context: &Context) -> bool {
    let mut widened = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, variable, after)) = next_variable(rest) {
        let key = variable
            .split_once(',')
            .map_or(variable, |(key, _)| key.trim_end());
        let is_literal = matches!(variable, "*" | "?" | "$");
        widened.push_str(before);
        if !is_literal && context.is_unknown(key) {
            widened.push('*');
        } else {
            widened.push_str(&format!("${{{variable}}}"));
        }
        rest = after;
    }
    widened.push_str(rest);
    resource_matches_in(&widened, resource, version, context)
}

/// A resource with every variable filled in that has a value; one that may be anything becomes `*`. What a value holds of
/// wildcards is then one.
pub fn filled_in(pattern: &str, version: Version, context: &Context) -> String {
    if !has_variables(pattern, version) {
        return pattern.to_owned();
    }
    let mut filled = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, variable, after)) = next_variable(rest) {
        filled.push_str(before);
        match variable {
            "*" | "?" | "$" => filled.push_str(variable),
            _ => filled.push_str(value_of(variable, context).unwrap_or("*")),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Whether a text fits a condition's value as a pattern. Nothing fits a variable without a value ("Policy variables with
/// no value").
pub(super) fn value_matches(pattern: &str, text: &str, version: Version, context: &Context) -> bool {
    if has_variables(pattern, version) {
        expanded(pattern, context).is_some_and(|tokens| tokens_match(tokens.iter().copied(), text.chars()))
    } else {
        wildcard_matches(pattern, text)
    }
}

/// The same for ARNs: each of the six fields is looked at alone, and none may be missing (`ArnEquals` and `ArnLike` are
/// one and the same to IAM).
pub(super) fn arn_matches(pattern: &str, text: &str, version: Version, context: &Context) -> bool {
    let texts: Vec<&str> = text.splitn(6, ':').collect();
    if texts.len() != 6 {
        return false;
    }
    if !has_variables(pattern, version) {
        return pattern.splitn(6, ':').count() == 6
            && pattern
                .splitn(6, ':')
                .zip(texts)
                .all(|(pattern, text)| wildcard_matches(pattern, text));
    }
    // A variable may stand for a whole ARN, so the fields are told apart after it was filled in.
    let Some(tokens) = expanded(pattern, context) else {
        return false;
    };
    let patterns: Vec<&[Token]> = tokens.splitn(6, |token| *token == Token::Literal(':')).collect();
    patterns.len() == 6
        && patterns
            .into_iter()
            .zip(texts)
            .all(|(pattern, text)| tokens_match(pattern.iter().copied(), text.chars()))
}

/// A condition's value as plain text, its variables filled in; wildcards mean themselves. `None` where a variable has no
/// value.
pub(super) fn value_text<'a>(text: &'a str, version: Version, context: &Context) -> Option<Cow<'a, str>> {
    if !has_variables(text, version) {
        return Some(Cow::Borrowed(text));
    }
    let characters = expanded(text, context)?.into_iter().map(|token| match token {
        Token::Any => '*',
        Token::One => '?',
        Token::Literal(c) => c,
    });
    Some(Cow::Owned(characters.collect()))
}

/// The keys of the variables in a text, as they are spelled there.
pub(super) fn variables(text: &str, version: Version) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = if version < Version::V2012 { "" } else { text };
    while let Some((_, variable, after)) = next_variable(rest) {
        if !matches!(variable, "*" | "?" | "$") {
            keys.push(
                variable
                    .split_once(',')
                    .map_or(variable, |(key, _)| key.trim_end()),
            );
        }
        rest = after;
    }
    keys
}

fn fields_match(pattern: &str, resource: &str, last: &impl Fn(&str, &str) -> bool) -> bool {
    let (mut pattern, mut resource) = (pattern, resource);
    for position in 0..5 {
        if position == REGION && reaches(pattern) && last(pattern, resource) {
            return true;
        }
        let Some((field, more_fields)) = pattern.split_once(':') else {
            return wildcard_matches(pattern, resource.split(':').next().unwrap_or_default());
        };
        match resource.split_once(':') {
            Some((own, rest)) if wildcard_matches(field, own) => (pattern, resource) = (more_fields, rest),
            _ => return false,
        }
    }
    last(pattern, resource)
}

const REGION: usize = 3;

/// Whether the region or the account at the head of a pattern ends with a `*` that reaches over colons. Without any other
/// wildcard in the two, the whole of the pattern is then matched as if it had no fields; and that in one pass, because
/// to try every colon of a hostile resource for each of the two would not end in time. "You can't use a wildcard in the
/// service segment", so nothing reaches from there.
fn reaches(region_on: &str) -> bool {
    let fields = || region_on.splitn(3, ':').take(2);
    let is_plain = |field: &str| !field.strip_suffix('*').unwrap_or(field).contains(['*', '?', '$']);
    fields().all(is_plain) && fields().any(|field| field.ends_with('*'))
}

fn plain(pattern: &str) -> impl Iterator<Item = Token> + Clone {
    pattern.chars().map(token)
}

fn token(c: char) -> Token {
    match c {
        '*' => Token::Any,
        '?' => Token::One,
        c => Token::Literal(c),
    }
}

/// The older version of the language has no variables: there they are text ("IAM JSON policy elements: Version").
fn has_variables(pattern: &str, version: Version) -> bool {
    version >= Version::V2012 && pattern.contains("${")
}

/// The text before the first variable, the variable, and the text after it.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (variable, after) = rest.split_once('}')?;
    Some((before, variable.trim(), after))
}

/// The pattern with `${key}`, `${key, 'default'}`, `${*}`, `${?}` and `${$}` filled in.
fn expanded(pattern: &str, context: &Context) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, variable, after)) = next_variable(rest) {
        tokens.extend(plain(before));
        match variable {
            "*" | "?" | "$" => tokens.extend(variable.chars().map(Token::Literal)),
            _ => tokens.extend(value_of(variable, context)?.chars().map(Token::Literal)),
        }
        rest = after;
    }
    tokens.extend(plain(rest));
    Some(tokens)
}

fn value_of<'a>(variable: &'a str, context: &'a Context) -> Option<&'a str> {
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (
            key.trim_end(),
            default.trim().strip_prefix('\'')?.strip_suffix('\''),
        ),
        None => (variable, None),
    };
    match context.values(key) {
        // A key with several values cannot stand in a variable ("Policy variables": single-valued keys).
        Some([value]) => Some(value),
        _ => default,
    }
}

/// Greedy with one place to go back to: linear in practice and never exponential, so that a hostile pattern costs little.
fn tokens_match(
    mut pattern: impl Iterator<Item = Token> + Clone,
    mut text: impl Iterator<Item = char> + Clone,
) -> bool {
    let mut back = None;
    loop {
        let (mut pattern_after, mut text_after) = (pattern.clone(), text.clone());
        match (pattern_after.next(), text_after.next()) {
            (None, None) => return true,
            (Some(Token::Any), _) => {
                back = Some((pattern_after.clone(), text.clone()));
                pattern = pattern_after;
            }
            (Some(Token::One), Some(_)) => (pattern, text) = (pattern_after, text_after),
            (Some(Token::Literal(wanted)), Some(found)) if wanted == found => {
                (pattern, text) = (pattern_after, text_after);
            }
            _ => {
                let Some((star, from)) = &mut back else {
                    return false;
                };
                if from.next().is_none() {
                    return false;
                }
                (pattern, text) = (star.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
