//! The list on the terminal: keys in, lines out, and the terminal as it was before however it ends.

mod keys;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use signal_hook::SigId;
use signal_hook::consts::signal::SIGWINCH;
use signal_hook::low_level::{pipe, unregister};

use super::Row;
use super::rank::{Entry, ranked};
use crate::person::{Interrupts, Terminal};
use keys::{Key, Keys};

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Picked {
    Row(usize),
    Nothing,
}

/// The lines above the rows.
const ABOVE: usize = 2;
/// Fewer lines than these have no room for a word about the keys.
const ROOMY: usize = 8;

/// The list, and where somebody is in it.
#[derive(Debug)]
struct List<'a> {
    title: &'a str,
    rows: &'a [Row],
    entries: Vec<Entry>,
    query: String,
    found: Vec<usize>,
    /// Of `found`.
    selected: usize,
    /// The first of `found` that is shown.
    top: usize,
    has_colour: bool,
    /// The columns of the longest name.
    widest: usize,
}

/// Shows the rows until one is taken or nobody wants any.
pub(super) fn run(
    terminal: &Terminal,
    interrupts: &Interrupts,
    title: &str,
    rows: &[Row],
    entries: Vec<Entry>,
    has_colour: bool,
) -> io::Result<Picked> {
    let found = ranked(&entries, "");
    let mut list = List {
        title,
        rows,
        entries,
        query: String::new(),
        found,
        selected: 0,
        top: 0,
        has_colour,
        widest: rows.iter().map(|row| width(&row.name)).max().unwrap_or(0),
    };
    interrupts.hold();
    let outcome = held(terminal.file(), interrupts, &mut list);
    interrupts.release();
    outcome
}

