//! The kernel's keyring, which holds the encrypted file's unlocked identity and nothing else: so a passphrase is asked for
//! once in a working day, and not by every command. What lies there is in the kernel's memory only, is never swapped, and
//! ends by itself.
//!
//! It is a convenience: whatever goes wrong with it, in a container that may not use it, at a full quota, on another system,
//! is as if nothing were there.

use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::hex::hex;
use crate::host::Host;

const VARIABLE: &str = "ROLECALL_VAULT_KEEP";
/// A working day.
const USUAL: Duration = Duration::from_secs(8 * 3600);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The SHA-256 of the identity's file.
const MARK: usize = 32;
/// An identity of age has 74 characters.
const LONGEST_TEXT: usize = 200;

/// The identity of one vault, as the kernel keeps it.
pub(super) struct Kernel {
    /// By the vault's folder, so that two vaults of one user are not mixed up.
    name: String,
    /// For how long; `None` where it is not to be kept.
    keep: Option<Duration>,
    /// What the identity is wrapped in now: another one, or another passphrase, and what is kept does not fit any more.
    mark: Option<[u8; MARK]>,
}

impl Kernel {
    /// That of the vault in `folder`, whose identity is wrapped so: the bytes that were read, for by now others may be there.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] where `ROLECALL_VAULT_KEEP` is no time.
    pub(super) fn of(host: &Host, folder: &Path, wrapped: Option<&[u8]>) -> Result<Self, Error> {
        Ok(Self {
            name: name(folder),
            keep: keep(host)?,
            mark: wrapped.map(|bytes| Sha256::digest(bytes).into()),
        })
    }

    /// The identity's text, where it is there and this vault's.
    pub(super) fn find(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.keep?;
        let kept = quiet(keyring::read(&self.name))?;
        let (mark, text) = kept.split_at_checked(MARK)?;
        (mark == self.mark?).then(|| Zeroizing::new(text.to_vec()))
    }

    /// Keeps it.
    pub(super) fn keep(&self, text: &[u8]) {
        let (Some(keep), Some(mark)) = (self.keep, self.mark) else {
            return;
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(MARK + text.len()));
        bytes.extend_from_slice(&mark);
        bytes.extend_from_slice(text);
        if bytes.len() <= MARK + LONGEST_TEXT {
            quiet(keyring::write(&self.name, &bytes, keep));
        }
    }

    /// Forgets what is kept of the vault in `folder`, however long it was to be kept; whether there was something.
    pub(super) fn forget(folder: &Path) -> bool {
        quiet(keyring::remove(&name(folder))).is_some()
    }
}

fn name(folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    format!("rolecall:vault:{}", hex(&digest))
}

/// How long it is to be kept: `8h`, `30m`, `90s`, or `off`.
fn keep(host: &Host) -> Result<Option<Duration>, Error> {
    let Some(text) = host.env(VARIABLE).map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(Some(USUAL));
    };
    if text == "off" {
        return Ok(None);
    }
    let parsed = text.char_indices().last().and_then(|(at, unit)| {
        let seconds = match unit {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        let number: u32 = text[..at].parse().ok()?;
        Some(Duration::from_secs(u64::from(number) * seconds))
    });
    match parsed {
        Some(keep) if !keep.is_zero() && keep <= LONGEST => Ok(Some(keep)),
        _ => Err(Error::config(format!(
            "{VARIABLE} is `{text}`: it takes a time of at most 24 hours"
        ))
        .with_hint("For example `8h`, `30m`, or `off`: then every command asks for the passphrase.")),
    }
}

fn quiet<T>(result: Result<T, keyring::KeyError>) -> Option<T> {
    result
        .map_err(|error| tracing::debug!("the kernel's keyring: {error:?}"))
        .ok()
}

#[cfg(target_os = "linux")]
mod keyring {
    use std::time::Duration;

