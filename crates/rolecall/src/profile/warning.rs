//! What a person should know of the files and nobody asked: what was passed over, and what another tool reads otherwise.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::printable;

/// What a warning is of, so that whoever uses one profile hears of that one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum About {
    /// All that stands in the file.
    File,
    Profile(String),
    SsoSession(String),
    Services(String),
}

/// A warning, put into words when it is asked for: a file may hold thousands, and most runs read none.
#[derive(Clone, Debug)]
pub(super) struct Warning {
    pub(super) about: About,
    path: Arc<Path>,
    line: usize,
    said: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    /// A comment behind the value of this key.
    InlineComment(&'static str),
    Words(Cow<'static, str>),
}

impl Warning {
    pub(super) fn new(path: &Arc<Path>, line: usize, about: About, said: Said) -> Self {
        Self {
            about,
            path: Arc::clone(path),
            line,
            said,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// One line for a terminal.
    pub(super) fn text(&self) -> String {
        printable(format!("{}:{}: {}", self.path.display(), self.line, self.said))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InlineComment(key) => write!(
                f,
                "the comment behind `{key}` is no part of its value here, and is one for the AWS CLI and botocore"
            ),
            Self::Words(words) => f.write_str(words),
        }
    }
}
