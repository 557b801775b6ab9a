//! The condition of a threshold: `STAT OP NUMBER[unit]`, and what can be asked of which metric.

use crate::diagnostic::Diagnostic;
use crate::metrics::{Histogram, Kind, MetricId, Unit, Value};
use crate::units;

/// `p95 < 200ms`, as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What of the samples is compared.
    pub stat: Stat,
    /// How.
    pub op: Op,
    /// With what, in the unit of `measure`; no number while it is a multiple of a baseline that is
    /// not known yet.
    pub limit: f64,
    /// Of the baseline, so many times.
    pub of_baseline: Option<f64>,
    /// What the observed value and `limit` are.
    pub measure: Measure,
}

/// What is taken of a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Stat {
    /// Above 0, at most 100.
    Percentile(f64),
    Min,
    Max,
    Mean,
    Stddev,
    /// Samples of a histogram, sum of a counter.
    Count,
    /// Hits out of the total, or a counter's sum per second of load.
    Rate,
    /// A gauge's last value.
    Value,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// What an observed value is: how its limit may be written, and how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A plain number.
    Number,
    /// Milliseconds.
    Ms,
    /// Bytes.
    Bytes,
    /// Percent, 0 to 100.
    Percent,
    /// 0 to 1.
    Fraction,
    /// 1/s.
    PerSecond,
    /// Bytes/s.
    BytesPerSecond,
}

const OPS: [(&str, Op); 6] = [
    ("<=", Op::LessOrEqual),
    (">=", Op::GreaterOrEqual),
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    ("<", Op::Less),
    (">", Op::Greater),
];

/// The hint for what is none.
pub(super) const GRAMMAR: &str = "write STAT OP NUMBER[unit], as in `p95 < 200ms` or `rate < 1%`";

impl Condition {
    /// Reads a condition on `metric`.
    ///
    /// # Errors
    /// What does not follow the grammar, a statistic that the metric has not, or a unit that does
    /// not fit.
    pub fn parse(metric: &MetricId, expression: &str) -> Result<Condition, Diagnostic> {
        let (stat, op, number) = split(expression)?;
        let stat = Stat::parse(stat)?;
        let measure = measure(metric, stat)?;
        let (limit, of_baseline) = match relative(number)? {
            Some((factor, resolved)) => {
                let limit = resolved.map_or(Ok(f64::NAN), |number| measure.limit(number))?;
                (limit, Some(factor))
            }
            None => (measure.limit(number)?, None),
        };
        Ok(Condition { stat, op, limit, of_baseline, measure })
    }

    /// Whether its limit is a multiple of a baseline that is not known yet.
    pub fn is_open(&self) -> bool {
        self.limit.is_nan()
    }

    /// Whether an observed value (in the unit of `limit`) fulfils the condition.
    pub fn holds(&self, observed: f64) -> bool {
        match self.op {
            Op::Less => observed < self.limit,
            Op::LessOrEqual => observed <= self.limit,
            Op::Greater => observed > self.limit,
            Op::GreaterOrEqual => observed >= self.limit,
            Op::Equal => observed == self.limit,
            Op::NotEqual => observed != self.limit,
        }
    }

    /// How far an observed value is beyond the limit: of two, the worse one has more. What is
    /// crossed has more than what holds.
    pub fn excess(&self, observed: f64) -> f64 {
        let distance = observed - self.limit;
        match self.op {
            Op::Less | Op::LessOrEqual => distance,
            Op::Greater | Op::GreaterOrEqual => -distance,
            Op::Equal => distance.abs(),
            Op::NotEqual => -distance.abs(),
        }
    }
}

/// `1.10 * baseline`, and what that is, if it is known: `1.10 * baseline (= 220ms)`.
fn relative(text: &str) -> Result<Option<(f64, Option<&str>)>, Diagnostic> {
    const WORD: &str = "baseline";
    if !text.contains(WORD) {
        return Ok(None);
    }
    let (multiple, resolved) = match text.split_once("(=") {
        Some((multiple, rest)) => (multiple, rest.trim().strip_suffix(')').map(str::trim)),
        None => (text, None),
    };
    let factor = match multiple.split_once('*') {
        None => multiple.trim().strip_suffix(WORD).filter(|rest| rest.is_empty()).map(|_| 1.0),
        Some((left, right)) => match (left.trim(), right.trim()) {
            (WORD, factor) | (factor, WORD) => units::percent(factor).ok(),
            _ => None,
        },
    };
    match factor.filter(|factor| *factor > 0.0) {
        Some(factor) => Ok(Some((factor, resolved))),
        None => Err(Diagnostic::new(format!("`{text}` is no multiple of the baseline"))
            .hint("write it like `p95 < 1.10 * baseline` or `p95 < 110% * baseline`")),
    }
}

