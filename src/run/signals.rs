//! SIGINT and SIGTERM, in three strokes: finish, interrupt, exit.

use tokio::signal::unix::{SignalKind, signal};

use crate::stop::{StopReason, StopSwitch};

/// Exit code of the third signal, as shells give for SIGINT.
const KILLED: i32 = 130;

/// Turns signals into stops; never ends.
///
/// # Errors
/// What the operating system says when the handlers cannot be installed.
pub fn heed(switch: StopSwitch) -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        for stroke in 1.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            match stroke {
                1 => {
                    log::warn!("stopping: iterations under way may finish; again to stop now");
                    switch.graceful(StopReason::Signal);
                }
                2 => {
                    log::warn!("interrupting what is under way; again to exit without a report");
                    switch.hurry(StopReason::Signal);
                }
                _ => std::process::exit(KILLED),
            }
        }
    })
}
