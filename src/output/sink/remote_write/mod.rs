//! `prometheus-rw=URL`: everything so far, every second, by Prometheus' remote write 1.0.
//!
//! Numbers are cumulative and have the names of the exposition (`families.rs`), so one dashboard
//! fits both, and a push that is lost leaves a gap of a second and no wrong sum. What came late is
//! in the next push: a receiver takes one value per series and time. At the end each series is
//! marked as stale, so that it ends there and does not stand for five minutes more.

mod messages;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;

use super::exponential::{SCALE, ZERO};
use super::families::{Family, Labels, families, pairs};
use super::post::{Address, Patient};
use super::{Moment, Sink};
use crate::metrics::{Histogram, Span, Traced, Value, Window};
use crate::results::Summary;
use messages::{BucketSpan, Exemplar, Label, NativeHistogram, Sample, TimeSeries, WriteRequest};

/// Further headers.
const HEADERS: &str = "LOADTOOL_PROMETHEUS_RW_HEADERS";

/// `true`: histograms are native ones.
const NATIVE: &str = "LOADTOOL_PROMETHEUS_RW_NATIVE_HISTOGRAMS";

/// What [`RemoteWrite`] sends to, before it is opened.
pub struct Target {
    address: Address,
    shape: Shape,
    run: String,
}

/// Prometheus' mark of a series that has ended: a NaN that no computation gives.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// How histograms are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Classic,
    Native,
}

impl Target {
    /// A URL; without a path it is Prometheus' own, `/api/v1/write`.
    ///
    /// # Errors
    /// It is no URL, or the environment asks for what cannot be.
    pub fn of(dest: &str, run: &str) -> Result<Target, String> {
        let mut address = Address::parse(dest, "application/x-protobuf")?;
        address.default_path("/api/v1/write");
        address.plain("content-encoding", "snappy");
        address.plain("x-prometheus-remote-write-version", "0.1.0");
        address.headers_from(HEADERS)?;
        let shape = match std::env::var(NATIVE).as_deref() {
            Ok("true") => Shape::Native,
            Ok("false" | "") | Err(_) => Shape::Classic,
            Ok(other) => return Err(format!("{NATIVE}: expected true or false, not `{other}`")),
        };
        Ok(Target { address, shape, run: run.to_owned() })
    }

    /// Opened on the thread that sends.
    pub fn open(self) -> RemoteWrite {
        let may_pass = |status| status == 0 || status == 429 || status >= 500;
        let post = self.address.open().map(|post| Patient::new(post, may_pass));
        let Target { shape, run, .. } = self;
        RemoteWrite {
            post,
            shape,
            run,
            totals: Window::default(),
            began: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
            sent: true,
        }
    }
}

/// Sends the totals.
pub struct RemoteWrite {
    post: Result<Patient, String>,
    shape: Shape,
    run: String,
    /// Exemplars are those of the last second alone.
    totals: Window,
    began: Timestamp,
    /// The end of the last second.
    last: Timestamp,
    /// Whether all of the totals was sent.
    sent: bool,
}

impl Sink for RemoteWrite {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        self.totals.exemplars.clear();
        moment.second.add_to(&mut self.totals);
        self.began = moment.began;
        self.last = self.last.max(moment.end());
        self.sent = false;
        if moment.second.late {
            return Ok(0);
        }
        self.push(self.last.as_millisecond()).map(|()| 1)
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        let last = self.last.as_millisecond();
        if !self.sent {
            // Later than the last push, which may have been taken though its answer was lost.
            self.push(last + 1)?;
        }
        let series = self.series(last + 2).into_iter().map(TimeSeries::ended).collect();
        self.post(series).map(|()| 0)
    }
}

impl RemoteWrite {
    fn push(&mut self, at: i64) -> Result<(), String> {
        self.post(self.series(at))?;
        self.sent = true;
        Ok(())
    }

