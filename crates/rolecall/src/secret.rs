//! A secret is a type with one exit.

use std::fmt;

use zeroize::Zeroizing;

/// Text that must not be seen: no `Display`, no `Serialize`, no `Clone`, a `Debug` that says nothing, wiped on drop.
///
/// ```
/// let secret = rolecall::Secret::new("CANARYSECRET".to_owned());
/// assert_eq!(format!("{secret:?}"), "** redacted **");
/// assert_eq!(secret.expose(), "CANARYSECRET");
/// ```
/// ```compile_fail
/// let secret = rolecall::Secret::new("CANARYSECRET".to_owned());
/// println!("{secret}"); // no Display
/// ```
/// ```compile_fail
/// let secret = rolecall::Secret::new("CANARYSECRET".to_owned());
/// let copy = secret.clone(); // no Clone
/// ```
/// ```compile_fail
/// fn to_json(value: &impl serde::Serialize) {}
/// to_json(&rolecall::Secret::new("CANARYSECRET".to_owned())); // no Serialize
/// ```
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over. What the caller copied before stays the caller's to wipe.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The one exit. Whoever calls this is where the secret goes next.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("** redacted **")
    }
}
