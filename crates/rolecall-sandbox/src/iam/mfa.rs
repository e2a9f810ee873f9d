//! Virtual MFA devices ("Assign a virtual MFA device").

use std::time::SystemTime;

use super::input::Input;
use super::page::Page;
use super::users::Whose;
use super::{Answered, Iam, Kind, limit, render};
use crate::api::{Refusal, escaped};
use crate::clock;
use crate::mfa;
use crate::state::{MfaDevice, State};
use crate::validate::{CODE, SERIAL};

/// "You can register up to eight MFA devices … with your AWS account root user and IAM users".
const MOST_DEVICES: usize = 8;
/// How far the clock of an authenticator may be off when it is enabled, and when it is brought back into step, in steps
/// of 30 seconds. AWS does not say; a day is more than any authenticator drifts.
const ENABLE_STEPS: u64 = 2;
const RESYNC_STEPS: u64 = 2880;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreateVirtualMFADevice" => create(iam, state),
        "DeactivateMFADevice" => deactivate(iam, state),
        "DeleteVirtualMFADevice" => delete(iam, state),
        "EnableMFADevice" => enable(iam, state),
        "GetMFADevice" => get(iam, state),
        "ListMFADevices" => list(iam, state),
        "ListVirtualMFADevices" => list_virtual(iam, state),
        "ResyncMFADevice" => resync(iam, state),
        _ => return None,
    })
}

/// The seed is shown this once. The picture is not one: it holds the text that the QR code of AWS's picture says.
fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.name("VirtualMFADeviceName", 226);
    let path = input.path("Path").unwrap_or("/");
    input.finish()?;
    let serial = iam.arn("mfa", path, name);
    iam.check(state, &serial)?;
    let home = iam.home(state)?;
    if home
        .mfa_devices
        .keys()
        .any(|other| other.eq_ignore_ascii_case(&serial))
    {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            "MFADevice entity at the same path and name already exists.",
        ));
    }
    let (text, seed) = mfa::new_seed();
    let device = MfaDevice {
        seed,
        user: None,
        enabled: None,
        last_step: None,
    };
    home.mfa_devices.insert(serial.clone(), device);
    state.recorder.seed(&serial, &text);
    Ok(format!(
        "<VirtualMFADevice><SerialNumber>{}</SerialNumber><Base32StringSeed>{}</Base32StringSeed>\
         <QRCodePNG>{}</QRCodePNG></VirtualMFADevice>",
        escaped(&serial),
        mfa::blob(text.as_bytes()),
        mfa::blob(mfa::key_uri(iam.account, name, &text).as_bytes())
    ))
}

fn serial<'a>(input: &mut Input<'a>) -> &'a str {
    input.checks.required("SerialNumber", 9, 256, SERIAL)
}

fn codes<'a>(input: &mut Input<'a>) -> (&'a str, &'a str) {
    (
        input.checks.required("AuthenticationCode1", 6, 6, CODE),
        input.checks.required("AuthenticationCode2", 6, 6, CODE),
    )
}

fn no_such_device(serial: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("VirtualMFADevice with serial number {serial} does not exist."),
    )
}

fn wrong_code() -> Refusal {
    Refusal::new(
        403,
        "InvalidAuthenticationCode",
        "Authentication code for device is not valid.",
    )
}

/// A device for a user, proved by two codes that follow each other; both are then used up.
fn enable(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    let serial = serial(&mut input);
    let (first, second) = codes(&mut input);
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    let now = iam.call.clock.wall();
    let home = iam.home(state)?;
    let count = mfa::devices_of(home, name).count();
    let device = home
        .mfa_devices
        .get_mut(serial)
        .ok_or_else(|| no_such_device(serial))?;
    if device.user.is_some() {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            "MFA Device is already in use.",
        ));
    }
    if count >= MOST_DEVICES {
        return Err(limit("MFADevicesPerUser", MOST_DEVICES));
    }
    if !device.accept_two(first, second, now, ENABLE_STEPS) {
        return Err(wrong_code());
    }
    device.user = Some(name.to_owned());
    device.enabled = Some(now);
    Ok(String::new())
}

