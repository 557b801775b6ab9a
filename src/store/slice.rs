//! Any series of a run over any time, by any tags: exact, since histograms merge.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rusqlite::params;

use super::block::{Parts, each_of_block};
use super::list::Stored;
use super::pack::{self, Kept};
use super::{Result, Store};
use crate::metrics::own::{Form, Given, OwnMetrics};
use crate::metrics::{Kind, MetricId, Selector, TagSet, Value};

/// A series of a run.
#[derive(Debug, Clone)]
pub struct Series {
    number: u32,
    /// Whose numbers they are.
    pub metric: MetricId,
    /// What its samples have in common.
    pub tags: TagSet,
}

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Slice<'s> {
    /// Which series.
    pub selector: &'s Selector,
    /// Seconds.
    pub span: Range<u32>,
    /// Tags whose values are told apart.
    pub by: &'s [String],
    /// Spans of so many seconds are told apart; `None`: the whole is one.
    pub every: Option<u32>,
}

/// Some of a slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its first second.
    pub from: u32,
    /// The values of the tags; empty where one is absent.
    pub key: Vec<String>,
    /// What its samples add up to.
    pub value: Value,
}

/// What is summed up so far: gauges by second, as those of one second add up and later ones stand.
#[derive(Default)]
struct Sum {
    all: Option<Value>,
    seconds: BTreeMap<u32, Option<Value>>,
}