    pub(super) use linux_keyutils::KeyError;
    use linux_keyutils::{Key, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
    use zeroize::Zeroizing;

    use super::{LONGEST_TEXT, MARK};

    /// The user's keyring, which every login of theirs finds, and this thread's, through which it is possessed: a key that
    /// only its possessor may read is not read by who merely knows its number. Where no login manager linked the user's
    /// keyring into the session's, as in a service, nobody possesses it otherwise (keyrings(7)).
    struct Rings {
        user: KeyRing,
        thread: KeyRing,
    }

    impl Rings {
        fn open() -> Result<Self, KeyError> {
            let rings = Self {
                user: KeyRing::from_special_id(KeyRingIdentifier::User, true)?,
                thread: KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?,
            };
            rings.thread.link_keyring(rings.user)?;
            Ok(rings)
        }

        fn find(&self, name: &str) -> Result<Key, KeyError> {
            let key = self.user.search(name)?;
            // Nobody else can put one there, and it costs nothing to look.
            match key.metadata()?.get_uid() == rustix::process::geteuid().as_raw() {
                true => Ok(key),
                false => Err(KeyError::AccessDenied),
            }
        }
    }

    impl Drop for Rings {
        fn drop(&mut self) {
            let _ = self.thread.unlink_keyring(self.user);
        }
    }

    pub(super) fn read(name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let rings = Rings::open()?;
        let mut buffer = Zeroizing::new(vec![0; MARK + LONGEST_TEXT]);
        // It says how long the key is, whether or not it had room.
        let length = rings.find(name)?.read(&mut *buffer)?;
        if length > buffer.len() {
            return Err(KeyError::InvalidArguments);
        }
        buffer.truncate(length);
        Ok(buffer)
    }

    pub(super) fn write(name: &str, bytes: &[u8], keep: Duration) -> Result<(), KeyError> {
        let rings = Rings::open()?;
        let key = rings.thread.add_key(name, bytes)?;
        let write = || {
            let ours = Permission::VIEW
                | Permission::READ
                | Permission::SEARCH
                | Permission::LINK
                | Permission::SETATTR;
            key.set_perms(KeyPermissionsBuilder::builder().posessor(ours).build())?;
            key.set_timeout(usize::try_from(keep.as_secs()).unwrap_or(usize::MAX))?;
            // Last: it is never there without its end. It takes the place of one of the same name.
            rings.user.link_key(key)
        };
        let written = write();
        let _ = rings.thread.unlink_key(key);
        written
    }

    pub(super) fn remove(name: &str) -> Result<(), KeyError> {
        let rings = Rings::open()?;
        // Whoever holds its number loses it too.
        rings.find(name)?.invalidate()
    }
}

/// Other systems have none.
#[cfg(not(target_os = "linux"))]
mod keyring {
    use std::time::Duration;

    use zeroize::Zeroizing;

    #[derive(Debug)]
    pub(super) struct KeyError;

    pub(super) fn read(_name: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Err(KeyError)
    }

    pub(super) fn write(_name: &str, _bytes: &[u8], _keep: Duration) -> Result<(), KeyError> {
        Err(KeyError)
    }

    pub(super) fn remove(_name: &str) -> Result<(), KeyError> {
        Err(KeyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_for_a_time_of_at_most_a_day() {
        let of = |text: &str| keep(&Host::builder().env(VARIABLE, text).build());
        for (text, seconds) in [
            ("", Some(8 * 3600)),
            (" 90s ", Some(90)),
            ("30m", Some(1800)),
            ("24h", Some(24 * 3600)),
            ("off", None),
        ] {
            assert_eq!(of(text).unwrap(), seconds.map(Duration::from_secs), "{text}");
        }
        for text in [
            "0s",
            "25h",
            "1441m",
            "8",
            "h",
            "-1h",
            "1.5h",
            "8 h",
            "1d",
            "never",
            "4294967296s",
            "8ʰ",
        ] {
            let error = of(text).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Config, "{text}");
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
