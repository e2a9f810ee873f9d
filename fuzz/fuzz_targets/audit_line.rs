//! Any bytes as an audit log: read to its end or to a break. Where the whole log holds, it must not hold with one byte
//! changed; the first two bytes of the input say which, and how.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall::audit::History;

fuzz_target!(|input: &[u8]| {
    let [at, by, log @ ..] = input else { return };
    if *by == 0 || !is_whole(log) || log.is_empty() {
        return;
    }
    let mut changed = log.to_vec();
    let at = usize::from(*at) * changed.len() / 256;
    changed[at] ^= by;
    assert!(!is_whole(&changed), "a changed log was believed");
});

/// Whether all of it holds, to the last byte.
fn is_whole(log: &[u8]) -> bool {
    let mut history = History::of_text(log).expect("a file");
    let holds = history.by_ref().all(|next| next.is_ok());
    holds && history.torn().is_none()
}
