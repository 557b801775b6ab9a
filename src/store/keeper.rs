//! Writes a run into the store as it goes: a transaction a second, on a sink's thread.
//!
//! Another program's lock is waited for as long as it takes: the sink's queue holds a minute of
//! seconds, and what finds it full is counted as lost. So neither a lock nor a slow disk is ever
//! felt by the load.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::block::blocks;
use super::git::{self, Head};
use super::lives::{lives, read_lives};
use super::outline::Outline;
use super::pack::{self, squeezed};
use super::{Result, file, process};
use crate::metrics::window::ErrorRow;
use crate::metrics::{MetricId, TagSet, Window};
use crate::output::sink::{Moment, Sink};
use crate::plan::Plan;
use crate::results::series::words;
use crate::results::summary::{Distribution, Summary, Values};
use crate::results::tick::Tick;
use crate::secrets::Secrets;

/// Seconds that are kept loose before they become blocks.
const SPELL: u32 = 300;

/// And how many bytes of them, so that neither memory nor file grows with what a second holds.
const LOOSE: usize = 16 << 20;

/// For ever, as far as a run goes.
const UNTIL_FREE: Duration = Duration::from_secs(1 << 20);

/// What is known of a run before it begins; without secrets.
#[derive(Debug)]
pub struct Beginning {
    id: String,
    kind: &'static str,
    name: String,
    script: String,
    script_path: String,
    sha256: String,
    text: String,
    head: Option<Head>,
    started_at: String,
    seed: u64,
    threads: usize,
    plan: String,
    outline: String,
    labels: Vec<(String, String)>,
}

/// Which run of a plan.
#[derive(Debug, Clone)]
pub struct Which<'r> {
    /// As in the summary.
    pub id: &'r str,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// `run`, `limit`.
    pub kind: &'static str,
    /// The script's text.
    pub text: &'r str,
    /// Of that text.
    pub sha256: String,
    /// By which it is found again.
    pub labels: &'r [(String, String)],
}

impl Beginning {
    /// Of a run of this plan.
    pub fn of(plan: &Plan, which: Which, secrets: &Secrets) -> Beginning {
        let shown = |text: &str| secrets.mask(text).into_owned();
        let path = std::path::absolute(plan.script()).unwrap_or_else(|_| plan.script().to_owned());
        let outline = serde_json::to_string(&Outline::of(plan, secrets));
        let labels = which.labels.iter().map(|(key, value)| (shown(key), shown(value)));
        Beginning {
            id: which.id.to_owned(),
            kind: which.kind,
            name: shown(plan.name()),
            script: shown(&plan.script().display().to_string()),
            script_path: shown(&path.display().to_string()),
            sha256: which.sha256,
            text: shown(which.text),
            head: path.parent().and_then(git::head),
            started_at: which.started_at,
            seed: plan.seed(),
            threads: plan.threads(),
            plan: shown(&plan.explain()),
            outline: outline.expect("numbers and texts can be written"),
            labels: labels.collect(),
        }
    }

    fn write(&self, into: &Transaction) -> rusqlite::Result<i64> {
        into.execute(
            "INSERT OR IGNORE INTO scripts (sha256, text) VALUES (?1, ?2)",
            params![self.sha256, self.text],
        )?;
        let (commit, branch) = match &self.head {
            Some(head) => (Some(&head.commit), head.branch.as_ref()),
            None => (None, None),
        };
        into.execute(
            "INSERT INTO runs (id, state, process, kind, name, script, script_path, script_sha256,
                 git_commit, git_branch, started_at, seed, threads, tool_version, plan, outline)
             VALUES (?1, 'running', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                self.id,
                process::this(),
                self.kind,
                self.name,
                self.script,
                self.script_path,
                self.sha256,
                commit,
                branch,
                self.started_at,
                integer(self.seed),
                integer(self.threads as u64),
                env!("CARGO_PKG_VERSION"),
                self.plan,
                self.outline,
            ],
        )?;
        let run = into.last_insert_rowid();
        for (key, value) in &self.labels {
            into.execute(
                "INSERT OR REPLACE INTO labels VALUES (?1, ?2, ?3)",
                params![run, key, value],
            )?;
        }
        Ok(run)
    }
}

/// The sink.
pub struct Keeper {
    connection: Connection,
    path: PathBuf,
    beginning: Beginning,
    book: Book,
}

/// What has been written of the run.
#[derive(Default)]
struct Book {
    /// Its row, once it is there.
    run: Option<i64>,
    /// Numbers of its series.
    series: BTreeMap<TagSet, Vec<(MetricId, u32)>>,
    /// How many of them there are in the file.
    known: usize,
    /// In order of their numbers.
    numbered: Vec<(TagSet, MetricId)>,
    /// Frames since the last blocks, and what is in them.
    frames: u32,
    bytes: usize,
}

impl Keeper {
    /// Writes to the store in that file, made if it is not there. Nothing of the run is written yet.
    ///
    /// # Errors
    /// The file cannot be a store.
    pub fn open(path: &Path, beginning: Beginning) -> Result<Keeper> {
        let connection = file::open_or_create(path)?;
        connection.busy_timeout(UNTIL_FREE).map_err(|error| file::told(path, &error))?;
        let book = Book::default();
        Ok(Keeper { connection, path: path.to_owned(), beginning, book })
    }

