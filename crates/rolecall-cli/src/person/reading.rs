//! Reading from a terminal or a program: a line, bounded in length and in time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::Instant;
use zeroize::{Zeroize as _, Zeroizing};

/// More than any code, choice or answer of a program; what is longer is read to its end, and cut.
pub(super) const LONGEST: usize = 1024;
/// What a program may write in all before it is not listened to any more.
const MOST: usize = 64 * 1024;

/// What reading a line came to.
#[derive(Debug)]
pub(super) enum Line {
    /// A line without its end; bytes that are no UTF-8 are replaced.
    Text(Zeroizing<String>),
    /// The other side said that nothing follows.
    Ended,
    /// The time is over.
    TooLate,
    /// Something else woke us: a signal.
    Woken,
}

/// Reads lines off a descriptor. What was read beyond a line is kept for the next one.
pub(super) struct Lines<'a, F> {
    from: &'a F,
    /// Never grows: a vector that moves leaves copies behind it.
    kept: Zeroizing<Vec<u8>>,
    read: usize,
    has_ended: bool,
}

impl<'a, F: AsFd> Lines<'a, F> {
    pub(super) fn of(from: &'a F) -> Self {
        Self {
            from,
            kept: Zeroizing::new(Vec::with_capacity(2 * LONGEST)),
            read: 0,
            has_ended: false,
        }
    }

    /// The next line, until `until` at most, or until there is something to read at `waker`.
    pub(super) fn next(&mut self, until: Option<Instant>, waker: Option<BorrowedFd<'_>>) -> io::Result<Line> {
        loop {
            if let Some(end) = self.kept.iter().position(|byte| *byte == b'\n') {
                let text = Zeroizing::new(String::from_utf8_lossy(&self.kept[..end]).into_owned());
                self.kept[..=end].zeroize();
                self.kept.drain(..=end);
                return Ok(Line::Text(text));
            }
            if self.has_ended || self.read > MOST {
                if self.kept.is_empty() {
                    return Ok(Line::Ended);
                }
                // A last line without an end.
                self.kept.push(b'\n');
                continue;
            }
            if let Some(woken) = wait(self.from.as_fd(), until, waker)? {
                return Ok(woken);
            }
            let mut buffer = Zeroizing::new([0_u8; 256]);
            match rustix::io::read(self.from, &mut buffer[..]) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    self.read += count;
                    // No line was whole before, so all that is kept is of one. Each is cut, but not without its end.
                    let mut line = self.kept.len();
                    for byte in &buffer[..count] {
                        let is_end = *byte == b'\n';
                        if line < LONGEST || is_end {
                            self.kept.push(*byte);
                        }
                        line = if is_end { 0 } else { line + 1 };
                    }
                }
                // A terminal whose other side is gone.
                Err(rustix::io::Errno::IO) => self.has_ended = true,
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Waits until there is something to read, and says why there is not.
fn wait(
    from: BorrowedFd<'_>,
    until: Option<Instant>,
    waker: Option<BorrowedFd<'_>>,
) -> io::Result<Option<Line>> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Some(Line::TooLate));
        }
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let mut ready = vec![PollFd::new(&from, PollFlags::IN)];
        if let Some(waker) = &waker {
            ready.push(PollFd::new(waker, PollFlags::IN));
        }
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) if ready.get(1).is_some_and(|waker| !waker.revents().is_empty()) => {
                return Ok(Some(Line::Woken));
            }
            Ok(_) if ready.first().is_some_and(|from| !from.revents().is_empty()) => return Ok(None),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The moment so far from now.
pub(super) fn in_(time: Duration) -> Instant {
    Instant::now() + time
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(written: &[u8]) -> Vec<String> {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let written = written.to_owned();
        let writing = std::thread::spawn(move || {
            // Whoever reads may stop before the end.
            let _ = writer.write_all(&written);
        });
        let mut lines = Lines::of(&reader);
        let mut found = Vec::new();
        while let Line::Text(text) = lines.next(Some(in_(Duration::from_secs(20))), None).unwrap() {
            found.push(text.to_string());
        }
        drop(reader);
        writing.join().unwrap();
        found
    }

    #[test]
    fn lines_are_parted_and_cut() {
        assert_eq!(read(b"123456\n"), ["123456"]);
        assert_eq!(read(b"123456"), ["123456"]);
        assert_eq!(read(b""), [""; 0]);
        assert_eq!(read(b"\n\na\xffb\r\n"), ["", "", "a\u{fffd}b\r"]);
        let long = [vec![b'x'; 5000], b"\nnext\n".to_vec()].concat();
        assert_eq!(read(&long), ["x".repeat(1024), "next".to_owned()]);
        let endless = read(&b"y\n".repeat(200_000));
        assert!(endless.len() < 70_000, "{}", endless.len());
    }

    #[test]
    fn nothing_is_waited_for_for_ever() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut lines = Lines::of(&reader);
        let outcome = lines.next(Some(in_(Duration::from_millis(1))), None).unwrap();
        assert!(matches!(outcome, Line::TooLate));
        let (waker, mut wake) = std::io::pipe().unwrap();
        wake.write_all(b"x").unwrap();
        let outcome = lines.next(None, Some(waker.as_fd())).unwrap();
        assert!(matches!(outcome, Line::Woken));
        drop(writer);
    }
}
