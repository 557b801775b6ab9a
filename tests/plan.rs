//! From a script's text to a plan, or to every mistake in it with its line, rule and hint.

use std::path::PathBuf;
use std::time::Duration;

use loadtool::diagnostic::{Diagnostic, Diagnostics};
use loadtool::http::settings::Pick;
use loadtool::lua::script::node;
use loadtool::plan::draft::{ConnectionFlags, Draft, Flags, Node};
use loadtool::plan::profile::Profile;
use loadtool::plan::search::{Axis, Reach};
use loadtool::plan::validate::validate;
use loadtool::plan::{Connections, Late, Load, Plan};

fn plan_with(source: &str, flags: Flags) -> Result<Plan, Diagnostics> {
    let lua = mlua::Lua::new();
    let value = lua.load(source).eval::<mlua::Value>().expect("the script of a test runs");
    let draft = Draft {
        script: PathBuf::from("shop.lua"),
        source: source.into(),
        definition: node(&value),
        metrics: Default::default(),
        flags,
    };
    validate(&draft, &|path, times| samples(&value, path, times))
}

/// What the function at `path` gives at each time.
fn samples(value: &mlua::Value, path: &[&str], times: &[f64]) -> Result<Vec<Node>, Diagnostic> {
    let found = path.iter().fold(value.clone(), |at, key| {
        at.as_table().expect("a table").get(*key).expect("it can be read")
    });
    let function = found.as_function().expect("it is a function");
    Ok(times.iter().map(|t| node(&function.call(*t).expect("it does not fail"))).collect())
}