    /// Carries out `work` as one transaction, with the run's row made if it is not there yet.
    fn within(
        &mut self,
        work: impl FnOnce(&Transaction, i64, &mut Book) -> rusqlite::Result<()>,
    ) -> std::result::Result<(), String> {
        let Keeper { connection, beginning, book, .. } = self;
        let written: rusqlite::Result<i64> = (|| {
            let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let run = match book.run {
                Some(run) => run,
                None => {
                    mark_the_dead(&writing)?;
                    beginning.write(&writing)?
                }
            };
            work(&writing, run, book)?;
            writing.commit()?;
            Ok(run)
        })();
        let run = written.map_err(|error| file::told(&self.path, &error).to_string())?;
        self.book.run = Some(run);
        self.book.known = self.book.numbered.len();
        Ok(())
    }
}

impl Sink for Keeper {
    fn second(&mut self, moment: &Moment) -> std::result::Result<u64, String> {
        let second = &moment.second;
        let frame = self.book.frame(&second.window);
        self.within(|into, run, book| {
            book.write_series(into, run)?;
            into.execute(
                "INSERT INTO frames (run, second, data) VALUES (?1, ?2, ?3)",
                params![run, second.window.second, frame],
            )?;
            write_tick(into, run, &second.tick, &second.window)?;
            write_errors(into, run, &second.window.errors)?;
            book.frames += 1;
            book.bytes += frame.len();
            if book.frames >= SPELL || book.bytes >= LOOSE {
                make_blocks(into, run)?;
                (book.frames, book.bytes) = (0, 0);
            }
            Ok(())
        })?;
        Ok(u64::from(!second.late))
    }

    fn finish(&mut self, summary: &Summary) -> std::result::Result<u64, String> {
        self.within(|into, run, book| {
            make_blocks(into, run)?;
            book.write_sums(into, run, summary)?;
            write_end(into, run, summary)
        })?;
        // Where the loose seconds lay; a file that stays as large is no loss.
        let _ = file::give_room_back(&self.connection);
        Ok(0)
    }
}

impl Book {
    /// A second of all series; new ones get a number.
    fn frame(&mut self, window: &Window) -> Vec<u8> {
        let (mut frame, mut scratch) = (Vec::new(), Vec::new());
        for row in &window.rows {
            for (metric, value) in &row.values {
                let series = self.number(&row.tags, metric);
                pack::add_to_frame(&mut frame, series, value, &mut scratch);
            }
        }
        frame
    }

    fn number(&mut self, tags: &TagSet, metric: &MetricId) -> u32 {
        if let Some(series) = self.find(tags, metric) {
            return series;
        }
        let number = u32::try_from(self.numbered.len()).expect("series are capped");
        self.numbered.push((tags.clone(), metric.clone()));
        self.series.entry(tags.clone()).or_default().push((metric.clone(), number));
        number
    }

    fn find(&self, tags: &TagSet, metric: &MetricId) -> Option<u32> {
        let known = self.series.get(tags)?.iter().find(|(known, _)| known == metric)?;
        Some(known.1)
    }

    /// Those that are not in the file yet.
    fn write_series(&self, into: &Transaction, run: i64) -> rusqlite::Result<()> {
        let mut insert = into.prepare(
            "INSERT INTO series (run, n, metric, kind, unit, tags) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (number, (tags, metric)) in self.numbered.iter().enumerate().skip(self.known) {
            let (kind, unit) = words(metric);
            let tags: BTreeMap<&str, &str> = tags.iter().collect();
            let tags = serde_json::to_string(&tags).expect("texts can be written");
            insert.execute(params![run, number as i64, metric.metric().name, kind, unit, tags])?;
        }
        Ok(())
    }

