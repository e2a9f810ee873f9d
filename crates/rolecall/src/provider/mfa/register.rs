//! What is remembered of codes, by every process of this user: which were used, and who asks for one now.
//!
//! A code is recorded before it is sent. What is kept of it is a salted digest that takes long to make: whoever reads the
//! file could try all million codes, and has to be slower than the minute for which one is of use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::OwnedMutexGuard;

use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::{FileLock, Host};
use crate::secret::Secret;

/// How long a code is shown (RFC 6238's default, and what AWS's devices have).
const STEP: u64 = 30;
/// How often the clock and the lock are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long a device that another process asks for is waited for: as long as a person takes to find a telephone, and
/// some more.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// How many used codes are kept: AWS takes those of three steps, and none older.
const KEPT: usize = 4;
/// Rounds of the digest.
const ROUNDS: u32 = 4096;

/// One device, held by us alone among all processes of this user until it is dropped.
pub(super) struct Device {
    host: Host,
    serial: String,
    /// Where the record is kept; none where there is no place for it.
    path: Option<PathBuf>,
    record: OwnedMutexGuard<Record>,
    _lock: Option<FileLock>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Record {
    used: Vec<Used>,
}

/// A code that was given to AWS.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Used {
    /// The step it was sent in, counted from 1970.
    step: u64,
    salt: String,
    digest: String,
    /// Whether it may have been taken. AWS uses up no code that it calls wrong, and so nobody waits for another one.
    spent: bool,
}

impl Device {
    /// Waits until nobody else asks for a code of this device. `purpose` is what those read who wait for us.
    ///
    /// Whether the wait has made the code needless (the other got the very session that is wanted) cannot be known here:
    /// sessions are kept in memory, each process's its own.
    pub(super) async fn hold(host: &Host, serial: &str, purpose: &str) -> Result<Self, Error> {
        let path = folder(host).map(|folder| folder.join(name_of(serial)));
        let mine = in_this_process(path.as_deref().unwrap_or(Path::new(serial)));
        let mut record = mine.lock_owned().await;
        let Some(path) = path else {
            warn_once("there is no home directory to keep a record in");
            return Ok(Self::new(host, serial, None, record, None));
        };
        let lock = match lock_of(host, &path).await {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NeedsUser => return Err(error),
            Err(error) => {
                warn_once(&error.to_string());
                return Ok(Self::new(host, serial, None, record, None));
            }
        };
        let mut lock = lock;
        lock.say(&format!("{}\n{purpose}\n", std::process::id()));
        if let Some(kept) = Record::read(host, &path) {
            *record = kept;
        }
        Ok(Self::new(host, serial, Some(path), record, Some(lock)))
    }

    fn new(
        host: &Host,
        serial: &str,
        path: Option<PathBuf>,
        record: OwnedMutexGuard<Record>,
        lock: Option<FileLock>,
    ) -> Self {
        Self {
            host: host.clone(),
            serial: serial.to_owned(),
            path,
            record,
            _lock: lock,
        }
    }