/// The three parts of an expression, trimmed.
fn split(expression: &str) -> Result<(&str, Op, &str), Diagnostic> {
    let fault = |what: &str| Diagnostic::new(what).hint(GRAMMAR);
    let at = expression.find(['<', '>', '=', '!']).ok_or_else(|| fault("no comparison in it"))?;
    let (stat, rest) = expression.split_at(at);
    let &(sign, op) = OPS
        .iter()
        .find(|(sign, _)| rest.starts_with(sign))
        .ok_or_else(|| fault("the comparison is none of < <= > >= == !="))?;
    Ok((stat.trim(), op, rest[sign.len()..].trim()))
}

impl Stat {
    /// Reads `p95`, `p(95)`, `max`, ….
    ///
    /// # Errors
    /// There is no such statistic.
    pub fn parse(text: &str) -> Result<Stat, Diagnostic> {
        let unknown = || {
            Diagnostic::new(format!("there is no statistic `{text}`"))
                .hint("one of p50 p95 p(95) p99.9 min max avg mean med stddev count rate value")
        };
        Ok(match text {
            "min" => Stat::Min,
            "max" => Stat::Max,
            "avg" | "mean" => Stat::Mean,
            "med" => Stat::Percentile(50.0),
            "stddev" => Stat::Stddev,
            "count" => Stat::Count,
            "rate" => Stat::Rate,
            "value" => Stat::Value,
            _ => {
                let rest = text.strip_prefix('p').ok_or_else(unknown)?;
                let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                let digits = inner.unwrap_or(rest).trim();
                match plain_number(digits).ok_or_else(unknown)? {
                    p if p > 0.0 && p <= 100.0 => Stat::Percentile(p),
                    _ => {
                        return Err(Diagnostic::new(format!(
                            "a percentile lies above 0 and at most at 100, not at {digits}"
                        )));
                    }
                }
            }
        })
    }
}

/// What `stat` of `metric` is.
///
/// # Errors
/// The metric has it not.
pub fn measure(metric: &MetricId, stat: Stat) -> Result<Measure, Diagnostic> {
    let metric = metric.metric();
    let own = match metric.unit {
        Unit::One => Measure::Number,
        Unit::Ms => Measure::Ms,
        Unit::Bytes => Measure::Bytes,
        Unit::Percent => Measure::Percent,
    };
    let (kind, has) = match (metric.kind, stat) {
        (Kind::Counter, Stat::Count) => return Ok(own),
        (Kind::Counter, Stat::Rate) if own == Measure::Bytes => return Ok(Measure::BytesPerSecond),
        (Kind::Counter, Stat::Rate) => return Ok(Measure::PerSecond),
        (Kind::Rate, Stat::Rate) => return Ok(Measure::Fraction),
        (Kind::Gauge, Stat::Value | Stat::Max) => return Ok(own),
        (Kind::Histogram, Stat::Count) => return Ok(Measure::Number),
        (Kind::Histogram, stat) if !matches!(stat, Stat::Rate | Stat::Value) => return Ok(own),
        (Kind::Counter, _) => ("counter", "`count` and `rate`"),
        (Kind::Rate, _) => ("rate", "`rate`"),
        (Kind::Gauge, _) => ("gauge", "`value` and `max`"),
        (Kind::Histogram, _) => ("histogram", "percentiles, min, max, mean, stddev and `count`"),
    };
    Err(Diagnostic::new(format!("`{}` is a {kind}, which has no such statistic", metric.name))
        .hint(format!("a {kind} has {has}")))
}

/// A statistic of samples, in the unit of its [`Measure`]; of a metric in `unit`. `seconds` are
/// what a counter's rate is over.
pub fn observed(value: &Value, stat: Stat, unit: Unit, seconds: impl Fn() -> f64) -> Option<f64> {
    match (value, stat) {
        (Value::Counter(sum), Stat::Rate) => {
            let seconds = seconds();
            Some(if seconds > 0.0 { *sum as f64 / seconds } else { 0.0 })
        }
        (Value::Counter(sum), _) => Some(*sum as f64),
        (Value::Rate { hits, total }, _) => (*total > 0).then(|| *hits as f64 / *total as f64),
        (Value::Gauge { max, .. } | Value::Level { max, .. }, Stat::Max) => Some(*max),
        (Value::Gauge { last, .. } | Value::Level { last, .. }, _) => Some(*last),
        (Value::Histogram(samples), stat) => of_samples(samples, unit, stat),
    }
}

