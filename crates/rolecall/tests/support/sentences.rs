//! What every error of the library is held to: one clause, a hint, no secret.

use rolecall::Error;

/// The secret half of AWS's documented example key: the canary of every test that needs no sandbox.
pub(crate) const EXAMPLE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Panics unless `error` reads as house style has it.
pub(crate) fn assert_well_spoken(error: &Error) {
    let message = error.to_string();
    let all = format!("{message} {:?} {error:?}", error.hints());
    assert!(
        !message.is_empty() && !message.ends_with('.'),
        "a period: {message}"
    );
    assert!(!message.contains('\n'), "more than one line: {message}");
    assert!(!message.contains(". "), "more than one sentence: {message}");
    let first = message.chars().next().unwrap();
    let name = message.split([' ', ':']).next().unwrap();
    let is_a_name =
        name.len() > 1 && name.chars().all(|c| !c.is_lowercase()) || message.starts_with("Identity Center ");
    assert!(!first.is_uppercase() || is_a_name, "a capital: {message}");
    assert!(!error.hints().is_empty(), "no hint: {message}");
    for hint in error.hints() {
        assert!(hint.ends_with(['.', '?', ')']), "a hint is a sentence: {hint}");
        assert!(
            !hint.chars().next().unwrap().is_lowercase() || hint.starts_with("rolecall"),
            "{hint}"
        );
    }
    assert!(!all.contains(EXAMPLE_SECRET), "a secret: {all}");
}