/// A device that is enabled for this user.
fn device_of<'s>(
    iam: &Iam<'_>,
    state: &'s mut State,
    whose: &Whose,
    serial: &str,
) -> Result<&'s mut MfaDevice, Refusal> {
    let Whose::User(name) = whose else {
        return Err(not_theirs());
    };
    iam.home(state)?
        .mfa_devices
        .get_mut(serial)
        .filter(|device| device.user.as_ref() == Some(name))
        .ok_or_else(not_theirs)
}

fn not_theirs() -> Refusal {
    Refusal::new(404, "NoSuchEntity", "MFA Device invalid for user.")
}

fn deactivate(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 128);
    let serial = serial(&mut input);
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    let device = device_of(iam, state, &whose, serial)?;
    device.user = None;
    device.enabled = None;
    Ok(String::new())
}

fn resync(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    let serial = serial(&mut input);
    let (first, second) = codes(&mut input);
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    let now = iam.call.clock.wall();
    let device = device_of(iam, state, &Whose::User(name.to_owned()), serial)?;
    if device.accept_two(first, second, now, RESYNC_STEPS) {
        Ok(String::new())
    } else {
        Err(wrong_code())
    }
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let serial = serial(&mut input);
    input.finish()?;
    iam.check(state, serial)?;
    let devices = &mut iam.home(state)?.mfa_devices;
    let device = devices.get(serial).ok_or_else(|| no_such_device(serial))?;
    if device.user.is_some() {
        return Err(Refusal::new(
            409,
            "DeleteConflict",
            "MFA VirtualDevice in use. Must deactivate first.",
        ));
    }
    devices.remove(serial);
    Ok(String::new())
}

fn enabled(at: Option<SystemTime>) -> String {
    at.map_or_else(String::new, |at| {
        format!("<EnableDate>{}</EnableDate>", clock::iso8601(at))
    })
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 64);
    let serial = serial(&mut input);
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    let Whose::User(name) = whose else {
        return Err(not_theirs());
    };
    let device = mfa::devices_of(iam.seen(state)?, &name)
        .find(|(other, _)| *other == serial)
        .map(|(_, device)| device)
        .ok_or_else(not_theirs)?;
    Ok(enabled_for(&name, serial, device))
}

/// A device and the user it is enabled for.
fn enabled_for(name: &str, serial: &str, device: &MfaDevice) -> String {
    format!(
        "<UserName>{}</UserName><SerialNumber>{}</SerialNumber>{}",
        escaped(name),
        escaped(serial),
        enabled(device.enabled)
    )
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 128);
    let page = input.page();
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    let name = match whose {
        Whose::User(name) => name,
        // The devices of a root user are not here.
        Whose::Root => String::new(),
    };
    page.list(
        "MFADevices",
        mfa::devices_of(iam.seen(state)?, &name).map(|(serial, device)| (serial, (serial, device))),
        |(serial, device)| enabled_for(&name, serial, device),
    )
}

/// Every device of the account, without its seed.
fn list_virtual(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let status = input
        .checks
        .choice("AssignmentStatus", &["Assigned", "Unassigned", "Any"]);
    let page: Page = input.page();
    input.finish()?;
    iam.check(state, &iam.arn("mfa", "/", ""))?;
    let home = iam.seen(state)?;
    let wanted = |device: &MfaDevice| match status {
        Some("Assigned") => device.user.is_some(),
        Some("Unassigned") => device.user.is_none(),
        _ => true,
    };
    page.list(
        "VirtualMFADevices",
        home.mfa_devices
            .iter()
            .filter(|(_, device)| wanted(device))
            .map(|(serial, device)| (serial, (serial, device))),
        |(serial, device)| {
            let user = device
                .user
                .as_ref()
                .and_then(|name| home.users.get(name))
                .map_or_else(String::new, |user| {
                    format!("<User>{}</User>", render::user(user, iam.account))
                });
            format!(
                "<SerialNumber>{}</SerialNumber>{user}{}",
                escaped(serial),
                enabled(device.enabled)
            )
        },
    )
}
