//! Whether this tool was up to a hold, or its own doing is in what was seen: rule 1 of the
//! [verdict](super::judge), as sentences.

use super::hold::Hold;
use super::mix::slice;
use crate::metrics::{MetricId, Value, metric};
use crate::results::fitness::{self, BUSY, LAG_SAMPLES, STANDSTILL};
use crate::results::format::{counted, length, ms, number};

/// Of the users that a level asks for, so many must have been there.
const EFFECTIVE: f64 = 0.95;

impl Hold<'_> {
    /// Why this tool may have been the bottleneck.
    pub(super) fn measurement(&self, level: f64) -> Vec<String> {
        let failures = [
            self.busy(),
            self.late(),
            self.exhausted(),
            self.stood_still(),
            self.lost_seconds(),
            self.missing_users(level),
        ];
        failures.into_iter().flatten().collect()
    }

    /// Most of the time there was nothing left to be punctual with.
    fn busy(&self) -> Option<String> {
        let busy = slice(self.aggregator.busy(), &self.span);
        let (busy, seconds) =
            (busy.iter().filter(|percent| **percent > BUSY).count(), self.length().as_secs());
        (busy as u64 * 2 > seconds)
            .then(|| format!("this tool was busy above {BUSY} % for {busy} of {seconds} seconds"))
    }

    /// It started iterations later than their latencies can bear.
    fn late(&self) -> Option<String> {
        let p99 = |metric: MetricId, least| {
            let times = self.totals().fold(&self.selector(metric));
            let times = times.as_ref().and_then(Value::histogram)?;
            let p99 = times.quantile(990_000)?.as_secs_f64() * 1e3;
            (times.count() >= least).then_some(p99)
        };
        let lag = p99(metric::ITERATION_LAG_GENERATOR, LAG_SAMPLES)?;
        let response = p99(metric::ITERATION_RESPONSE_TIME, 1).unwrap_or_default();
        let borne = fitness::bearable_lag(response);
        (lag > borne).then(|| {
            format!("this tool was late: p99 {}, of which {} can be borne", ms(lag), ms(borne))
        })
    }

    /// It ran out of something.
    fn exhausted(&self) -> Option<String> {
        let ticks = slice(self.aggregator.timeline(), &self.span);
        let times: u64 = ticks.iter().filter_map(|tick| tick.errors.get("resource")).sum();
        (times > 0).then(|| {
            format!("this tool ran out of descriptors, ports or memory {}", counted(times, "time"))
        })
    }

    /// It did not run at all for a while.
    fn stood_still(&self) -> Option<String> {
        let ticks = slice(self.aggregator.timeline(), &self.span);
        let lags = ticks.iter().filter_map(|tick| tick.loop_lag_ms);
        let longest = std::time::Duration::from_secs_f64(lags.fold(0.0, f64::max) / 1e3);
        (longest >= STANDSTILL).then(|| format!("this tool stood still for {}", length(longest)))
    }

    /// What it recorded is incomplete.
    fn lost_seconds(&self) -> Option<String> {
        let seconds = counted(self.lost, "second");
        (self.lost > 0)
            .then(|| format!("the samples of {seconds} of a worker of this tool are lost"))
    }

    /// Over users: fewer iterated than were asked for.
    fn missing_users(&self, level: f64) -> Option<String> {
        let there = self.users();
        if self.spec.axis.is_rate() || there.is_empty() {
            return None;
        }
        let mean = there.iter().sum::<u64>() as f64 / there.len() as f64;
        (mean < EFFECTIVE * level).then(|| {
            let (there, wanted) = (number((mean * 10.0).round() / 10.0), number(level));
            format!(
                "{there} of {wanted} users were there: the others could not start, were not ready \
                 when the hold began (--warmup), or had no more to do"
            )
        })
    }
}
