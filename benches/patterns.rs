//! What string patterns cost in a script against Lua's own: `cargo bench --bench patterns`.
//!
//! `lua` is a bare state, `script` one as scripts have it: its wrapper, the count hook, and for
//! subjects that Lua's matcher might be slow with, a matcher of our own.

#[path = "common/worker.rs"]
mod worker;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use worker::{CALLS, Worker};

criterion_group!(benches, patterns);
criterion_main!(benches);

const LINE: &str = "2026-01-31 12:00:00 GET /products/17?page=2 200 user1@shop.test";

/// Name, subject, and a call on `x`.
const PATTERNS: [(&str, &str, &str); 10] = [
    ("digits", LINE, "string.match(x, '%d+')"),
    ("key=value", "key=value", "string.match(x, '^(%w+)=(%w*)')"),
    ("a date", LINE, "string.match(x, '(%d+)-(%d+)-(%d+)')"),
    ("trim", "   some text   ", "string.match(x, '^%s*(.-)%s*$')"),
    ("two last words", LINE, "string.match(x, '(%S+) (%S+)$')"),
    ("a path", LINE, "string.match(x, '(/[%w/]+)%?')"),
    ("find plain", LINE, "string.find(x, 'shop', 1, true)"),
    ("gsub text", LINE, "string.gsub(x, '%d', '#')"),
    ("gsub function", LINE, "string.gsub(x, '%a+', f)"),
    ("gmatch words", LINE, "words(x)"),
];

fn patterns(c: &mut Criterion) {
    let mut group = c.benchmark_group("patterns");
    group.throughput(Throughput::Elements(CALLS));
    let page = format!("{}<a href='/next'>", "<li>product 17</li>".repeat(5_000));
    let long = [
        ("100 KB, find", page.as_str(), "string.find(x, 'href=.(/%w+)')"),
        ("100 KB, gsub", page.as_str(), "string.gsub(x, '<(%w+)>', '[%1]')"),
    ];
    for (name, subject, call) in PATTERNS.into_iter().chain(long) {
        let body = format!(
            "local x, f = {subject:?}, function(s) return s end
             local function words(s) local n = 0 for w in string.gmatch(s, '%a+') do n = n + 1 end return n end
             return function() for i = 1, {CALLS} do local a, b = {call} end end"
        );
        let lua = mlua::Lua::new();
        let own: mlua::Function = lua.load(&body).eval().expect("it is Lua");
        group.bench_function(format!("{name}/lua"), |b| {
            b.iter(|| own.call::<()>(()).expect("it runs"))
        });
        let script = Worker::new(&body);
        group.bench_function(format!("{name}/script"), |b| b.iter(|| script.iterate()));
    }
}
