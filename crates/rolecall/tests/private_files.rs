//! Files of ours under the hands of somebody who is faster: what is written is the file, and never what a link leads to
//! (A13; T18).

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at its own files from outside"
)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rolecall::Host;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Ends the other thread however this one ends: a failed test is told, and not waited for.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While `work` runs, the file at this place and a link to a victim change places, over and over. How often they did.
fn while_a_link_and_a_file_change_places(place: &Path, victim: &Path, work: impl FnOnce()) -> usize {
    let link = place.with_extension("link");
    std::os::unix::fs::symlink(victim, &link).unwrap();
    let (is_done, flips) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                // Either is gone for a moment, where the work has just replaced it.
                if renameat_with(CWD, place, CWD, &link, RenameFlags::EXCHANGE).is_ok() {
                    flips.fetch_add(1, Ordering::Relaxed);
                }
                // A file that took the link's place is no attack any more: there is a new one.
                if fs::symlink_metadata(&link).is_ok_and(|about| about.is_file())
                    && fs::symlink_metadata(place).is_ok_and(|about| about.is_file())
                {
                    let _ = fs::remove_file(&link);
                    let _ = std::os::unix::fs::symlink(victim, &link);
                }
            }
        });
        let _done = Done(&is_done);
        work();
    });
    flips.into_inner()
}

#[test]
fn a_link_that_comes_and_goes_is_never_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::builder().build();
    let (place, victim) = (folder.path().join("file"), folder.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    fs::write(&place, "old").unwrap();
    let flips = while_a_link_and_a_file_change_places(&place, &victim, || {
        for _ in 0..400 {
            host.write_private(&place, "new").unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
    });
    assert!(flips > 100, "{flips}");
}

#[test]
fn a_link_that_comes_and_goes_is_never_locked_or_written_by_a_holder() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::builder().build();
    let (place, victim) = (folder.path().join("lock"), folder.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    fs::write(&place, "").unwrap();
    let mut held = 0;
    let flips = while_a_link_and_a_file_change_places(&place, &victim, || {
        for _ in 0..20_000 {
            if let Ok(Some(mut lock)) = host.try_lock(&place) {
                lock.say("me");
                held += 1;
            }
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
    });
    assert!(flips > 100 && held > 0, "{flips} {held}");
}
