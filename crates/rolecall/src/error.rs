//! Errors are decisions: each kind says what a caller does next, each hint what a person does next.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What to do about an [`Error`]. The names in JSON are the snake-case forms ([`ErrorKind::name`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong: fix the file, variable or flag that the message names.
    Config,
    /// AWS refused: the policies, the ExternalId or the credentials themselves do not allow it.
    Denied,
    /// A bug of ours.
    Internal,
    /// A person is needed (an MFA code, a sign-in), and nobody can be asked here.
    NeedsUser,
    /// Nothing is configured where something was looked for; another source may do.
    NotConfigured,
    /// The other side cannot be reached, is overloaded, or answers nothing usable: try again.
    Unavailable,
    /// An answer came that does not fit what was asked for; it was thrown away.
    Untrusted,
}

impl ErrorKind {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Denied => "denied",
            Self::Internal => "internal",
            Self::NeedsUser => "needs_user",
            Self::NotConfigured => "not_configured",
            Self::Unavailable => "unavailable",
            Self::Untrusted => "untrusted",
        }
    }

    /// The kind of that name; what another release may have made up is [`ErrorKind::Unavailable`].
    pub(crate) fn named(name: &str) -> Self {
        let kinds = [
            Self::Config,
            Self::Denied,
            Self::Internal,
            Self::NeedsUser,
            Self::NotConfigured,
            Self::Untrusted,
        ];
        kinds
            .into_iter()
            .find(|kind| kind.name() == name)
            .unwrap_or(Self::Unavailable)
    }
}

/// Whether AWS says by this code that it is called too often.
pub(crate) fn is_throttling(aws_code: &str) -> bool {
    matches!(
        aws_code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "SlowDown"
            | "TooManyRequestsException"
    )
}

