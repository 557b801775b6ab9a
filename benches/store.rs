//! What an hour of a run costs in the store, and what it takes to ask it: `cargo bench --bench store`.
//!
//! Fifty series (a series is a metric and a set of tags): ten calls with five metrics each, three of
//! them histograms, whose samples have nothing in common: the dearest there can be. First the hour is
//! written for each rate of all calls together, then criterion asks it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use loadtool::aggregator::Second;
use loadtool::diagnostic::Diagnostics;
use loadtool::metrics::{Histogram, Row, Selector, TagSet, Value, Window, metric};
use loadtool::output::sink::{Moment, Sink};
use loadtool::plan::draft::Flags;
use loadtool::results::Tick;
use loadtool::run::prepare::{ScriptSpec, prepare};
use loadtool::store::Store;
use loadtool::store::keeper::{Beginning, Keeper, Which};
use loadtool::store::slice::Slice;
use rand::SeedableRng;
use rand_distr::{Distribution, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio::time::Instant;

const HOUR: u32 = 3_600;
const CALLS: u64 = 10;
/// Of all calls together, a second.
const RATES: [u64; 3] = [100, 1_000, 10_000];

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |rate: u64| folder.path().join(format!("{rate}.db"));
    for rate in RATES {
        let (wrote, slowest) = write(&path(rate), rate, folder.path()).expect("it is sound");
        let megabytes = std::fs::metadata(path(rate)).expect("it was written").len() as f64 / 1e6;
        println!(
            "{rate:>6} calls/s: {megabytes:.1} MB an hour; {:.2} ms a second to write, {:.0} ms at most",
            wrote.as_secs_f64() * 1e3 / f64::from(HOUR),
            slowest.as_secs_f64() * 1e3,
        );
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for rate in RATES {
        queries(&mut criterion, &path(rate), rate);
    }
    criterion.final_summary();
}

/// What is asked of an hour: wanted in less than 500 ms each.
fn queries(criterion: &mut Criterion, path: &Path, rate: u64) {
    let mut group = criterion.benchmark_group(format!("an hour at {rate} calls/s"));
    let name = ["name".to_owned()];
    let one = "http_call_duration{name=/7}";
    for (what, selector, by, every, span) in [
        ("one call", one, &[][..], None, 0..HOUR),
        ("one call, within five-minute blocks", one, &[], None, 100..HOUR - 100),
        ("one call, by second", one, &[], Some(1), 0..HOUR),
        ("all calls by name", "http_call_duration", &name, None, 0..HOUR),
        ("all calls by name and minute", "http_call_duration", &name, Some(60), 0..HOUR),
    ] {
        let selector = Selector::parse(selector).expect("it is well-formed");
        let slice = Slice { selector: &selector, span, by, every };
        group.bench_function(what, |bencher| bencher.iter(|| asked(path, &slice)));
    }
}

/// Writes an hour; gives how long all took, and the slowest second.
fn write(path: &Path, rate: u64, folder: &Path) -> Result<(Duration, Duration), Diagnostics> {
    let script = folder.join("script.lua");
    let text = "return function() end\n";
    std::fs::write(&script, text).expect("it can be written");
    let prepared = prepare(ScriptSpec {
        script,
        libs: Vec::new(),
        env: Vec::new(),
        redact: Vec::new(),
        secrets: Arc::default(),
        flags: Flags::default(),
    })?;
    let which = Which {
        id: "0199",
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        kind: "run",
        text,
        sha256: "0".to_owned(),
        labels: &[],
    };
    let beginning = Beginning::of(&prepared.plan, which, &prepared.shared.secrets);
    let mut keeper = Keeper::open(path, beginning)?;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut all, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for second in 0..HOUR {
        let window = Arc::new(window(second, rate, &mut random));
        let tick = Tick { second, calls: rate, p95_ms: Some(20.0), ..Tick::default() };
        let second = Second { tick, window, late: false };
        let moment = Moment { second, began: jiff::Timestamp::UNIX_EPOCH };
        let began = Instant::now();
        keeper.second(&moment).expect("it can be written");
        all += began.elapsed();
        slowest = slowest.max(began.elapsed());
    }
    let store = Store::open(path)?;
    let summary = store.summary(&store.find("last")?)?;
    keeper.finish(&summary).expect("it can be written");
    Ok((all, slowest))
}

/// A second of ten calls whose times are log-normal around 2 to 20 ms.
fn window(second: u32, rate: u64, random: &mut Xoshiro256PlusPlus) -> Window {
    let row = |call: u64| {
        let level = (2_000.0 * (call + 1) as f64).ln();
        let times = LogNormal::new(level, 0.5).expect("a deviation above 0");
        let mut histograms = [(); 3].map(|()| Histogram::default());
        let count = rate / CALLS;
        for _ in 0..count {
            for histogram in &mut histograms {
                histogram.record(Duration::from_micros(times.sample(random) as u64));
            }
        }
        let [calls, waiting, receiving] = histograms.map(|one| Value::Histogram(Box::new(one)));
        let name = format!("/{call}");
        let tags = [("scenario", "shop"), ("phase", "load"), ("name", &name), ("method", "GET")];
        let values = vec![
            (metric::HTTP_CALLS, Value::Counter(count)),
            (metric::HTTP_CALL_DURATION, calls),
            (metric::HTTP_CALL_FAILED, Value::Rate { hits: 0, total: count }),
            (metric::HTTP_REQ_WAITING, waiting),
            (metric::HTTP_REQ_RECEIVING, receiving),
        ];
        Row { tags: TagSet::new(tags), values }
    };
    Window { second, rows: (0..CALLS).map(row).collect(), ..Window::default() }
}

/// A query, the store opened for it.
fn asked(path: &Path, slice: &Slice) -> usize {
    let store = Store::open(path).expect("it is there");
    let run = store.find("last").expect("it is there");
    store.slice(&run, slice).expect("it is sound").len()
}
