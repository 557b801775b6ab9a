//! The summary of a run: as it was made when the run ended, or, of one that never came to its end,
//! made now from the seconds that are kept, by going through them as the control thread did.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::list::{State, Stored};
use super::outline::{Outline, Scenario};
use super::pack::unsqueezed;
use super::{Result, Store};
use crate::aggregator::{Aggregator, Health};
use crate::metrics::window::Busy;
use crate::metrics::{self, MetricId, TagSet, Value, Window, metric};
use crate::plan::Threshold;
use crate::results::build::Sources;
use crate::results::format;
use crate::results::run_info::together;
use crate::results::summary::Anomaly;
use crate::results::variants::Sides;
use crate::results::{RunInfo, ScenarioInfo, Summary, Watch};
use crate::stop::StopReason;

/// What only the process knew that ran it.
const UNKNOWN: &str = "this is made of the seconds that are kept: the slowest iterations, what sets \
    the slowest calls apart, what was steered and the command line are not in it";

/// What else the tables tell of a run.
struct Told {
    seed: u64,
    threads: usize,
    source: Option<String>,
}

/// What the control thread saw of a run as it went on.
struct Seen {
    aggregator: Aggregator,
    watch: Watch,
    sides: Option<Sides>,
}

impl Store {
    /// The plan of a run, in words.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn plan(&self, run: &Stored) -> Result<String> {
        let read = "SELECT plan FROM runs WHERE n = ?1";
        let plan = self.connection.query_row(read, [run.n], |row| row.get(0));
        plan.map_err(|error| self.fault(&error))
    }

    /// What a run came to; of one that is not done, so far.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn summary(&self, run: &Stored) -> Result<Summary> {
        let mut summary = match self.summary_as::<Summary>(run)? {
            Some(summary) => summary,
            None => self.replay(run)?,
        };
        if summary.run.plan.is_empty() {
            summary.run.plan = self.plan(run)?; // before summaries had it
        }
        Ok(summary)
    }

    /// What of its summary `T` tells, if it made one when it ended.
    pub(super) fn summary_as<T: DeserializeOwned>(&self, run: &Stored) -> Result<Option<T>> {
        let read = "SELECT summary FROM runs WHERE n = ?1";
        let kept: Option<Vec<u8>> = self
            .connection
            .query_row(read, [run.n], |row| row.get(0))
            .optional()
            .map_err(|error| self.fault(&error))?
            .flatten();
        let Some(kept) = kept else { return Ok(None) };
        let read = unsqueezed(&kept).and_then(|json| serde_json::from_slice(&json).ok());
        let damaged = || self.damaged(&format!("the summary of {} is none", run.short()));
        read.map(Some).ok_or_else(damaged)
    }

    /// Its plan, as far as it must be known to judge it.
    pub(super) fn outline(&self, run: &Stored) -> Result<Outline> {
        let read = "SELECT outline FROM runs WHERE n = ?1";
        let text = self.connection.query_row(read, [run.n], |row| row.get::<_, String>(0));
        serde_json::from_str(&text.map_err(|error| self.fault(&error))?)
            .map_err(|error| self.damaged(&format!("an outline that is none: {error}")))
    }

    fn replay(&self, run: &Stored) -> Result<Summary> {
        let told = self.told(run).map_err(|error| self.fault(&error))?;
        let outline = self.outline(run)?;
        let thresholds = outline
            .thresholds(&self.own_metrics(run)?)
            .ok_or_else(|| self.damaged("a threshold that is none"))?;
        let lives = self.lives(run)?;
        let spans = outline.spans(&lives);
        let seed = told.seed;
        let info = info(run, told, &outline, &spans);
        let windows = self.windows(run, lives)?;
        let Seen { aggregator, watch, sides } = seen(&outline, &thresholds, &spans, windows);
        let variants = sides.map(|mut sides| sides.conclude(&info.scenarios, seed));
        let stop = StopReason::Abort(why(run));
        let mut summary = Summary::of(&Sources {
            run: &info,
            thresholds: &thresholds,
            watch: Some(&watch),
            totals: aggregator.totals(),
            timeline: aggregator.timeline(),
            courses: aggregator.courses(),
            backlogs: aggregator.backlogs(),
            busy: aggregator.busy(),
            bugs: &[],
            breaches: &[], // what was under way when it was cut off did not end
            late_windows: 0,
            lost_windows: 0,
            stop: Some(&stop),
            variants: variants.as_ref(),
            ceiling: None,
        });
        summary.anomalies.push(Anomaly::told("unfinished", UNKNOWN.to_owned()));
        Ok(summary)
    }

    fn told(&self, run: &Stored) -> rusqlite::Result<Told> {
        let read = "SELECT seed, threads, text
             FROM runs LEFT JOIN scripts ON sha256 = script_sha256 WHERE n = ?1";
        self.connection.query_row(read, params![run.n], |row| {
            Ok(Told {
                seed: row.get::<_, i64>(0)?.unsigned_abs(),
                threads: row.get::<_, u32>(1)? as usize,
                source: row.get(2)?,
            })
        })
    }
}

