//! The terminal of whoever runs a load: single keys from it, or all of it, and how it was before
//! given back on every way out. [`Terminal`] is shared with whoever ends the process early.
//!
//! The terminal hands over keys one by one and does not show them; all else stays as it is, so that
//! Ctrl-C is a signal and lines look as always.

use std::io::{IsTerminal, Stdin, stderr, stdin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp,
    tcsetattr,
};

use super::screen::Screen;

/// How long a key, or the end of the run, may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(100);

/// What switches a special character off.
const DISABLED: u8 = 0;

/// How much of the terminal is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Single keys.
    Keys,
    /// And the whole screen. Ctrl-Z and Ctrl-S are then keys like others: a picture of a load that
    /// stands still would tear.
    Screen,
}

/// The terminal. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Terminal {
    screen: Arc<Screen>,
    /// The mode that it had, while it has another.
    before: Arc<Mutex<Option<(Termios, Want)>>>,
}

/// What was heard in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes.
    Keys(usize),
    /// Nothing; or we are in the background, where nothing is ours.
    Nothing,
    /// There is no terminal any more.
    Gone,
}

impl Terminal {
    /// Of the process, which talks on `screen`; nothing is taken yet.
    pub fn new(screen: Arc<Screen>) -> Terminal {
        Terminal { screen, before: Arc::default() }
    }

    /// Where it shows what is said.
    pub fn screen(&self) -> &Arc<Screen> {
        &self.screen
    }

    /// Takes it, if a person sits at it: stdin and stderr are one, and ours. Gives whether it is.
    pub fn take(&self, want: Want) -> bool {
        if !is_ours(&stdin()) || !stderr().is_terminal() {
            return false;
        }
        let Ok(mode) = tcgetattr(stdin()) else { return false };
        let taken = hand_over_keys(&mode, want);
        if taken {
            *self.before() = Some((mode, want));
            if want == Want::Screen {
                self.screen.cover();
            }
        }
        taken
    }

    /// Gives it back, if it is taken and ours; may be called at any time.
    pub fn give_back(&self) {
        let before = self.before().take();
        if let Some((mode, _)) = before.filter(|_| is_ours(&stdin())) {
            // What has gone away meanwhile needs no mode.
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &mode);
        }
        self.screen.uncover();
    }

    /// Waits a moment for keys.
    pub fn hear(&self, keys: &mut [u8]) -> Heard {
        let stdin = stdin();
        if !is_ours(&stdin) {
            sleep(PATIENCE);
            return Heard::Nothing;
        }
        self.keep();
        let patience = Timespec::try_from(PATIENCE).expect("a tenth of a second is a time");
        let mut wait = [PollFd::new(&stdin, PollFlags::IN)];
        let ready = poll(&mut wait, Some(&patience));
        let told = wait[0].revents();
        if told.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Heard::Gone;
        }
        if ready.is_ok_and(|ready| ready > 0) && told.contains(PollFlags::IN) {
            return match rustix::io::read(&stdin, keys) {
                Ok(0) => Heard::Gone,
                Ok(length) => Heard::Keys(length),
                Err(_) => {
                    sleep(PATIENCE);
                    Heard::Nothing
                }
            };
        }
        Heard::Nothing
    }

    /// Whether it may be drawn on: else that would show through, or suspend us.
    pub fn is_in_front(&self) -> bool {
        is_ours(&stdin())
    }

    /// Asks again, where a shell has changed the mode while we were suspended.
    fn keep(&self) {
        if let Some((_, want)) = &*self.before()
            && let Ok(mode) = tcgetattr(stdin())
            && mode.local_modes.contains(LocalModes::ICANON)
        {
            hand_over_keys(&mode, *want);
        }
    }

    fn before(&self) -> MutexGuard<'_, Option<(Termios, Want)>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a person sits at a terminal, so that it could be taken.
pub fn is_there() -> bool {
    is_ours(&stdin()) && stderr().is_terminal()
}

/// The terminal's mode, but for lines and what is shown of them.
fn hand_over_keys(mode: &Termios, want: Want) -> bool {
    let mut keys = mode.clone();
    keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    if want == Want::Screen {
        keys.input_modes.remove(InputModes::IXON);
        keys.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
    }
    tcsetattr(stdin(), OptionalActions::Now, &keys).is_ok()
}

/// Whether we are in the foreground: else touching the terminal would suspend us.
fn is_ours(terminal: &Stdin) -> bool {
    terminal.is_terminal() && tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}