    fn series(&self, at: i64) -> Vec<TimeSeries> {
        let batch = Batch { series: Vec::new(), shape: self.shape, began: self.began, at };
        batch.of(&self.totals, &self.run)
    }

    fn post(&mut self, timeseries: Vec<TimeSeries>) -> Result<(), String> {
        let post = self.post.as_mut().map_err(|why| why.clone())?;
        let request = WriteRequest { timeseries };
        let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        let packed = packed.map_err(|_| "4 GB in a second are too many".to_owned())?;
        post.send(&Bytes::from(packed)).map(drop)
    }
}

impl TimeSeries {
    /// The same series, which ends where it has a value. Of a native histogram, too, the mark is a
    /// plain number.
    fn ended(self) -> TimeSeries {
        let floats = self.samples.iter().map(|sample| sample.timestamp);
        let at = floats.chain(self.histograms.iter().map(|histogram| histogram.timestamp)).max();
        let samples = at.map(|timestamp| Sample { value: STALE, timestamp }).into_iter().collect();
        TimeSeries { labels: self.labels, samples, ..TimeSeries::default() }
    }
}

/// The series of one push.
struct Batch {
    series: Vec<TimeSeries>,
    shape: Shape,
    /// The load.
    began: Timestamp,
    /// Milliseconds since 1970.
    at: i64,
}

impl Batch {
    /// All of a Window, and one that says which run they are of.
    fn of(mut self, window: &Window, run: &str) -> Vec<TimeSeries> {
        let about = pairs([("run", run), ("version", env!("CARGO_PKG_VERSION"))]);
        self.add(&base(&about), "loadtool_run_info", 1.0);
        for family in families(window) {
            for (labels, value) in &family.series {
                self.add_value(&family, labels, value);
            }
        }
        self.series
    }

    fn add_value(&mut self, family: &Family, labels: &Labels, value: &Value) {
        let name = &family.name;
        let base = base(labels);
        match value {
            Value::Counter(sum) => self.add(&base, &format!("{name}_total"), *sum as f64),
            Value::Gauge { last, .. } | Value::Level { last, .. } => {
                self.add(&base, name, family.level(*last));
            }
            Value::Rate { hits, total } => {
                self.add(&base, &format!("{name}_hits_total"), *hits as f64);
                self.add(&base, &format!("{name}_samples_total"), *total as f64);
            }
            Value::Histogram(samples) => {
                let traced = family.exemplars.get(labels).map(|traced| self.exemplar(traced));
                match self.shape {
                    Shape::Classic => self.add_buckets(family, &base, samples, traced),
                    Shape::Native => self.add_native(family, &base, samples, traced),
                }
            }
        }
    }

    fn add_buckets(
        &mut self,
        family: &Family,
        base: &[Label],
        samples: &Histogram,
        mut traced: Option<Exemplar>,
    ) {
        let name = &family.name;
        let count = samples.count();
        let labels = named(base, &format!("{name}_bucket"));
        let place = labels.partition_point(|label| label.name < "le");
        for (bound, count) in family.buckets(samples).into_iter().chain([(f64::INFINITY, count)]) {
            let mut labels = labels.clone();
            labels.insert(place, label("le", &le(bound)));
            self.push(labels, count as f64);
            if let Some(series) = self.series.last_mut() {
                series.exemplars.extend(traced.take_if(|traced| traced.value <= bound));
            }
        }
        self.add(base, &format!("{name}_sum"), family.sum(samples));
        self.add(base, &format!("{name}_count"), count as f64);
    }

    fn add_native(
        &mut self,
        family: &Family,
        base: &[Label],
        samples: &Histogram,
        traced: Option<Exemplar>,
    ) {
        let exponential = family.exponential(samples);
        let spans = exponential.spans().into_iter();
        let histogram = NativeHistogram {
            count: Some(samples.count()),
            sum: family.sum(samples),
            schema: SCALE,
            zero_threshold: ZERO,
            zero_count: Some(exponential.zeros),
            positive_spans: spans
                .map(|span| BucketSpan { offset: span.gap, length: span.length })
                .collect(),
            positive_deltas: exponential.deltas(),
            timestamp: self.at,
        };
        self.series.push(TimeSeries {
            labels: named(base, &family.name),
            histograms: vec![histogram],
            exemplars: traced.into_iter().collect(),
            ..TimeSeries::default()
        });
    }