/// Second by second, as the control thread saw them; loads began then, and went on as planned.
fn seen(
    outline: &Outline,
    thresholds: &[Threshold],
    spans: &[Range<Duration>],
    windows: BTreeMap<u32, Window>,
) -> Seen {
    let scenarios = outline.scenarios.iter();
    let loads: Vec<_> =
        scenarios.clone().zip(spans).map(|(one, span)| one.planned(span.start)).collect();
    let mut seen = Seen {
        aggregator: Aggregator::new(
            scenarios.clone().map(|one| one.name.as_str().into()).collect(),
        ),
        watch: Watch::new(thresholds, scenarios.map(Scenario::timetable).collect()),
        sides: outline.targets.clone().map(Sides::new),
    };
    for (second, mut window) in windows {
        seen.watch.second(&window, &loads);
        if let Some(sides) = &mut seen.sides {
            sides.note(&window);
        }
        let health = take_health(&mut window);
        seen.aggregator.add(window);
        seen.aggregator.tick(second, &health);
    }
    seen
}

/// The gauges of the process, which closing a second puts there.
fn take_health(window: &mut Window) -> Health {
    let none = TagSet::default();
    let Some(place) = window.rows.iter().position(|row| row.tags == none) else {
        return Health::default();
    };
    let level = |id: &MetricId| match window.rows[place].get(id) {
        Some(Value::Gauge { last, .. }) => Some(*last),
        _ => None,
    };
    let health = Health {
        cpu_percent: level(&metric::PROCESS_CPU_PERCENT),
        memory_bytes: level(&metric::PROCESS_MEMORY_BYTES),
        threads: level(&metric::PROCESS_THREADS),
        open_fds: level(&metric::PROCESS_OPEN_FDS),
        tcp_sockets: level(&metric::MACHINE_TCP_SOCKETS),
        throttled_percent: level(&metric::PROCESS_THROTTLED_PERCENT),
        steal_percent: level(&metric::MACHINE_STEAL_PERCENT),
        disk_write_bytes: level(&metric::PROCESS_DISK_WRITE_BYTES),
    };
    let busiest = level(&metric::WORKER_CPU_PERCENT);
    window.busy =
        busiest.map(|percent| Busy { worker: None, percent: percent as u16 }).into_iter().collect();
    let is_gauge = |id: &MetricId| id.metric().kind == metrics::Kind::Gauge;
    window.rows[place].values.retain(|(id, _)| !is_gauge(id));
    health
}

fn info(run: &Stored, told: Told, outline: &Outline, spans: &[Range<Duration>]) -> RunInfo {
    let scenarios = outline.scenarios.iter().zip(spans);
    let scenarios: Vec<_> = scenarios.map(|(scenario, span)| scenario.info(span)).collect();
    RunInfo {
        id: run.id.clone(),
        name: run.name.clone(),
        script: run.script.clone(),
        script_sha256: run.script_sha256.clone(),
        started_at: run.started_at.clone(),
        duration: spans.iter().map(|span| span.end).max().unwrap_or_default(),
        load: together(scenarios.iter().map(ScenarioInfo::measured).collect()),
        seed: told.seed,
        threads: told.threads,
        agents: 1,
        source: told.source.unwrap_or_default(),
        scenarios,
        ..RunInfo::default()
    }
}

fn why(run: &Stored) -> String {
    let length = format::length(Duration::try_from_secs_f64(run.duration_s).unwrap_or_default());
    match run.state {
        State::Running => format!("it is still running: this is what came of its first {length}"),
        _ => format!("its process ended without a word: this is what came of its first {length}"),
    }
}
