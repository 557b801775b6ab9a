//! One second of one worker: the only thing that leaves a worker. Merged, it is one second of a
//! run, or the whole of it.

use std::cmp::Ordering;

pub use super::errors::ErrorRow;
use super::exemplar::Exemplar;
use super::ledger::Ledger;
pub use super::lifecycle::{Dropped, Lifecycle, Moments};
use super::metric::MetricId;
use super::slowest::Slowest;
use super::tags::TagSet;
pub use super::value::Value;

/// One distinct set of tags and the metrics that its samples feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the samples have in common.
    pub tags: TagSet,
    /// Few; sorted by metric.
    pub values: Vec<(MetricId, Value)>,
}

impl Row {
    /// The row's value of one metric.
    pub fn get(&self, metric: &MetricId) -> Option<&Value> {
        let index = self.values.binary_search_by(|(id, _)| id.cmp(metric)).ok()?;
        Some(&self.values[index].1)
    }

    /// Adds a row of the same tags; `age` as in [`Value::merge`].
    pub(super) fn merge(&mut self, other: &Row, age: Ordering) {
        for (metric, value) in &other.values {
            match self.values.binary_search_by(|(id, _)| id.cmp(metric)) {
                Ok(index) => self.values[index].1.merge(value, age),
                Err(index) => self.values.insert(index, (metric.clone(), value.clone())),
            }
        }
    }
}

/// How busy a worker's thread was within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Busy {
    /// Number of the worker, from 0; `None` where it is not known any more.
    pub worker: Option<u16>,
    /// Of a core, in percent.
    pub percent: u16,
}

/// One second's counters and histograms by row.
///
/// Merging is associative and commutative, save for gauges across seconds: the Windows of one
/// second are to be merged first (their gauges add), then seconds (the later gauge stands).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// Seconds since the run began, from 0; of several merged, the last.
    pub second: u32,
    /// One per distinct tag set that was fed, sorted by tags.
    pub rows: Vec<Row>,
    /// By scenario index; may be shorter than the plan's list.
    pub lifecycles: Vec<Lifecycle>,
    /// The slowest iterations, by scenario index; may be shorter likewise.
    pub slowest: Vec<Slowest>,
    /// Slow samples that carried a trace, sorted; none of all if requests carry none.
    pub exemplars: Vec<Exemplar>,
    /// Of calls and steps, sorted; in a worker's last Window, and what it was added to.
    pub ledgers: Vec<Ledger>,
    /// At most 100 distinct of each worker, sorted; further kinds are in `errors_lost`.
    pub errors: Vec<ErrorRow>,
    /// Errors of kinds beyond the cap.
    pub errors_lost: u64,
    /// How busy each worker was, by worker. Not kept beyond a second.
    pub busy: Vec<Busy>,
    /// Samples that went to an `overflow` row because of the series cap.
    pub overflowed: u64,
}

impl Window {
    /// Adds another Window. About 10 µs per histogram of many samples, 1 µs per one of few.
    pub fn merge(&mut self, other: Window) {
        if *self == Window::default() {
            *self = other; // spares copying the histograms
        } else {
            self.absorb(&other);
        }
    }

    /// The same, and leaves the other as it is.
    pub fn absorb(&mut self, other: &Window) {
        self.absorb_as(other, other.second.cmp(&self.second));
    }

    /// The same with a Window of a second that was added before, without it: its gauges are no
    /// further part of that second's, but [what stands](Self::take_gauges_of) from now on.
    pub fn absorb_late(&mut self, other: &Window) {
        self.absorb_as(other, Ordering::Greater);
    }

    /// Has, in place of each gauge of its own, that of `whole`; without one, none.
    pub fn take_gauges_of(&mut self, whole: Option<&Window>) {
        for Row { tags, values } in &mut self.rows {
            let known = whole.and_then(|whole| whole.row(tags));
            values.retain_mut(|(metric, value)| {
                if !matches!(value, Value::Gauge { .. }) {
                    return true;
                }
                let known = known.and_then(|row| row.get(metric));
                known.is_some_and(|known| {
                    value.clone_from(known);
                    true
                })
            });
        }
        self.rows.retain(|row| !row.values.is_empty());
    }