    /// Waits until the device shows another code than the last one that was used, and says so meanwhile.
    pub(super) async fn shows_another(&mut self, what: &str) {
        let what = format!("{what}; the device shows another one in a moment");
        let mut told = None;
        while let Some(left) = self.left() {
            let seconds = left.as_secs();
            if told != Some(seconds) {
                tell(&self.host, &what, left).await;
                told = Some(seconds);
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
        if told.is_some() {
            tell(&self.host, &what, Duration::ZERO).await;
        }
    }

    /// How long the device still shows a code that was used. The file is read again each time: whoever removes it ends
    /// the wait.
    fn left(&mut self) -> Option<Duration> {
        if let Some(path) = &self.path {
            *self.record = Record::read(&self.host, path).unwrap_or_default();
        }
        self.record.left(self.host.wall_clock())
    }

    /// Whether this code was used before.
    pub(super) fn knows(&self, code: &Secret) -> bool {
        self.record
            .used
            .iter()
            .any(|used| used.is(&self.serial, code.expose()))
    }

    /// Records a code as used. After this it may be sent.
    pub(super) fn spend(&mut self, code: &Secret) -> Result<(), Error> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("there is no randomness: {error}"))
                .with_hint("Without it no code can be kept from being used twice.")
        })?;
        let salt = hex(&salt);
        self.record.used.push(Used {
            step: step(self.host.wall_clock()),
            digest: digest(&salt, &self.serial, code.expose()),
            salt,
            spent: true,
        });
        let many = self.record.used.len().saturating_sub(KEPT);
        self.record.used.drain(..many);
        self.write();
        Ok(())
    }

    /// Notes that AWS did not take the last code: the device may still show the right one.
    pub(super) fn was_refused(&mut self) {
        if let Some(last) = self.record.used.last_mut() {
            last.spent = false;
        }
        self.write();
    }

    fn write(&self) {
        let Some(path) = &self.path else { return };
        let text = serde_json::to_string(&*self.record).unwrap_or_default();
        if let Err(error) = self.host.write_private(path, &text) {
            warn_once(&error.to_string());
        }
    }
}

