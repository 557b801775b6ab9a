//! The control thread while the load runs: Windows in, a Tick a second out.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::health::Reader;
use crate::aggregator::Aggregator;
use crate::engine::PANICKED;
use crate::metrics::Window;
use crate::output::Output;

/// How long after the end of a second its Windows are waited for.
const LATENESS: Duration = Duration::from_millis(200);

/// What the control thread keeps of a run.
pub struct Control {
    /// Everything recorded so far.
    pub aggregator: Aggregator,
    /// Told of every second.
    pub outputs: Vec<Box<dyn Output>>,
    /// Of this process.
    pub health: Reader,
    /// Workers whose thread panicked.
    pub panicked: u64,
}

impl Control {
    /// Follows a run that started at `start` until the last worker has hung up.
    pub async fn follow(&mut self, start: Instant, windows: &mut mpsc::Receiver<Window>) {
        for second in 0u32.. {
            let end = start + Duration::from_secs(u64::from(second) + 1) + LATENESS;
            if self.collect(end, windows).await == Flow::Over {
                break;
            }
            self.tick(second);
        }
    }

    /// Closes the books: `last` is what the control thread recorded since the load's end.
    pub fn close(&mut self, last: Window) {
        self.aggregator.add(last);
        self.aggregator.lose(self.panicked);
        self.aggregator.finish();
    }

    /// What went wrong in this tool itself, beside broken laws, as sentences.
    pub fn bugs(&self) -> Vec<String> {
        (self.panicked > 0).then(|| PANICKED.to_owned()).into_iter().collect()
    }

    /// Takes Windows until `end`.
    async fn collect(&mut self, end: Instant, windows: &mut mpsc::Receiver<Window>) -> Flow {
        let deadline = sleep_until(end);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                window = windows.recv() => match window {
                    Some(window) => self.aggregator.add(window),
                    None => return Flow::Over,
                },
                () = &mut deadline => return Flow::GoesOn,
            }
        }
    }

    fn tick(&mut self, second: u32) {
        let health = self.health.read();
        if let Some(tick) = self.aggregator.tick(second, &health) {
            for output in &mut self.outputs {
                output.tick(tick);
            }
        }
    }
}

#[derive(PartialEq)]
enum Flow {
    GoesOn,
    Over,
}