    /// The row with exactly these tags.
    fn row(&self, tags: &TagSet) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.tags.cmp(tags)).ok()?;
        Some(&self.rows[index])
    }

    /// Whether any of its rows has this metric.
    pub fn has(&self, metric: &MetricId) -> bool {
        self.rows.iter().any(|row| row.get(metric).is_some())
    }

    fn absorb_as(&mut self, other: &Window, age: Ordering) {
        let merge_row = |ours: &mut Row, theirs: &Row| ours.merge(theirs, age);
        absorb_sorted(&mut self.rows, &other.rows, |a, b| a.tags.cmp(&b.tags), merge_row);
        let by_key = |a: &ErrorRow, b: &ErrorRow| a.key().cmp(&b.key());
        absorb_sorted(&mut self.errors, &other.errors, by_key, ErrorRow::merge);
        let by_series = |a: &Exemplar, b: &Exemplar| a.key().cmp(&b.key());
        absorb_sorted(&mut self.exemplars, &other.exemplars, by_series, Exemplar::merge);
        let by_subject = |a: &Ledger, b: &Ledger| a.subject.cmp(&b.subject);
        absorb_sorted(&mut self.ledgers, &other.ledgers, by_subject, Ledger::merge);
        for (index, lifecycle) in other.lifecycles.iter().enumerate() {
            self.lifecycle(index).merge(lifecycle);
        }
        self.slowest.resize_with(self.slowest.len().max(other.slowest.len()), Slowest::default);
        for (ours, theirs) in self.slowest.iter_mut().zip(&other.slowest) {
            ours.merge(theirs);
        }
        self.second = self.second.max(other.second);
        self.busy.extend(&other.busy);
        self.busy.sort_unstable();
        self.errors_lost += other.errors_lost;
        self.overflowed += other.overflowed;
    }

    /// The counts of a scenario, by its index in the plan.
    pub fn lifecycle(&mut self, scenario: usize) -> &mut Lifecycle {
        if self.lifecycles.len() <= scenario {
            self.lifecycles.resize(scenario + 1, Lifecycle::default());
        }
        &mut self.lifecycles[scenario]
    }

    /// The tag with the most distinct values, and how many: whom to blame for too many series.
    pub fn widest_tag(&self) -> Option<(&str, usize)> {
        let mut values =
            std::collections::BTreeMap::<&str, std::collections::BTreeSet<&str>>::new();
        for (key, value) in self.rows.iter().flat_map(|row| row.tags.iter()) {
            values.entry(key).or_default().insert(value);
        }
        let widest = values.into_iter().rev().max_by_key(|(_, values)| values.len())?;
        Some((widest.0, widest.1.len()))
    }
}

