//! The talking end of a terminal: whole lines, and below them one live line that is redrawn; or a
//! picture that has all of it for a while.
//!
//! Log, live line and picture share one [`Screen`], so that none tears the other. A line first wipes
//! the live line and then draws it again beneath itself. While there is a picture, lines are kept:
//! it may show the last of them, and all come out when it is taken away.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::text;
use crate::results::format::counted;
use crate::secrets::Secrets;

/// Back to the line's start, and wipe it.
const WIPE: &str = "\r\x1b[2K";

/// The terminal's other screen, empty and without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[?25l";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// What columns and lines a terminal has that does not say.
const USUAL: (u16, u16) = (100, 24);

/// Lines that are kept while there is a picture; of more, the oldest are lost.
const MOST_KEPT: usize = 1_000;

/// Where talk goes. Shared by all threads; a write that fails (nobody listens any more) is nothing
/// that a run should end for, and is passed over.
pub struct Screen {
    secrets: Arc<Secrets>,
    color: bool,
    terminal: bool,
    talk: Mutex<Talk>,
    /// Locked after `talk` by whoever needs both. A picture is drawn without `talk`, so a terminal
    /// that takes no more holds up nobody who has a line to say.
    out: Mutex<Out>,
}

struct Talk {
    live: String,
    /// Lines kept while there is a picture.
    kept: Option<Kept>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    lost: u64,
}

struct Out {
    out: Box<dyn Write + Send>,
    size: Box<dyn Fn() -> Option<(u16, u16)> + Send>,
    /// Whether there is a picture.
    picture: bool,
}

impl Screen {
    /// The process's stderr; `color` as the user decided. It never shows one of `secrets`.
    pub fn stderr(color: bool, secrets: Arc<Secrets>) -> Screen {
        let terminal = std::io::stderr().is_terminal();
        let size = || size_of(&std::io::stderr());
        let mut screen = Screen::new(Box::new(std::io::stderr()), terminal, color, Box::new(size));
        screen.secrets = secrets;
        screen
    }

    fn new(
        out: Box<dyn Write + Send>,
        terminal: bool,
        color: bool,
        size: Box<dyn Fn() -> Option<(u16, u16)> + Send>,
    ) -> Screen {
        let talk = Mutex::new(Talk { live: String::new(), kept: None });
        let out = Mutex::new(Out { out, size, picture: false });
        Screen { secrets: Arc::default(), color, terminal, talk, out }
    }

    /// Whether it gets colours.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Whether a live line can be redrawn on it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Columns and lines.
    pub fn size(&self) -> (u16, u16) {
        (self.out().size)().unwrap_or(USUAL)
    }

    /// Writes a text as whole lines, each made harmless and without secrets; the live line stays
    /// below them. While there is a picture they are kept.
    pub fn line(&self, text: &str) {
        let text = self.secrets.mask(text);
        let lines =
            text.lines().map(|line| text::harmless(&line.replace('\t', "    ")).into_owned());
        let mut talk = self.talk();
        if let Some(kept) = &mut talk.kept {
            lines.for_each(|line| kept.push(line));
            return;
        }
        let mut block = String::with_capacity(text.len() + 16);
        if !talk.live.is_empty() {
            block.push_str(WIPE);
        }
        lines.for_each(|line| block.extend([&line, "\n"]));
        block.push_str(&talk.live);
        self.out().write(&block);
    }

    /// Replaces the live line by this one, cut to the terminal's width. Without a terminal, and
    /// while there is a picture: nothing.
    pub fn live(&self, text: &str) {
        let mut talk = self.talk();
        if !self.terminal || talk.kept.is_some() {
            return;
        }
        let columns = usize::from(self.size().0);
        let safe = text::harmless(text);
        talk.live = text::cut(&safe, columns.saturating_sub(1)).into_owned();
        self.out().write(&format!("{WIPE}{}", talk.live));
    }

    /// Takes the live line away.
    pub fn clear(&self) {
        let mut talk = self.talk();
        if !std::mem::take(&mut talk.live).is_empty() {
            self.out().write(WIPE);
        }
    }

    /// From now on there is a picture in place of lines, until [`Self::uncover`].
    pub fn cover(&self) {
        let mut talk = self.talk();
        let mut out = self.out();
        if talk.kept.is_none() {
            let wipe = if talk.live.is_empty() { "" } else { WIPE };
            talk.live.clear();
            talk.kept = Some(Kept::default());
            out.picture = true;
            out.write(&format!("{wipe}{ENTER}"));
        }
    }

