//! Looks at the target's own metrics when it is told to, on a thread of its own, so that a source
//! which hangs keeps nobody waiting.

use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use http::{HeaderMap, Method};
use url::Url;

use super::{Series, Snapshot, Values, exposition};
use crate::extract::jsonpath::JsonPath;
use crate::http::{
    CallOptions, Observer, Payload, Request, ReqwestTransport, Session, Transport,
    TransportOptions, call,
};
use crate::metrics::TagSet;

/// How long one try may take, and how often each source is tried.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Most bytes of a page.
const MOST: u64 = 16 << 20;

/// Where signals are read.
#[derive(Debug, Clone)]
pub enum Source {
    /// An exporter of Prometheus metrics.
    Prometheus(Url),
    /// A JSON document, and the number in it; the signal is called like the path.
    Json(Url, JsonPath),
}

impl Source {
    /// `http://127.0.0.1:9090/metrics`.
    ///
    /// # Errors
    /// It is no absolute URL of http or https.
    pub fn prometheus(text: &str) -> Result<Source, String> {
        absolute(text).map(Source::Prometheus)
    }

    /// `http://127.0.0.1:15672/api/overview=$.queue_totals.messages`.
    ///
    /// # Errors
    /// It is no absolute URL, `=`, and a JSONPath.
    pub fn json(text: &str) -> Result<Source, String> {
        let (url, path) = text
            .split_once("=$")
            .ok_or("expected URL=$.path, as in http://127.0.0.1:8080/stats=$.queue.length")?;
        Ok(Source::Json(absolute(url)?, JsonPath::compile(&format!("${path}"))?))
    }

    fn url(&self) -> &Url {
        match self {
            Source::Prometheus(url) | Source::Json(url, _) => url,
        }
    }
}

fn absolute(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("`{text}`: http or https are needed, not {other}")),
    }
}

/// A thread that looks when it is asked.
pub struct Watcher {
    asks: SyncSender<()>,
    looks: Receiver<Snapshot>,
}

impl Watcher {
    /// Begins to wait for the first [`ask`](Self::ask). It ends when this is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(sources: Vec<Source>) -> io::Result<Watcher> {
        let (asks, asked) = sync_channel::<()>(4);
        let (give, looks) = sync_channel(4);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                if give.send(runtime.block_on(look(&sources))).is_err() {
                    break;
                }
            }
        })?;
        Ok(Watcher { asks, looks })
    }

    /// One that has seen these already, one after the other, and then nothing more: for tests of what
    /// stands above it.
    pub fn recorded(seen: Vec<Snapshot>) -> Watcher {
        let (asks, _) = sync_channel(1);
        let (give, looks) = sync_channel(seen.len());
        for look in seen {
            give.try_send(look).expect("there is room for all of them");
        }
        Watcher { asks, looks }
    }

    /// Looks once; a question too many is no question.
    pub fn ask(&self) {
        let _ = self.asks.try_send(());
    }

    /// What was seen, if it is there; a watcher that died has seen nothing.
    pub fn answer(&self) -> Option<Snapshot> {
        match self.looks.try_recv() {
            Ok(look) => Some(look),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Snapshot::default()),
        }
    }

    /// Looks now and waits for it.
    pub fn look(&self) -> Snapshot {
        self.ask();
        self.looks.recv().unwrap_or_default()
    }
}

async fn look(sources: &[Source]) -> Snapshot {
    let mut seen = Snapshot::default();
    for source in sources {
        let told = read(source).await.map(|samples| {
            let mut values = Values::new();
            samples.into_iter().for_each(|(key, value)| *values.entry(key).or_default() += value);
            values
        });
        let why = |why| format!("{} could not be read: {why}", source.url());
        seen.0.push(told.map_err(why));
    }
    seen
}

type Samples = Vec<(Series, f64)>;

async fn read(source: &Source) -> Result<Samples, String> {
    let mut tries = 1;
    loop {
        match read_once(source).await {
            Err(_) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            read => return read,
        }
    }
}

async fn read_once(source: &Source) -> Result<Samples, String> {
    let page = fetch(source.url()).await?;
    match source {
        Source::Prometheus(_) => {
            let samples = exposition::read(&page)?;
            Ok(samples.into_iter().map(|it| ((it.name, it.labels), it.value)).collect())
        }
        Source::Json(_, path) => {
            let found = path.first(page.as_bytes())?;
            let text = found.and_then(|found| std::str::from_utf8(found).ok());
            let value = text.and_then(|text| text.parse().ok());
            let value = value.ok_or_else(|| format!("there is no number at {}", path.as_str()))?;
            Ok(vec![((path.as_str().to_owned(), TagSet::default()), value)])
        }
    }
}

/// Nobody needs to know of these requests.
struct Unobserved;

impl Observer for Unobserved {
    fn exchange(&self, _: &Request, _: &crate::http::Leg<'_>, _: &crate::http::Exchange) {}
}

async fn fetch(url: &Url) -> Result<String, String> {
    let transport =
        ReqwestTransport::new(&TransportOptions::default()).map_err(|fault| fault.message)?;
    let session = Session::new(transport.open(None));
    let options = CallOptions { timeout: PATIENCE, body_limit: MOST, ..CallOptions::default() };
    let request = Rc::new(Request {
        method: Method::GET,
        url: Rc::new(url.clone()),
        name: url.as_str().into(),
        headers: HeaderMap::new(),
        body: Payload::default(),
        options: Rc::new(options),
    });
    let response = call(&session, request, &Unobserved).await;
    match response.error {
        Some(error) => Err(error.message),
        None if !response.expected => Err(format!("status {}", response.status)),
        None => Ok(String::from_utf8_lossy(&response.body).into_owned()),
    }
}