fn held(terminal: &File, interrupts: &Interrupts, list: &mut List<'_>) -> io::Result<Picked> {
    let resized = Resized::watch()?;
    let mut keys = Keys::default();
    loop {
        {
            let _raw = Raw::set(terminal)?;
            loop {
                list.draw(terminal)?;
                match wait(terminal, interrupts, &resized, keys.is_unfinished())? {
                    Woken::Signal => break,
                    Woken::Resized => {}
                    // What began with an escape and did not go on was the key of that name.
                    Woken::Nothing => keys.end(),
                    Woken::Key => {
                        let mut buffer = [0; 1024];
                        match rustix::io::read(terminal, &mut buffer) {
                            Ok(0) | Err(rustix::io::Errno::IO) => return Ok(Picked::Nothing),
                            Ok(count) => keys.push(&buffer[..count]),
                            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
                // All that was typed meanwhile is answered by one picture.
                let (_, lines) = size(terminal);
                let mut is_changed = false;
                while let Some(key) = keys.next() {
                    if is_changed && !matches!(key, Key::Char(_) | Key::Back | Key::BackWord | Key::Clear) {
                        list.search();
                        is_changed = false;
                    }
                    match list.press(key, lines) {
                        Pressed::Moved => {}
                        Pressed::Typed => is_changed = true,
                        Pressed::Done(picked) => return Ok(picked),
                    }
                }
                if is_changed {
                    list.search();
                }
            }
        }
        // The terminal is as it was: the signal may do what it does. Continued, the list is shown anew.
        interrupts.obey();
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Pressed {
    Moved,
    Typed,
    Done(Picked),
}

impl List<'_> {
    fn search(&mut self) {
        self.found = ranked(&self.entries, &self.query);
        self.selected = 0;
        self.top = 0;
    }

    fn press(&mut self, key: Key, lines: usize) -> Pressed {
        let page = room(lines).max(1);
        let last = self.found.len().saturating_sub(1);
        match key {
            Key::Enter => {
                return match self.found.get(self.selected) {
                    Some(row) => Pressed::Done(Picked::Row(*row)),
                    None => Pressed::Moved,
                };
            }
            Key::Leave => return Pressed::Done(Picked::Nothing),
            Key::Up => self.selected = self.selected.saturating_sub(1),
            Key::Down => self.selected = (self.selected + 1).min(last),
            Key::PageUp => self.selected = self.selected.saturating_sub(page),
            Key::PageDown => self.selected = (self.selected + page).min(last),
            Key::First => self.selected = 0,
            Key::Last => self.selected = last,
            Key::Char(c) => {
                self.query.push(c);
                return Pressed::Typed;
            }
            Key::Back => {
                self.query.pop();
                return Pressed::Typed;
            }
            Key::BackWord => {
                let kept = self
                    .query
                    .trim_end()
                    .rfind(char::is_whitespace)
                    .map_or(0, |at| at + 1);
                self.query.truncate(kept);
                return Pressed::Typed;
            }
            Key::Clear => {
                self.query.clear();
                return Pressed::Typed;
            }
        }
        Pressed::Moved
    }

    fn draw(&mut self, mut terminal: &File) -> io::Result<()> {
        let (columns, lines) = size(terminal);
        let picture = self.picture(columns, lines);
        terminal.write_all(picture.as_bytes())?;
        terminal.flush()
    }

    /// Everything that is to be seen, and the cursor behind what is typed.
    fn picture(&mut self, columns: usize, lines: usize) -> String {
        let shown = room(lines);
        if self.selected < self.top {
            self.top = self.selected;
        } else if shown > 0 && self.selected >= self.top + shown {
            self.top = self.selected + 1 - shown;
        }
        // The last column is left free: a line that is full wraps on some terminals.
        let columns = columns.saturating_sub(1).max(1);
        let mut head = format!("rolecall {}: ", self.title);
        if width(&head) + width(&self.query) + 1 > columns {
            head.clear();
        }
        // The end of what was typed is what somebody looks at.
        let typed = tail(&self.query, columns.saturating_sub(width(&head) + 1));
        let mut out = "\x1b[?25l\x1b[H".to_owned();
        let mut all = vec![format!("{head}{typed}")];
        if lines > 1 {
            all.push(cut(
                &format!("  {} of {}", self.found.len(), self.rows.len()),
                columns,
            ));
        }
        let names = self.widest.min(columns * 3 / 5);
        for (nth, row) in self.found.iter().enumerate().skip(self.top).take(shown) {
            let row = &self.rows[*row];
            let mark = if nth == self.selected { "> " } else { "  " };
            let name = cut(&row.name, names);
            let gap = " ".repeat(names - width(&name));
            let line = cut(format!("{mark}{name}{gap}  {}", row.about).trim_end(), columns);
            all.push(match nth == self.selected && self.has_colour {
                true => format!("\x1b[7m{line}\x1b[0m"),
                false => line,
            });
        }
        if self.found.is_empty() && lines > ABOVE {
            all.push(cut("  nothing fits", columns));
        }
        if lines >= ROOMY {
            all.resize(lines - 1, String::new());
            all.push(cut(
                "Enter takes it, Esc leaves; arrows or Ctrl-N and Ctrl-P move",
                columns,
            ));
        }
        all.truncate(lines.max(1));
        out.push_str(&all.join("\x1b[K\r\n"));
        out.push_str("\x1b[K\x1b[J");
        out.push_str(&format!("\x1b[1;{}H\x1b[?25h", width(&head) + width(&typed) + 1));
        out
    }
}

/// How many rows there is room for.
fn room(lines: usize) -> usize {
    let below = usize::from(lines >= ROOMY);
    lines.saturating_sub(ABOVE + below)
}

fn size(terminal: &File) -> (usize, usize) {
    let or = |number: u16, otherwise| match number {
        0 => otherwise,
        number => usize::from(number),
    };
    tcgetwinsize(terminal).map_or((80, 24), |size| (or(size.ws_col, 80), or(size.ws_row, 24)))
}

/// As much of a text as fits, with a sign that there is more.
fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += columns_of(c);
        if used + 1 > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The end of a text, as much of it as fits.
fn tail(text: &str, columns: usize) -> String {
    let mut used = 0;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += columns_of(c);
        if used > columns {
            break;
        }
        from = at;
    }
    text[from..].to_owned()
}

fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The columns of a character: East Asian wide ones have two (UAX #11), those that are put upon others none.
fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f
        | 0x0483..=0x0489
        | 0x0591..=0x05bd
        | 0x064b..=0x065f
        | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff
        | 0x200b..=0x200f
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// A terminal that gives each key as it is pressed, on a screen of its own; dropped, it is as it was before. Keys that send
/// signals do so still.
struct Raw<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Raw<'a> {
    fn set(mut terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut mode = before.clone();
        mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::IEXTEN;
        mode.local_modes |= LocalModes::ISIG;
        mode.input_modes -= InputModes::IXON | InputModes::ICRNL;
        mode.special_codes[SpecialCodeIndex::VMIN] = 1;
        mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Drain, &mode)?;
        let raw = Self { terminal, before };
        terminal.write_all(b"\x1b[?1049h")?;
        Ok(raw)
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let mut terminal = self.terminal;
        let _ = terminal.write_all(b"\x1b[0m\x1b[?25h\x1b[?1049l");
        let _ = tcsetattr(terminal, OptionalActions::Drain, &self.before);
    }
}

/// Says when the terminal has another size.
struct Resized {
    woken: UnixStream,
    id: SigId,
}

impl Resized {
    fn watch() -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let id = pipe::register(SIGWINCH, waker)?;
        Ok(Self { woken, id })
    }
}

impl Drop for Resized {
    fn drop(&mut self) {
        unregister(self.id);
    }
}

enum Woken {
    Key,
    Signal,
    Resized,
    /// A key that had begun did not go on.
    Nothing,
}

fn wait(
    terminal: &File,
    interrupts: &Interrupts,
    resized: &Resized,
    is_unfinished: bool,
) -> io::Result<Woken> {
    /// The bytes of one key come together, over a slow line too.
    const KEY: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    let (terminal, waker, size) = (terminal.as_fd(), interrupts.waker(), resized.woken.as_fd());
    loop {
        let mut ready = [
            PollFd::new(&terminal, PollFlags::IN),
            PollFd::new(&waker, PollFlags::IN),
            PollFd::new(&size, PollFlags::IN),
        ];
        match poll(&mut ready, is_unfinished.then_some(&KEY)) {
            Ok(0) if is_unfinished => return Ok(Woken::Nothing),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [key, signal, size] = ready.map(|fd| !fd.revents().is_empty());
        if signal {
            return Ok(Woken::Signal);
        }
        if size {
            let mut old = [0; 64];
            while let Ok(1..) = (&resized.woken).read(&mut old) {}
            return Ok(Woken::Resized);
        }
        if key {
            return Ok(Woken::Key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, about: &str) -> Row {
        Row {
            name: name.to_owned(),
            about: about.to_owned(),
            ..Row::default()
        }
    }

    fn list(rows: &[Row]) -> List<'_> {
        let entries: Vec<_> = rows
            .iter()
            .map(|row| Entry::new(&row.name, &row.about, None))
            .collect();
        List {
            title: "exec",
            rows,
            found: ranked(&entries, ""),
            entries,
            query: String::new(),
            selected: 0,
            top: 0,
            has_colour: false,
            widest: rows.iter().map(|row| width(&row.name)).max().unwrap_or(0),
        }
    }

    fn lines(picture: &str) -> Vec<String> {
        let text = picture.trim_start_matches("\x1b[?25l\x1b[H");
        let text = text.split("\x1b[K\x1b[J").next().unwrap();
        text.split("\x1b[K\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_picture_fits_any_terminal() {
        let mut rows: Vec<_> = (0..100)
            .map(|n| row(&format!("Account {n}/Role"), "allowed"))
            .collect();
        rows.push(row("東京アカウント/管理者ロール", "conditional: sts:ExternalId"));
        rows.push(row(&"x".repeat(500), &"y".repeat(500)));
        for (columns, height) in [(80, 24), (20, 8), (7, 5), (1, 1), (300, 3), (2, 200)] {
            let mut list = list(&rows);
            for query in [
                "",
                "東京 a very long text that is longer than most terminals are wide, by far",
                "role",
            ] {
                list.query = query.to_owned();
                list.search();
                list.press(Key::Last, height);
                let picture = lines(&list.picture(columns, height));
                assert!(picture.len() <= height, "{columns}x{height}: {picture:?}");
                for line in &picture {
                    assert!(width(line) < columns.max(2), "{columns}x{height}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn the_selected_row_is_always_seen() {
        let rows: Vec<_> = (0..100).map(|n| row(&format!("r{n:03}"), "")).collect();
        let mut list = list(&rows);
        for (key, expected) in [
            (Key::Down, "> r001"),
            (Key::PageDown, "> r008"),
            (Key::Last, "> r099"),
            (Key::Down, "> r099"),
            (Key::PageUp, "> r092"),
            (Key::First, "> r000"),
            (Key::Up, "> r000"),
        ] {
            assert_eq!(list.press(key, 10), Pressed::Moved);
            let picture = lines(&list.picture(40, 10));
            assert!(
                picture.iter().any(|line| line == expected),
                "{expected}: {picture:?}"
            );
        }
        assert_eq!(list.press(Key::Char('7'), 10), Pressed::Typed);
        list.search();
        assert_eq!(list.press(Key::Enter, 10), Pressed::Done(Picked::Row(70)));
        for c in "zzz".chars() {
            list.press(Key::Char(c), 10);
        }
        list.search();
        assert_eq!(list.press(Key::Enter, 10), Pressed::Moved);
        assert!(
            lines(&list.picture(40, 10))
                .iter()
                .any(|line| line == "  nothing fits")
        );
        assert_eq!(list.press(Key::BackWord, 10), Pressed::Typed);
        assert_eq!(list.query, "");
        assert_eq!(list.press(Key::Leave, 10), Pressed::Done(Picked::Nothing));
    }
}
