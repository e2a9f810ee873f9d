//! Reading the files of a world: the only place of this crate that opens any.

use std::io::Read as _;
use std::path::Path;

/// Far more than a thousand accounts need, and little enough that a mistaken file does no harm.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The text of a file, or why there is none.
#[expect(
    clippy::disallowed_methods,
    reason = "a world file is named by the person who starts the sandbox; there is no `Host` in this crate"
)]
pub(super) fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| plain(&error))?;
    let is_directory = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    if is_directory {
        return Err("it is a folder, not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| plain(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is larger than 16 MiB, which is no world's size".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let lines = before
            .unwrap_or_default()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        format!("it is not text in UTF-8: line {} has other bytes", lines + 1)
    })
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by you".to_owned(),
        _ => error.to_string(),
    }
}
