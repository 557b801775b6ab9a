//! Keys at the terminal beside a live line: `+` and `-` change how many users iterate, `p` pauses
//! and resumes, `q` stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use super::steer::{Steer, Wish};
use super::tty::{Heard, Terminal, Want};

/// Reads keys as long as it lives.
#[derive(Debug)]
pub struct Keyboard {
    terminal: Terminal,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Reads keys, if a person sits at the terminal.
    pub fn open(terminal: &Terminal, steer: Arc<dyn Steer>) -> Option<Keyboard> {
        if !terminal.take(Want::Keys) {
            return None;
        }
        let mut keyboard =
            Keyboard { terminal: terminal.clone(), over: Arc::default(), thread: None };
        let (terminal, over) = (terminal.clone(), keyboard.over.clone());
        let read = move || read(&terminal, &over, &*steer);
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

fn read(terminal: &Terminal, over: &AtomicBool, steer: &dyn Steer) {
    let mut keys = [0; 64];
    while !over.load(Relaxed) {
        match terminal.hear(&mut keys) {
            Heard::Keys(length) => keys[..length].iter().for_each(|key| press(*key, steer)),
            Heard::Nothing => {}
            Heard::Gone => return,
        }
    }
}

fn press(key: u8, steer: &dyn Steer) {
    let Some(wish) = Wish::of(key) else { return };
    if wish == Wish::Stop {
        log::warn!("stopping: iterations under way may finish; Ctrl-C to stop now");
    }
    for refused in wish.fulfil(steer) {
        log::warn!("{refused}");
    }
}
