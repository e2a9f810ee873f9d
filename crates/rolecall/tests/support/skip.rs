//! A test that cannot do its work on a machine: it says so, and fails where that is not to be.

/// Says that a test is skipped, and why. Where `ROLECALL_TESTS_SKIP_NOTHING` is set it fails instead: `.ci/run` sets it once
/// every program that the tests need is there, so that none of them passes by doing nothing.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[expect(clippy::disallowed_methods, reason = "it is about the real environment")]
pub(crate) fn skip(why: &str) {
    let nothing = std::env::var_os("ROLECALL_TESTS_SKIP_NOTHING");
    assert!(
        nothing.is_none_or(|value| value.is_empty()),
        "nothing is to be skipped, and this cannot be tested: {why}"
    );
    eprintln!("skipped: {why}");
}