impl Store {
    /// The seconds that are kept of a run: up to that one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn seconds(&self, run: &Stored) -> Result<u32> {
        let read = "SELECT coalesce(max(second) + 1, 0) FROM timeline WHERE run = ?1";
        let seconds = self.connection.query_row(read, [run.n], |row| row.get(0));
        seconds.map_err(|error| self.fault(&error))
    }

    /// Every series of a run.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn series(&self, run: &Stored) -> Result<Vec<Series>> {
        let own = self.own_metrics(run)?;
        let rows = self.series_rows(run).map_err(|error| self.fault(&error))?;
        let series = rows.into_iter().map(|row| {
            let metric =
                MetricId::built_in(&row.metric).or_else(|| own.named(&row.metric).cloned());
            let tags: BTreeMap<String, String> = serde_json::from_str(&row.tags).ok()?;
            Some(Series { number: row.number, metric: metric?, tags: TagSet::new(tags) })
        });
        series.collect::<Option<_>>().ok_or_else(|| self.damaged("a series that is none"))
    }

    /// The script's own metrics.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn own_metrics(&self, run: &Stored) -> Result<OwnMetrics> {
        let rows = self.series_rows(run).map_err(|error| self.fault(&error))?;
        let mut own = OwnMetrics::default();
        for row in rows.iter().filter(|row| MetricId::built_in(&row.metric).is_none()) {
            let form = form(&row.kind, &row.unit);
            let declared = form.map(|form| own.declare(&row.metric, form));
            if !matches!(declared, Some(Ok(_))) {
                return Err(self.damaged(&format!("`{}` is no metric", row.metric)));
            }
        }
        Ok(own)
    }

    /// Reads a slice; parts in the order of time, then of keys.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn slice(&self, run: &Stored, slice: &Slice) -> Result<Vec<Part>> {
        let metric = slice.selector.metric();
        let kind = metric.metric().kind;
        let mut meant = self.series(run)?;
        meant.retain(|one| one.metric == *metric && slice.selector.matches(&one.tags));
        let key = |series: &Series| -> Vec<String> {
            let tag = |tag: &String| series.tags.get(tag).map_or("", |value| value).to_owned();
            slice.by.iter().map(tag).collect()
        };
        let mut sums = BTreeMap::<(u32, Vec<String>), Sum>::new();
        let parts = |second| slice.span.contains(&second).then(|| slice.from(second));
        self.each_value(run, &meant, &slice.span, &parts, |series, second, kept| {
            let sum = sums.entry((slice.from(second), key(series))).or_default();
            match kind {
                Kind::Gauge => pack::add(sum.seconds.entry(second).or_default(), kind, kept),
                _ => pack::add(&mut sum.all, kind, kept),
            }
        })?;
        let part =
            |((from, key), sum): (_, Sum)| sum.whole().map(|value| Part { from, key, value });
        Ok(sums.into_iter().filter_map(part).collect())
    }

    /// Shows what each series that is wanted has in each second, in no particular order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn each_second(
        &self,
        run: &Stored,
        wanted: impl Fn(&Series) -> bool,
        mut visit: impl FnMut(&Series, u32, &Value),
    ) -> Result<()> {
        let mut meant = self.series(run)?;
        meant.retain(wanted);
        self.each_value(run, &meant, &(0..u32::MAX), &Some, |series, second, kept| {
            let mut value = None;
            pack::add(&mut value, series.metric.metric().kind, kept)?;
            visit(series, second, &value?);
            Some(())
        })
    }

    /// Shows each value that these series have within `span`, with its second, in no particular
    /// order; `None` from `visit` says that it is none. Histograms of the seconds of one part may
    /// come as one, with the first of them.
    pub(super) fn each_value(
        &self,
        run: &Stored,
        all: &[Series],
        span: &Range<u32>,
        parts: Parts,
        mut visit: impl FnMut(&Series, u32, Kept) -> Option<()>,
    ) -> Result<()> {
        let mut read = || {
            // Whoever writes the run may move seconds from one table to the other meanwhile.
            let _reading = self.connection.unchecked_transaction()?;
            let mut sound = true;
            for series in all {
                for (first, data) in self.blocks(run, series, span)? {
                    let shown = |second, kept: Kept| visit(series, second, kept);
                    sound &= each_of_block(first, &data, parts, shown).is_some();
                }
            }
            let by_number: BTreeMap<u32, &Series> =
                all.iter().map(|series| (series.number, series)).collect();
            for (second, data) in self.frames(run, span)? {
                sound &= pack::frame(&data).is_some_and(|values| {
                    values.iter().all(|(number, bytes)| match by_number.get(number) {
                        Some(series) => visit(series, second, Kept::Bytes(bytes)).is_some(),
                        None => true,
                    })
                });
            }
            Ok(sound)
        };
        match read().map_err(|error: rusqlite::Error| self.fault(&error))? {
            true => Ok(()),
            false => Err(self.damaged("numbers that are none")),
        }
    }

    fn blocks(
        &self,
        run: &Stored,
        series: &Series,
        span: &Range<u32>,
    ) -> rusqlite::Result<Vec<(u32, Vec<u8>)>> {
        let mut select = self.connection.prepare(
            "SELECT first, data FROM blocks
             WHERE run = ?1 AND series = ?2 AND last >= ?3 AND first < ?4 ORDER BY first",
        )?;
        let wanted = params![run.n, series.number, span.start, span.end];
        select.query_map(wanted, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Seconds that are in no block yet.
    fn frames(&self, run: &Stored, span: &Range<u32>) -> rusqlite::Result<Vec<(u32, Vec<u8>)>> {
        let mut select = self.connection.prepare(
            "SELECT second, data FROM frames
             WHERE run = ?1 AND second >= ?2 AND second < ?3 ORDER BY rowid",
        )?;
        let wanted = params![run.n, span.start, span.end];
        select.query_map(wanted, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    fn series_rows(&self, run: &Stored) -> rusqlite::Result<Vec<SeriesRow>> {
        let read = "SELECT n, metric, kind, unit, tags FROM series WHERE run = ?1 ORDER BY n";
        let mut select = self.connection.prepare(read)?;
        let row = |row: &rusqlite::Row| {
            Ok(SeriesRow {
                number: row.get(0)?,
                metric: row.get(1)?,
                kind: row.get(2)?,
                unit: row.get(3)?,
                tags: row.get(4)?,
            })
        };
        select.query_map([run.n], row)?.collect()
    }
}

struct SeriesRow {
    number: u32,
    metric: String,
    kind: String,
    unit: String,
    tags: String,
}

/// What a script must have declared to have such a metric.
fn form(kind: &str, unit: &str) -> Option<Form> {
    let given = |name| Given::named(name).map(Form::Histogram);
    match (kind, unit) {
        ("counter", _) => Some(Form::Counter),
        ("gauge", _) => Some(Form::Gauge),
        ("rate", _) => Some(Form::Rate),
        ("histogram", "1") => given(""),
        ("histogram", "ms") => given("ms"),
        ("histogram", "bytes") => given("bytes"),
        ("histogram", "percent") => given("%"),
        _ => None,
    }
}

impl Slice<'_> {
    /// Where the part begins that a second belongs to.
    fn from(&self, second: u32) -> u32 {
        match self.every {
            Some(every) => second - (second - self.span.start) % every.max(1),
            None => self.span.start,
        }
    }
}

impl Sum {
    fn whole(self) -> Option<Value> {
        let mut seconds = self.seconds.into_values().flatten();
        let whole = seconds.next().map(|mut first| {
            seconds.for_each(|later| first.merge(&later, Ordering::Greater));
            first
        });
        whole.or(self.all)
    }
}

/// The tags that any of these series has.
pub fn tags_of(series: &[Series]) -> BTreeSet<&str> {
    series.iter().flat_map(|one| one.tags.iter().map(|(tag, _)| tag)).collect()
}
