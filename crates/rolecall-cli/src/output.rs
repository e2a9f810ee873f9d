//! Data to stdout: tables, JSON, and secrets only where no eye is.

use std::io::{self, IsTerminal as _, Write as _};

use rolecall::Error;
use serde::Serialize;

use crate::command_error::CommandError;

/// Writes text to stdout and flushes it, so that a closed pipe is noticed here.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Tells the person something that is no error. A closed stderr leaves nobody to tell.
pub(crate) fn hint(text: &str) {
    let _ = writeln!(io::stderr(), "hint: {text}");
}

/// Writes text to stderr as it is. A closed one leaves nobody to tell.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a value as JSON, indented for eyes and fine for machines.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        Error::new(
            rolecall::ErrorKind::Internal,
            format!("cannot write JSON: {error}"),
        )
    })?;
    print(&format!("{text}\n"))
}

/// Secrets do not go to a terminal, where they stay in the scrollback, unless asked for with `--show`.
pub(crate) fn refuse_terminal(show: bool, instead: &str) -> Result<(), CommandError> {
    if show || !io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Error::config("this prints secrets, and stdout is a terminal")
        .with_hint(format!("{instead} Say --show to print them all the same."))
        .into())
}

/// How many columns the terminal has that stdout is; what goes elsewhere may be as wide as it is.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Columns as wide as their widest cell, two blanks between them; the last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
