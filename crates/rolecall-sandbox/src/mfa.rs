//! Codes of virtual MFA devices: time-based one-time passwords (RFC 6238) as AWS takes them, by SHA-1, in steps of 30
//! seconds, six digits long.
//!
//! They run on the wall clock, because the authenticators that show them do.

use std::time::SystemTime;

use base64::Engine;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use rolecall::AccountId;
use subtle::ConstantTimeEq;

use crate::api::{Params, Refusal};
use crate::call::Call;
use crate::clock;
use crate::ids;
use crate::state::{Account, Actor, Caller, MfaDevice, State};

/// How long a code is shown.
const STEP_SECONDS: u64 = 30;

/// The step a time falls into.
pub(crate) fn step(at: SystemTime) -> u64 {
    clock::epoch_seconds(at) / STEP_SECONDS
}

/// The code of one step.
pub(crate) fn code(seed: &[u8], step: u64) -> String {
    let tag = sign(
        &Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed),
        &step.to_be_bytes(),
    );
    let bytes = tag.as_ref();
    // Dynamic truncation (RFC 4226, 5.3): the last four bits say where the number begins.
    let at = usize::from(bytes.last().copied().unwrap_or_default() & 15);
    let number = bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, u32::from_be_bytes);
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// A new seed as an authenticator is given it, in base32, and as it is reckoned with.
pub(crate) fn new_seed() -> (String, Vec<u8>) {
    let text = ids::seed();
    let seed = base32(&text).unwrap_or_default();
    (text, seed)
}

/// Base32 in either case, padded or not (RFC 4648); `None` where a character is none of its.
pub(crate) fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0_u32, Vec::new());
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a',
            b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

impl MfaDevice {
    /// Takes a code if it is that of the present step or of one of its neighbours, and if neither it nor a newer one was
    /// taken before ("the verifier must not accept the second attempt", RFC 6238, 5.2).
    pub(crate) fn accept(&mut self, given: &str, at: SystemTime) -> bool {
        let now = step(at);
        let found = (now.saturating_sub(1)..=now + 1).find(|step| {
            self.last_step.is_none_or(|last| *step > last) && same(&code(&self.seed, *step), given)
        });
        if found.is_some() {
            self.last_step = found;
        }
        found.is_some()
    }

    /// Takes two codes that follow each other, as EnableMFADevice and ResyncMFADevice want them, and uses both up.
    /// `steps` is how far the device's clock may be off.
    pub(crate) fn accept_two(&mut self, first: &str, second: &str, at: SystemTime, steps: u64) -> bool {
        let now = step(at);
        let found = (now.saturating_sub(steps)..=now + steps).find(|step| {
            self.last_step.is_none_or(|last| *step > last)
                && same(&code(&self.seed, *step), first)
                && same(&code(&self.seed, step + 1), second)
        });
        if let Some(step) = found {
            self.last_step = Some(step + 1);
        }
        found.is_some()
    }

    /// The code that answers a prompt now, and for how many seconds it does: that of the present step, or the next one
    /// that is not used up. Where all are used up it is the present one all the same, as an authenticator shows it.
    pub(crate) fn present_code(&self, at: SystemTime) -> (String, u64) {
        let now = step(at);
        let wanted = self.last_step.map_or(now, |last| now.max(last + 1));
        let shown = if wanted > now + 1 { now } else { wanted };
        // A code is taken until the step after its own is over.
        let until = (shown + 2) * STEP_SECONDS;
        (
            code(&self.seed, shown),
            until.saturating_sub(clock::epoch_seconds(at)),
        )
    }
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The device with a serial number, wherever it is.
pub(crate) fn find<'a>(state: &'a State, serial: &str) -> Option<&'a MfaDevice> {
    state
        .accounts
        .values()
        .find_map(|account| account.mfa_devices.get(serial))
}

/// The serial numbers of all devices that are enabled for somebody.
pub(crate) fn serials(state: &State) -> Vec<String> {
    let devices = state.accounts.values().flat_map(|account| &account.mfa_devices);
    devices
        .filter(|(_, device)| device.user.is_some())
        .map(|(serial, _)| serial.clone())
        .collect()
}

/// The devices that are enabled for a user, and their serial numbers.
pub(crate) fn devices_of<'a>(
    account: &'a Account,
    user: &'a str,
) -> impl Iterator<Item = (&'a str, &'a MfaDevice)> {
    account
        .mfa_devices
        .iter()
        .filter(move |(_, device)| device.user.as_deref() == Some(user))
        .map(|(serial, device)| (serial.as_str(), device))
}