    /// What each series came to over the whole run, for who reads the file by SQL.
    fn write_sums(&self, into: &Transaction, run: i64, summary: &Summary) -> rusqlite::Result<()> {
        let mut update = into.prepare(
            "UPDATE series SET count = ?3, hits = ?4, mean = ?5, min = ?6, p50 = ?7, p95 = ?8,
                 p99 = ?9, max = ?10
             WHERE run = ?1 AND n = ?2",
        )?;
        for (name, metric) in &summary.metrics {
            for series in &metric.series {
                let tags = TagSet::new(series.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
                let of_tags = self.series.get(&tags).into_iter().flatten();
                let mut named = of_tags.filter(|(id, _)| id.metric().name == *name);
                let Some((_, number)) = named.next() else { continue };
                let none = Distribution::default();
                let (count, hits, d, max) = match &series.values {
                    Values::Histogram(d) => (Some(d.count), None, &**d, d.max),
                    Values::Rate { hits, total } => (Some(*total), Some(*hits), &none, None),
                    Values::Counter { value } => (Some(*value), None, &none, None),
                    Values::Gauge { max, .. } => (None, None, &none, Some(*max)),
                };
                let (count, hits) = (count.map(integer), hits.map(integer));
                let sums =
                    params![run, number, count, hits, d.mean, d.min, d.p50, d.p95, d.p99, max];
                update.execute(sums)?;
            }
        }
        Ok(())
    }
}

/// Frames → blocks.
fn make_blocks(into: &Transaction, run: i64) -> rusqlite::Result<()> {
    let mut select =
        into.prepare("SELECT second, data FROM frames WHERE run = ?1 ORDER BY rowid")?;
    let frames: Vec<(u32, Vec<u8>)> = select
        .query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut select = into.prepare("SELECT n FROM series WHERE run = ?1 AND kind = 'histogram'")?;
    let histograms: BTreeSet<u32> =
        select.query_map([run], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // What is no frame stays as it is: whoever reads it will tell.
    let Some(blocks) = blocks(&frames, |series| histograms.contains(&series)) else {
        return Ok(());
    };
    let mut insert = into.prepare("INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for block in blocks {
        insert.execute(params![run, block.series, block.first, block.last, block.data])?;
    }
    into.execute("DELETE FROM frames WHERE run = ?1", [run])?;
    Ok(())
}

/// Runs whose process died without a word.
fn mark_the_dead(into: &Transaction) -> rusqlite::Result<()> {
    let mut select = into.prepare("SELECT n, process FROM runs WHERE state = 'running'")?;
    let running: Vec<(i64, String)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (run, _) in running.iter().filter(|(_, process)| !process::lives(process)) {
        into.execute("UPDATE runs SET state = 'interrupted' WHERE n = ?1", [run])?;
        make_blocks(into, *run)?;
    }
    Ok(())
}

/// A second in a few numbers; one that comes again is added to what is there.
fn write_tick(into: &Transaction, run: i64, tick: &Tick, window: &Window) -> rusqlite::Result<()> {
    let mut lifecycles = window.lifecycles.clone();
    let there: Option<String> = into
        .query_row(
            "SELECT lives FROM timeline WHERE run = ?1 AND second = ?2",
            params![run, tick.second],
            |row| row.get(0),
        )
        .ok();
    for (index, before) in there.as_deref().and_then(read_lives).into_iter().flatten().enumerate() {
        lifecycles.resize_with(lifecycles.len().max(index + 1), Default::default);
        lifecycles[index].merge(&before);
    }
    let health = &tick.health;
    let whole = |number: Option<f64>| number.map(|number| number as i64);
    into.execute(
        "INSERT INTO timeline VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
             ?15, ?16, ?17, ?18, ?19)
         ON CONFLICT (run, second) DO UPDATE SET
             vus = vus + excluded.vus, backlog = backlog + excluded.backlog,
             iterations = iterations + excluded.iterations, calls = calls + excluded.calls,
             failed = failed + excluded.failed, requests = requests + excluded.requests,
             bytes_sent = bytes_sent + excluded.bytes_sent,
             bytes_received = bytes_received + excluded.bytes_received, lives = excluded.lives",
        params![
            run,
            tick.second,
            integer(tick.vus),
            integer(tick.backlog),
            integer(tick.iterations),
            integer(tick.calls),
            integer(tick.failed),
            integer(tick.requests),
            integer(tick.bytes_sent),
            integer(tick.bytes_received),
            tick.p50_ms,
            tick.p95_ms,
            tick.p99_ms,
            health.cpu_percent,
            whole(health.memory_bytes),
            whole(health.threads),
            whole(health.open_fds),
            tick.loop_lag_ms,
            lives(&lifecycles),
        ],
    )?;
    Ok(())
}

/// Of two messages the earlier stays, of two exemplars the first.
fn write_errors(into: &Transaction, run: i64, errors: &[ErrorRow]) -> rusqlite::Result<()> {
    let mut upsert = into.prepare(
        "INSERT INTO errors VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET
             message = CASE WHEN excluded.first_s < first_s THEN excluded.message ELSE message END,
             count = count + excluded.count,
             first_s = min(first_s, excluded.first_s), last_s = max(last_s, excluded.last_s),
             exemplar = coalesce(exemplar, excluded.exemplar)",
    )?;
    for error in errors {
        upsert.execute(params![
            run,
            error.category,
            error.scenario,
            &*error.step,
            error.status,
            error.folded,
            error.message,
            integer(error.count),
            error.first.as_secs_f64(),
            error.last.as_secs_f64(),
            error.exemplar,
        ])?;
    }
    Ok(())
}

fn write_end(into: &Transaction, run: i64, summary: &Summary) -> rusqlite::Result<()> {
    let json = serde_json::to_vec(summary).expect("its keys are texts");
    let calls = &summary.totals.calls;
    into.execute(
        "UPDATE runs SET state = 'done', verdict = ?2, exit_code = ?3, duration_s = ?4, calls = ?5,
             failed = ?6, p95_ms = ?7, summary = ?8
         WHERE n = ?1",
        params![
            run,
            summary.verdict.result.as_str(),
            summary.verdict.exit_code,
            summary.run.duration_s,
            integer(calls.count),
            integer(calls.failed),
            calls.latency_ms.p95,
            squeezed(&json),
        ],
    )?;
    Ok(())
}

/// SQLite's integers have a sign.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