fn of_samples(samples: &Histogram, unit: Unit, stat: Stat) -> Option<f64> {
    let numbers = samples.of_unit(unit);
    match stat {
        Stat::Percentile(p) => numbers.quantile((p * 1e4).round() as u32),
        Stat::Min => numbers.min(),
        Stat::Max => numbers.max(),
        Stat::Mean => numbers.mean(),
        Stat::Stddev => numbers.stddev(),
        Stat::Count | Stat::Rate | Stat::Value => Some(samples.count() as f64),
    }
}

impl Measure {
    /// Whether it is over a length of time.
    pub fn is_per_second(self) -> bool {
        matches!(self, Measure::PerSecond | Measure::BytesPerSecond)
    }

    /// Units in which a limit may be written, and how much of ours one of them is.
    fn units(self) -> &'static [(&'static str, f64)] {
        const BYTES: &[(&str, f64)] = &[
            ("", 1.0),
            ("B", 1.0),
            ("KB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("KiB", 1024.0),
            ("MiB", 1048576.0),
            ("GiB", 1073741824.0),
        ];
        match self {
            Measure::Number => &[("", 1.0)],
            Measure::Ms => &[("", 1.0), ("us", 1e-3), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)],
            Measure::Percent => &[("", 1.0), ("%", 1.0)],
            Measure::Fraction => &[("", 1.0), ("%", 0.01)],
            Measure::PerSecond => &[("", 1.0), ("/s", 1.0)],
            Measure::Bytes | Measure::BytesPerSecond => BYTES,
        }
    }

    fn limit(self, text: &str) -> Result<f64, Diagnostic> {
        let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c));
        let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
        let number = plain_number(digits)
            .ok_or_else(|| Diagnostic::new(format!("`{text}` is not a number")).hint(GRAMMAR))?;
        let unit = unit.trim();
        let bare = match self {
            Measure::BytesPerSecond => unit.strip_suffix("/s").unwrap_or(unit),
            _ => unit,
        };
        let factor = self.units().iter().find(|(name, _)| *name == bare).map(|(_, factor)| factor);
        let limit = number * factor.ok_or_else(|| self.wrong_unit(unit))?;
        if self == Measure::Fraction && !(0.0..=1.0).contains(&limit) {
            let fault = format!("a rate lies between 0 and 1, and {text} is beyond");
            return Err(Diagnostic::new(fault).hint(format!("did you mean `{number}%`?")));
        }
        Ok(limit)
    }

    /// A limit as it can be read again.
    pub(super) fn written(self, limit: f64) -> String {
        let (number, unit) = match self {
            Measure::Number => (limit, ""),
            Measure::Ms => (limit, "ms"),
            Measure::Bytes => (limit, "B"),
            Measure::Percent => (limit, "%"),
            Measure::Fraction => (limit * 100.0, "%"),
            Measure::PerSecond => (limit, "/s"),
            Measure::BytesPerSecond => (limit, "B/s"),
        };
        format!("{}{unit}", (number * 1e3).round() / 1e3)
    }

    fn wrong_unit(self, unit: &str) -> Diagnostic {
        let known: Vec<_> =
            self.units().iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
        let hint = match known.is_empty() {
            true => "write the number alone".to_owned(),
            false => format!("one of {}, or none for {}", known.join(" "), self.plain()),
        };
        Diagnostic::new(format!("the unit `{unit}` does not fit")).hint(hint)
    }

    /// What a number without a unit means.
    fn plain(self) -> &'static str {
        match self {
            Measure::Number => "a number",
            Measure::Ms => "ms",
            Measure::Bytes => "bytes",
            Measure::Percent => "percent",
            Measure::Fraction => "a fraction of 1",
            Measure::PerSecond => "1/s",
            Measure::BytesPerSecond => "bytes/s",
        }
    }
}

/// A finite decimal without exponent or name.
fn plain_number(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    text.parse().ok().filter(|number: &f64| decimal && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::metric::ITERATIONS;

    #[test]
    fn a_condition_holds_on_the_right_side_of_its_limit() {
        for (expression, below, at, above) in [
            ("count < 5", true, false, false),
            ("count <= 5", true, true, false),
            ("count > 5", false, false, true),
            ("count >= 5", false, true, true),
            ("count == 5", false, true, false),
            ("count != 5", true, false, true),
        ] {
            let condition = Condition::parse(&ITERATIONS, expression).unwrap();
            let held = [4.0, 5.0, 6.0].map(|observed| condition.holds(observed));
            assert_eq!(held, [below, at, above], "{expression}");
            let (held, crossed): (Vec<f64>, Vec<f64>) =
                [4.0, 5.0, 6.0].into_iter().partition(|observed| condition.holds(*observed));
            for (good, bad) in
                held.iter().flat_map(|good| crossed.iter().map(move |bad| (good, bad)))
            {
                assert!(condition.excess(*bad) > condition.excess(*good), "{expression}");
            }
        }
    }
}