    /// Takes the picture away and says what was kept; may be called at any time.
    pub fn uncover(&self) {
        let mut talk = self.talk();
        let Some(kept) = talk.kept.take() else { return };
        let mut out = self.out();
        out.picture = false;
        out.write(&format!("{LEAVE}{}", kept.text()));
    }

    /// Whether there is a picture.
    pub fn is_covered(&self) -> bool {
        self.talk().kept.is_some()
    }

    /// The last lines that were kept while there is a picture, the latest last.
    pub fn kept(&self, most: usize) -> Vec<String> {
        let talk = self.talk();
        let Some(kept) = &talk.kept else { return Vec::new() };
        kept.lines.iter().skip(kept.lines.len().saturating_sub(most)).cloned().collect()
    }

    /// Draws a part of the picture; nothing if there is none (any more).
    pub fn draw(&self, bytes: &[u8]) {
        let mut out = self.out();
        if out.picture {
            let _ = out.out.write_all(bytes).and_then(|()| out.out.flush());
        }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Columns of the terminal behind `stream`, if there is one that says.
pub fn columns_of(stream: &impl AsFd) -> Option<usize> {
    size_of(stream).map(|(columns, _)| columns.into())
}

fn size_of(stream: &impl AsFd) -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let lines = if size.ws_row > 0 { size.ws_row } else { USUAL.1 };
    (size.ws_col > 0).then_some((size.ws_col, lines))
}

impl Kept {
    fn push(&mut self, line: String) {
        if self.lines.len() == MOST_KEPT {
            self.lines.pop_front();
            self.lost += 1;
        }
        self.lines.push_back(line);
    }

    fn text(&self) -> String {
        let lost = (self.lost > 0).then(|| format!("({} before)\n", counted(self.lost, "line")));
        let lines = self.lines.iter().map(|line| format!("{line}\n"));
        lost.into_iter().chain(lines).collect()
    }
}

impl Out {
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.uncover();
        self.clear();
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::Arc;

    /// What was written, to be read later.
    #[derive(Clone, Default)]
    pub struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        /// All so far.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        /// A screen that writes on it.
        pub fn screen(&self, terminal: bool, columns: u16) -> Screen {
            let size = move || Some((columns, 24));
            Screen::new(Box::new(self.clone()), terminal, false, Box::new(size))
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_line_wipes_the_live_line_and_draws_it_again_below() {
        let paper = Paper::default();
        let screen = paper.screen(true, 80);
        screen.live("0:01 running");
        screen.line(" info  hello");
        screen.clear();
        screen.line(" info  bye");
        assert_eq!(
            paper.text(),
            "\r\x1b[2K0:01 running\r\x1b[2K info  hello\n0:01 running\r\x1b[2K info  bye\n"
        );
    }

    #[test]
    fn the_live_line_leaves_the_last_column_free_so_that_it_never_wraps() {
        let paper = Paper::default();
        paper.screen(true, 10).live("0123456789");
        assert!(paper.text().contains("01234567…"));
    }

    #[test]
    fn without_a_terminal_there_are_only_lines() {
        let paper = Paper::default();
        let screen = paper.screen(false, 80);
        screen.live("0:01 running");
        screen.line("one\ntwo \x1b[2J");
        assert_eq!(paper.text(), "one\ntwo \\x1b[2J\n");
    }

    #[test]
    fn a_picture_keeps_lines_until_it_is_taken_away() {
        let paper = Paper::default();
        let screen = paper.screen(true, 80);
        screen.draw(b"too early");
        screen.live("0:01 running");
        screen.cover();
        screen.line(" info  hello");
        screen.live("0:02 running");
        screen.draw(b"<picture>");
        assert_eq!(screen.kept(5), [" info  hello"]);
        screen.uncover();
        screen.draw(b"too late");
        screen.line(" info  bye");
        let expected =
            format!("{WIPE}0:01 running{WIPE}{ENTER}<picture>{LEAVE} info  hello\n info  bye\n");
        assert_eq!(paper.text(), expected);
    }

    #[test]
    fn of_too_many_kept_lines_the_oldest_are_lost_and_counted() {
        let paper = Paper::default();
        let screen = paper.screen(true, 80);
        screen.cover();
        (0..MOST_KEPT + 3).for_each(|n| screen.line(&n.to_string()));
        assert_eq!(screen.kept(2), ["1001", "1002"]);
        drop(screen);
        assert!(
            paper.text().contains("(3 lines before)\n3\n4\n"),
            "also without a word of goodbye"
        );
    }
}
