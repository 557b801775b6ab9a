//! What a request costs above the HTTP client, piece by piece: `cargo bench --bench hot_path`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use http::header::SET_COOKIE;
use loadtool::http::Jar;
use loadtool::metrics::{
    CallSample, Histogram, NameId, Outcome, Phase, Place, Recorder, RequestSample, Traits, Window,
};

criterion_group!(benches, histogram, samples, ledger, errors, windows, cookies);
criterion_main!(benches);

fn recorder() -> Recorder {
    Recorder::new(vec!["shop".into()], 10_000)
}

fn call(recorder: &mut Recorder, name: &str) -> CallSample {
    CallSample {
        name: recorder.intern(name),
        method: recorder.intern("GET"),
        status: 200,
        expected: true,
        error: NameId::NONE,
        outcome: Outcome::Completed,
        duration: Duration::ZERO,
    }
}

fn request(recorder: &mut Recorder, name: &str) -> RequestSample {
    RequestSample {
        name: recorder.intern(name),
        method: recorder.intern("GET"),
        status: 200,
        proto: recorder.intern("1.1"),
        hop: 0,
        attempt: 0,
        expected: true,
        error: NameId::NONE,
        peer: recorder.intern("127.0.0.1:8080"),
        duration: Duration::ZERO,
        blocked: Duration::ZERO,
        dns: Duration::ZERO,
        connect: Duration::ZERO,
        tls: Duration::ZERO,
        send: Duration::from_micros(3),
        wait: Duration::ZERO,
        receive: Duration::from_micros(9),
        bytes_sent: 120,
        bytes_received: 1400,
        reused: true,
        opened: 0,
        connect_failed: 0,
    }
}

/// Durations like those of a quick server: 0.2 to 20 ms, without a pattern.
fn durations() -> impl Iterator<Item = Duration> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Duration::from_micros(200 << (state >> 62) | (state >> 50 & 0xfff))
    })
}

fn histogram(c: &mut Criterion) {
    let mut histogram = Histogram::default();
    let mut durations = durations();
    c.bench_function("histogram: record", |b| {
        b.iter(|| histogram.record(black_box(durations.next().expect("endless"))));
    });
    c.bench_function("histogram: quantile", |b| b.iter(|| histogram.quantile(black_box(990_000))));
}

fn samples(c: &mut Criterion) {
    let mut recorder = recorder();
    let names: Vec<String> = (0..10).map(|n| format!("/step/{n}")).collect();
    let mut samples: Vec<(CallSample, RequestSample)> = names
        .iter()
        .map(|name| (call(&mut recorder, name), request(&mut recorder, name)))
        .collect();
    let place = Place { step: recorder.intern("checkout/pay"), ..Place::default() };
    let check = recorder.intern("status is 200");
    let mut next = (0..samples.len()).cycle();
    let mut durations = durations();
    c.bench_function("recorder: a call with its request and a check", |b| {
        b.iter(|| {
            let (call, request) = &mut samples[next.next().expect("endless")];
            call.duration = durations.next().expect("endless");
            request.wait = call.duration;
            request.duration = call.duration;
            recorder.request(&place, request);
            recorder.check(&place, check, true);
            recorder.call(&place, call);
        });
    });
}

/// What the tail's ledger adds to a call of ten names: those of a warm-up are in none.
fn ledger(c: &mut Criterion) {
    for (name, phase) in [("without", Phase::Warmup), ("with", Phase::Load)] {
        let mut recorder = recorder();
        let mut calls: Vec<CallSample> =
            (0..10).map(|n| call(&mut recorder, &format!("/step/{n}"))).collect();
        let place = Place { phase, ..Place::default() };
        let mut next = (0..calls.len()).cycle();
        let mut durations = durations();
        c.bench_function(&format!("ledger: a call {name} it"), |b| {
            b.iter(|| {
                let call = &mut calls[next.next().expect("endless")];
                call.duration = durations.next().expect("endless");
                if let Some(chosen) = recorder.call(&place, call) {
                    let facts = vec![("connection", "reused".to_owned())];
                    let traits = Traits { duration: call.duration, facts, ..Traits::default() };
                    recorder.keep(chosen, &place, &traits);
                }
            });
        });
    }
}

fn errors(c: &mut Criterion) {
    let mut recorder = recorder();
    c.bench_function("recorder: an error of a known kind", |b| {
        b.iter(|| {
            let message = black_box("127.0.0.1:8080 closed the connection after 17 bytes");
            let place = Place::default();
            recorder.error(&place, "reset", 0, message, Duration::ZERO, String::new);
        });
    });
}

/// A second in which `rows` names were called `calls` times each.
fn second(recorder: &mut Recorder, rows: usize, calls: usize) -> Window {
    let mut durations = durations();
    for row in 0..rows {
        let name = format!("/row/{row}");
        let mut call = call(recorder, &name);
        let mut request = request(recorder, &name);
        for _ in 0..calls {
            call.duration = durations.next().expect("endless");
            request.wait = call.duration;
            request.duration = call.duration;
            recorder.request(&Place::default(), &request);
            recorder.call(&Place::default(), &call);
        }
    }
    recorder.flip(0)
}

fn windows(c: &mut Criterion) {
    for (name, rows, calls) in
        [("10 busy rows", 10, 2_000), ("100 rows of few", 100, 50), ("1 row", 1, 20_000)]
    {
        let mut recorder = recorder();
        let (ours, theirs) =
            (second(&mut recorder, rows, calls), second(&mut recorder, rows, calls));
        c.bench_function(&format!("window: merge {name}"), |b| {
            b.iter_batched_ref(
                || ours.clone(),
                |ours| ours.absorb(black_box(&theirs)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn cookies(c: &mut Criterion) {
    let url = url::Url::parse("http://127.0.0.1:8080/cart/17/items").expect("a URL");
    let mut set = HeaderMap::new();
    set.insert(SET_COOKIE, "sid=0123456789abcdef; Path=/; HttpOnly".parse().expect("a header"));
    let jar = Jar::default();
    c.bench_function("cookie header of an empty jar", |b| b.iter(|| jar.header(black_box(&url))));
    c.bench_function("set-cookie", |b| b.iter(|| jar.store(&url, black_box(&set))));
    c.bench_function("cookie header", |b| b.iter(|| jar.header(black_box(&url))));
}
