//! SIGINT, SIGTERM and SIGHUP, in three strokes: finish, interrupt, exit.
//!
//! SIGHUP says that the terminal is gone: what was measured so far is worth a report to files. Where
//! it is ignored from the start, as under `nohup`, the run goes on.
//!
//! A thread of their own heeds them, for the control thread may be busy for longer than a person
//! waits: reading data, or running the script's top level. Until there is something to report, the
//! first stroke is the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use rustix::process::Signal as Kind;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::output::tty::Terminal;
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
        let mut sources = {
            let _inside = runtime.enter();
            // Its handler stays: beyond `ulimit -f` a file then fails, and not the process.
            drop(signal(SignalKind::from_raw(Kind::XFSZ.as_raw()))?);
            Sources {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                quit: signal(SignalKind::quit())?,
                hang_up: heeded(SignalKind::hangup()).map(signal).transpose()?,
            }
        };
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

/// Where signals come in.
struct Sources {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    /// Unless it is ignored.
    hang_up: Option<Signal>,
}

/// The same, unless whoever started this process has it ignore that one; where the system does not
/// tell, it is heeded.
fn heeded(kind: SignalKind) -> Option<SignalKind> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    (!is_ignored(&status, kind.as_raw_value())).then_some(kind)
}

/// Whether signal number `number` is among those of `SigIgn`, a mask in hex.
fn is_ignored(status: &str, number: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

async fn hung_up(source: &mut Option<Signal>) {
    match source {
        Some(source) => drop(source.recv().await),
        None => std::future::pending().await,
    }
}

/// Heeds one after the other; the exit code once there is to be no report.
async fn strokes(sources: &mut Sources, switch: &StopSwitch, prepared: &AtomicBool) -> i32 {
    let Sources { interrupt, terminate, quit, hang_up } = sources;
    let mut stroke = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hung_up(hang_up) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stands_in_a_mask() {
        let status = "Name:\tloadtool\nSigBlk:\tffff\nSigIgn:\t0000000000001001\n";
        let ignored = [1, 2, 12, 13].map(|number| is_ignored(status, number));
        assert_eq!(ignored, [true, false, false, true]);
        assert!(!is_ignored("", 1) && !is_ignored("SigIgn:\tmany\n", 1));
    }
}
