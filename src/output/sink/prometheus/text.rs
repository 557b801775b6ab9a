//! Everything so far as text, in Prometheus' format or in OpenMetrics'.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use super::super::families::{Family, Labels, families, pairs};
use super::format::Format;
use crate::metrics::{Kind, Traced, Value, Window};

/// All of `window`, and which run it is of.
pub fn text(window: &Window, run: &str, began: Timestamp, format: Format) -> String {
    let mut page = Page { text: String::new(), began, format };
    page.head("loadtool_run_info", Type::Info, "", "the run that these numbers are of");
    let about = pairs([("run", run), ("version", env!("CARGO_PKG_VERSION"))]);
    page.sample("loadtool_run_info", &about, None, 1);
    for family in families(window) {
        page.family(&family);
    }
    if format == Format::Open {
        page.text.push_str("# EOF\n");
    }
    page.text
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
    Info,
}

struct Page {
    text: String,
    /// When the load did.
    began: Timestamp,
    format: Format,
}

impl Page {
    fn family(&mut self, family: &Family) {
        let (name, unit, help) = (&family.name, family.unit, &*family.help());
        match family.metric.kind {
            Kind::Counter => {
                self.head(name, Type::Counter, unit, help);
                for (labels, value) in &family.series {
                    self.sample(&format!("{name}_total"), labels, None, value.counter());
                }
            }
            Kind::Gauge => {
                self.head(name, Type::Gauge, unit, help);
                for (labels, value) in &family.series {
                    if let Value::Gauge { last, .. } | Value::Level { last, .. } = **value {
                        self.sample(name, labels, None, Float(family.level(last)));
                    }
                }
            }
            Kind::Rate => self.rate(family, help),
            Kind::Histogram => {
                self.head(name, Type::Histogram, unit, help);
                for (labels, value) in &family.series {
                    self.histogram(family, labels, value);
                }
            }
        }
    }

    /// Two counters, so that a share can be taken over any time and any labels.
    fn rate(&mut self, family: &Family, help: &str) {
        for part in ["hits", "samples"] {
            let name = format!("{}_{part}", family.name);
            self.head(&name, Type::Counter, "", &format!("{help} ({part})"));
            for (labels, value) in &family.series {
                if let Value::Rate { hits, total } = **value {
                    let count = if part == "hits" { hits } else { total };
                    self.sample(&format!("{name}_total"), labels, None, count);
                }
            }
        }
    }

    fn histogram(&mut self, family: &Family, labels: &Labels, value: &Value) {
        let Some(samples) = value.histogram() else { return };
        let name = &family.name;
        let bucket = format!("{name}_bucket");
        let mut traced = family.exemplars.get(labels);
        let all = (f64::INFINITY, samples.count());
        for (bound, count) in family.buckets(samples).into_iter().chain([all]) {
            self.sample(&bucket, labels, Some(bound), count);
            if let Some(traced) = traced.take_if(|one| one.duration.as_secs_f64() <= bound) {
                self.exemplar(traced);
            }
        }
        self.sample(&format!("{name}_sum"), labels, None, Float(family.sum(samples)));
        self.sample(&format!("{name}_count"), labels, None, samples.count());
    }

    /// To the sample that was written last, where the format has a place for it.
    fn exemplar(&mut self, traced: &Traced) {
        if self.format == Format::Open {
            let Traced { duration, at, span } = traced;
            let at = self.began.saturating_add(*at).expect("time spans of a run saturate");
            let (value, at) = (duration.as_secs_f64(), at.as_millisecond() as f64 / 1e3);
            self.text.pop(); // the line's end
            let labels = format!("trace_id=\"{}\",span_id=\"{}\"", span.trace, span.id);
            let _ = writeln!(self.text, " # {{{labels}}} {value} {at}");
        }
    }

    fn head(&mut self, name: &str, kind: Type, unit: &str, help: &str) {
        // A family is named without `_total` and `_info` in OpenMetrics, and with them before it.
        let plain = self.format == Format::Plain;
        let (name, kind) = match kind {
            Type::Counter if plain => (format!("{name}_total"), "counter"),
            Type::Counter => (name.to_owned(), "counter"),
            Type::Gauge => (name.to_owned(), "gauge"),
            Type::Histogram => (name.to_owned(), "histogram"),
            Type::Info if plain => (name.to_owned(), "gauge"),
            Type::Info => (name.strip_suffix("_info").unwrap_or(name).to_owned(), "info"),
        };
        let help = Escaped { text: help, quotes: !plain };
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        if !plain && !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    fn sample(&mut self, name: &str, labels: &Labels, le: Option<f64>, value: impl fmt::Display) {
        self.text.push_str(name);
        let mut before = '{';
        for (label, value) in labels.iter() {
            let value = Escaped { text: value, quotes: true };
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
            before = ',';
        }
        if let Some(le) = le {
            let _ = write!(self.text, "{before}le=\"{}\"", Float(le));
            before = ',';
        }
        let close = if before == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

/// A number as both formats write it.
struct Float(f64);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            nan if nan.is_nan() => f.write_str("NaN"),
            whole if whole.fract() == 0.0 && whole.abs() < 1e15 => write!(f, "{whole:.1}"),
            other => write!(f, "{other}"),
        }
    }
}

/// Text in a help line or between the quotes of a label.
struct Escaped<'t> {
    text: &'t str,
    quotes: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quotes => f.write_str("\\\"")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::own::{Form, OwnMetrics, Sample};
    use crate::metrics::{Phase, Place, Recorder};

    fn window() -> Window {
        let mut recorder = Recorder::new(vec!["shop\"\\\n".into()], 100);
        let place = Place { phase: Phase::Load, ..Place::default() };
        let mut own = OwnMetrics::default();
        let orders = own.declare("orders", Form::Counter).unwrap().id;
        let hit = own.declare("hit", Form::Rate).unwrap().id;
        let import = own.declare("import", Form::Timer).unwrap().id;
        let stock = own.declare("stock", Form::Gauge).unwrap().id;
        recorder.own(&place, &orders, Sample::Count(3));
        recorder.own(&place, &hit, Sample::Hit(true));
        recorder.own(&place, &hit, Sample::Hit(false));
        recorder.own(&place, &stock, Sample::Level { at: Duration::ZERO, value: -1.5 });
        for ms in [1, 20, 90_000] {
            let time = Duration::from_millis(ms);
            recorder.own(&place, &import, Sample::Time(time, crate::metrics::Outcome::Completed));
        }
        recorder.flip(0)
    }

    #[test]
    fn prometheus_text_holds_every_kind() {
        insta::assert_snapshot!(text(&window(), "r1", Timestamp::UNIX_EPOCH, Format::Plain));
    }

    #[test]
    fn openmetrics_differs_in_heads_and_ends_with_eof() {
        let text = text(&window(), "r1", Timestamp::UNIX_EPOCH, Format::Open);
        for line in [
            "# TYPE loadtool_run info",
            "# TYPE loadtool_orders counter",
            "# UNIT loadtool_import_seconds seconds",
            "# TYPE loadtool_hit_samples counter",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
    }
}
