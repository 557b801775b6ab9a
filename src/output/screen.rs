//! The talking end of a terminal: whole lines, and below them one live line that is redrawn.
//!
//! Log and live line share one [`Screen`], so that neither tears the other: a line first wipes the
//! live line and then draws it again beneath itself.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::text;
use crate::secrets::Secrets;

/// Back to the line's start, and wipe it.
const WIPE: &str = "\r\x1b[2K";

/// What columns a terminal has that does not say.
const COLUMNS: usize = 100;

/// Where talk goes. Shared by all threads; a write that fails (nobody listens any more) is nothing
/// that a run should end for, and is passed over.
pub struct Screen {
    secrets: Arc<Secrets>,
    color: bool,
    terminal: bool,
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    columns: Box<dyn Fn() -> Option<usize> + Send>,
    live: String,
}

impl Screen {
    /// The process's stderr; `color` as the user decided. It never shows one of `secrets`.
    pub fn stderr(color: bool, secrets: Arc<Secrets>) -> Screen {
        let terminal = std::io::stderr().is_terminal();
        let columns = || columns_of(&std::io::stderr());
        let mut screen =
            Screen::new(Box::new(std::io::stderr()), terminal, color, Box::new(columns));
        screen.secrets = secrets;
        screen
    }

    fn new(
        out: Box<dyn Write + Send>,
        terminal: bool,
        color: bool,
        columns: Box<dyn Fn() -> Option<usize> + Send>,
    ) -> Screen {
        let inner = Inner { out, columns, live: String::new() };
        Screen { secrets: Arc::default(), color, terminal, inner: Mutex::new(inner) }
    }

    /// Whether it gets colours.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Whether a live line can be redrawn on it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes a text as whole lines, each made harmless and without secrets; the live line stays below them.
    pub fn line(&self, text: &str) {
        let text = self.secrets.mask(text);
        let mut inner = self.lock();
        let mut block = String::with_capacity(text.len() + 16);
        if !inner.live.is_empty() {
            block.push_str(WIPE);
        }
        for line in text.lines() {
            block.push_str(&text::harmless(&line.replace('\t', "    ")));
            block.push('\n');
        }
        block.push_str(&inner.live);
        inner.write(&block);
    }

    /// Replaces the live line by this one, cut to the terminal's width. Without a terminal:
    /// nothing.
    pub fn live(&self, text: &str) {
        if !self.terminal {
            return;
        }
        let mut inner = self.lock();
        let columns = (inner.columns)().unwrap_or(COLUMNS);
        let safe = text::harmless(text);
        inner.live = text::cut(&safe, columns.saturating_sub(1)).into_owned();
        let drawn = format!("{WIPE}{}", inner.live);
        inner.write(&drawn);
    }

    /// Takes the live line away.
    pub fn clear(&self) {
        let mut inner = self.lock();
        if !std::mem::take(&mut inner.live).is_empty() {
            inner.write(WIPE);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Columns of the terminal behind `stream`, if there is one that says.
pub fn columns_of(stream: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

impl Inner {
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
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
        pub fn screen(&self, terminal: bool, columns: usize) -> Screen {
            Screen::new(Box::new(self.clone()), terminal, false, Box::new(move || Some(columns)))
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
}
