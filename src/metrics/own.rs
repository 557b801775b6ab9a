//! The author's own metrics: what may be declared, and how numbers are kept.
//!
//! A metric is declared once per process and known by its name; whoever declares it again gets the
//! same one, or a fault if it is to be something else.
//!
//! The numbers of a histogram are kept as whole ones, [`Unit::ones`] to the unit in which they are
//! told, and up to [`HIGHEST`](super::histogram::HIGHEST_NUMBER): times to the microsecond (and up
//! to 285 years), bytes to the byte (9 PB), plain numbers and percent to the millionth (9 billion).

use std::collections::BTreeMap;
use std::time::Duration;

use super::metric::{Kind, Metric, MetricId, Unit};
use super::sample::Outcome;

/// Most metrics of one script.
const MOST: usize = 1_000;

/// Longest name, in bytes.
const LONGEST_NAME: usize = 100;

/// What a script may call a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// A sum of whole numbers.
    Counter,
    /// The latest value.
    Gauge,
    /// Hits out of a total.
    Rate,
    /// A distribution of numbers.
    Histogram(Given),
    /// A distribution of times that are taken for the author.
    Timer,
}

/// A unit in which the numbers of a histogram are given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// As the author writes it; empty for plain numbers.
    pub name: &'static str,
    /// In which they are told.
    pub told: Unit,
    /// How many whole ones one of it is.
    pub ones: f64,
}

impl Given {
    /// All that there are.
    pub const ALL: [Given; 7] = [
        Given { name: "", told: Unit::One, ones: 1e6 },
        Given { name: "ms", told: Unit::Ms, ones: 1e3 },
        Given { name: "s", told: Unit::Ms, ones: 1e6 },
        Given { name: "us", told: Unit::Ms, ones: 1.0 },
        Given { name: "bytes", told: Unit::Bytes, ones: 1.0 },
        Given { name: "B", told: Unit::Bytes, ones: 1.0 },
        Given { name: "%", told: Unit::Percent, ones: 1e6 },
    ];

    /// The unit of that name.
    pub fn named(name: &str) -> Option<Given> {
        Given::ALL.into_iter().find(|unit| unit.name == name)
    }
}

impl Form {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Form::Counter => "counter",
            Form::Gauge => "gauge",
            Form::Rate => "rate",
            Form::Histogram(_) => "histogram",
            Form::Timer => "timer",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Form::Counter => Kind::Counter,
            Form::Gauge => Kind::Gauge,
            Form::Rate => Kind::Rate,
            Form::Histogram(_) | Form::Timer => Kind::Histogram,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Form::Histogram(given) => given.told,
            Form::Timer => Unit::Ms,
            Form::Counter | Form::Gauge | Form::Rate => Unit::One,
        }
    }
}

/// A metric that was declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// Under which its samples are kept.
    pub id: MetricId,
    /// What it was declared as.
    pub form: Form,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// Of a counter.
    Count(u64),
    /// Of a rate.
    Hit(bool),
    /// Of a gauge.
    Level {
        /// When, since the run began.
        at: Duration,
        /// To what it is set.
        value: f64,
    },
    /// Of a histogram, in whole ones.
    Number(u64),
    /// Of a timer.
    Time(Duration, Outcome),
}

/// Why a metric cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name that selectors and outputs could not carry.
    #[error(
        "`{0}` cannot be the name of a metric: it begins with a letter, and has letters, digits \
         and _ alone, at most {LONGEST_NAME}"
    )]
    Name(String),
    /// One of ours.
    #[error("`{0}` is a metric of loadtool's own; choose another name")]
    BuiltIn(String),
    /// It is something else.
    #[error("the metric `{name}` is a {was} already, not a {given}")]
    Form {
        /// Its name.
        name: String,
        /// What it is.
        was: &'static str,
        /// What it was to be.
        given: &'static str,
    },
    /// Its numbers have another unit.
    #[error("the metric `{name}` has {was} already, not {given}")]
    Unit {
        /// Its name.
        name: String,
        /// What it has.
        was: String,
        /// What it was to have.
        given: String,
    },
    /// Names without end.
    #[error("there are {MOST} metrics already: what varies belongs into tags, not into names")]
    TooMany,
}

