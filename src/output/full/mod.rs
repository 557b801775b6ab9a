//! The run on the whole terminal (`--ui full`): charts, tables, thresholds, and keys that steer.
//!
//! It is fed like any other [`Sink`], behind a bounded queue, and drawn on a thread of its own, so a
//! terminal that is slow, or stands still, holds up nothing. What it shows is the [`View`] that the
//! dashboard shows, and it steers by the same handle.
//!
//! | | |
//! | --- | --- |
//! | [`Feed`] | takes seconds in and keeps them on a [`Board`] |
//! | [`Full`] | reads keys and draws the board, as long as it lives |
//!
//! The terminal is given back on every way out: when [`Full`] is dropped, by whoever ends the
//! process early, and by a panic on any thread before it tells of itself.

mod canvas;
mod charts;
mod keys;
mod look;
mod paint;
mod picture;
mod sheet;
mod sheets;

use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use self::canvas::Canvas;
use self::keys::{Key, Keys};
use self::look::Look;
use self::paint::Palette;
use self::picture::Scene;
use super::sink::{Moment, Sink};
use super::steer::Steer;
use super::tty::{Heard, Terminal, Want};
use super::view::{self, About, Point, Tables, View};
use crate::results::Summary;
use crate::secrets::Secrets;

/// Lines of the log that can be paged through.
const LOG_LINES: usize = 500;

/// What is known of the run.
#[derive(Debug, Clone)]
struct Board {
    about: About,
    points: Vec<Point>,
    tables: Tables,
}

/// A board that one thread writes on and another draws.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Board>>);

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes seconds in.
pub struct Feed {
    view: View,
    secrets: Arc<Secrets>,
    board: Shared,
}

impl Feed {
    /// Of a run that has not begun, and what it writes on.
    pub fn new(view: View, secrets: Arc<Secrets>) -> (Feed, Shared) {
        let about = view.about().clone();
        let board = Board { about, points: Vec::new(), tables: Tables::default() };
        let board = Shared(Arc::new(Mutex::new(board)));
        (Feed { view, secrets, board: board.clone() }, board)
    }
}

impl Sink for Feed {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        if let Some(point) = self.view.add(&moment.second) {
            let tables = self.view.tables(&self.secrets);
            let mut board = self.board.board();
            view::keep(&mut board.points, point);
            board.tables = tables;
        }
        Ok(1)
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        Ok(0)
    }
}

type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Draws as long as it lives.
pub struct Full {
    terminal: Terminal,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// What told of panics before.
    hook: Hook,
}

impl Full {
    /// Takes the whole terminal, if a person sits at it.
    pub fn open(terminal: &Terminal, board: Shared, steer: Arc<dyn Steer>) -> Option<Full> {
        if !terminal.take(Want::Screen) {
            return None;
        }
        let mut full = Full {
            terminal: terminal.clone(),
            over: Arc::default(),
            thread: None,
            hook: Arc::from(take_hook()),
        };
        let (shown, hook) = (terminal.clone(), full.hook.clone());
        set_hook(Box::new(move |panic| {
            shown.give_back();
            hook(panic);
        }));
        let (terminal, over) = (terminal.clone(), full.over.clone());
        let show = move || {
            show(&terminal, &over, &board, &*steer);
            terminal.give_back();
        };
        // Without the thread the terminal is given back at once.
        full.thread = Some(std::thread::Builder::new().name("screen".to_owned()).spawn(show).ok()?);
        Some(full)
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has told of itself.
            let _ = thread.join();
        }
        self.terminal.give_back();
        if !std::thread::panicking() {
            let hook = self.hook.clone();
            set_hook(Box::new(move |panic| hook(panic)));
        }
    }
}

/// Draws what changes and heeds keys, until it is over or the picture was taken away.
fn show(terminal: &Terminal, over: &AtomicBool, board: &Shared, steer: &dyn Steer) {
    let screen = terminal.screen();
    let palette = Palette { color: screen.color() };
    let Ok(mut picture) = ratatui::Terminal::new(Canvas::new(screen.clone()));
    let (mut look, mut keys, mut bytes) = (Look::default(), Keys::default(), [0; 64]);
    let mut seen = None;
    while !over.load(Relaxed) && screen.is_covered() {
        let kept = screen.kept(LOG_LINES);
        let now = terminal
            .is_in_front()
            .then(|| (screen.size(), board.board().tables.seconds, kept.len()));
        if let (None, Some(_)) = (seen, now) {
            let Ok(()) = picture.clear(); // whoever was in front before has left something there
        }
        if seen != now && now.is_some() {
            let (board, steered) = (board.board().clone(), steer.steered());
            let scene = Scene { board: &board, steered: &steered, kept: &kept, palette };
            let Ok(_) = picture.draw(|frame| scene.draw(frame, &mut look));
        }
        seen = now;
        let pressed = match terminal.hear(&mut bytes) {
            Heard::Keys(length) => keys.take(&bytes[..length]),
            Heard::Nothing => keys.pause().into_iter().collect(),
            Heard::Gone => return,
        };
        for key in pressed {
            look.press(key, steer);
            seen =
                seen.filter(|_| key != Key::Redraw).map(|(size, _, kept)| (size, u32::MAX, kept));
        }
    }
}
