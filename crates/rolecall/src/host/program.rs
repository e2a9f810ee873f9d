//! Programs that others may not have put there.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Host;
use crate::error::Error;

/// Why a file is not run.
#[derive(Debug)]
enum Flaw {
    Missing,
    NotExecutable(String),
    Untrusted(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there"),
            Self::NotExecutable(why) | Self::Untrusted(why) => f.write_str(why),
        }
    }
}

impl Host {
    /// Every variable that a child inherits. One whose name or value is not UTF-8 is not among them.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Where a program is: at its whole path, or, for a bare name, in the first folder of `PATH` that has it.
    ///
    /// Only what nobody but root and this user can change is found: the file, its folder, and every folder and link on
    /// the way. A folder of `PATH` that is empty, relative or writable by others is passed over, with a warning where it
    /// has such a program. Because nobody else can change what was looked at, it is still the same when it is run.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`]: a path that is relative, no such program, one that cannot be executed, one that
    /// others could have put there.
    pub fn program(&self, name: &str) -> Result<PathBuf, Error> {
        if is_path(name) {
            return self.program_at(name);
        }
        let Some(path) = self.env("PATH") else {
            return Err(
                Error::config(format!("`{name}` is looked for in PATH, and PATH is not set"))
                    .with_hint("Write the program's whole path."),
            );
        };
        let mut passed_over = None;
        for folder in std::env::split_paths(path) {
            let file = folder.join(name);
            if !file.is_file() {
                continue;
            }
            let flaw = if folder.is_absolute() {
                match examine(&file) {
                    Ok(()) => return Ok(file),
                    Err(flaw) => flaw,
                }
            } else {
                Flaw::Untrusted(format!(
                    "the entry `{}` of PATH depends on where one stands",
                    folder.display()
                ))
            };
            tracing::warn!("`{name}` of PATH is passed over: {flaw}");
            passed_over.get_or_insert(flaw);
        }
        Err(match passed_over {
            None => Error::config(format!("there is no program `{name}` in PATH"))
                .with_hint("Install it, correct its name, or write its whole path."),
            Some(flaw) => refused(name, &flaw),
        })
    }

    fn program_at(&self, name: &str) -> Result<PathBuf, Error> {
        let path = Path::new(name);
        if !path.is_absolute() {
            let error = Error::config(format!("`{name}` is a relative path, and no such program is run"));
            return Err(match (name.strip_prefix("~/"), self.home()) {
                (Some(rest), Some(home)) => error.with_hint(format!(
                    "`~` is not replaced here, as AWS's tools have it: write {}.",
                    home.join(rest).display()
                )),
                _ => error
                    .with_hint("Write the program's whole path, or its bare name to look for it in PATH."),
            });
        }
        match examine(path) {
            Ok(()) => Ok(path.to_owned()),
            Err(Flaw::Missing) => Err(Error::config(format!("there is no program {name}"))
                .with_hint("Install it, or correct the path.")),
            Err(flaw) => Err(refused(name, &flaw)),
        }
    }
}

fn refused(name: &str, flaw: &Flaw) -> Error {
    let error = Error::config(format!("`{name}` is not run: {flaw}"));
    match flaw {
        Flaw::Untrusted(_) => error.with_hint(
            "Others could put a program of theirs there: use one in a folder that only you or root can write to (chmod go-w).",
        ),
        Flaw::NotExecutable(_) | Flaw::Missing => {
            error.with_hint("Check that it is a file with the right to be executed (chmod +x).")
        }
    }
}

/// Whether it says where the program is, and not only its name.
fn is_path(name: &str) -> bool {
    name.contains('/') || (cfg!(windows) && name.contains(['\\', ':']))
}

/// Looks at the file and everything on the way to it.
#[cfg(unix)]
fn examine(path: &Path) -> Result<(), Flaw> {
    use std::ffi::OsString;
    use std::fs::{read_link, symlink_metadata};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Component;

    /// As many as Linux follows.
    const LINKS: u32 = 40;
    const STICKY: u32 = 0o1000;
    let us = rustix::process::geteuid().as_raw();
    let unseen = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Flaw::Missing,
        _ => Flaw::NotExecutable(format!("it cannot be looked at: {error}")),
    };
    // What is still to be walked, the next part last.
    let parts = |path: &Path| -> Vec<OsString> {
        let part = |part: Component<'_>| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        };
        path.components().rev().filter_map(part).collect()
    };
    let mut ahead = parts(path);
    let mut place = PathBuf::from("/");
    let mut folder_is_open = false;
    let mut links = 0;
    loop {
        let here = symlink_metadata(&place).map_err(unseen)?;
        if here.uid() != 0 && here.uid() != us {
            return Err(Flaw::Untrusted(format!(
                "{} belongs to user {}, who is neither root nor you",
                place.display(),
                here.uid()
            )));
        }
        if here.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(Flaw::Missing);
            }
            let to = read_link(&place).map_err(unseen)?;
            ahead.extend(parts(&to));
            if to.is_absolute() {
                place = PathBuf::from("/");
            } else {
                place.pop();
            }
        } else {
            let open = here.mode() & 0o022 & !trusted_group(here.gid());
            // What stands in a sticky folder and is ours or root's cannot be taken away by others; but they can put
            // something new there, and so no program is run out of one.
            let is_sticky_folder = here.is_dir() && here.mode() & STICKY != 0;
            if open != 0 && !is_sticky_folder {
                return Err(Flaw::Untrusted(format!(
                    "others may write to {}",
                    place.display()
                )));
            }
            if here.is_dir() {
                folder_is_open = open != 0;
            } else if here.is_file() && folder_is_open {
                let folder = place.parent().unwrap_or(&place).display();
                return Err(Flaw::Untrusted(format!("others may write to {folder}")));
            } else if !ahead.is_empty() {
                return Err(Flaw::Missing);
            } else if !here.is_file() || here.mode() & 0o111 == 0 {
                return Err(Flaw::NotExecutable(format!(
                    "{} cannot be executed",
                    place.display()
                )));
            } else {
                return Ok(());
            }
        }
        match ahead.pop() {
            Some(part) if part == ".." => {
                place.pop();
            }
            Some(part) => place.push(part),
            None => {
                return Err(Flaw::NotExecutable(format!("{} is no file", place.display())));
            }
        }
    }
}