/// The metrics that a script has declared.
#[derive(Debug, Clone, Default)]
pub struct OwnMetrics(BTreeMap<String, Own>);

impl OwnMetrics {
    /// The metric of that name and form; new, or as it was declared before.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub fn declare(&mut self, name: &str, form: Form) -> Result<Own, Fault> {
        if let Some(known) = self.0.get(name) {
            return same(name, known, form).map(|()| known.clone());
        }
        if MetricId::built_in(name).is_some() {
            return Err(Fault::BuiltIn(name.to_owned()));
        }
        if !is_name(name) {
            return Err(Fault::Name(name.chars().take(LONGEST_NAME).collect()));
        }
        if self.0.len() >= MOST {
            return Err(Fault::TooMany);
        }
        let metric = Metric { name: name.to_owned().into(), kind: form.kind(), unit: form.unit() };
        let own = Own { id: MetricId::Own(metric.into()), form };
        self.0.insert(name.to_owned(), own.clone());
        Ok(own)
    }

    /// The metric of that name.
    pub fn named(&self, name: &str) -> Option<&MetricId> {
        self.0.get(name).map(|own| &own.id)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn same(name: &str, known: &Own, form: Form) -> Result<(), Fault> {
    let name = name.to_owned();
    let unit = |given: Given| match given.name {
        "" => "no unit".to_owned(),
        unit => format!("the unit `{unit}`"),
    };
    match (known.form, form) {
        (was, given) if was == given => Ok(()),
        (Form::Histogram(was), Form::Histogram(given)) => {
            Err(Fault::Unit { name, was: unit(was), given: unit(given) })
        }
        (was, given) => Err(Fault::Form { name, was: was.word(), given: given.word() }),
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_declared_once_and_the_same_for_all() {
        let mut metrics = OwnMetrics::default();
        let bytes = Form::Histogram(Given::named("bytes").unwrap());
        let first = metrics.declare("upload_size", bytes).unwrap();
        assert_eq!(metrics.declare("upload_size", bytes), Ok(first.clone()));
        assert_eq!(metrics.named("upload_size"), Some(&first.id));
        let metric = first.id.metric();
        assert_eq!(
            (metric.kind, metric.unit, &*metric.name),
            (Kind::Histogram, Unit::Bytes, "upload_size")
        );
        assert_eq!(metrics.names().collect::<Vec<_>>(), ["upload_size"]);
    }

    #[test]
    fn what_clashes_is_refused() {
        let mut metrics = OwnMetrics::default();
        let histogram = |unit| Form::Histogram(Given::named(unit).unwrap());
        metrics.declare("hits", Form::Counter).unwrap();
        metrics.declare("size", histogram("ms")).unwrap();
        for (name, form, told) in [
            ("hits", Form::Rate, "the metric `hits` is a counter already, not a rate"),
            ("size", Form::Timer, "the metric `size` is a histogram already, not a timer"),
            (
                "size",
                histogram("s"),
                "the metric `size` has the unit `ms` already, not the unit `s`",
            ),
            ("size", histogram(""), "the metric `size` has the unit `ms` already, not no unit"),
            ("http_reqs", Form::Counter, "`http_reqs` is a metric of loadtool's own"),
            ("dropped_iterations", Form::Counter, "is a metric of loadtool's own"),
            ("", Form::Counter, "cannot be the name of a metric"),
            ("2nd", Form::Counter, "cannot be the name of a metric"),
            ("a-b", Form::Counter, "cannot be the name of a metric"),
            ("zähler", Form::Counter, "cannot be the name of a metric"),
            (&"x".repeat(101), Form::Counter, "cannot be the name of a metric"),
        ] {
            let fault = metrics.declare(name, form).unwrap_err().to_string();
            assert!(fault.contains(told), "{name}: {fault}");
        }
    }

    #[test]
    fn names_without_end_are_refused() {
        let mut metrics = OwnMetrics::default();
        let declared = (0..MOST).all(|n| metrics.declare(&format!("m{n}"), Form::Gauge).is_ok());
        assert!(declared);
        assert_eq!(metrics.declare("one_more", Form::Gauge), Err(Fault::TooMany));
        assert!(metrics.declare("m7", Form::Gauge).is_ok());
    }
}
