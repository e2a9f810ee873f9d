//! Values of the operators' types: flags, numbers, dates and networks. What is not of its type compares with nothing.

use std::cmp::Ordering;
use std::net::IpAddr;

pub(super) fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Integers are compared as such: a float would take neighbours beyond 2^53 for equal.
pub(super) fn numbers(left: &str, right: &str) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    number(left)?.partial_cmp(&number(right)?)
}

/// "Integer or decimal value": Rust would also read `inf` and `1e9`.
fn number(text: &str) -> Option<f64> {
    let decimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    text.parse().ok().filter(|_| decimal)
}

pub(super) fn dates(left: &str, right: &str) -> Option<Ordering> {
    Some(milliseconds(left)?.cmp(&milliseconds(right)?))
}

/// Seconds since the epoch, or one of the W3C's forms of ISO 8601, which may leave out the time, the day and the month.
fn milliseconds(text: &str) -> Option<i64> {
    let instant = |text: &str| {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_millisecond)
    };
    match (text.len(), text.parse::<i64>()) {
        (4, Ok(_)) => instant(&format!("{text}-01-01T00:00:00Z")),
        (_, Ok(epoch)) => epoch.checked_mul(1000),
        (7, _) => instant(&format!("{text}-01T00:00:00Z")),
        (10, _) => instant(&format!("{text}T00:00:00Z")),
        _ => instant(text),
    }
}

/// Whether an address lies in a network, or is the address, where no prefix follows.
pub(super) fn in_network(address: &str, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>())),
        None => (network, None),
    };
    let (Ok(address), Ok(base)) = (address.parse::<IpAddr>(), base.parse::<IpAddr>()) else {
        return false;
    };
    let (address, base, bits) = match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            (u128::from(u32::from(address)), u128::from(u32::from(base)), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => (u128::from(address), u128::from(base), 128),
        _ => return false,
    };
    match length.unwrap_or(Ok(bits)) {
        Ok(0) => true,
        Ok(length) if length <= bits => address >> (bits - length) == base >> (bits - length),
        _ => false,
    }
}
