//! `prometheus-rw=URL`: everything so far, every second, by Prometheus' remote write 1.0.
//!
//! Numbers are cumulative and have the names of the exposition (`families.rs`), so one dashboard
//! fits both, and a push that is lost leaves a gap of a second and no wrong sum. What came late is
//! in the next push: a receiver takes one value per series and time.

mod messages;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;

use super::exponential::{SCALE, ZERO};
use super::families::{Family, Labels, families};
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
        if self.sent {
            return Ok(0);
        }
        // Later than the last push, which may have been taken though its answer was lost.
        self.push(self.last.as_millisecond() + 1).map(|()| 0)
    }
}

impl RemoteWrite {
    fn push(&mut self, at: i64) -> Result<(), String> {
        let post = self.post.as_mut().map_err(|why| why.clone())?;
        let batch = Batch { series: Vec::new(), shape: self.shape, began: self.began, at };
        let request = WriteRequest { timeseries: batch.of(&self.totals, &self.run) };
        let packed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
        let packed = packed.map_err(|_| "4 GB in a second are too many".to_owned())?;
        post.send(&Bytes::from(packed))?;
        self.sent = true;
        Ok(())
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
        let about = [("run", run), ("version", env!("CARGO_PKG_VERSION"))];
        let about = about.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
        self.add("loadtool_run_info", &about, None, 1.0);
        for family in families(window) {
            for (labels, value) in &family.series {
                self.add_value(&family, labels, value);
            }
        }
        self.series
    }

    fn add_value(&mut self, family: &Family, labels: &Labels, value: &Value) {
        let name = &family.name;
        match value {
            Value::Counter(sum) => self.add(&format!("{name}_total"), labels, None, *sum as f64),
            Value::Gauge { last, .. } | Value::Level { last, .. } => {
                self.add(name, labels, None, family.level(*last));
            }
            Value::Rate { hits, total } => {
                self.add(&format!("{name}_hits_total"), labels, None, *hits as f64);
                self.add(&format!("{name}_samples_total"), labels, None, *total as f64);
            }
            Value::Histogram(samples) => match self.shape {
                Shape::Classic => self.add_buckets(family, labels, samples),
                Shape::Native => self.add_native(family, labels, samples),
            },
        }
    }

    fn add_buckets(&mut self, family: &Family, labels: &Labels, samples: &Histogram) {
        let name = &family.name;
        let bucket = format!("{name}_bucket");
        let mut traced = family.exemplars.get(labels).map(|traced| self.exemplar(traced));
        let count = samples.count();
        for (bound, count) in family.buckets(samples).into_iter().chain([(f64::INFINITY, count)]) {
            self.add(&bucket, labels, Some(bound), count as f64);
            if let Some(series) = self.series.last_mut() {
                series.exemplars.extend(traced.take_if(|traced| traced.value <= bound));
            }
        }
        let count = count as f64;
        self.add(&format!("{name}_sum"), labels, None, family.sum(samples));
        self.add(&format!("{name}_count"), labels, None, count);
    }

    fn add_native(&mut self, family: &Family, labels: &Labels, samples: &Histogram) {
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
        let exemplars = family.exemplars.get(labels).map(|traced| self.exemplar(traced));
        self.series.push(TimeSeries {
            labels: named(&family.name, labels, None),
            histograms: vec![histogram],
            exemplars: exemplars.into_iter().collect(),
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

    fn add(&mut self, name: &str, labels: &Labels, le: Option<f64>, value: f64) {
        let labels = named(name, labels, le);
        let samples = vec![Sample { value, timestamp: self.at }];
        self.series.push(TimeSeries { labels, samples, ..Default::default() });
    }
}

/// The labels of a series as the protocol wants them: its name and its job among them, sorted,
/// none empty.
fn named(name: &str, labels: &Labels, le: Option<f64>) -> Vec<Label> {
    let mut all = vec![label("__name__", name)];
    all.extend(labels.iter().map(|(name, value)| label(name, value)));
    if let Some(le) = le {
        let infinite = le == f64::INFINITY;
        all.push(label("le", &if infinite { "+Inf".to_owned() } else { format!("{le:?}") }));
    }
    if !labels.contains_key("job") {
        all.push(label("job", "loadtool"));
    }
    all.retain(|label| !label.value.is_empty());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}
