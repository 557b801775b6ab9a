//! Outputs that go elsewhere while the run goes on: `--out KIND=DEST`.
//!
//! A [`Sink`] may be slow, hang or die, and the load must not feel it. So each lives on a thread of
//! its own behind a queue of [`QUEUE`] seconds ([`relay`]); what finds the queue full is lost and
//! counted, the first loss is told on stderr, and the summary says what each has got. Seconds are
//! shared, not copied: the control thread pays a pointer per sink.
//!
//! Sinks see every second whole: rows with tags, sums and histograms. Those that came late are
//! handed on marked as such, so what a sink was sent adds up to the run's totals.

mod exponential;
mod families;
mod influx;
mod junit;
mod lines;
mod masked;
mod ndjson;
mod otlp;
mod post;
mod prometheus;
mod relay;
mod remote_write;
mod samples;
mod sheets;
pub mod spec;
mod statsd;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::file;
use crate::aggregator::Second;
use crate::compare::origin::Origin;
use crate::compare::series::Loads;
use crate::diagnostic::Diagnostic;
use crate::metrics::Recorder;
use crate::metrics::request_log::RequestLogMaker;
use crate::results::Summary;
use crate::results::summary::Delivery;
use crate::secrets::Secrets;
use relay::Relay;
use samples::{Samples, Shard};
use spec::{Kind, Wanted};

/// Seconds that may wait for a sink; what comes then is lost.
const QUEUE: usize = 60;

/// How long sinks may take, after the run, for what still waits and for what they write last.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes elsewhere, on a thread of its own. What it fails at is lost; it is asked again with the
/// next second. Both methods give how many units of its kind were written (see [`Kind::unit`]).
pub trait Sink {
    /// One more second of the run.
    ///
    /// # Errors
    /// Why it is lost.
    fn second(&mut self, moment: &Moment) -> Result<u64, String>;

    /// The run is over.
    ///
    /// # Errors
    /// Why what was to be written now is not.
    fn finish(&mut self, summary: &Summary) -> Result<u64, String>;
}

/// A second, and when it was.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Without secrets.
    pub second: Second,
    /// When the load began, on the wall clock.
    pub began: Timestamp,
}

impl Moment {
    /// When the second was over.
    pub fn end(&self) -> Timestamp {
        let passed = Duration::from_secs(u64::from(self.second.tick.second) + 1);
        self.began.saturating_add(passed).expect("time spans of seconds saturate")
    }
}

/// Which run it is.
#[derive(Debug, Clone)]
pub struct About {
    /// As in the summary.
    pub run: String,
    /// What its numbers will be of, without secrets.
    pub origin: Origin,
    /// When scenarios are to be in phase `load`, as far as that is known beforehand.
    pub loads: Loads,
    /// Names of scenarios in the plan's order, without secrets.
    pub scenarios: Vec<String>,
    /// To be struck out of whatever else comes from the plan.
    pub secrets: Arc<Secrets>,
}

/// The sinks of a run.
pub struct Sinks {
    relays: Vec<Relay>,
    /// And its place among the relays.
    samples: Option<(usize, Samples)>,
    began: Timestamp,
}