/// Whether a character is not seen but moves a cursor, or turns the direction of what a person reads.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text for a terminal. Messages quote what users and other machines wrote, and there a control character moves the
/// cursor, and one that turns the direction of reading makes one name look like another: they are written out instead.
pub(crate) fn printable(text: impl Into<String>) -> String {
    let text = text.into();
    if !text.contains(is_hidden) {
        return text;
    }
    text.chars()
        .map(|c| {
            if is_hidden(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// Why no session was obtained. Cheap to clone, so that every caller waiting for one renewal gets the same error.
#[derive(Clone)]
pub struct Error(Arc<Detail>);

#[derive(Clone)]
struct Detail {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    hop: Option<String>,
    aws_code: Option<String>,
    request_id: Option<String>,
    encoded: Option<String>,
    was_asked: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` is one lowercase clause without a final period and without its cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Detail {
            kind,
            message: printable(message),
            hints: Vec::new(),
            hop: None,
            aws_code: None,
            request_id: None,
            encoded: None,
            was_asked: false,
            source: None,
        }))
    }

    /// A setting that is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// The same error with one more hint: a sentence that says what to do.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.change(|detail| detail.hints.push(printable(hint)))
    }

    /// The same error with one more hint before the others: one that knows more than they do.
    #[must_use]
    pub(crate) fn with_first_hint(self, hint: impl Into<String>) -> Self {
        self.change(|detail| detail.hints.insert(0, printable(hint)))
    }

    /// The same error with these hints in the place of its own: of somebody who knows more.
    #[must_use]
    pub fn with_hints(self, hints: impl IntoIterator<Item = String>) -> Self {
        let hints = hints.into_iter().map(printable).collect();
        self.change(|detail| detail.hints = hints)
    }

    /// The same error, said of one hop of a chain (a role ARN or the source).
    #[must_use]
    pub fn with_hop(self, hop: impl Into<String>) -> Self {
        self.change(|detail| detail.hop = Some(printable(hop)))
    }

    /// The same error with what AWS called it and the id of the request, for its support and for CloudTrail.
    #[must_use]
    pub fn with_aws(self, code: Option<&str>, request_id: Option<&str>) -> Self {
        self.change(|detail| {
            detail.aws_code = code.map(printable);
            detail.request_id = request_id.map(printable);
        })
    }

    /// The same error with the encoded authorization message that AWS's words had in them, which are shortened here.
    #[must_use]
    pub(crate) fn with_encoded_message(self, said: &str) -> Self {
        match encoded_message(said) {
            Some(message) => self.change(|detail| detail.encoded = Some(message.to_owned())),
            None => self,
        }
    }

    /// The same error, of somebody who was asked: to ask again at once, for whoever waits for the same, would only bother
    /// them.
    #[must_use]
    pub(crate) fn after_asking(self) -> Self {
        self.change(|detail| detail.was_asked = true)
    }

    /// Whether a person was asked before it came to this.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.was_asked
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|detail| detail.source = Some(Arc::new(source)))
    }

    fn change(mut self, change: impl FnOnce(&mut Detail)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a person can do, most likely first.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// The hop of the chain that failed, where one did.
    pub fn hop(&self) -> Option<&str> {
        self.0.hop.as_deref()
    }

    /// AWS's error code, where AWS answered.
    pub fn aws_code(&self) -> Option<&str> {
        self.0.aws_code.as_deref()
    }

    /// The encoded authorization message of AWS's refusal, where it had one: `DecodeAuthorizationMessage` says what is in it.
    pub fn encoded_message(&self) -> Option<&str> {
        self.0.encoded.as_deref()
    }

    /// AWS's request id, where AWS answered.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("hop", &self.0.hop)
            .field("aws_code", &self.0.aws_code)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// The encoded message in what a service of AWS said, where it has one: `Encoded authorization failure message: …`.
pub fn encoded_message(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("ncoded authorization failure message:")?;
    let rest = rest.trim_start();
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_+/=".contains(c)))
        .unwrap_or(rest.len());
    // Shorter than any seal: not one, or cut off.
    (end >= 40).then_some(&rest[..end])
}

/// Text that is not what it should be, found where it was parsed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{problem}")]
pub struct Invalid {
    problem: String,
    suggestion: Option<String>,
}

impl Invalid {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: printable(problem),
            suggestion: None,
        }
    }

    #[must_use]
    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(printable(suggestion));
        self
    }

    /// The same problem, said of the setting `key`.
    #[must_use]
    pub(crate) fn within(mut self, key: &str) -> Self {
        if !self.problem.contains(key) {
            self.problem = format!("{key}: {}", self.problem);
        }
        self
    }

    /// The same problem, with the place where the text stands.
    #[must_use]
    pub(crate) fn at(mut self, place: &impl fmt::Display) -> Self {
        self.problem = printable(format!("{place}: {}", self.problem));
        self
    }

    /// What was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// The sentence a person reads: the problem and, where there is one, what was probably meant.
    pub fn sentence(&self) -> String {
        match &self.suggestion {
            Some(suggestion) => format!("{}; did you mean `{suggestion}`?", self.problem),
            None => self.problem.clone(),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        let error = Self::config(invalid.problem);
        match invalid.suggestion {
            Some(suggestion) => error.with_hint(format!("Did you mean `{suggestion}`?")),
            None => error.with_hint("Correct the value, then try again."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_reaches_a_person() {
        let nasty = "a\u{1b}[2J\r\n\u{9b}\u{202e}b";
        let safe = r"a\u{1b}[2J\r\n\u{9b}\u{202e}b";
        let error = Error::config(nasty).with_hint(nasty).with_hop(nasty);
        let error = error.with_aws(Some(nasty), Some(nasty));
        assert_eq!(error.to_string(), safe);
        assert_eq!(error.hints(), [safe]);
        assert_eq!(
            [error.hop(), error.aws_code(), error.request_id()],
            [Some(safe); 3]
        );
        let invalid = Invalid::new(nasty).suggest(nasty).at(&nasty);
        assert_eq!(
            invalid.sentence(),
            format!("{safe}: {safe}; did you mean `{safe}`?")
        );
        assert_eq!(printable("é → `x`"), "é → `x`");
    }
}
