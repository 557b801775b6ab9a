//! The seconds of a run as Windows again, as the control thread had them.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::Row;

use super::list::Stored;
use super::lives::{Lives, read_lives};
use super::pack;
use super::{Result, Store};
use crate::metrics::errors::category;
use crate::metrics::window::ErrorRow;
use crate::metrics::{self, MetricId, TagSet, Value, Window};

impl Store {
    /// All that is kept of a run, second by second.
    pub(super) fn windows(&self, run: &Stored, lives: Lives) -> Result<BTreeMap<u32, Window>> {
        let mut windows = BTreeMap::<u32, Window>::new();
        for (second, lives) in lives {
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

    pub(super) fn lives(&self, run: &Stored) -> Result<Lives> {
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
