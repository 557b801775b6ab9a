//! What the sandbox costs a journey: `cargo bench --bench sandbox`, on a quiet machine.
//!
//! The same four-step journey against the built-in shop over loopback, with the sandbox and without
//! its count hook and its memory limit (`Vm::relax`; the replaced library functions stay, see the
//! bench `patterns`). The two are paired by criterion's interleaving of groups: run it twice, and
//! believe a difference only if both runs show it. Target: below 5 %.

#[path = "common/worker.rs"]
mod worker;

use std::net::TcpListener;
use std::rc::Rc;

use criterion::{Criterion, criterion_group, criterion_main};
use loadtool::demo::{Options, serve};
use loadtool::http::{ReqwestTransport, TransportOptions};
use loadtool::lua::vm::Vm;
use worker::Worker;

criterion_group!(benches, journey);
criterion_main!(benches);

const JOURNEY: &str = "local lt = require 'loadtool'
local http, step, expect = lt.http, lt.step, lt.expect
return function()
  local token = step('login', function()
    local r = http.post('/login', { json = { email = 'user1@shop.test', password = 'secret-1' } })
    expect(r, { status = 200, json = { ['$.user.email'] = 'user1@shop.test' } })
    return r:json '$.token'
  end)
  local id = step('browse', function()
    local r = expect(http.get('/products', { query = { page = 1 } }), { status = 200 })
    return r:json '$.items[3].id'
  end)
  step('add', function()
    local r = http.post('/cart/{id}/items', { path = { id = id }, auth = { bearer = token }, json = { quantity = 1 } })
    expect(r, { status = 201 })
  end)
  step('checkout', function() expect(http.post '/checkout', { status = 201 }) end)
end";

fn journey(c: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let shop = serve(listener, &Options::default()).expect("a shop");
    let mut group = c.benchmark_group("sandbox");
    group.sample_size(50);
    for (name, adapt) in [("on", (|_| ()) as fn(&Vm)), ("off", Vm::relax), ("on again", |_| ())] {
        let worker = Worker::over(
            JOURNEY,
            &shop.url(),
            |_| {
                let options = TransportOptions::default();
                Rc::new(ReqwestTransport::new(&options).unwrap_or_else(|fault| panic!("{fault}")))
            },
            adapt,
        );
        group.bench_function(format!("journey, {name}"), |b| b.iter(|| worker.iterate()));
    }
}