    fn exemplar(&self, traced: &Traced) -> Exemplar {
        let Span { trace, id } = traced.span;
        let at = self.began.saturating_add(traced.at).expect("time spans of a run saturate");
        Exemplar {
            labels: vec![label("span_id", &id.to_string()), label("trace_id", &trace.to_string())],
            value: traced.duration.as_secs_f64(),
            timestamp: at.as_millisecond(),
        }
    }

    fn add(&mut self, base: &[Label], name: &str, value: f64) {
        self.push(named(base, name), value);
    }

    fn push(&mut self, labels: Vec<Label>, value: f64) {
        let samples = vec![Sample { value, timestamp: self.at }];
        self.series.push(TimeSeries { labels, samples, ..TimeSeries::default() });
    }
}

/// The labels of a series but its name, as the protocol wants them: its job among them, sorted,
/// none empty.
fn base(labels: &Labels) -> Vec<Label> {
    let given = labels.iter().filter(|(_, value)| !value.is_empty());
    let mut all: Vec<Label> = given.map(|(name, value)| label(name, value)).collect();
    if !labels.contains_key("job") {
        let place = all.partition_point(|label| label.name < "job");
        all.insert(place, label("job", "loadtool"));
    }
    all
}

/// The same with its name, which may stand behind labels in capitals.
fn named(base: &[Label], name: &str) -> Vec<Label> {
    let place = base.partition_point(|label| label.name < "__name__");
    let mut all = Vec::with_capacity(base.len() + 2);
    all.extend_from_slice(&base[..place]);
    all.push(label("__name__", name));
    all.extend_from_slice(&base[place..]);
    all
}

fn le(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".to_owned() } else { format!("{bound:?}") }
}

fn label(name: &str, value: &str) -> Label {
    let copied = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    Label { name: copied(name), value: copied(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::own::{Form, OwnMetrics, Sample as Given};
    use crate::metrics::{Outcome, Place, Recorder};

    #[test]
    fn labels_are_sorted_whatever_they_are_called_and_none_is_empty() {
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        let import = OwnMetrics::default().declare("import", Form::Timer).unwrap().id;
        let extra = recorder.intern_tags(&[("Zone", "a"), ("zebra", "b"), ("none", "")]);
        let place = Place { extra, ..Place::default() };
        let time = std::time::Duration::from_millis(20);
        recorder.own(&place, &import, Given::Time(time, Outcome::Completed));
        let began = Timestamp::UNIX_EPOCH;
        let batch = Batch { series: Vec::new(), shape: Shape::Classic, began, at: 7 };
        let all = batch.of(&recorder.flip(0), "r1");
        for series in &all {
            let names: Vec<&[u8]> = series.labels.iter().map(|label| &*label.name).collect();
            assert!(names.is_sorted(), "{series:?}");
            assert!(series.labels.iter().all(|label| !label.value.is_empty()), "{series:?}");
            assert_eq!(series.samples[0].timestamp, 7);
        }
        let bucket = all.iter().find(|series| series.labels.iter().any(|l| l.value == "0.025"));
        let told = |label: &Label| {
            let text = |part: &Bytes| String::from_utf8(part.to_vec()).unwrap();
            format!("{}={}", text(&label.name), text(&label.value))
        };
        let told: Vec<String> = bucket.expect("a bucket").labels.iter().map(told).collect();
        assert_eq!(
            told.join(","),
            "Zone=a,__name__=loadtool_import_seconds_bucket,job=loadtool,le=0.025,\
             outcome=completed,phase=load,scenario=shop,zebra=b"
        );
    }
}
