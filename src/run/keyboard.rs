//! Keys at the terminal while a run goes on: `+` and `-` change how many users iterate, `p` pauses
//! and resumes, `q` stops.
//!
//! The terminal then hands over keys one by one and does not show them; all else stays as it is, so
//! that Ctrl-C is a signal and lines look as always. Its mode is given back on every way out:
//! [`Terminal`] is shared with whoever ends the process early.

use std::io::{IsTerminal, Stdin, stderr, stdin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::controls::{Controls, Wanted};

/// How long a key, or the end of the run, may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(100);

/// A key changes the number of users by this part of the most, and by one at least.
const PART: u64 = 20;

/// The mode that the terminal had, while it has another. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Terminal(Arc<Mutex<Option<Termios>>>);

impl Terminal {
    /// Gives the terminal its mode back, if it has another and is ours; may be called at any time.
    pub fn give_back(&self) {
        let mode = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mode) = mode.filter(|_| is_ours(&stdin())) {
            // What has gone away meanwhile needs no mode.
            let _ = tcsetattr(stdin(), OptionalActions::Flush, &mode);
        }
    }

    /// Asks it for single keys; gives whether it does so.
    fn take(&self) -> bool {
        let Ok(mode) = tcgetattr(stdin()) else { return false };
        let taken = hand_over_keys(&mode);
        if taken {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mode);
        }
        taken
    }

    /// Asks again, where a shell has changed the mode while we were suspended.
    fn keep(&self) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.is_some()
            && let Ok(mode) = tcgetattr(stdin())
            && mode.local_modes.contains(LocalModes::ICANON)
        {
            hand_over_keys(&mode);
        }
    }
}

/// The terminal's mode, but for lines and what is shown of them.
fn hand_over_keys(mode: &Termios) -> bool {
    let mut keys = mode.clone();
    keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    tcsetattr(stdin(), OptionalActions::Now, &keys).is_ok()
}

/// Whether we are in the foreground: else touching the terminal would suspend us.
fn is_ours(terminal: &Stdin) -> bool {
    terminal.is_terminal() && tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}

/// Reads keys as long as it lives.
#[derive(Debug)]
pub struct Keyboard {
    terminal: Terminal,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Reads keys, if a person sits at the terminal: stdin and stderr are one, and ours.
    pub fn open(terminal: &Terminal, controls: &Controls) -> Option<Keyboard> {
        let person = is_ours(&stdin()) && stderr().is_terminal();
        if !person || !terminal.take() {
            return None;
        }
        let mut keyboard =
            Keyboard { terminal: terminal.clone(), over: Arc::default(), thread: None };
        let (terminal, over) = (terminal.clone(), keyboard.over.clone());
        let controls = controls.clone();
        let read = move || read(&terminal, &over, &controls);
        // Without the thread the terminal is given back at once.
        keyboard.thread =
            Some(std::thread::Builder::new().name("keys".to_owned()).spawn(read).ok()?);
        Some(keyboard)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has told of itself.
            let _ = thread.join();
        }
        self.terminal.give_back();
    }
}

fn read(terminal: &Terminal, over: &AtomicBool, controls: &Controls) {
    let stdin = stdin();
    let patience = Timespec::try_from(PATIENCE).expect("a tenth of a second is a time");
    while !over.load(Relaxed) {
        if !is_ours(&stdin) {
            sleep(PATIENCE);
            continue;
        }
        terminal.keep();
        let mut wait = [PollFd::new(&stdin, PollFlags::IN)];
        let ready = poll(&mut wait, Some(&patience));
        let told = wait[0].revents();
        if told.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return;
        }
        if ready.is_ok_and(|ready| ready > 0) && told.contains(PollFlags::IN) {
            let mut keys = [0; 64];
            match rustix::io::read(&stdin, &mut keys) {
                Ok(0) => return,
                Ok(length) => keys[..length].iter().for_each(|key| press(*key, controls)),
                Err(_) => sleep(PATIENCE),
            }
        }
    }
}

/// What a key does: to the manual scenarios, or to all closed ones if there is none.
fn press(key: u8, controls: &Controls) {
    let mut wanted = controls.wanted();
    if wanted.iter().any(|one| one.manual) && key != b'p' {
        wanted.retain(|one| one.manual);
    }
    let each = |act: &dyn Fn(&Wanted) -> Result<(), super::controls::Refused>| {
        for refused in wanted.iter().filter_map(|one| act(one).err()) {
            log::warn!("{refused}");
        }
    };
    match key {
        b'+' | b'=' => each(&|one| controls.scale(&one.scenario, more(one))),
        b'-' | b'_' => each(&|one| controls.scale(&one.scenario, fewer(one))),
        b'p' if wanted.iter().all(|one| one.paused) => each(&|one| controls.resume(&one.scenario)),
        b'p' => each(&|one| controls.pause(&one.scenario)),
        b'q' => {
            log::warn!("stopping: iterations under way may finish; Ctrl-C to stop now");
            controls.stop();
        }
        _ => {}
    }
}

fn more(one: &Wanted) -> u64 {
    (users(one) + step(one)).min(one.most)
}

fn fewer(one: &Wanted) -> u64 {
    users(one).saturating_sub(step(one))
}

fn users(one: &Wanted) -> u64 {
    one.users.unwrap_or(one.most)
}

fn step(one: &Wanted) -> u64 {
    (one.most / PART).max(1)
}
