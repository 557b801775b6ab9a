//! What a script's calls cost without a network: `cargo bench --bench host_calls`.
//!
//! The transport answers at once, so that all that is left is ours: the yield protocol, the
//! request made of Lua's arguments, cookies, recording, the response handed back.

#[path = "common/worker.rs"]
mod worker;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use loadtool::extract::JsonPath;
use loadtool::http::Jar;
use worker::{CALLS, Worker, document};

criterion_group!(benches, calls, extraction, cookies);
criterion_main!(benches);

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