/// Whether a call of STS proves MFA: `SerialNumber` is a device of the user who calls, and `TokenCode` one of its codes.
/// The code is used up whatever becomes of the call.
pub(crate) fn prove(call: &Call<'_>, state: &mut State) -> Result<bool, Refusal> {
    let (serial, given) = match given(call.params) {
        (None, None) => return Ok(false),
        (Some(serial), Some(given)) => (serial, given),
        _ => {
            return Err(Refusal::denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ",
            ));
        }
    };
    let caller = &call.verified.caller;
    let at = call.clock.wall();
    let good = match &caller.actor {
        Actor::User(name) => state
            .accounts
            .get_mut(&caller.account)
            .and_then(|home| home.mfa_devices.get_mut(serial))
            .filter(|device| device.user.as_ref() == Some(name))
            .is_some_and(|device| device.accept(given, at)),
        // Roles have no devices, and those of a root user are not here.
        Actor::Federated { .. } | Actor::Role { .. } | Actor::Root => false,
    };
    if good {
        Ok(true)
    } else {
        *call.untold.borrow_mut() = Some(why_not(state, caller, serial));
        Err(Refusal::denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        ))
    }
}

/// What AWS keeps to itself about a code that was refused.
fn why_not(state: &State, caller: &Caller, serial: &str) -> String {
    let Actor::User(name) = &caller.actor else {
        return format!("{} has no MFA device: users have", caller.principal.arn());
    };
    let home = state.accounts.get(&caller.account);
    match home.and_then(|home| home.mfa_devices.get(serial)) {
        None => format!("account {} has no MFA device {serial}", caller.account),
        Some(device) if device.user.as_ref() != Some(name) => {
            format!("the MFA device {serial} is not enabled for the user {name}")
        }
        Some(_) => format!("the code is not one of {serial} for this time, or was used before"),
    }
}

fn given(params: &Params) -> (Option<&str>, Option<&str>) {
    (params.find("SerialNumber"), params.find("TokenCode"))
}

/// What an authenticator reads out of a QR code ("Key URI format").
pub(crate) fn key_uri(account: AccountId, name: &str, seed: &str) -> String {
    format!(
        "otpauth://totp/Amazon%20Web%20Services:{name}@{account}?secret={seed}&issuer=Amazon%20Web%20Services"
    )
}

/// Bytes in an answer of the query protocol.
pub(crate) fn blob(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn device() -> MfaDevice {
        MfaDevice {
            seed: b"12345678901234567890".to_vec(),
            user: Some("ann".to_owned()),
            enabled: None,
            last_step: None,
        }
    }

    /// Appendix B of RFC 6238, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&device().seed, step(at(seconds))), expected);
        }
        assert_eq!(base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), Some(device().seed));
        let (text, seed) = new_seed();
        assert_eq!((text.len(), seed.len()), (64, 40));
    }

    #[test]
    fn a_step_is_taken_once_and_none_older_after_it() {
        let now = 1_000_000;
        let time = at(now * 30 + 7);
        for (offsets, expected) in [
            (&[0_i64][..], &[true][..]),
            (&[-1], &[true]),
            (&[1], &[true]),
            (&[-2], &[false]),
            (&[2], &[false]),
            (&[0, 0], &[true, false]),
            (&[-1, 0, 1], &[true, true, true]),
            (&[0, -1], &[true, false]),
            (&[1, 0, -1], &[true, false, false]),
            // A wrong code uses nothing up.
            (&[5, 0], &[false, true]),
        ] {
            let mut device = device();
            let taken: Vec<bool> = offsets
                .iter()
                .map(|offset| {
                    let code = code(&device.seed, now.saturating_add_signed(*offset));
                    device.accept(&code, time)
                })
                .collect();
            assert_eq!(taken, expected, "{offsets:?}");
        }
    }

    #[test]
    fn two_codes_must_follow_each_other() {
        let now = 1_000_000;
        let time = at(now * 30);
        let of = |step: u64| code(&device().seed, step);
        for (first, second, good) in [
            (now - 1, now, true),
            (now, now + 1, true),
            (now, now - 1, false),
            (now, now, false),
            (now - 1, now + 1, false),
            (now - 3, now - 2, false),
        ] {
            let mut device = device();
            assert_eq!(
                device.accept_two(&of(first), &of(second), time, 1),
                good,
                "{first} {second}"
            );
            assert!(!(good && device.accept(&of(second), time)), "both are used up");
        }
    }

    #[test]
    fn the_code_for_a_prompt_is_one_that_is_taken() {
        let time = at(1_000_000 * 30 + 10);
        let mut device = device();
        for (taken, seconds) in [(true, 50), (true, 80), (false, 50)] {
            let (code, valid) = device.present_code(time);
            assert_eq!((device.accept(&code, time), valid), (taken, seconds));
        }
    }
}