/// Adds `theirs` to `ours`, both sorted by `order` without repetition. Linear where both hold the
/// same keys, which is the common case; a search per item where `ours` has many more.
fn absorb_sorted<T: Clone>(
    ours: &mut Vec<T>,
    theirs: &[T],
    order: impl Fn(&T, &T) -> Ordering,
    merge: impl Fn(&mut T, &T),
) {
    let known = ours.len();
    let mut next = 0;
    for item in theirs {
        let found = match ours[next..known].first().map(|first| order(first, item)) {
            Some(Ordering::Equal) => Ok(0),
            Some(Ordering::Less) => ours[next..known].binary_search_by(|one| order(one, item)),
            Some(Ordering::Greater) | None => Err(0),
        };
        match found {
            Ok(skipped) => {
                merge(&mut ours[next + skipped], item);
                next += skipped + 1;
            }
            Err(skipped) => {
                ours.push(item.clone());
                next += skipped;
            }
        }
    }
    if ours.len() > known {
        ours.sort_by(order);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::metric;
    use super::*;

    fn window(second: u32) -> impl Strategy<Value = Window> {
        let row = ("[ab]", 0..3_u8, 0..100_u64, prop::collection::vec(0..9_000_u64, 0..4));
        let error = ("[cd]", "[mn]", 1..9_u64, 0..50_u64, prop::option::of("[xyz]"));
        (prop::collection::vec(row, 0..6), prop::collection::vec(error, 0..4), 0..3_usize).prop_map(
            move |(rows, errors, scenario)| {
                let mut whole = Window::default();
                for (step, kind, count, times) in rows {
                    whole.absorb(&with_row(second, &step, kind, count, &times));
                }
                for (step, folded, count, at, exemplar) in errors {
                    whole.absorb(&with_error(second, &step, &folded, count, at, exemplar));
                }
                whole.second = second;
                whole.lifecycle(scenario).planned = u64::from(second) + 3;
                whole.overflowed = scenario as u64;
                whole
            },
        )
    }

    fn with_row(second: u32, step: &str, kind: u8, count: u64, times: &[u64]) -> Window {
        let mut histogram = crate::metrics::Histogram::default();
        times.iter().for_each(|&time| histogram.record(Duration::from_micros(time)));
        let value = match kind {
            0 => (metric::HTTP_CALLS, Value::Counter(count)),
            1 => (metric::CHECKS, Value::Rate { hits: count / 2, total: count }),
            _ => (metric::STEP_DURATION, Value::Histogram(Box::new(histogram))),
        };
        let row = Row { tags: TagSet::new([("step", step)]), values: vec![value] };
        Window { second, rows: vec![row], ..Window::default() }
    }

    fn with_error(
        second: u32,
        step: &str,
        folded: &str,
        count: u64,
        at: u64,
        exemplar: Option<String>,
    ) -> Window {
        let error = ErrorRow {
            category: "script",
            scenario: 0,
            step: step.into(),
            status: 0,
            message: format!("{folded}{at}"),
            folded: folded.to_owned(),
            count,
            first: Duration::from_secs(at),
            last: Duration::from_secs(at + 1),
            exemplar,
        };
        Window { second, errors: vec![error], ..Window::default() }
    }

    fn merged(parts: &[&Window]) -> Window {
        let mut whole = Window::default();
        parts.iter().for_each(|&part| whole.merge(part.clone()));
        whole
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn merging_is_associative_and_commutative(a in window(3), b in window(4), c in window(3)) {
            let left = merged(&[&merged(&[&a, &b]), &c]);
            prop_assert_eq!(&left, &merged(&[&a, &merged(&[&b, &c])]));
            prop_assert_eq!(&left, &merged(&[&c, &b, &a]));
        }

        #[test]
        fn rows_and_errors_stay_sorted_and_distinct(a in window(1), b in window(2)) {
            let whole = merged(&[&a, &b]);
            prop_assert!(whole.rows.is_sorted_by(|x, y| x.tags < y.tags));
            prop_assert!(whole.errors.is_sorted_by(|x, y| x.key() < y.key()));
        }
    }

    fn gauge(second: u32, value: f64) -> Window {
        let values = vec![(metric::VUS, Value::Gauge { last: value, max: value })];
        let rows = vec![Row { tags: TagSet::default(), values }];
        Window { second, rows, ..Window::default() }
    }

    #[test]
    fn gauges_add_up_over_workers_and_the_latest_second_stands() {
        let first = merged(&[&gauge(1, 10.0), &gauge(1, 20.0)]);
        let second = merged(&[&gauge(2, 5.0), &gauge(2, 7.0)]);
        for whole in [merged(&[&first, &second]), merged(&[&second, &first])] {
            let expected = Value::Gauge { last: 12.0, max: 30.0 };
            assert_eq!(whole.rows[0].get(&metric::VUS), Some(&expected));
        }
    }

    #[test]
    fn gauges_of_a_late_window_stand_and_do_not_add() {
        let mut totals = merged(&[&gauge(1, 5.0), &Window { second: 2, ..Window::default() }]);
        let mut late = gauge(2, 3.0);
        late.rows.push(with_row(2, "a", 0, 7, &[]).rows.remove(0));
        totals.absorb_late(&late);
        let vus = |window: &Window| window.rows[0].get(&metric::VUS).cloned();
        assert_eq!(vus(&totals), Some(Value::Gauge { last: 3.0, max: 5.0 }));
        late.take_gauges_of(Some(&gauge(2, 9.0)));
        assert_eq!(vus(&late), Some(Value::Gauge { last: 9.0, max: 9.0 }));
        late.take_gauges_of(None);
        assert!(!late.has(&metric::VUS) && late.has(&metric::HTTP_CALLS), "what is no gauge stays");
    }

    #[test]
    fn the_tag_with_most_values_is_to_blame() {
        let tags = |name: &str| TagSet::new([("scenario", "shop"), ("name", name)]);
        let row = |name: &str| Row { tags: tags(name), values: Vec::new() };
        let rows = vec![row("/a"), row("/b"), row("/c")];
        assert_eq!(Window { rows, ..Window::default() }.widest_tag(), Some(("name", 3)));
        assert_eq!(Window::default().widest_tag(), None);
    }
}
