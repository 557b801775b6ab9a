//! SIGINT and SIGTERM, in three strokes: finish, interrupt, exit.
//!
//! A thread of their own heeds them, for the control thread may be busy for longer than a person
//! waits: reading data, or running the script's top level. Until there is something to report, the
//! first stroke is the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::keyboard::Terminal;
use crate::stop::{StopReason, StopSwitch};

/// Exit code of a signal before there is anything to report.
const STOPPED: i32 = 5;

/// Exit code of the third signal, as shells give for SIGINT.
const KILLED: i32 = 130;

/// Exit code of SIGQUIT, which ends everything at once.
const QUIT: i32 = 131;

/// Turns signals into stops as long as it lives.
pub struct Signals {
    prepared: Arc<AtomicBool>,
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Heeds signals from now on.
    ///
    /// # Errors
    /// What the operating system says when it refuses a handler or a thread.
    pub fn heed(switch: StopSwitch, terminal: Terminal) -> std::io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let sources = {
            let _inside = runtime.enter();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
            kinds.map(signal)
        };
        let [interrupt, terminate, quit] = sources;
        let mut sources = [interrupt?, terminate?, quit?];
        let prepared = Arc::new(AtomicBool::new(false));
        let (over, is_over) = oneshot::channel();
        let told = prepared.clone();
        let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    code = strokes(&mut sources, &switch, &told) => {
                        terminal.give_back();
                        std::process::exit(code);
                    }
                    _ = is_over => {}
                }
            });
        })?;
        Ok(Signals { prepared, over: Some(over), thread: Some(thread) })
    }

    /// There is a run: from now on a signal ends it with a report.
    pub fn prepared(&self) {
        self.prepared.store(true, Relaxed);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has told of itself.
            let _ = thread.join();
        }
    }
}

/// Heeds one after the other; the exit code once there is to be no report.
async fn strokes(sources: &mut [Signal; 3], switch: &StopSwitch, prepared: &AtomicBool) -> i32 {
    let [interrupt, terminate, quit] = sources;
    let mut stroke = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = quit.recv() => return QUIT,
        }
        stroke += 1;
        match stroke {
            1 if !prepared.load(Relaxed) => {
                log::warn!("stopped by a signal before the run: nothing was sent");
                return STOPPED;
            }
            1 => {
                log::warn!("stopping: iterations under way may finish; again to stop now");
                switch.graceful(StopReason::Signal);
            }
            2 => {
                log::warn!("interrupting what is under way; again to exit without a report");
                switch.hurry(StopReason::Signal);
            }
            _ => return KILLED,
        }
    }
}
