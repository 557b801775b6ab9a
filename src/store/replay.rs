//! The summary of a run: as it was made when the run ended, or, of one that never came to its end,
//! made now from the seconds that are kept, by going through them as the control thread did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};

use super::list::{State, Stored};
use super::outline::{Outline, Scenario, read_lives};
use super::pack::{self, unsqueezed};
use super::{Result, Store};
use crate::aggregator::{Aggregator, Health};
use crate::compare::series::Loads;
use crate::metrics::errors::category;
use crate::metrics::window::{Busy, ErrorRow, Lifecycle};
use crate::metrics::{self, MetricId, TagSet, Value, Window, metric};
use crate::results::build::Sources;
use crate::results::format;
use crate::results::run_info::together;
use crate::results::{RunInfo, Summary, summary};
use crate::stop::StopReason;

/// What else the tables tell of a run.
struct Told {
    seed: u64,
    threads: usize,
    outline: String,
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
        let mut summary = self.summary_as_kept(run)?;
        if summary.run.plan.is_empty() {
            summary.run.plan = self.plan(run)?; // before summaries had it
        }
        Ok(summary)
    }

    /// When each scenario of a run that came to this was in phase `load`.
    pub(super) fn loads(&self, run: &Stored, summary: &Summary) -> Result<Loads> {
        let outline = self.outline(&self.told(run).map_err(|error| self.fault(&error))?)?;
        let span = |(planned, was): (&Scenario, &summary::Scenario)| {
            let from = was.started_s? + planned.warmup_s();
            (was.load_s > 0.0).then(|| (was.name.clone(), from..from + was.load_s))
        };
        Ok(outline.scenarios.iter().zip(&summary.scenarios).filter_map(span).collect())
    }

    fn outline(&self, told: &Told) -> Result<Outline> {
        serde_json::from_str(&told.outline)
            .map_err(|error| self.damaged(&format!("an outline that is none: {error}")))
    }

    fn summary_as_kept(&self, run: &Stored) -> Result<Summary> {
        let read = "SELECT summary FROM runs WHERE n = ?1";
        let kept: Option<Vec<u8>> = self
            .connection
            .query_row(read, [run.n], |row| row.get(0))
            .optional()
            .map_err(|error| self.fault(&error))?
            .flatten();
        match kept {
            Some(kept) => unsqueezed(&kept)
                .and_then(|json| serde_json::from_slice(&json).ok())
                .ok_or_else(|| self.damaged(&format!("the summary of {} is none", run.short()))),
            None => self.replay(run),
        }
    }

    fn replay(&self, run: &Stored) -> Result<Summary> {
        let told = self.told(run).map_err(|error| self.fault(&error))?;
        let outline = self.outline(&told)?;
        let thresholds = outline
            .thresholds(&self.own_metrics(run)?)
            .ok_or_else(|| self.damaged("a threshold that is none"))?;
        let windows = self.windows(run)?;
        let info = info(run, &told, &outline, &windows);
        let names = outline.scenarios.iter().map(|one| one.name.as_str().into()).collect();
        let aggregator = aggregated(names, windows);
        let stop = StopReason::Abort(why(run));
        Ok(Summary::of(&Sources {
            run: &info,
            thresholds: &thresholds,
            watch: None,
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
            variants: None, // their seconds are compared when a run ends
            ceiling: None,
        }))
    }

    /// All that is kept of a run, second by second.
    fn windows(&self, run: &Stored) -> Result<BTreeMap<u32, Window>> {
        let mut windows = BTreeMap::<u32, Window>::new();
        for (second, lives) in self.lives(run)? {
            let window = Window { second, lifecycles: lives, ..Window::default() };
            windows.insert(second, window);
        }
        let mut rows = BTreeMap::<u32, BTreeMap<TagSet, Vec<(MetricId, Value)>>>::new();
        let series = self.series(run)?;
        self.each_value(run, &series, &(0..u32::MAX), &Some, |series, second, kept| {
            let row = rows.entry(second).or_default().entry(series.tags.clone()).or_default();
            let there = row.iter().position(|(id, _)| *id == series.metric);
            let mut sum = there.map(|place| row.swap_remove(place).1);
            pack::add(&mut sum, series.metric.metric().kind, kept)?;
            row.extend(sum.map(|value| (series.metric.clone(), value)));
            Some(())
        })?;
        for (second, rows) in rows {
            let window = windows.entry(second).or_default();
            window.second = second;
            window.rows = rows.into_iter().map(row).collect();
        }
        let errors = self.errors(run).map_err(|error| self.fault(&error))?;
        if let Some((_, last)) = windows.iter_mut().next_back() {
            last.errors = errors;
        }
        Ok(windows)
    }

    fn lives(&self, run: &Stored) -> Result<Vec<(u32, Vec<Lifecycle>)>> {
        let read = || {
            let read = "SELECT second, lives FROM timeline WHERE run = ?1 ORDER BY second";
            let mut select = self.connection.prepare(read)?;
            select.query_map([run.n], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let rows: rusqlite::Result<Vec<(u32, String)>> = read();
        let rows = rows.map_err(|error| self.fault(&error))?;
        let lives = rows.into_iter().map(|(second, text)| Some((second, read_lives(&text)?)));
        lives.collect::<Option<_>>().ok_or_else(|| self.damaged("a second that is none"))
    }

    fn errors(&self, run: &Stored) -> rusqlite::Result<Vec<ErrorRow>> {
        let mut select = self.connection.prepare(
            "SELECT category, scenario, step, status, folded, message, count, first_s, last_s,
                 exemplar
             FROM errors WHERE run = ?1 ORDER BY category, scenario, step, status, folded",
        )?;
        select.query_map([run.n], error)?.collect()
    }

    fn told(&self, run: &Stored) -> rusqlite::Result<Told> {
        let read = "SELECT seed, threads, outline FROM runs WHERE n = ?1";
        self.connection.query_row(read, params![run.n], |row| {
            Ok(Told {
                seed: row.get::<_, i64>(0)?.unsigned_abs(),
                threads: row.get::<_, u32>(1)? as usize,
                outline: row.get(2)?,
            })
        })
    }
}

fn error(row: &Row) -> rusqlite::Result<ErrorRow> {
    let name: String = row.get(0)?;
    let step: String = row.get(2)?;
    let seconds = |place: usize| -> rusqlite::Result<Duration> {
        Ok(Duration::try_from_secs_f64(row.get(place)?).unwrap_or_default())
    };
    Ok(ErrorRow {
        category: category(&name).unwrap_or("script"),
        scenario: row.get(1)?,
        step: step.into(),
        status: row.get(3)?,
        folded: row.get(4)?,
        message: row.get(5)?,
        count: row.get::<_, i64>(6)?.unsigned_abs(),
        first: seconds(7)?,
        last: seconds(8)?,
        exemplar: row.get(9)?,
    })
}

fn row((tags, mut values): (TagSet, Vec<(MetricId, Value)>)) -> metrics::Row {
    values.sort_by(|a, b| a.0.cmp(&b.0));
    metrics::Row { tags, values }
}

/// As the control thread added them up.
fn aggregated(names: Vec<Arc<str>>, windows: BTreeMap<u32, Window>) -> Aggregator {
    let mut aggregator = Aggregator::new(names);
    for (second, mut window) in windows {
        let health = take_health(&mut window);
        aggregator.add(window);
        aggregator.tick(second, &health);
    }
    aggregator
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
        busiest.map(|percent| Busy { worker: 0, percent: percent as u16 }).into_iter().collect();
    let is_gauge = |id: &MetricId| id.metric().kind == metrics::Kind::Gauge;
    window.rows[place].values.retain(|(id, _)| !is_gauge(id));
    health
}

fn info(run: &Stored, told: &Told, outline: &Outline, windows: &BTreeMap<u32, Window>) -> RunInfo {
    let end = windows.keys().next_back().map_or(0, |last| last + 1);
    let end = Duration::from_secs(end.into());
    let (mut scenarios, mut spans) = (Vec::new(), Vec::new());
    for (index, scenario) in outline.scenarios.iter().enumerate() {
        let began = |(_, window): &(&u32, &Window)| {
            window.lifecycles.get(index).is_some_and(|life| life.started + life.planned > 0)
        };
        let began =
            windows.iter().find(began).map(|(second, _)| Duration::from_secs((*second).into()));
        let info = scenario.info(began.unwrap_or(end)..end);
        let measured = end.saturating_sub(info.load)..end;
        spans.push(measured);
        scenarios.push(info);
    }
    RunInfo {
        id: run.id.clone(),
        name: run.name.clone(),
        script: run.script.clone(),
        script_sha256: run.script_sha256.clone(),
        started_at: run.started_at.clone(),
        duration: end,
        load: together(spans),
        seed: told.seed,
        threads: told.threads,
        agents: 1,
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
