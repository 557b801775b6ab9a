//! What a script's calls cost without a network: `cargo bench --bench host_calls`.
//!
//! The transport answers at once, so that all that is left is ours: the yield protocol, the
//! request made of Lua's arguments, cookies, recording, the response handed back.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use loadtool::extract::JsonPath;
use loadtool::http::{Exchange, Hop, Jar, Timings, Transport, Wire};
use loadtool::lua::error::Ended;
use loadtool::lua::host::{Host, Shared};
use loadtool::lua::program::Program;
use loadtool::lua::vm::{UserSpec, Vm};
use loadtool::metrics::{Place, Recorder};
use loadtool::plan::draft::{Draft, Flags};
use loadtool::plan::validate::validate;

criterion_group!(benches, calls, extraction, cookies);
criterion_main!(benches);

/// Calls of one iteration, so that its own cost does not count.
const CALLS: u64 = 100;

/// Answers every request at once with the same document.
#[derive(Clone)]
struct Instant(Bytes);

impl Transport for Instant {
    fn open(&self, _: Option<usize>) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }
}

impl Wire for Instant {
    fn fresh(&self) -> Rc<dyn Wire> {
        Rc::new(self.clone())
    }

    fn send<'a>(&'a self, _: Hop) -> LocalBoxFuture<'a, Exchange> {
        let timings = Timings { wait: std::time::Duration::from_micros(50), ..Timings::default() };
        let body = self.0.clone();
        let done = Exchange { body, timings, ..Exchange::answer(200, "") };
        std::future::ready(done).boxed_local()
    }
}

/// About 1.4 KB, the token near its end.
fn document() -> Bytes {
    let items: Vec<String> = (0..20)
        .map(|n| format!(r#"{{"id":{n},"name":"product {n}","price":19.99,"tags":["a","b"]}}"#))
        .collect();
    format!(r#"{{"items":[{}],"token":"abcdefgh"}}"#, items.join(",")).into()
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("calls");
    group.throughput(Throughput::Elements(CALLS));
    for (name, prepare, body) in [
        ("an empty loop", "", ""),
        ("http.get", "", "http.get '/tiny'"),
        ("http.get with a status check", "", "lt.check(http.get '/tiny', { status = 200 })"),
        ("http.post of JSON", "", "http.post('/cart', { json = { product = i, quantity = 1 } })"),
        ("http.get with a path", "", "http.get('/detail/{id}', { path = { id = i } })"),
        ("a status check", "local r = http.get '/tiny'", "lt.check(r, { status = 200 })"),
        ("r.status", "local r = http.get '/tiny'", "local s = r.status"),
        ("r:json", "local r = http.get '/tiny'", "local t = r:json '$.token'"),
        ("a step", "local function f() end", "lt.step('s', f)"),
        ("metric:add", "local m = lt.metrics.counter 'm'", "m:add(1)"),
        ("metric:add, tagged", "local m = lt.metrics.counter 'm'", "m:add(1, { a = 'b' })"),
        ("counter:add", "local c = lt.shared.counter 'c'", "c:add(1)"),
        ("map:get", "local m = lt.shared.map 'm' m:set('k', 1)", "local v = m:get 'k'"),
        ("map:update", "local m = lt.shared.map 'm'", "m:update('k', function() return 1 end)"),
        ("queue:push and pop", "local q = lt.shared.queue 'q'", "q:push(1) q:pop()"),
    ] {
        let script = format!(
            "local lt = require 'loadtool' local http = lt.http
             return function() {prepare} for i = 1, {CALLS} do {body} end end"
        );
        let worker = Worker::new(&script);
        group.bench_function(name, |b| b.iter(|| worker.iterate()));
    }
}

/// One worker's Lua with one user.
struct Worker {
    host: Rc<Host>,
    user: loadtool::lua::vu::Vu,
    runtime: tokio::runtime::Runtime,
}

impl Worker {
    fn new(script: &str) -> Worker {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script.lua");
        std::fs::write(&path, script).expect("it can be written");
        let program = Program::load(&path, &[]).expect("the script is right");
        let recorder = Rc::new(RefCell::new(Recorder::new(vec!["default".into()], 10_000)));
        let shared = Arc::new(Shared::new(Vec::new(), Default::default(), 1, &[]));
        let host = Host::new(recorder, Rc::new(Instant(document())), shared);
        let vm = Vm::new(program.clone(), host.clone()).expect("Lua can be set up");
        let draft = Draft {
            script: path,
            source: program.text().clone(),
            definition: vm.define().expect("the script runs").node(),
            metrics: Default::default(),
            flags: Flags { base_url: Some("http://127.0.0.1:9".into()), ..Flags::default() },
        };
        let plan = Arc::new(validate(&draft).expect("the plan is right"));
        vm.bind(&plan, None).expect("there is no ctx");
        let spec = UserSpec { id: 1, number: 1, scenario: 0, agent: 1 };
        let user = vm.user(spec).expect("the script runs");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Worker { host, user, runtime: runtime.expect("a runtime") }
    }

    fn iterate(&self) {
        let ended = self.runtime.block_on(self.user.iterate(0, 0, Place::default()));
        assert_eq!(ended, Ended::Completed);
        black_box(self.host.held());
    }
}

fn extraction(c: &mut Criterion) {
    let body = document();
    let mut group = c.benchmark_group("extraction");
    group.throughput(Throughput::Bytes(body.len() as u64));
    for path in ["$.token", "$.items[3].id", "$.items[*].id"] {
        let compiled = JsonPath::compile(path).expect("the path is right");
        group.bench_function(path, |b| {
            b.iter(|| black_box(compiled.all(&body).map(|all| all.len())))
        });
    }
}

fn cookies(c: &mut Criterion) {
    let url = url::Url::parse("http://127.0.0.1:8080/cart/items").expect("the URL is right");
    let mut headers = HeaderMap::new();
    for cookie in ["sid=0123456789abcdef; Path=/", "lang=en; Path=/cart", "other=1; Path=/other"] {
        headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    let jar = Jar::default();
    c.bench_function("cookies/header of an empty jar", |b| b.iter(|| black_box(jar.header(&url))));
    c.bench_function("cookies/set-cookie, three", |b| b.iter(|| jar.store(&url, &headers)));
    c.bench_function("cookies/header of two", |b| b.iter(|| black_box(jar.header(&url))));
}