fn plan(source: &str) -> Plan {
    plan_with(source, Flags::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults_with(source: &str, flags: Flags) -> String {
    plan_with(source, flags).expect_err(source).to_string()
}

/// A script with one scenario `a` that has a `run` and these fields.
fn scenario(fields: &str) -> String {
    format!("return {{ scenarios = {{ a = {{ run = function() end,\n{fields} }} }} }}")
}

fn load(fields: &str) -> String {
    scenario(&format!("load = {{ {fields} }}"))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_function_is_one_user_who_does_it_once() {
    let plan = plan("return function() end");
    let [scenario] = plan.scenarios() else { panic!("one scenario") };
    assert_eq!((plan.name(), &**scenario.name()), ("shop.lua", "default"));
    let once = Load::PerVuIterations { vus: 1, iterations: 1, max_duration: seconds(600) };
    assert_eq!(scenario.load(), &once);
    assert_eq!(plan.thresholds().len(), 3);
    assert!(plan.threads() >= 1 && plan.base_url().is_none());
    assert_eq!(plan.setup_timeout(), seconds(60));
}

const SHOP: &str = r#"
local function f() end
return {
  name = "shop", base_url = "http://127.0.0.1:8080/api", setup = f, teardown = f, setup_timeout = "5s",
  tags = { team = "blue", build = 7 },
  http = { timeout = "5s", headers = { ["x-a"] = 1, ["x-b"] = { "1", "2" } }, auth = { bearer = "t" }, tls = { insecure = true } },
  scenarios = {
    browsers = { mix = { { weight = 7, name = "read", run = f }, { run = f } }, after = "buyers", start_after = 2.5,
      load = { stages = { { "30s", "1k" }, { 60, 20, name = "plateau" }, { "0s", 200 } }, start_vus = 0 },
      pace = "2s", session = "fresh", connections = "shared", http = { timeout = 1, headers = { ["x-a"] = 2 }, expect_status = { 200, "4xx" } } },
    buyers = { run = f, on_start = f, on_stop = f, warmup = "5s", spread = 3, tags = { role = "buyer" },
      load = { kind = "constant_vus", vus = 20, duration = "1m", graceful_stop = "1s" } },
  },
  thresholds = { http_call_failed = "rate < 1%", ["http_call_duration{step=login}"] = { "p95 < 200ms", { "p99 < 1s", optional = true } } },
}"#;

#[test]
fn a_whole_definition_becomes_a_plan() {
    let plan = plan(SHOP);
    let [browsers, buyers] = plan.scenarios() else { panic!("two scenarios") };
    assert_eq!((plan.name(), plan.setup_timeout()), ("shop", seconds(5)));
    assert_eq!(plan.tags()["build"], "7");
    assert_eq!(plan.thresholds().len(), 3);
    assert!(plan.transport().tls.insecure && browsers.transport().tls.insecure);

    assert_eq!(
        (browsers.start().after, browsers.start().offset),
        (Some(1), Duration::from_millis(2500))
    );
    assert_eq!(
        browsers.mix().iter().map(|entry| (&*entry.name, entry.weight)).collect::<Vec<_>>(),
        [("read", 7.0), ("2", 1.0)]
    );
    assert_eq!((browsers.pace(), browsers.spread()), (Some(seconds(2)), seconds(2)));
    assert_eq!((browsers.fresh_session(), browsers.connections()), (true, Connections::Shared));
    assert_eq!((browsers.load().peak_vus(), browsers.load().length()), (1000, seconds(90)));
    let http = browsers.http();
    assert_eq!((http.timeout, http.connect_timeout), (seconds(1), seconds(10)));
    assert_eq!(
        (&http.headers["x-a"], http.headers.get_all("x-b").iter().count()),
        (&"2".parse().unwrap(), 2)
    );
    assert_eq!(http.headers["authorization"], "Bearer t");
    assert!(http.expect_status.accepts(404) && !http.expect_status.accepts(204));

    assert_eq!(buyers.load(), &Load::ConstantVus { vus: 20, duration: seconds(60) });
    assert_eq!(
        (buyers.warmup(), buyers.spread(), buyers.graceful_stop()),
        (seconds(5), seconds(3), seconds(1))
    );
    assert_eq!(buyers.tags()["role"], "buyer");
    assert_eq!(buyers.http().timeout, seconds(5));
}

#[test]
fn the_kind_of_a_load_follows_from_its_fields() {
    for (fields, kind) in [
        ("vus = 2, duration = '1m'", "constant_vus"),
        ("duration = 5", "constant_vus"),
        ("stages = { { 5, 1 } }", "ramping_vus"),
        ("vus = '1k', iterations = '10k'", "shared_iterations"),
        ("vus = 2, iterations_per_vu = 3, max_duration = '1h'", "per_vu_iterations"),
        ("kind = 'per_vu_iterations', vus = 2", "per_vu_iterations"),
        ("points = function(t) return t end, duration = 9", "curve"),
        ("profile = 'spike', peak_vus = 2", "ramping_vus"),
        ("profile = 'spike', peak_rate = 2, max_vus = 7, arrivals = 'poisson'", "ramping_rate"),
    ] {
        assert_eq!(plan(&load(fields)).scenarios()[0].load().kind(), kind, "{fields}");
    }
}

/// Each mistake, and what must be said about it.
#[test]
fn every_mistake_is_told_with_its_line_and_what_to_do() {
    let table: Vec<(String, &[&str])> = vec![
        // what a script returns
        ("return 5".into(), &["shop.lua:1: the script returned 5", "hint: end it with"]),
        ("local x = 1".into(), &["the script returned nil"]),
        ("return {}".into(), &["the definition has no `scenarios`", "hint: write `scenarios ="]),
        ("return { scenarios = {} }".into(), &["`scenarios` is empty"]),
        ("return { scenarios = 5 }".into(), &["scenarios must be a table of named fields, not 5"]),
        ("return { scenarios = { function() end } }".into(), &["scenarios must be a table of named fields, not a list"]),
        ("return {\nrun = function() end }".into(), &["shop.lua:2: `run` belongs into a scenario", "hint: write `scenarios = { default"]),
        // unknown fields and wrong types
        (scenario("laod = {}"), &["shop.lua:2: unknown field `laod` in scenarios.a\n     2 | laod = {} } } }\n  hint: did you mean `load`?"]),
        (load("vus = 2,\n durration = '1m'"), &["shop.lua:3: unknown field `durration` in scenarios.a.load", "did you mean `duration`?"]),
        (scenario("run = 5").replace("run = function() end,", ""), &["scenarios.a.run must be a function, not 5"]),
        (scenario("on_start = 'f'"), &["scenarios.a.on_start must be a function, not \"f\""]),
        (scenario("load = 20"), &["scenarios.a.load must be a table of named fields, not 20"]),
        (scenario("load = { 20, '1m' }"), &["scenarios.a.load must be a table of named fields, not a list"]),
        (load("vus = 'ten', duration = 1"), &["scenarios.a.load.vus: `ten` is no number", "hint: write a number like"]),
        (load("vus = 1.5, duration = 1"), &["`1.5` is no whole number"]),
        (load("vus = -1, duration = 1"), &["`-1` is no whole number"]),
        (load("vus = true, duration = 1"), &["scenarios.a.load.vus must be a whole number, not true"]),
        (load("vus = 0, duration = 1"), &["scenarios.a.load.vus = 0: there must be at least 1 user"]),
        (load("vus = '2M', duration = 1"), &["at most 1,000,000 users"]),
        (scenario("session = 'new'"), &["scenarios.a.session cannot be \"new\"", "hint: one of \"keep\", \"fresh\""]),
        (scenario("connections = 'share'"), &["hint: did you mean `shared`?"]),
        (scenario("tags = { step = 'x' }"), &["the tag `step` is one that loadtool sets itself"]),
        (scenario("tags = { x = {} }"), &["scenarios.a.tags.x must be a string or a number, not an empty table"]),
        // durations
        (load("duration = '30 sec'"), &["scenarios.a.load.duration: `30 sec` is no duration", "hint: did you mean `30s`?"]),
        (load("duration = 0"), &["scenarios.a.load.duration must be above 0"]),
        (load("duration = -3"), &["it cannot be negative"]),
        (load("duration = 1/0"), &["it must be less than 30 years"]),
        (load("duration = {}"), &["must be seconds or a text like \"30s\", not an empty table"]),
        (scenario("pace = 'often'"), &["`often` is no duration"]),
        (scenario("warmup = '1m', load = { duration = '1m' }"), &["a warm-up of 1m leaves nothing of a load of 1m to measure"]),
        // kinds of load
        (load("vus = 5"), &["scenarios.a.load does not say how long it lasts", "hint: give `duration`, `rate`, `stages`"]),
        (load(""), &["scenarios.a.load does not say how long it lasts"]),
        (load("kind = 'constant_vus', vus = 5"), &["scenarios.a.load lacks `duration`"]),
        (load("kind = 'constant'"), &["scenarios.a.load.kind cannot be \"constant\"", "did you mean `constant_vus`?"]),
        (load("kind = 'shared_iterations', vus = 5"), &["lacks `iterations`"]),
        (load("kind = 'ramping_vus'"), &["lacks `stages`"]),
        (load("rate = 50"), &["scenarios.a.load lacks `duration`"]),
        (load("rate = 0, duration = '1m'"), &["scenarios.a.load.rate must be above 0"]),
        (load("rate = 'fast', duration = '1m'"), &["scenarios.a.load.rate must be a rate, not \"fast\""]),
        (load("rate = 2e9, duration = '1m'"), &["more than 1,000,000", "lower the rate"]),
        (load("rate = 50, duration = '0s'"), &["duration must be above 0"]),
        (load("rate = 50, per = 0, duration = '1m'"), &["load.per must be above 0"]),
        (load("rate = 50, vus = 20, max_vus = 10, duration = '1m'"), &["vus = 20 is more than max_vus = 10"]),
        (load("rate = 50, max_vus = 0, duration = '1m'"), &["max_vus = 0: there must be at least 1 user"]),
        (load("rate = 50, iterations = 5, duration = '1m'"), &["`iterations` does not go with `rate`"]),
        (load("rate = 50, late = 'skip', duration = '1m'"), &["late cannot be \"skip\"", "\"queue\", \"drop\""]),
        (load("rate = 50, late = 'drop', queue_limit = 5, duration = '1m'"), &["`queue_limit` does not go with late"]),
        (load("rate = 50, arrivals = 'poison', duration = '1m'"), &["did you mean `poisson`?"]),
        (load("start_rate = 0, stages = { { '10s', 0 } }"), &["nothing would ever start"]),
        (load("start_rate = 0, stages = { { '0s', 50 } }"), &["the stages last 0s in all"]),
        (load("start_rate = 5, stages = { { '10s', -1 } }"), &["its rate must be a number from 0, not -1"]),
        (load("rat = 50, duration = '1m'"), &["unknown field `rat`", "did you mean `rate`?"]),
        (scenario("pace = 1, load = { rate = 50, duration = '1m' }"), &["pace does not go with an open load"]),
        (load("kind = 'constant_rate'"), &["lacks `rate`", "lacks `duration`"]),
        // curves
        (load("points = 'none.csv'"), &["shop.lua:2: the curve `none.csv` cannot be read", "hint: its path begins at the script's folder"]),
        (load("points = 5"), &["scenarios.a.load.points cannot be 5", "hint: write `points = \"traffic.csv\"`"]),
        (load("kind = 'curve'"), &["scenarios.a.load lacks `points`"]),
        (load("points = function() return 1 end"), &["scenarios.a.load lacks `duration`", "hint: a curve that is a function says no end"]),
        (load("points = function() end, duration = 5"), &["scenarios.a.load.points(0) gave nil", "hint: it is to give a rate"]),
        (load("points = function(t) return 1 - t end, duration = 5"), &["load.points(1.0005) gave -0.000"]),
        (load("points = function(t) return 0 end, duration = 5"), &["nothing would ever start"]),
        (load("points = function(t) return 2e6 end, duration = 5"), &["2000000 arrivals per second are more than 1,000,000"]),
        (load("points = function(t) return 1 end, duration = 5, scale = 0"), &["load.scale must be a number above 0, not 0"]),
        (load("points = function(t) return 1 end, duration = 5, speed = -2"), &["load.speed must be a number above 0, not -2", "an hour passes in a minute"]),
        (load("points = function(t) return 1 end, duration = 5, rate = 2"), &["`rate` does not go with `points`"]),
        (load("point = 'x.csv', duration = 5"), &["unknown field `point`", "did you mean `points`?"]),
        (scenario("pace = 1, load = { points = function(t) return 1 end, duration = 5 }"), &["pace does not go with an open load"]),
        // by hand
        (load("kind = 'manual', vus = 1"), &["scenarios.a.load lacks `duration`"]),
        (load("kind = 'manual', vus = 5, max_vus = 3, duration = 1"), &["max_vus = 3 is less than vus = 5"]),
        (load("kind = 'manual', max_vus = 0, duration = 1"), &["max_vus = 0: there must be at least 1 user"]),
        (load("kind = 'manual', vus = '2M', duration = 1"), &["vus = 2000000: a scenario has at most"]),
        (load("kind = 'manual', rate = 5, duration = 1"), &["`rate` does not go with kind = \"manual\""]),
        // profiles
        (load("profile = 'spike'"), &["scenarios.a.load does not say how high its profile goes", "hint: add `peak_vus = 100`"]),
        (load("profile = 'spike', vus = 5"), &["how high its profile goes", "hint: its highest number of users is `peak_vus`"]),
        (load("profile = 'spik', peak_vus = 5"), &["scenarios.a.load.profile cannot be \"spik\"", "did you mean `spike`?"]),
        (load("profile = 'spike', peak_vus = 5, peak_rate = 5"), &["has both `peak_vus` and `peak_rate`"]),
        (load("profile = 'spike', peak_vus = 0"), &["peak_vus = 0: there must be at least 1 user"]),
        (load("profile = 'spike', peak_rate = 0"), &["scenarios.a.load.peak_rate: nothing would ever start"]),
        (load("profile = 'spike', peak_vus = 5, max_vus = 9"), &["`max_vus` goes with `peak_rate`"]),
        (load("profile = 'spike', peak_rate = 5, graceful_ramp_down = 1"), &["`graceful_ramp_down` goes with `peak_vus`"]),
        (load("profile = 'spike', peak_rate = 5, rate = 1"), &["`rate` does not go with `profile`", "hint: its highest rate is `peak_rate`"]),
        (load("profile = 'spike', peak_vus = 5, duration = 0"), &["duration must be above 0"]),
        (load("peak_vus = 5"), &["does not say how long it lasts", "`profile`"]),
        (load("vus = 5, duration = '1m', iterations = 3"), &["`duration` does not go with `iterations` in scenarios.a.load", "hint: to limit how long they take, write `max_duration`"]),
        (load("vus = 5, stages = { { 1, 1 } }"), &["`vus` does not go with `stages`", "`start_vus`"]),
        (load("duration = 5, stages = { { 1, 1 } }"), &["hint: a ramp lasts as long as its stages"]),
        (load("iterations = 5, iterations_per_vu = 2"), &["`iterations` does not go with `iterations_per_vu`"]),
        (load("kind = 'constant_vus', duration = 1, max_duration = 2"), &["`max_duration` does not go with kind = \"constant_vus\"", "hint: constant_vus takes vus, duration"]),
        (load("iterations = 0"), &["scenarios.a.load.iterations must be at least 1"]),
        // stages
        (load("stages = {}"), &["scenarios.a.load.stages must be a list of stages, not an empty table"]),
        (load("stages = { '30s', 5 }"), &["scenarios.a.load.stages[1] must be a duration and what it leads to, not \"30s\""]),
        (load("stages = { { 1, 2 },\n { '1x', 5 } }"), &["shop.lua:3: scenarios.a.load.stages[2]: `1x` is no duration"]),
        (load("stages = { { '1s', 2.5 } }"), &["stages[1]: `2.5` is no whole number"]),
        (load("stages = { { '1s', 'many' } }"), &["its number of users cannot be \"many\""]),
        (load("stages = { { duration = '1s', target = 5 } }"), &["not a table with named fields", "hint: write `stages = {"]),
        (load("stages = { { '1s', 5, nmae = 'x' } }"), &["unknown field `nmae` in scenarios.a.load.stages[1]"]),
        (load("stages = { { '0s', 5 } }"), &["the stages last 0s in all"]),
        (load("stages = { { '1s', 0 } }, start_vus = 0"), &["there must be at least 1 user"]),
        // what runs
        ("return { scenarios = { a = {} } }".into(), &["scenarios.a has neither `run` nor `mix`"]),
        (scenario("mix = {}"), &["scenarios.a has both `run` and `mix`"]),
        ("return { scenarios = { a = { mix = {} } } }".into(), &["scenarios.a.mix must be a list of branches, not an empty table"]),
        ("return { scenarios = { a = { mix = { { weight = 0, run = print } } } } }".into(), &["scenarios.a.mix[1].weight must be a number above 0, not 0"]),
        ("return { scenarios = { a = { mix = { { wieght = 1 } } } } }".into(), &["did you mean `weight`?", "scenarios.a.mix[1] lacks `run`"]),
        // when it starts
        (scenario("after = 'b'"), &["there is no scenario `b` for scenarios.a to wait for"]),
        (scenario("after = 'a'"), &["a waits for a: none of them would ever start"]),
        ("return { scenarios = { a = { run = print, after = 'b' }, b = { run = print, after = 'c' }, c = { run = print, after = 'b' } } }".into(),
            &["b waits for c, which waits for b: none of them would ever start"]),
        // http
        (scenario("http = { timeuot = 5 }"), &["unknown field `timeuot` in scenarios.a.http", "did you mean `timeout`?"]),
        (scenario("http = { timeout = 5000 }"), &["scenarios.a.http.timeout = 5000 is more than 600 seconds", "hint: for milliseconds write \"5000ms\""]),
        (scenario("http = { json = {} }"), &["`json` belongs to one request"]),
        (scenario("http = { retry = { tims = 1 } }"), &["unknown field `scenarios.a.http.retry.tims`", "did you mean `times`?"]),
        (scenario("http = { retry = 2 }"), &["scenarios.a.http.retry must be a table or false, not 2"]),
        (scenario("http = { retry = { on = 'conect' } }"), &["scenarios.a.http.retry.on cannot be \"conect\"", "did you mean `connect`?"]),
        (scenario("http = { max_parallel = 0 }"), &["scenarios.a.http.max_parallel = 0 is not from 1 to 65535"]),
        (scenario("http = { redirects = 300 }"), &["redirects = 300 is more than 255"]),
        (scenario("http = { body_limit = '64 MiB' }"), &["did you mean `64MiB`?"]),
        (scenario("http = { expect_status = 'ok' }"), &["expect_status cannot be \"ok\""]),
        (scenario("http = { headers = { ['a b'] = 1 } }"), &["`a b` is no header name"]),
        (scenario("http = { headers = { a = '1\\n2' } }"), &["a header is a text of one line"]),
        (scenario("http = { auth = {} }"), &["has neither a user nor a token"]),
        (scenario("http = { compression = 1 }"), &["compression must be true or false, not 1"]),
        // connections
        (scenario("http = { version = '3' }"), &["scenarios.a.http.version: there is no version \"3\"", "hint: one of \"auto\", \"1.1\", \"2\", \"h2c\""]),
        (scenario("http = { version = {} }"), &["there is no version an empty table"]),
        (scenario("http = { version = 'H2C' }"), &["did you mean `h2c`?"]),
        (scenario("http = { tls = { cret = 'x' } }"), &["unknown field `cret` in scenarios.a.http.tls", "did you mean `cert`?"]),
        (scenario("http = { tls = { cert = 'none.pem' } }"), &["the certificate file `none.pem` is not there"]),
        (scenario("http = { tls = { key = 'none.pem' } }"), &["the key file `none.pem` is not there", "http.tls.key is given without `cert`"]),
        (scenario("http = { tls = { ca = 'none.pem' } }"), &["the CA file `none.pem` is not there"]),
        (scenario("http = { tls = { sni = 'shop.test' } }"), &["http.tls.sni must be true or false, not \"shop.test\""]),
        (scenario("http = { proxy = '127.0.0.1:3128' }"), &["http.proxy: a proxy needs a scheme: 127.0.0.1:3128", "hint: write for example http://127.0.0.1:3128"]),
        (scenario("http = { proxy = 'ftp://a:b@h' }"), &["http.proxy: a proxy is http, socks5 or socks5h: ftp://***@h"]),
        (scenario("http = { proxy = 3128 }"), &["http.proxy must be a string, not 3128"]),
        (scenario("http = { resolve = { ['shop.test'] = 'localhost' } }"), &["http.resolve.shop.test: `localhost` is no IP address"]),
        (scenario("http = { resolve = { ['shop.test'] = '127.0.0.1:80' } }"), &["leave the port to the URL and write \"127.0.0.1\""]),
        (scenario("http = { resolve = { ['127.0.0.1'] = '127.0.0.2' } }"), &["`127.0.0.1` is an address, not a name"]),
        (scenario("http = { resolve = { ['shop.test'] = 7 } }"), &["it must be a string or a list of them, not 7"]),
        (scenario("http = { resolve = 'shop.test=127.0.0.1' }"), &["http.resolve must be a table of named fields"]),
        (scenario("http = { dns = { ttl = 'long' } }"), &["http.dns.ttl"]),
        (scenario("http = { dns = { pick = 'random' } }"), &["http.dns.pick cannot be \"random\"", "hint: one of \"first\", \"round_robin\""]),
        (scenario("http = { local_addresses = 'eth0' }"), &["http.local_addresses: `eth0` is no address, range or network"]),
        (scenario("http = { local_addresses = { '127.0.0.2', '192.0.2.1' } }"), &["no connection can come from 192.0.2.1: cannot assign requested address", "hint: `ip address` lists"]),
        (scenario("http = { local_addresses = 7 }"), &["it must be a string or a list of them, not 7"]),
        // the definition
        (format!("{}\n", scenario("").replace("return {", "return { base_url = 'localhost:8080',")), &["base_url: `localhost:8080` has no scheme", "hint: did you mean `http://localhost:8080`?"]),
        (scenario("").replace("return {", "return { base_url = 'ftp://x',"), &["`ftp://x` is neither http nor https"]),
        (scenario("").replace("return {", "return { base_url = 'http://',"), &["is no URL"]),
        (scenario("").replace("return {", "return { base_url = 'http://x/?a=1',"), &["has a query"]),
        (scenario("").replace("return {", "return { base_ulr = 'http://x',"), &["unknown field `base_ulr` in the definition", "did you mean `base_url`?"]),
        (scenario("").replace("return {", "return { setup = 5,"), &["setup must be a function, not 5"]),
        (scenario("").replace("return {", "return { setup_timeout = 'x',"), &["setup_timeout: `x` is no duration"]),
        (scenario("").replace("return {", "return { http = { tls = { ca = 'none.pem' } },"), &["shop.lua:1: the CA file `none.pem` is not there"]),
        (scenario("").replace("return {", "return { thresholds = { http_cal_duration = 'p95 < 1s' },"), &["shop.lua:1: ", "http_call_duration"]),
        (scenario("").replace("return {", "return { thresholds = { checks = 'rate > lots' },"), &["shop.lua:1: ", "lots"]),
    ];
    for (source, wanted) in table {
        let faults = faults_with(&source, Flags::default());
        for want in wanted {
            assert!(faults.contains(want), "wanted: {want}\nin: {faults}\nof: {source}");
        }
        assert!(faults.contains("hint: "), "no hint: {faults}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_their_lines() {
    let source = "return {\n  base_url = 'x',\n  scenarios = {\n    a = { run = print, load = { vus = 0, duration = 'x' } },\n    b = { pace = 0 },\n  },\n}";
    let faults = plan_with(source, Flags::default()).unwrap_err();
    let lines: Vec<_> = faults.0.iter().map(|fault| fault.line.unwrap()).collect();
    assert_eq!(lines, [2, 4, 4, 5, 5], "{faults}");
    assert!(faults.0.iter().all(|fault| fault.source.is_some() && fault.hint.is_some()));
}

#[test]
fn flags_replace_the_load() {
    let flags = |vus, duration: Option<u64>, iterations, stages: &[(u64, f64)]| Flags {
        vus,
        duration: duration.map(seconds),
        iterations,
        stages: stages.iter().map(|(length, target)| (seconds(*length), *target)).collect(),
        ..Flags::default()
    };
    let (once, script) = ("return function() end".to_owned(), load("vus = 3, duration = 60"));
    for (source, flags, want) in [
        (&once, flags(Some(5), Some(10), None, &[]), "5 users for 10s"),
        (&once, flags(None, Some(10), None, &[]), "1 user for 10s"),
        (&once, flags(Some(5), None, None, &[]), "5 users, 1 iteration each, within 10m"),
        (&once, flags(Some(5), None, Some(100), &[]), "5 users, 100 iterations in all, within 10m"),
        (&once, flags(None, Some(9), Some(100), &[]), "1 user, 100 iterations in all, within 9s"),
        (&script, flags(Some(5), None, None, &[]), "5 users for 1m"),
        (&script, flags(None, Some(10), None, &[]), "3 users for 10s"),
        (&script, flags(None, None, Some(7), &[]), "3 users, 7 iterations in all, within 10m"),
        (
            &script,
            flags(None, None, None, &[(5, 10.0), (0, 20.0)]),
            "1 user at first, to 10 in 5s, jump to 20",
        ),
        (&script, flags(Some(4), None, None, &[(5, 10.0)]), "4 users at first, to 10 in 5s"),
        (&load("rate = 5"), flags(Some(5), Some(10), None, &[]), "5 users for 10s"),
        (
            &load("kind = 'manual', vus = 2, duration = 60"),
            flags(Some(500), None, None, &[]),
            "500 users at first, up to 500 by hand, for 1m",
        ),
        (
            &load("kind = 'manual', vus = 2, max_vus = 9, duration = 60"),
            flags(None, Some(10), None, &[]),
            "2 users at first, up to 9 by hand, for 10s",
        ),
    ] {
        let plan = plan_with(source, flags).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(plan.scenarios()[0].load().to_string(), want);
    }
}

#[test]
fn a_profile_of_the_command_line_has_its_peak_from_vus_or_rate() {
    let spike = |vus, rate, duration: Option<u64>| Flags {
        profile: Some(Profile::Spike),
        vus,
        rate,
        duration: duration.map(seconds),
        ..Flags::default()
    };
    for source in [load("vus = 3, duration = 60"), load("rate = 3, duration = 60")] {
        for (flags, kind, peak, length) in [
            (spike(Some(40), None, Some(50)), "ramping_vus", 40, 50),
            (spike(None, Some(40.0), Some(50)), "ramping_rate", 400, 50),
            (spike(Some(40), None, None), "ramping_vus", 40, 600),
        ] {
            let plan = plan_with(&source, flags).unwrap_or_else(|faults| panic!("{faults}"));
            let load = plan.scenarios()[0].load();
            let got = (load.kind(), load.peak_vus(), load.length());
            assert_eq!(got, (kind, peak, seconds(length)), "{source}");
        }
        let peakless = faults_with(&source, spike(None, None, Some(9)));
        assert!(peakless.starts_with("--profile does not say how high it goes"), "{peakless}");
        let queue = Flags { max_vus: Some(9), ..spike(None, None, None) };
        assert!(faults_with(&source, queue).contains("hint: add for example --vus 100"));
        let both = Flags { iterations: Some(9), ..spike(Some(1), None, None) };
        assert!(
            faults_with(&source, both).contains("--profile and --iterations do not go together")
        );
    }
}

#[test]
fn a_plan_draws_what_changes_within_a_hundred_columns() {
    let script = load("profile = 'diurnal', peak_rate = 1000");
    let told = plan(&script).explain();
    assert!(told.contains("1000/s │") && told.contains('█'), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    assert!(!plan(&load("vus = 3, duration = 60")).explain().contains('█'));
}

#[test]
fn a_curve_of_a_file_is_cut_scaled_and_sped_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("traffic.csv");
    std::fs::write(&file, "t,rate\n0,10\n100s,10\n200s,50\n").expect("it can be written");
    let curve = |more: &str| load(&format!("points = [[{}]]{more}", file.display()));
    let told = |more: &str| plan(&curve(more)).scenarios()[0].load().to_string();
    assert!(
        told("").ends_with("traffic.csv, at most 50/s, for 3m20s, up to 500 users"),
        "{}",
        told("")
    );
    let half = told(", speed = 100, scale = 2, duration = 1.5, per = '1m', max_vus = 7");
    assert!(half.ends_with("traffic.csv, at most 60/m, for 1.5s, up to 7 users"), "{half}");
    let long = faults_with(&curve(",\nduration = 300"), Flags::default());
    assert!(long.contains("shop.lua:3: scenarios.a.load.points ends after 3m20s"), "{long}");
}

#[test]
fn flags_that_cannot_be_are_told() {
    let two = "return { scenarios = { a = { run = print }, b = { run = print } } }";
    let once = "return function() end";
    let vus = |vus| Flags { vus: Some(vus), ..Flags::default() };
    let picked = |name: &str, vus| Flags { scenario: Some(name.into()), vus, ..Flags::default() };
    let stages =
        |length, target| Flags { stages: vec![(seconds(length), target)], ..Flags::default() };
    for (source, flags, want) in [
        (
            two,
            vus(5),
            "--vus is for one scenario, but there are a, b\n  hint: pick one with --scenario NAME",
        ),
        (two, picked("c", Some(1)), "--scenario: there is no scenario `c`"),
        (two, picked("a", None), "--scenario a picks whose load is replaced, but none is given"),
        (once, vus(0), "--vus: there must be at least 1 user"),
        (
            once,
            Flags { duration: Some(seconds(0)), ..Flags::default() },
            "--duration must be above 0",
        ),
        (
            once,
            Flags { iterations: Some(0), ..Flags::default() },
            "--iterations must be at least 1",
        ),
        (
            once,
            Flags { duration: Some(seconds(5)), ..stages(5, 5.0) },
            "--stage and --duration do not go together",
        ),
        (once, stages(0, 5.0), "--stage: the stages last 0s in all"),
        (once, stages(5, 1.5), "--stage: a number of users is whole"),
        (once, stages(5, 0.0), "--stage: there must be at least 1 user"),
        (once, Flags { threads: Some(0), ..Flags::default() }, "--threads must be at least 1"),
        (
            once,
            Flags { base_url: Some("x".into()), ..Flags::default() },
            "--base-url: `x` has no scheme",
        ),
        (
            once,
            Flags {
                connections: ConnectionFlags {
                    cacert: Some("none.pem".into()),
                    ..Default::default()
                },
                ..Flags::default()
            },
            "--cacert: the CA file `none.pem` is not there",
        ),
        (
            once,
            Flags { tags: vec![("phase".into(), "x".into())], ..Flags::default() },
            "--tag: the tag `phase`",
        ),
    ] {
        let faults = faults_with(source, flags);
        assert!(faults.starts_with(want), "wanted: {want}\ngot: {faults}");
    }
    let plan = plan_with(two, picked("b", Some(7))).unwrap();
    assert_eq!(plan.scenarios()[1].load().peak_vus(), 7);
    assert_eq!(plan.scenarios()[0].load().peak_vus(), 1);
}

#[test]
fn flags_win_over_the_script() {
    let flags = Flags {
        base_url: Some("https://other.test".into()),
        seed: Some(7),
        threads: Some(3),
        connections: ConnectionFlags { insecure: true, ..Default::default() },
        tags: vec![("team".into(), "red".into())],
        ..Flags::default()
    };
    let plan = plan_with(SHOP, flags).unwrap();
    assert_eq!(plan.base_url().map(|url| url.as_str()), Some("https://other.test/"));
    assert_eq!((plan.seed(), plan.threads(), plan.transport().tls.insecure), (7, 3, true));
    assert_eq!((&*plan.tags()["team"], &*plan.tags()["build"]), ("red", "7"));
}

#[test]
fn a_scenarios_connections_are_the_definitions_but_for_what_it_says_itself() {
    let plan = plan(
        "local function f() end return {
           http = { version = 2, proxy = 'http://ada:s3cret@127.0.0.1:3128', resolve = { ['a.test'] = '127.0.0.1', ['b.test'] = '127.0.0.1' },
                    tls = { insecure = true }, dns = { ttl = '5s' }, local_addresses = { '127.0.0.2-127.0.0.9' } },
           scenarios = {
             a = { run = f },
             b = { run = f, http = { version = 1.1, resolve = { ['B.test'] = { '127.0.0.3', '::1' } }, tls = { insecure = false }, dns = { pick = 'round_robin' } } } } }",
    );
    let [a, b] = plan.scenarios() else { panic!("two scenarios") };
    assert_eq!(
        a.transport().to_string(),
        "HTTP/2 only; certificates are not verified; through the proxy http://127.0.0.1:3128; \
         a.test at 127.0.0.1; b.test at 127.0.0.1; from 127.0.0.2-127.0.0.9"
    );
    assert_eq!(
        b.transport().to_string(),
        "HTTP/1.1 only; through the proxy http://127.0.0.1:3128; a.test at 127.0.0.1; \
         b.test at 127.0.0.3, ::1; from 127.0.0.2-127.0.0.9"
    );
    assert_eq!((b.transport().dns.ttl, b.transport().dns.pick), (seconds(5), Pick::RoundRobin));
    assert_eq!(plan.transport(), a.transport());
}

#[test]
fn flags_win_over_the_connections_of_every_scenario() {
    let connections = ConnectionFlags {
        http_version: Some("1.1".into()),
        proxy: Some("socks5h://127.0.0.1".into()),
        resolve: vec!["shop.test=127.0.0.2".into()],
        local_addresses: vec!["127.0.0.3".into(), "127.0.0.4".into()],
        user_agent: Some("mine".into()),
        ..Default::default()
    };
    let flags = Flags { connections, ..Flags::default() };
    let script = scenario(
        "http = { version = 'h2c', user_agent = 'theirs', resolve = { ['shop.test'] = '::1' } }",
    );
    let plan = plan_with(&script, flags).unwrap();
    assert_eq!(
        plan.scenarios()[0].transport().to_string(),
        "HTTP/1.1 only; through the proxy socks5h://127.0.0.1:1080; shop.test at 127.0.0.2; \
         from 127.0.0.3, 127.0.0.4"
    );
    assert_eq!(plan.scenarios()[0].http().headers["user-agent"], "mine");
}

#[test]
fn a_plan_is_told_in_words() {
    let flags = Flags { seed: Some(7), threads: Some(2), ..Flags::default() };
    let told = plan_with(SHOP, flags.clone()).unwrap().explain();
    assert_eq!(
        told,
        "shop: 2 scenarios, http://127.0.0.1:8080/api, 2 threads, seed 7
  browsers  0 users at first, to 1000 in 30s, to 20 in 1m (plateau), jump to 200
            draws from read 87.5 %, 2 12.5 %
            starts 2.5s after buyers; one iteration per user every 2s; a fresh session each iteration; connections shared by the users; certificates are not verified
    1000 users │                 ▂▄▆███▇▆▅▄▃▂▁▁
               │            ▁▃▅▆████████████████▇▆▅▄▃▂▁
               │        ▁▃▅▇████████████████████████████▇▆▅▅▄▃▂▁
               │    ▂▄▆▇█████████████████████████████████████████▇▆▅▄▃▂▂▁
               │▂▄▆███████████████████████████████████████████████████████▇▆▅▄▃▂
             0 └────────────────────────────────────────────────────────────────
                0s                                                         1m30s
  buyers    20 users for 1m
            warm-up 5s; certificates are not verified
thresholds
  http_call_duration{step=login} p95 < 200ms
  http_call_duration{step=login} p99 < 1s
  http_call_failed rate < 1%
"
    );
    let lone = plan_with("return function() end", flags).unwrap().explain();
    assert!(lone.starts_with("shop.lua: 1 scenario, no base URL, 2 threads, seed 7\n  default  1 user, 1 iteration, within 10m\nthresholds\n"), "{lone}");
    assert!(lone.contains("  checks rate > 99%  (default)\n"), "{lone}");
    let unjudged = scenario("").replace("return {", "return { thresholds = {},");
    assert!(plan(&unjudged).explain().ends_with("no thresholds: the run will not be judged\n"));
}

#[test]
fn a_rate_is_read_with_its_users_and_its_queue() {
    let open = |fields: &str| match plan(&load(fields)).scenarios()[0].load() {
        Load::Open(open) => open.clone(),
        other => panic!("{other:?}"),
    };
    let usual = open("rate = 50, duration = '1m'");
    assert_eq!((usual.vus, usual.max_vus, usual.late), (1, 500, Late::Queue { limit: 3_000 }));
    assert_eq!((usual.kind(), usual.profile().total()), ("constant_rate", 3_000));
    assert_eq!(open("rate = '30/m', duration = '1m'").profile().total(), 30);
    assert_eq!(open("rate = 30, per = '1m', duration = '1m'").profile().total(), 30);
    assert_eq!(
        (open("rate = 5, duration = 1").max_vus, open("rate = '5k', duration = 1").max_vus),
        (100, 10_000)
    );
    let ramp = open("stages = { { '10s', 20 }, { '1m', 20, name = 'top' } }, max_vus = 30");
    assert_eq!((ramp.kind(), ramp.max_vus, ramp.profile().total()), ("ramping_rate", 30, 1_300));
    assert_eq!(
        Load::Open(ramp).to_string(),
        "0/s at first, to 20/s in 10s, to 20/s in 1m (top), up to 30 users"
    );
    assert!(plan(&load("rate = 5, duration = 1")).scenarios()[0].fresh_session());
    assert!(!plan(&load("vus = 5, duration = 1")).scenarios()[0].fresh_session());
}

#[test]
fn flags_make_a_rate_of_a_closed_load_and_change_an_open_one() {
    let with = |source: &str, flags: Flags| {
        plan_with(source, flags).unwrap_or_else(|faults| panic!("{faults}")).scenarios()[0]
            .load()
            .to_string()
    };
    let (closed, open) = (load("vus = 5, duration = '10s'"), load("rate = 50, duration = '1m'"));
    let rate = Flags { rate: Some(20.0), ..Flags::default() };
    assert_eq!(with(&closed, rate.clone()), "20/s for 10s, up to 200 users");
    assert_eq!(with(&open, rate), "20/s for 1m, up to 200 users");
    let few = Flags { max_vus: Some(7), duration: Some(seconds(5)), ..Flags::default() };
    assert_eq!(with(&open, few.clone()), "50/s for 5s, up to 7 users");
    assert!(faults_with(&closed, few).contains("--max-vus is for open loads"));
    let both = Flags { rate: Some(1.0), iterations: Some(5), ..Flags::default() };
    assert!(faults_with(&closed, both).contains("--rate and --iterations do not go together"));
    let endless = Flags { rate: Some(1.0), ..Flags::default() };
    assert!(faults_with("return function() end", endless).contains("does not say for how long"));
}

#[test]
fn all_mistakes_within_one_load_are_told_and_all_of_the_flags() {
    let told = |fields: &str, wanted: &[&str]| {
        let faults = faults_with(&load(fields), Flags::default());
        for wanted in wanted {
            assert!(faults.contains(wanted), "{fields}: no `{wanted}` in\n{faults}");
        }
    };
    let users = "vus = 9, max_vus = 3, late = 'drop', queue_limit = 5, arrivals = 'poison'";
    let of_users = ["vus = 9 is more than max_vus = 3", "`queue_limit` does not go", "poison"];
    for (shape, wanted) in [
        ("rate = 0, duration = 0", &["duration must be above 0"][..]),
        ("rate = 0, duration = 1", &["rate must be above 0"]),
        ("stages = { { '10s', -1 } }", &["a number from 0"]),
        ("points = 'none.csv', speed = -1, scale = 0", &["speed must be", "scale must be"]),
        ("points = 'none.csv'", &["none.csv"]),
        ("profile = 'spike', peak_rate = -4", &["peak_rate"]),
    ] {
        told(&format!("{shape}, {users}"), &[wanted, &of_users].concat());
    }
    let flags = Flags {
        vus: Some(20),
        max_vus: Some(10),
        rate: Some(-1.0),
        duration: Some(seconds(0)),
        iterations: Some(0),
        ..Flags::default()
    };
    let faults = faults_with(&load("vus = 1, duration = 1"), flags);
    for wanted in [
        "--vus 20 is more",
        "--rate must",
        "--duration must",
        "--iterations must",
        "do not go together",
    ] {
        assert!(faults.contains(wanted), "no `{wanted}` in\n{faults}");
    }
}

#[test]
fn another_rate_leaves_the_rest_of_an_open_load_as_the_script_has_it() {
    let rate = Flags { rate: Some(200.0), ..Flags::default() };
    let told = |fields: &str| {
        let plan = plan_with(&load(fields), rate.clone());
        plan.unwrap_or_else(|faults| panic!("{faults}")).scenarios()[0].load().clone()
    };
    let script = "rate = 50, duration = '1m', max_vus = 20, arrivals = 'poisson', late = 'drop', \
                  late_after = '3ms', max_iterations = 1000";
    assert_eq!(
        told(script).to_string(),
        "200/s for 1m, Poisson arrivals, at most 1000 iterations, up to 20 users, late arrivals are dropped"
    );
    let Load::Open(open) = told(script) else { panic!("it is open") };
    assert_eq!(open.late_after, Duration::from_millis(3));
    let Load::Open(usual) = told("rate = 60, per = '1m', vus = 3, duration = '1m'") else {
        panic!("it is open")
    };
    // What followed from the script's rate follows from the new one.
    assert_eq!((usual.vus, usual.max_vus, usual.late), (3, 2_000, Late::Queue { limit: 12_000 }));
    assert_eq!(usual.profile().total(), 12_000);
    let Load::Open(limited) = told("rate = 50, duration = '1m', queue_limit = 9") else {
        panic!("it is open")
    };
    assert_eq!((limited.max_vus, limited.late), (2_000, Late::Queue { limit: 9 }));
}

#[test]
fn a_session_is_as_the_load_that_comes_to_be_has_it_unless_the_script_says() {
    let rate = || Flags { rate: Some(20.0), duration: Some(seconds(1)), ..Flags::default() };
    let once = || Flags { iterations: Some(10), ..Flags::default() };
    let said = |session: &str, fields: &str| {
        scenario(&format!("session = '{session}', load = {{ {fields} }}"))
    };
    let (closed, open) = ("vus = 5, duration = '10s'", "rate = 50, duration = '1m'");
    for (source, flags, fresh) in [
        (load(closed), rate(), true),
        (load(open), once(), false),
        ("return function() end".to_owned(), rate(), true),
        (said("keep", closed), rate(), false),
        (said("fresh", open), once(), true),
    ] {
        let plan = plan_with(&source, flags).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(plan.scenarios()[0].fresh_session(), fresh, "{source}");
    }
    let paced = scenario("pace = '1s', load = { vus = 5, duration = '10s' }");
    let plan = plan_with(&paced, rate()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((plan.scenarios()[0].pace(), plan.scenarios()[0].spread()), (None, seconds(0)));
}

#[test]
fn thresholds_of_the_command_line_take_the_place_of_the_scripts_and_not_of_each_other() {
    let flags = Flags {
        thresholds: ["http_reqs: count >= 10", "http_reqs: count <= 20"].map(String::from).into(),
        ..Flags::default()
    };
    let source = "return { scenarios = { a = { run = print } }, \
                  thresholds = { http_reqs = { 'count > 5', 'rate > 1/s' } } }";
    let plan = plan_with(source, flags).unwrap_or_else(|faults| panic!("{faults}"));
    let told: Vec<_> = plan.thresholds().iter().map(|one| one.expression.as_str()).collect();
    assert_eq!(told, ["rate > 1/s", "count >= 10", "count <= 20"]);
}

#[test]
fn a_threshold_on_a_scenario_or_phase_that_there_is_not_is_told_with_its_line() {
    let faults = |entry: &str| {
        let source = format!(
            "return {{ scenarios = {{ buyers = {{ run = function() end }} }},\nthresholds = {{ {entry} }} }}"
        );
        plan_with(&source, Flags::default()).err().map(|faults| faults.to_string())
    };
    for (entry, fault) in [
        (
            "['checks{scenario=byers}'] = 'rate > 1%'",
            Some("shop.lua:2: threshold `checks{scenario=byers}`: there is no scenario `byers`"),
        ),
        ("['checks{phase=lod}'] = 'rate > 1%'", Some("did you mean `load`?")),
        ("['checks{scenario=buy*}'] = 'rate > 1%'", None),
        ("['checks{scenario!=sellers,phase=*}'] = 'rate > 1%'", None),
        ("checks = { { 'rate > 1%', windw = '3s' } }", Some("did you mean `window`?")),
    ] {
        match (faults(entry), fault) {
            (None, None) => {}
            (Some(told), Some(fault)) => assert!(told.contains(fault), "{told}"),
            (told, _) => panic!("{entry}: {told:?}"),
        }
    }
}

/// Flags of a search from 10 to 1,000.
fn search(axis: Axis, scenario: Option<&str>) -> Flags {
    let reach = Reach {
        axis,
        scenario: scenario.map(str::to_owned),
        from: 10.0,
        to: 1_000.0,
        max_vus: None,
        length: seconds(9_999),
    };
    Flags { search: Some(reach), ..Flags::default() }
}

/// Two scenarios with these fields.
fn pair(a: &str, b: &str) -> String {
    let scenario = |fields: &str| format!("{{ run = function() end,\n{fields} }}");
    format!("return {{ scenarios = {{ a = {}, b = {} }} }}", scenario(a), scenario(b))
}

const RATE: &str = "load = { rate = 30, duration = '1m', arrivals = 'poisson' }, warmup = '5s'";
const USERS: &str = "load = { vus = 6, duration = '1m' }, start_after = '9s'";

#[test]
fn a_search_scales_all_scenarios_in_proportion_to_their_own_loads() {
    let paced = "load = { vus = 20, duration = '1m' }, pace = '2s'";
    let none = "";
    for (a, b, axis, shares) in [
        (RATE, paced, Axis::Rate, [0.75, 0.25]), // 30/s and 10/s
        (RATE, RATE, Axis::Users, [0.5, 0.5]),
        (USERS, paced, Axis::Users, [6.0 / 26.0, 20.0 / 26.0]),
        (USERS, none, Axis::Rate, [6.0 / 7.0, 1.0 / 7.0]),
    ] {
        let plan = plan_with(&pair(a, b), search(axis, None)).unwrap_or_else(|e| panic!("{e}"));
        let found: Vec<f64> = plan.steered().iter().map(|part| part.share).collect();
        assert_eq!(found, shares, "{a} {b}");
        for (scenario, share) in plan.scenarios().iter().zip(shares) {
            let (start, warmup) = (scenario.start(), scenario.warmup());
            assert_eq!((start.after, start.offset, warmup), (None, seconds(0), seconds(0)));
            assert_eq!(scenario.load().length(), seconds(9_999));
            match scenario.load() {
                Load::Open(open) => assert_eq!(open.profile().peak(), 10.0 * share),
                load => assert_eq!(load.peak_vus(), (1_000.0 * share).ceil() as u64),
            }
        }
    }
}

#[test]
fn a_search_steers_one_scenario_if_it_is_picked_and_the_other_stays() {
    let plan = plan_with(&pair(RATE, USERS), search(Axis::Rate, Some("a")));
    let plan = plan.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(plan.steered().len(), 1);
    assert_eq!(
        plan.scenarios()[0].load().to_string(),
        "10/s for 2h46m39s, Poisson arrivals, up to 10000 users"
    );
    assert_eq!(plan.scenarios()[1].load().to_string(), "6 users for 1m");
    assert_eq!(plan.scenarios()[1].start().offset, seconds(9));
}

#[test]
fn what_a_search_cannot_scale_is_told() {
    let after = "load = { vus = 6, duration = '1m' }, after = 'a'";
    let high = Flags {
        search: search(Axis::Rate, None).search.map(|reach| Reach { to: 2e6, ..reach }),
        ..Flags::default()
    };
    for (source, flags, want) in [
        (
            pair(RATE, USERS),
            search(Axis::Rate, None),
            "some scenarios have a rate and some have users, which are no proportion: \
             a 30/s for 1m, Poisson arrivals, up to 300 users; b 6 users for 1m\n  \
             hint: pick one with --scenario NAME",
        ),
        (
            pair(USERS, after),
            search(Axis::Users, None),
            "several scenarios are scaled together, but `b` begins when another has ended",
        ),
        (
            pair(USERS, USERS),
            search(Axis::Users, Some("c")),
            "--scenario: there is no scenario `c`",
        ),
        (pair(RATE, RATE), high, "a level is at most 1,000,000 iterations per second"),
    ] {
        let told = faults_with(&source, flags);
        assert!(told.contains(want), "want {want:?} in {told}");
    }
}
