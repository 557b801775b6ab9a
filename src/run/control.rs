//! The control thread while the load runs: Windows in, a Tick a second out.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::controls::Controls;
use super::health::Reader;
use super::pilot::Pilot;
use crate::aggregator::Aggregator;
use crate::engine::watchdog::{PATIENCE, Stuck};
use crate::engine::{Delivered, Engine, PANICKED};
use crate::metrics::Window;
use crate::output::Output;
use crate::output::sink::Sinks;
use crate::plan::Plan;
use crate::results::Watch;
use crate::results::variants::Sides;
use crate::stop::{StopReason, StopSwitch};

/// How long after the end of a second its Windows are waited for.
const LATENESS: Duration = Duration::from_millis(200);

/// What the control thread keeps of a run.
pub struct Control {
    /// Everything recorded so far.
    pub aggregator: Aggregator,
    /// Told of every second.
    pub outputs: Vec<Box<dyn Output>>,
    /// Thresholds that are judged while the run goes on.
    pub watch: Watch,
    /// Sent every second, whole.
    pub sinks: Sinks,
    /// Of this process.
    pub health: Reader,
    /// For people and programs to steer the load.
    pub controls: Controls,
    /// Steers the load.
    pub pilot: Option<Box<dyn Pilot>>,
    /// The seconds of each target, of a run that compares several.
    pub sides: Option<Sides>,
    /// Workers whose thread panicked.
    pub panicked: u64,
}

impl Control {
    /// Follows a run until the last worker has hung up, or until all have but for stuck ones; the
    /// first of those ends the run.
    pub async fn follow(
        &mut self,
        engine: &mut Engine,
        plan: &Plan,
        switch: &StopSwitch,
        windows: &mut mpsc::Receiver<Window>,
    ) {
        for second in 0u32.. {
            let end = engine.started + Duration::from_secs(u64::from(second) + 1) + LATENESS;
            if self.collect(end, windows).await == Flow::Over || engine.watchdog.is_left_alone() {
                break;
            }
            if !self.tick(second) {
                switch.graceful(StopReason::Finished);
            }
            if let Some(crossed) = self.look(&engine.delivered(plan)) {
                switch.now(StopReason::Threshold(crossed));
            }
            for stuck in engine.watchdog.look() {
                engine.cut();
                self.aggregator.lose(PATIENCE.as_secs());
                switch.now(StopReason::Abort(told(&stuck, plan)));
            }
        }
        self.aggregator.part(self.health.read());
        while let Ok(window) = windows.try_recv() {
            self.aggregator.add(window);
        }
    }

    /// Closes the books: `last` is what the control thread recorded since the load's end, `loads`
    /// what came of each scenario's.
    pub fn close(&mut self, last: Window, loads: &[Delivered]) {
        self.aggregator.add(last);
        self.aggregator.lose(self.panicked);
        self.aggregator.finish();
        self.look(loads); // the run is over: nothing is left to be ended
        self.send_seconds();
    }

    /// Sends to the sinks what was closed since the last time, and to what compares targets.
    fn send_seconds(&mut self) {
        for second in self.aggregator.take_seconds() {
            if let Some(sides) = &mut self.sides {
                sides.note(&second.window);
            }
            self.sinks.second(second);
        }
    }

    /// Judges the seconds that have been closed since; gives the threshold that ends the run.
    fn look(&mut self, loads: &[Delivered]) -> Option<String> {
        let loads: Vec<_> = loads.iter().map(|load| load.span.clone()).collect();
        let closed = self.aggregator.timeline().len() as u32;
        let mut ending = None;
        for second in self.watch.seconds()..closed {
            // Those that are not kept any more were closed empty, long after their time.
            if let Some(window) = self.aggregator.window(second) {
                ending = ending.or(self.watch.second(window, &loads));
            }
        }
        ending
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

    /// Closes a second; gives whether the run shall go on.
    fn tick(&mut self, second: u32) -> bool {
        let health = self.health.read();
        if let Some(tick) = self.aggregator.tick(second, &health) {
            for output in &mut self.outputs {
                output.tick(tick);
            }
        }
        self.send_seconds();
        let now = Duration::from_secs(u64::from(second) + 1);
        self.pilot.as_mut().is_none_or(|pilot| pilot.second(now, &self.aggregator))
    }
}

/// `worker 2 gave its thread back for 10 s no more, in user 7 (scenario buyers)`.
fn told(stuck: &Stuck, plan: &Plan) -> String {
    let whom = stuck.seen.user.map_or(String::new(), |user| {
        let scenario = plan.scenario_of(user).map(|name| format!(" (scenario {name})"));
        format!(", in user {user}{}", scenario.unwrap_or_default())
    });
    let place = stuck.seen.at.as_ref().map_or(String::new(), |at| format!(", last seen at {at}"));
    let seconds = PATIENCE.as_secs();
    format!(
        "worker {} gave its thread back for {seconds} s no more{whom}{place} (a bug in loadtool, \
         whatever the script does: please report it)",
        stuck.worker + 1
    )
}

#[derive(PartialEq)]
enum Flow {
    GoesOn,
    Over,
}
