//! Explanations against the sandbox: every classic cause is recognised, the statement that decides is named, and the change
//! that is printed, once made, makes the call work.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::field_reassign_with_default,
    reason = "a scene is as it has to be, but for what its test then changes"
)]

mod explain {
    mod briefly;
    mod causes;
    mod parts;
    mod world;
}