/// The bits of a mode that say nothing about others: on macOS the group `admin` may become root anyway, and Homebrew's
/// folders are its.
#[cfg(unix)]
fn trusted_group(gid: u32) -> u32 {
    const ADMIN: u32 = 80;
    if cfg!(target_os = "macos") && gid == ADMIN {
        0o020
    } else {
        0
    }
}

/// Windows keeps the rights elsewhere; there only the place decides.
#[cfg(not(unix))]
fn examine(path: &Path) -> Result<(), Flaw> {
    match path.is_file() {
        true => Ok(()),
        false => Err(Flaw::Missing),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own file");
    }

    fn program(folder: &Path) -> PathBuf {
        let path = folder.join("tool");
        fs::write(&path, "#!/bin/sh\n").expect("our own folder");
        mode(&path, 0o755);
        path
    }

    fn found(host: &Host, name: &str) -> Result<PathBuf, String> {
        host.program(name).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_is_ours_or_roots_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path());
        let (name, host) = (path.to_str().unwrap(), Host::builder().build());
        assert_eq!(found(&host, name).unwrap(), path);
        for bad in [0o775, 0o757, 0o777] {
            mode(&path, bad);
            assert!(
                found(&host, name).unwrap_err().contains("others may write"),
                "{bad:o}"
            );
            mode(&path, 0o755);
            mode(folder.path(), bad);
            assert!(
                found(&host, name).unwrap_err().contains("others may write"),
                "{bad:o}"
            );
            // Sticky: nobody else takes it away, but anybody puts another one beside it.
            mode(folder.path(), bad | 0o1000);
            assert!(
                found(&host, name).unwrap_err().contains("others may write"),
                "{bad:o}"
            );
            mode(folder.path(), 0o755);
        }
        mode(&path, 0o644);
        assert!(found(&host, name).unwrap_err().contains("cannot be executed"));
        assert!(
            found(&host, folder.path().to_str().unwrap())
                .unwrap_err()
                .contains("is no file")
        );
        assert!(
            found(&host, &format!("{name}/x"))
                .unwrap_err()
                .contains("no program")
        );
        for relative in ["./tool", "bin/tool", "~/tool"] {
            assert!(
                found(&host, relative).unwrap_err().contains("relative"),
                "{relative}"
            );
        }
    }

    #[test]
    fn links_are_walked_and_every_folder_on_the_way_counts() {
        let folder = tempfile::tempdir().unwrap();
        let [good, open] = ["good", "open"].map(|name| folder.path().join(name));
        fs::create_dir(&good).unwrap();
        fs::create_dir(&open).unwrap();
        program(&good);
        program(&open);
        mode(&open, 0o777);
        let host = Host::builder().build();
        let link = folder.path().join("link");
        let at = link.to_str().unwrap();
        symlink("good/../good/tool", &link).unwrap();
        assert_eq!(found(&host, at).unwrap(), link, "by the name it was given");
        fs::remove_file(&link).unwrap();
        symlink("good/../open/tool", &link).unwrap();
        assert!(found(&host, at).unwrap_err().contains("others may write"));
        fs::remove_file(&link).unwrap();
        symlink(&link, &link).unwrap();
        assert!(found(&host, at).unwrap_err().contains("no program"));
    }

    #[test]
    fn the_path_is_searched_in_folders_that_nobody_else_writes_to() {
        let folder = tempfile::tempdir().unwrap();
        let [good, open] = ["good", "open"].map(|name| folder.path().join(name));
        for folder in [&good, &open] {
            fs::create_dir(folder).unwrap();
            program(folder);
        }
        mode(&open, 0o1777);
        let path = |entries: &str| Host::builder().env("PATH", entries).build();
        let (good_entry, open_entry) = (good.to_str().unwrap(), open.to_str().unwrap());
        let both = format!(":relative:{open_entry}:{good_entry}");
        assert_eq!(found(&path(&both), "tool").unwrap(), good.join("tool"));
        assert!(
            found(&path(open_entry), "tool")
                .unwrap_err()
                .contains("others may write")
        );
        assert!(
            found(&path("/nowhere"), "tool")
                .unwrap_err()
                .contains("no program")
        );
        assert!(
            found(&Host::builder().build(), "tool")
                .unwrap_err()
                .contains("PATH is not set")
        );
    }
}
