//! Steering a run while it goes on: who does so is told of each second, and may set each
//! scenario's load for the seconds to come.

use std::time::Duration;

use super::rehearsal::Rehearsed;
use crate::aggregator::Aggregator;
use crate::diagnostic::Diagnostics;
use crate::engine::helm::Helm;
use crate::plan::Plan;
use crate::results::Summary;

/// Whoever steers. Its methods run on the control thread: they may not wait.
pub trait Pilot {
    /// Whether it seeks a load rather than holding a planned one: then one user walks each scenario
    /// once before it begins, a failure ends the run, and the plan's length says nothing.
    fn seeks(&self) -> bool {
        false
    }

    /// Whoever seeks is told what came of the rehearsal, which did not fail.
    ///
    /// # Errors
    /// A data pool does not suffice for all that may come: nothing is started.
    fn rehearsed(&mut self, _: &Plan, _: &Rehearsed) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// The load is about to begin; `helms` are by scenario.
    fn begin(&mut self, plan: &Plan, helms: Vec<Helm>);

    /// The run is `now` old, and every second before is in the aggregator's totals. Gives whether
    /// the run shall go on.
    fn second(&mut self, now: Duration, aggregator: &Aggregator) -> bool;

    /// The run is over: adds what it was flown for to its summary.
    fn conclude(&mut self, summary: &mut Summary);
}
