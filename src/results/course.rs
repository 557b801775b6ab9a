//! What each call came to in each second of the load: what is needed to say when it was unusual.
//!
//! Sixteen bytes a second for each of the first fifty calls; further ones are in the totals alone.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHasher};

use crate::metrics::{Histogram, Row, Selector, TagSet, Value, Window, metric};

/// Calls that are followed.
const MOST: usize = 50;

/// One call through the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Its scenario.
    pub scenario: Arc<str>,
    /// Path of its step; empty outside steps.
    pub step: Arc<str>,
    /// URL with its parameters folded.
    pub name: Arc<str>,
    /// `GET`, ….
    pub method: Arc<str>,
    /// Second by second, from 0; ends with the last in which there was such a call.
    pub seconds: Vec<Moment>,
}

/// One call in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Those that ended.
    pub calls: u32,
    /// Of them, failed.
    pub failed: u32,
    /// Of those that a latency covers [µs]; 0 if there was none.
    pub p50_us: u32,
    /// Likewise.
    pub p95_us: u32,
}

/// The calls that are followed, in the order in which they came up.
#[derive(Debug)]
pub struct Courses {
    all: Vec<Course>,
    /// By what tells calls apart.
    known: HashMap<u64, usize, FxBuildHasher>,
    durations: Selector,
}

impl Default for Courses {
    fn default() -> Self {
        let durations = Selector::of(metric::HTTP_CALL_DURATION);
        Courses { all: Vec::new(), known: HashMap::default(), durations }
    }
}

impl Courses {
    /// All of them.
    pub fn all(&self) -> &[Course] {
        &self.all
    }

    /// Adds a second that is over. One pass over its rows.
    pub fn note(&mut self, window: &Window) {
        let second = window.second as usize;
        let mut times: HashMap<usize, Histogram, FxBuildHasher> = HashMap::default();
        for row in &window.rows {
            let Some(index) = self.course_of(row) else { continue };
            let seconds = &mut self.all[index].seconds;
            if seconds.len() <= second {
                seconds.resize(second + 1, Moment::default());
            }
            let moment = &mut seconds[second];
            for (id, value) in &row.values {
                match (id, value) {
                    (&metric::HTTP_CALLS, value) => moment.calls += narrow(value.counter()),
                    (&metric::HTTP_CALL_FAILED, Value::Rate { hits, .. }) => {
                        moment.failed += narrow(*hits);
                    }
                    (&metric::HTTP_CALL_DURATION, Value::Histogram(more))
                        if self.durations.matches(&row.tags) =>
                    {
                        times.entry(index).or_default().merge(more);
                    }
                    _ => {}
                }
            }
        }
        for (index, times) in times {
            let micros =
                |ppm| times.quantile(ppm).map_or(0, |time| narrow(time.as_micros() as u64));
            let moment = &mut self.all[index].seconds[second];
            (moment.p50_us, moment.p95_us) = (micros(500_000), micros(950_000));
        }
    }

    /// Whose row it is, if it is of a call's load.
    fn course_of(&mut self, row: &Row) -> Option<usize> {
        row.get(&metric::HTTP_CALLS)?;
        let tag = |name: &str| row.tags.get(name).map_or("", |value| value);
        if tag("phase") != "load" || tag("name").is_empty() {
            return None;
        }
        let key = key(&row.tags);
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let index = self.all.len();
        if index == MOST {
            return None;
        }
        let [scenario, step, name, method] =
            CALL.map(|name| row.tags.get(name).cloned().unwrap_or_else(|| "".into()));
        self.all.push(Course { scenario, step, name, method, seconds: Vec::new() });
        self.known.insert(key, index);
        Some(index)
    }
}

/// What tells calls apart.
const CALL: [&str; 4] = ["scenario", "step", "name", "method"];

fn key(tags: &TagSet) -> u64 {
    let mut hasher = FxHasher::default();
    CALL.map(|name| tags.get(name)).hash(&mut hasher);
    hasher.finish()
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{CallSample, NameId, Outcome, Phase, Place, Recorder};

    /// A second in which each of these calls was made with these times [ms], and failed once.
    fn window(second: u32, names: &[String], times: &[u64]) -> Window {
        let mut recorder = Recorder::new(vec!["shop".into()], 1000);
        let tagged = Place { extra: recorder.intern_tags(&[("n", "1")]), ..Place::default() };
        for name in names {
            let sample = CallSample {
                name: recorder.intern(name),
                method: recorder.intern("GET"),
                status: 200,
                expected: true,
                error: NameId::NONE,
                outcome: Outcome::Completed,
                duration: Duration::ZERO,
            };
            for (n, ms) in times.iter().enumerate() {
                let place = if n % 2 == 0 { tagged } else { Place::default() };
                let duration = Duration::from_millis(*ms);
                recorder.call(&place, &CallSample { duration, ..sample });
            }
            let error = recorder.intern("reset");
            let broken = CallSample { expected: false, outcome: Outcome::Failed, error, ..sample };
            recorder.call(&Place::default(), &broken);
            let warm = Place { phase: Phase::Warmup, ..Place::default() };
            recorder.call(&warm, &sample);
        }
        recorder.flip(second)
    }

    #[test]
    fn a_call_is_followed_second_by_second_over_all_its_tags() {
        let mut courses = Courses::default();
        courses.note(&window(0, &["/a".into()], &[1, 2, 3, 4]));
        courses.note(&window(2, &["/a".into(), "/b".into()], &[7]));
        let [a, b] = courses.all() else { panic!("{courses:?}") };
        assert_eq!((&*a.scenario, &*a.name, &*a.method, &*b.name), ("shop", "/a", "GET", "/b"));
        let first = Moment { calls: 5, failed: 1, p50_us: 2_000, p95_us: 4_000 };
        let last = Moment { calls: 2, failed: 1, p50_us: 7_000, p95_us: 7_000 };
        assert_eq!(a.seconds, [first, Moment::default(), last]);
        assert_eq!(b.seconds[2], last);
    }

    #[test]
    fn what_comes_up_too_late_is_not_followed() {
        let mut courses = Courses::default();
        let names: Vec<String> = (0..60).map(|n| format!("/{n:02}")).collect();
        courses.note(&window(0, &names, &[1]));
        assert_eq!((courses.all().len(), &*courses.all()[49].name), (MOST, "/49"));
        courses.note(&window(1, &names, &[1]));
        assert!(courses.all().iter().all(|course| course.seconds[1].calls == 2));
    }
}