impl Record {
    /// What was recorded. What cannot be read is as good as nothing: AWS takes no code twice either.
    fn read(host: &Host, path: &Path) -> Option<Self> {
        let text = host.read(path).ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// How long the step still lasts in which a code was last used.
    fn left(&self, now: SystemTime) -> Option<Duration> {
        let last = self
            .used
            .iter()
            .filter(|used| used.spent)
            .map(|used| used.step)
            .max()?;
        // A clock that was set back would make minutes of it: then nothing is known of the step that lasts.
        (last == step(now) || last == step(now) + 1).then(|| {
            let end = SystemTime::UNIX_EPOCH + Duration::from_secs((last + 1) * STEP);
            end.duration_since(now).unwrap_or_default()
        })
    }
}

impl Used {
    fn is(&self, serial: &str, code: &str) -> bool {
        let digest = digest(&self.salt, serial, code);
        digest.as_bytes().ct_eq(self.digest.as_bytes()).into()
    }
}

fn step(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / STEP
}

/// The record of a device that was asked for and its lock are named by a digest: a serial holds an account and a name.
fn name_of(serial: &str) -> String {
    format!("{}.json", hex(&Sha256::digest(serial.as_bytes())))
}

pub(super) fn folder(host: &Host) -> Option<PathBuf> {
    Some(host.state_dir()?.join("mfa"))
}

fn digest(salt: &str, serial: &str, code: &str) -> String {
    let mut state: [u8; 32] = Sha256::new()
        .chain_update(salt)
        .chain_update([0])
        .chain_update(serial)
        .chain_update([0])
        .chain_update(code)
        .finalize()
        .into();
    for _ in 0..ROUNDS {
        state = Sha256::digest(state).into();
    }
    hex(&state)
}

/// One place for each device in this process: its lock, and its record where no file keeps it.
fn in_this_process(name: &Path) -> Arc<tokio::sync::Mutex<Record>> {
    type Devices = Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<Record>>>>;
    static DEVICES: OnceLock<Devices> = OnceLock::new();
    let mut devices = DEVICES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Arc::clone(devices.entry(name.to_owned()).or_default())
}

async fn lock_of(host: &Host, record: &Path) -> Result<FileLock, Error> {
    let path = record.with_extension("lock");
    let started = tokio::time::Instant::now();
    let mut told: Option<(String, u64)> = None;
    loop {
        if let Some(lock) = host.try_lock(&path)? {
            if let Some((what, _)) = &told {
                tell(host, what, Duration::ZERO).await;
            }
            return Ok(lock);
        }
        let who = holder(host, &path);
        let left = LONGEST_WAIT.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(Error::new(
                ErrorKind::NeedsUser,
                format!("{who} has been asking for a code of this device for two minutes"),
            )
            .with_hint("Answer it there, or end it; then try again."));
        }
        let now = (
            format!("{who} is asking for a code of this device"),
            left.as_secs(),
        );
        if told.as_ref() != Some(&now) {
            tell(host, &now.0, left).await;
            told = Some(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Who holds a lock, as it says itself.
fn holder(host: &Host, path: &Path) -> String {
    let text = host.read(path).ok().flatten().unwrap_or_default();
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse::<u32>().ok());
    let purpose: String = lines.next().unwrap_or_default().chars().take(200).collect();
    match pid {
        Some(pid) if !purpose.is_empty() => format!("another rolecall (pid {pid}, for {purpose})"),
        Some(pid) => format!("another rolecall (pid {pid})"),
        None => "another rolecall".to_owned(),
    }
}

/// Tells the person what is waited for, on a thread that may block.
async fn tell(host: &Host, what: &str, left: Duration) {
    let (person, what) = (host.person(), what.to_owned());
    let _ = tokio::task::spawn_blocking(move || person.waiting(&what, left)).await;
}

/// That codes are remembered by this process only: said once, for it is the same for every device.
fn warn_once(why: &str) {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        tracing::warn!("used MFA codes are remembered by this process alone: {why}");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn used_at(seconds: u64, spent: bool) -> Record {
        Record {
            used: vec![Used {
                step: step(at(seconds)),
                salt: "salt".to_owned(),
                digest: digest("salt", "device", "123456"),
                spent,
            }],
        }
    }

    #[test]
    fn a_used_code_is_waited_out_to_the_end_of_its_step() {
        for (used, now, left) in [
            (3000, 3000, Some(30)),
            (3000, 3029, Some(1)),
            (3029, 3029, Some(1)),
            (3029, 3030, None),
            (3000, 3500, None),
            // The step turned while the code was on its way, by another clock.
            (3030, 3029, Some(31)),
            // A clock that was set back says nothing.
            (9000, 3000, None),
        ] {
            let record = used_at(used, true);
            let expected = left.map(Duration::from_secs);
            assert_eq!(record.left(at(now)), expected, "{used} {now}");
            assert_eq!(used_at(used, false).left(at(now)), None, "AWS did not take it");
        }
        assert_eq!(Record::default().left(at(3000)), None);
    }

    #[test]
    fn a_digest_tells_codes_devices_and_salts_apart() {
        let used = &used_at(0, true).used[0];
        assert!(used.is("device", "123456"));
        assert!(!used.is("device", "123457") && !used.is("other", "123456"));
        let other = Used {
            salt: "other".to_owned(),
            ..used.clone()
        };
        assert!(!other.is("device", "123456"));
    }

    #[tokio::test]
    async fn what_is_kept_is_no_code_and_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder()
            .env("XDG_STATE_HOME", folder.path().to_str().unwrap())
            .build();
        let code = |text: &str| Secret::new(text.to_owned());
        let mut device = Device::hold(&host, "the-device", "a role").await.unwrap();
        assert!(!device.knows(&code("480151")));
        for number in 0..20 {
            device.spend(&code(&format!("4801{number:02}"))).unwrap();
        }
        drop(device);
        let path = super::folder(&host).unwrap().join(name_of("the-device"));
        let kept = host.read(&path).unwrap().unwrap();
        assert!(!kept.contains("4801") && !kept.contains("the-device"), "{kept}");
        // The memory of the process is not what is asked.
        *in_this_process(&path).lock().await = Record::default();
        let device = Device::hold(&host, "the-device", "a role").await.unwrap();
        assert!(device.knows(&code("480119")) && device.knows(&code("480116")));
        assert!(!device.knows(&code("480115")) && !device.knows(&code("480120")));
    }

    #[tokio::test]
    async fn a_record_that_is_broken_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder()
            .env("XDG_STATE_HOME", folder.path().to_str().unwrap())
            .build();
        let path = super::folder(&host).unwrap().join(name_of("broken"));
        for text in ["", "{", "[]", r#"{"used":[{"step":-1}]}"#] {
            host.write_private(&path, text).unwrap();
            let mut device = Device::hold(&host, "broken", "a role").await.unwrap();
            assert!(device.left().is_none(), "{text}");
        }
    }
}