impl Sinks {
    /// Opens all that are wanted; what can be known to be impossible is told now, before any load.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn open(wanted: &[Wanted], about: &About) -> Result<Sinks, Diagnostic> {
        let mut sinks = Sinks { relays: Vec::new(), samples: None, began: Timestamp::now() };
        for (index, one) in wanted.iter().enumerate() {
            if let Some(other) = wanted[..index].iter().find(|other| other.collides(one)) {
                let told = format!("--out {other} and --out {one} write to the same place");
                return Err(Diagnostic::new(told));
            }
            let added = match one.kind {
                Kind::Samples => sinks.add_samples(one, about),
                _ => sinks.add_relay(one, about),
            };
            added.map_err(|why| Diagnostic::new(format!("cannot write --out {one}: {why}")))?;
        }
        Ok(sinks)
    }

    /// Adds one that is not asked for by `--out`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn add(
        &mut self,
        wanted: Wanted,
        sink: impl Sink + Send + 'static,
        secrets: &Arc<Secrets>,
    ) -> std::io::Result<()> {
        self.relays.push(Relay::start(wanted, ready(sink), secrets.clone())?);
        Ok(())
    }

    fn add_relay(&mut self, wanted: &Wanted, about: &About) -> Result<(), String> {
        let sink = open(wanted, about)?;
        let relay = Relay::start(wanted.clone(), sink, about.secrets.clone());
        self.relays.push(relay.map_err(|error| format!("no thread: {error}"))?);
        Ok(())
    }

    fn add_samples(&mut self, wanted: &Wanted, about: &About) -> Result<(), String> {
        if self.samples.is_some() {
            return Err("`samples` can be given once".to_owned());
        }
        let samples = Samples::open(wanted.clone(), about.secrets.clone())?;
        self.samples = Some((self.relays.len(), samples));
        Ok(())
    }

    /// What workers hand their requests to, if each request is wanted.
    pub fn request_log(&self) -> Option<RequestLogMaker> {
        let (_, samples) = self.samples.as_ref()?;
        let maker = samples.maker();
        Some(Arc::new(move |worker| maker.log(Shard::Worker(worker))))
    }

    /// The same for the recorder of `setup` and `teardown`.
    pub fn log_setup(&self, recorder: &mut Recorder) {
        if let Some((_, samples)) = &self.samples {
            recorder.log_requests(samples.maker().log(Shard::Setup));
        }
    }

    /// The load begins now.
    pub fn begin(&mut self) {
        self.began = Timestamp::now();
    }

    /// Sends a second to all. Never waits.
    pub fn second(&mut self, second: Second) {
        let Some((last, others)) = self.relays.split_last_mut() else { return };
        let moment = Moment { second, began: self.began };
        others.iter_mut().for_each(|relay| relay.send(moment.clone()));
        last.send(moment);
    }

    /// Waits until all have written what they have, or for [`PATIENCE`]; then what does not come
    /// to an end is left alone until the process ends. Gives what each has got.
    pub async fn finish(self, summary: &Summary) -> Vec<Delivery> {
        if self.relays.is_empty() && self.samples.is_none() {
            return Vec::new(); // nobody wants the copy, which may be large
        }
        let deadline = Instant::now() + PATIENCE;
        let summary = Arc::new(summary.clone());
        let closing: Vec<_> =
            self.relays.into_iter().map(|relay| relay.close(summary.clone())).collect();
        let mut deliveries = Vec::new();
        for relay in closing {
            deliveries.push(relay.end(deadline).await);
        }
        if let Some((place, samples)) = self.samples {
            deliveries.insert(place, samples.end(deadline).await);
        }
        deliveries
    }
}

/// Makes a sink, on the thread that it lives on.
type Opened = Box<dyn FnOnce() -> Box<dyn Sink> + Send>;

fn open(wanted: &Wanted, about: &About) -> Result<Opened, String> {
    let path = Path::new(&wanted.dest);
    Ok(match wanted.kind {
        Kind::Json => ready(ndjson::Ndjson::new(lines::Lines::to(path)?, about.clone())),
        Kind::Csv => ready(sheets::Sheets::to(&wanted.dest)?),
        Kind::Junit => ready(junit::Junit::to(path)?),
        Kind::Prometheus => ready(prometheus::Prometheus::listen(&wanted.dest, &about.run)?),
        Kind::Influx => {
            let target = influx::Target::of(&wanted.dest)?;
            Box::new(move || Box::new(target.open()))
        }
        Kind::PrometheusRw => {
            let target = remote_write::Target::of(&wanted.dest, &about.run)?;
            Box::new(move || Box::new(target.open()))
        }
        Kind::Otlp => {
            let target = otlp::Target::of(&wanted.dest, about)?;
            Box::new(move || Box::new(target.open()))
        }
        Kind::Statsd => ready(statsd::Statsd::to(&wanted.dest)?),
        Kind::Samples | Kind::Dashboard | Kind::Screen | Kind::Store => {
            unreachable!("they are opened elsewhere")
        }
    })
}

fn ready(sink: impl Sink + Send + 'static) -> Opened {
    Box::new(move || Box::new(sink))
}

/// Whether a file could be written, before there is anything to write.
fn try_out(path: &Path) -> Result<(), String> {
    file::try_out(path).map_err(|error| error.to_string())
}
