//! `otlp=URL`: every second to OpenTelemetry, over HTTP as protobuf.
//!
//! Numbers are cumulative, so a push that is lost heals with the next one; with
//! `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta` each push holds what came since the
//! last that was taken. Histograms are exponential ones, for which nobody has to guess bounds; what
//! cannot read them gets explicit ones by OpenTelemetry's own variable.

mod messages;
mod points;

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use prost::Message;

use super::post::{Address, Patient};
use super::{About, Moment, Sink};
use crate::metrics::Window;
use crate::results::Summary;
use messages::{
    ExportRequest, ExportResponse, KeyValue, Resource, ResourceMetrics, Scope, ScopeMetrics,
    Temporality,
};
use points::{Shape, When, attribute, metrics};

/// OpenTelemetry's variables: of all exporters, and of that of metrics alone, which wins.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"];
const HISTOGRAMS: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const COMPRESSION: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
const SERVICE: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// What [`Otlp`] sends to, before it is opened.
pub struct Target {
    address: Address,
    packing: Packing,
    shape: Shape,
    resource: Vec<KeyValue>,
}

/// How bodies travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// As the environment says: for metrics, or else for all.
    fn asked_for() -> Result<Packing, String> {
        let said = |name: &&str| std::env::var(name).is_ok_and(|said| !said.is_empty());
        let Some(name) = COMPRESSION.into_iter().find(said) else { return Ok(Packing::Plain) };
        let gzip = choice(name, &["none", "gzip"])? == 1;
        Ok(if gzip { Packing::Gzip } else { Packing::Plain })
    }

    fn of(self, message: Vec<u8>) -> Result<Bytes, String> {
        if self == Packing::Plain {
            return Ok(Bytes::from(message));
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = packed.write_all(&message).and_then(|()| packed.finish());
        packed.map(Bytes::from).map_err(|error| error.to_string())
    }
}

impl Target {
    /// A URL; without a path it is `/v1/metrics`.
    ///
    /// # Errors
    /// It is no URL, or the environment asks for what cannot be.
    pub fn of(dest: &str, about: &About) -> Result<Target, String> {
        let mut address = Address::parse(dest, "application/x-protobuf")?;
        address.default_path("/v1/metrics");
        for name in HEADERS {
            address.headers_from(name)?;
        }
        let explicit = choice(
            HISTOGRAMS,
            &["base2_exponential_bucket_histogram", "explicit_bucket_histogram"],
        )? == 1;
        let delta = choice(TEMPORALITY, &["cumulative", "delta", "lowmemory"])? > 0;
        let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
        let shape = Shape { explicit, temporality };
        let packing = Packing::asked_for()?;
        if packing == Packing::Gzip {
            address.plain("content-encoding", "gzip");
        }
        Ok(Target { address, packing, shape, resource: resource(about) })
    }

    /// Opened on the thread that sends.
    pub fn open(self) -> Otlp {
        let may_pass = |status| matches!(status, 0 | 429 | 502 | 503 | 504);
        Otlp {
            post: self.address.open().map(|post| Patient::new(post, may_pass)),
            packing: self.packing,
            shape: self.shape,
            resource: self.resource,
            unsent: Window::default(),
            since: None,
            began: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
            sent: true,
        }
    }
}

/// Which of `words` a variable says; the first if it is not set.
fn choice(name: &str, words: &[&str]) -> Result<usize, String> {
    let said = std::env::var(name).unwrap_or_default();
    if said.is_empty() {
        return Ok(0);
    }
    let known = words.iter().position(|word| word.eq_ignore_ascii_case(&said));
    known.ok_or_else(|| format!("{name}: expected {}, not `{said}`", words.join(" or ")))
}

/// Who sends: this tool, this run, and what the environment says.
fn resource(about: &About) -> Vec<KeyValue> {
    let mut resource = vec![
        ("service.name".to_owned(), "loadtool".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), about.run.clone()),
    ];
    let listed = std::env::var(ATTRIBUTES).unwrap_or_default();
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text.trim()).decode_utf8_lossy().into();
    let pairs = listed.split(',').filter_map(|pair| pair.split_once('='));
    resource.extend(pairs.map(|(key, value)| (decoded(key), decoded(value))));
    resource.extend(std::env::var(SERVICE).map(|name| ("service.name".to_owned(), name)));
    let resource: std::collections::BTreeMap<String, String> = resource.into_iter().collect();
    resource.iter().map(|(key, value)| attribute(key, &about.secrets.mask(value))).collect()
}

/// Sends what there is.
pub struct Otlp {
    post: Result<Patient, String>,
    packing: Packing,
    shape: Shape,
    resource: Vec<KeyValue>,
    /// All of the run, or what came since the last push; exemplars are the last second's alone.
    unsent: Window,
    /// Since when.
    since: Option<Timestamp>,
    began: Timestamp,
    /// The end of the last second.
    last: Timestamp,
    /// Whether there is nothing that was not sent.
    sent: bool,
}

impl Sink for Otlp {
    fn second(&mut self, moment: &Moment) -> Result<u64, String> {
        self.unsent.exemplars.clear();
        moment.second.add_to(&mut self.unsent);
        self.since.get_or_insert(moment.began);
        self.began = moment.began;
        self.last = self.last.max(moment.end());
        self.sent = false;
        if moment.second.late {
            return Ok(0);
        }
        self.push(self.last).map(|()| 1)
    }

    fn finish(&mut self, _: &Summary) -> Result<u64, String> {
        if self.sent {
            return Ok(0);
        }
        // Later than the last push, which may have been taken though its answer was lost.
        let at = self.last.saturating_add(std::time::Duration::from_millis(1));
        self.push(at.expect("time spans of milliseconds saturate")).map(|()| 0)
    }
}

impl Otlp {
    fn push(&mut self, at: Timestamp) -> Result<(), String> {
        let post = self.post.as_mut().map_err(|why| why.clone())?;
        let when = When { began: self.began, since: self.since.unwrap_or(at), at };
        let request = request(&self.unsent, &self.resource, self.shape, when);
        let answer = post.send(&self.packing.of(request.encode_to_vec())?)?;
        self.sent = true;
        if self.shape.temporality == Temporality::Delta {
            self.unsent = Window::default();
            self.since = Some(at);
        }
        match ExportResponse::decode(answer).ok().and_then(|answer| answer.partial_success) {
            Some(partial) if partial.rejected_data_points > 0 => {
                let (rejected, why) =
                    (partial.rejected_data_points, post.told(&partial.error_message));
                Err(format!("{rejected} data points were refused: {why}"))
            }
            _ => Ok(()),
        }
    }
}

fn request(window: &Window, resource: &[KeyValue], shape: Shape, when: When) -> ExportRequest {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let scope = Scope { name: "loadtool".to_owned(), version };
    let scope_metrics =
        vec![ScopeMetrics { scope: Some(scope), metrics: metrics(window, shape, when) }];
    let resource = Some(Resource { attributes: resource.to_vec() });
    ExportRequest { resource_metrics: vec![ResourceMetrics { resource, scope_metrics }] }
}
