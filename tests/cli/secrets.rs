//! Canaries: a secret that a run handles in every way it can is in nothing that it writes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread::{JoinHandle, spawn};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use loadtool::demo::{Options, serve};

use crate::common::{Folder, Ran, Running, server};

/// With what URLs, JSON, HTML and forms must escape.
const CANARY: &str = "Kanari\"e/v&0gel+ =%<'1>";
/// One that stays as it is everywhere.
const PLAIN: &str = "hunter2hunter2";

const SCRIPT: &str = r#"
local lt = require "loadtool"
local http = lt.http
local plain = assert(lt.secret "PLAIN")
local odd = assert(lt.secret "ODD")
local users = lt.data.csv "data.csv"

print("top level", plain, odd)

local function spread(secret)
  local row = users:next()
  lt.tag("owner", secret)
  lt.log.debug("debug", secret)
  lt.log.error("log", secret, row.password)
  print(secret, lt.encode.base64("user:" .. secret), lt.encode.hex(secret), lt.encode.url(secret))
  for _, options in ipairs {
    { headers = { ["x-mine"] = lt.encode.base64(secret) } },
    { headers = { cookie = "a=" .. lt.encode.url(secret) } },
    { query = { q = secret } },
    { json = { deep = { secret } } },
    { form = { field = secret } },
    { body = "text with " .. secret .. " in it" },
    { auth = { basic = { "user", secret } } },
    { auth = { bearer = lt.encode.base64url(secret) } },
    { name = "call of " .. secret },
    { tags = { of = secret } },
  } do
    options.expect_status = 204
    local r = http.post("/echo", options)
    pcall(lt.expect, r, { json = { ["$.no"] = secret } })
    pcall(lt.expect, r, { body_contains = "no " .. secret, ["about " .. secret] = false })
    lt.check(r, { ["label " .. secret] = false })
    pcall(r.extract, r, { nothing = "$.nothing" })
    pcall(r.extract, r, { it = { header = lt.encode.hex(secret) } })
  end
  http.get("/echo/" .. lt.encode.url(secret), { expect_status = 204 })
  http.get("http://" .. plain .. ".test:1/")
  http.get("http://user:" .. lt.encode.url(secret) .. "@127.0.0.1:1/")
  lt.step("step " .. secret, function() end)
  local ends = {
    function() lt.fail(secret) end,
    function() error("error of " .. secret) end,
    function() error { message = "table of " .. secret } end,
    function() lt.expect(secret, { ["must not be " .. secret] = function() return false, secret end }) end,
    function() lt.json.decode(nil, secret) lt.http.get("no url " .. secret) end,
    function() local t = {} t[secret].x = 1 end,
    function() lt.abort("enough of " .. secret) end,
  }
  ends[lt.vu.iteration // 2 + 1]()
end

return {
  base_url = lt.env.BASE,
  scenarios = { ["of " .. plain] = { run = function() spread(lt.vu.iteration % 2 == 0 and plain or odd) end, load = { iterations = 14 } } },
  name = "run of " .. plain,
  http = { headers = { ["x-all"] = odd } },
  tags = { everyone = odd },
  thresholds = { ["http_call_failed{name=" .. plain .. "}"] = { { "rate < 1%", optional = true } } },
  setup = function() lt.log.warn("setup " .. plain) end,
  teardown = function() error("teardown " .. odd) end,
  summary = function(s)
    return { ["hook.txt"] = plain .. odd .. lt.json.encode(s), stdout = odd .. "\n", stderr = plain .. "\n" }
  end,
}
"#;

/// What must be nowhere.
fn traces() -> Vec<String> {
    let url: String = url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
    let json = serde_json::to_string(CANARY).expect("a text");
    let mut traces = vec![CANARY.into(), url, json[1..json.len() - 1].into(), "v&0gel".into()];
    for secret in [CANARY, PLAIN] {
        let basic = STANDARD.encode(format!("user:{secret}"));
        traces.extend([STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret), basic]);
        traces.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
    }
    traces.push(PLAIN.into());
    traces
}

fn run(script: &str, arguments: &[&str]) -> (Folder, Ran) {
    let (folder, ran) = with_shop(script, |folder, own| folder.run(&[arguments, own].concat()));
    (folder, ran)
}

/// Hands over the script's folder, and what tells it its secrets and a shop, which lasts as long.
fn with_shop<R>(script: &str, run: impl FnOnce(&Folder, &[&str]) -> R) -> (Folder, R) {
    let folder = Folder::new(script).file("data.csv", format!("user,password\nann,{PLAIN}\n"));
    let (plain, odd) = (format!("PLAIN={PLAIN}"), format!("ODD={CANARY}"));
    let shop = serve(TcpListener::bind("127.0.0.1:0").expect("a port"), &Options::default());
    let base = format!("BASE={}", shop.as_ref().expect("a shop").url());
    let ran = run(&folder, &["--env", &plain, "--env", &odd, "--env", &base]);
    (folder, ran)
}

#[track_caller]
fn assert_without_traces(what: &str, text: &str) {
    for trace in traces() {
        if let Some(at) = text.find(&trace) {
            let around = text.get(at.saturating_sub(150)..(at + 150).min(text.len()));
            panic!("{trace:?} is in {what}: …{}…", around.unwrap_or(text));
        }
    }
}

#[test]
fn no_output_of_a_run_shows_a_secret() {
    let outs = [
        "json=seconds.json",
        "csv=table",
        "junit=junit.xml",
        "samples=samples",
        "influx=file:points",
    ];
    let outs: Vec<&str> = outs.iter().flat_map(|out| ["--out", out]).collect();
    let arguments =
        [&["-vv", "--summary-json", "summary.json", "--store", "runs.db"], outs.as_slice()]
            .concat();
    let (folder, ran) = run(SCRIPT, &arguments);
    assert_eq!(ran.status.code(), Some(6), "{ran:?}");
    assert_without_traces("stdout", &ran.out);
    assert_without_traces("stderr", &ran.err);
    let mut files = 0;
    for entry in fs::read_dir(folder.path(".")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if !["script.lua", "data.csv"].iter().any(|ours| path.ends_with(ours)) {
            let bytes = fs::read(&path).expect("it can be read");
            assert_without_traces(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
            files += 1;
        }
    }
    assert!(files >= 10, "the summary, the hook's file, the store, and seven of the outputs");
    // Most of the store is packed: so it is told again.
    for command in [&["show", "--json"][..], &["show"], &["report", "last", "-o", "-"], &["runs"]] {
        let mut again = folder.tool();
        let again = Running::start(again.args(command).args(["--store", "runs.db"])).end().exits(0);
        assert_without_traces(&command.join(" "), &again.out);
        assert!(again.out.contains("***"), "{command:?}: {}", again.out);
    }
    // What was masked was there.
    let summary = fs::read_to_string(folder.path("summary.json")).expect("the summary");
    for trace in ["step ***", "label ***", "call of ***", "\"owner\": \"***\"", "error of ***"] {
        assert!(summary.contains(trace), "{trace:?} is not in {summary}");
    }
    assert!(ran.err.contains("log *** ***") && ran.err.contains("debug ***"), "{}", ran.err);
    assert!(ran.out.contains("enough of ***"), "{}", ran.out);
}

/// A receiver that keeps whatever it is sent; packed bodies are unpacked.
fn receiver() -> (String, mpsc::Receiver<Vec<u8>>) {
    let (tell, told) = mpsc::channel();
    let url = server::taking(move |head, body| {
        let packed = head.contains("content-encoding: snappy");
        let unpacked = || snap::raw::Decoder::new().decompress_vec(body).expect("it is packed");
        let body = if packed { unpacked() } else { body.to_owned() };
        let _ = tell.send([head.as_bytes(), &body].concat());
        server::answer("200 OK", "")
    });
    (url, told)
}

/// All that an address of this machine says to a GET, until it closes or the run is over.
fn watched(address: String, path: &'static str, accept: &'static str) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut said = Vec::new();
        while let Ok(mut stream) = TcpStream::connect(&address) {
            let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\n");
            let asked = stream.write_all((head + "connection: close\r\n\r\n").as_bytes());
            if asked.and_then(|()| stream.read_to_end(&mut said)).is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        said
    })
}

/// What stands behind this in what a run has said, up to the next of these characters.
fn said_after(running: &Running, start: &str, ends: &[char]) -> String {
    running.wait_for_stderr(start);
    running.wait_for_stderr("\n");
    let said = running.stderr();
    let rest = said.split_once(start).expect("it was waited for").1;
    rest.split(ends).next().unwrap_or_default().to_owned()
}

#[test]
fn nothing_that_is_sent_on_or_served_shows_a_secret() {
    let slow = SCRIPT.replace("local row = users:next()", "lt.sleep(0.2) local row = users:next()");
    let (url, told) = receiver();
    let statsd = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let statsd_at = format!("statsd={}", statsd.local_addr().expect("it is bound"));
    let [rw, otlp, influx] =
        ["prometheus-rw", "otlp", "influx"].map(|kind| format!("{kind}={url}/{kind}"));
    let outs = ["prometheus=0", &statsd_at, &rw, &otlp, &influx];
    let outs: Vec<&str> = outs.iter().flat_map(|out| ["--out", out]).collect();
    let flags = ["-vv", "--trace", "--html", "page.html", "--dashboard=127.0.0.1:0"];
    let (folder, (ran, served)) = with_shop(&slow, |folder, own| {
        let running = folder.start(&[&flags[..], &outs, own].concat());
        let dashboard = said_after(&running, "dashboard: http://", &['/']);
        let metrics = said_after(&running, "metrics for Prometheus at http://", &['/']);
        let protobuf = "application/vnd.google.protobuf;encoding=delimited";
        let served = [
            ("dashboard", watched(dashboard, "/events", "*/*")),
            ("text", watched(metrics.clone(), "/metrics", "application/openmetrics-text")),
            ("protobuf", watched(metrics, "/metrics", protobuf)),
        ];
        let ran = running.end();
        let joined = |(what, one): (&'static str, JoinHandle<_>)| (what, one.join().expect("read"));
        (ran, served.map(joined))
    });
    assert_eq!(ran.status.code(), Some(6), "{ran:?}");
    assert_without_traces("stdout", &ran.out);
    assert_without_traces("stderr", &ran.err);
    let page = fs::read_to_string(folder.path("page.html")).expect("the page");
    assert_without_traces("the page", &page);
    assert!(page.contains("call of ***") && page.contains("traceparent: 00-"), "it is there");
    for (what, said) in served {
        let said = String::from_utf8_lossy(&said);
        assert_without_traces(what, &said);
        assert!(said.contains("call of ***"), "{what} was watched: {said}");
    }
    statsd.set_nonblocking(true).expect("it can be");
    let mut packet = [0; 2048];
    let mut packets = Vec::new();
    while let Ok(length) = statsd.recv(&mut packet) {
        packets.push(packet[..length].to_owned());
    }
    let sent: Vec<Vec<u8>> = told.try_iter().chain([packets.concat()]).collect();
    let sent: Vec<_> = sent.iter().map(|one| String::from_utf8_lossy(one)).collect();
    for (what, mark) in [
        ("POST /prometheus-rw", "call of ***"),
        ("POST /otlp", "call of ***"),
        ("POST /write", "call\\ of\\ ***"),
        ("loadtool.", "call of ***"),
    ] {
        let mut of_kind = sent.iter().filter(|one| one.starts_with(what)).peekable();
        assert!(of_kind.peek().is_some(), "{what}: nothing came");
        assert!(of_kind.any(|one| one.contains(mark)), "{what}: no {mark}");
    }
    sent.iter().for_each(|one| assert_without_traces("what was sent on", one));
}

/// A value that no `lt.secret` gave, in fields that are called like what `--redact` names.
#[test]
fn a_field_that_is_named_is_in_nothing_whatever_carries_it() {
    const VALUE: &str = "DE77100110012620";
    let script = format!(
        "local lt = require 'loadtool'
         local v = '{VALUE}'
         return function()
           for _, options in ipairs {{
             {{ headers = {{ ['x-iban'] = v }} }}, {{ headers = {{ cookie = 'x-iban=' .. v }} }},
             {{ query = {{ ['x-iban'] = v }} }}, {{ json = {{ a = {{ {{ ['x-iban'] = v }} }} }} }},
             {{ form = {{ ['x-iban'] = v }} }}, {{ json = {{ text = lt.json.encode {{ ['x-iban'] = v }} }} }},
           }} do
             options.expect_status = 418
             local r = lt.http.post('/echo', options)
             pcall(lt.expect, r, {{ status = 204 }})
             lt.step('own kind of error ' .. #options, function() lt.http.get('/echo', {{ query = {{ ['x-iban'] = v }}, expect_status = 418 }}) end)
           end
         end"
    );
    let (folder, ran) = with_shop(&script, |folder, own| {
        let base = own[5].strip_prefix("BASE=").expect("the shop's address");
        let outs = ["--out", "json=o.json", "--out", "samples=o.csv", "--out", "junit=o.xml"];
        let flags = ["--redact", "x-iban", "--html", "o.html", "--summary-json", "o.sum", "-vv"];
        let base = ["--base-url", base];
        let ran = folder.run(&[&base[..], &outs[..], &flags[..]].concat());
        let mut once = folder.tool();
        once.args(["once", "script.lua", "-vv", "--redact", "x-iban"]).args(base);
        let once = Running::start(&mut once).end();
        assert!(once.out.contains("x-iban: ***"), "{once:?}");
        [ran.out, ran.err, once.out, once.err]
    });
    for text in &ran {
        assert!(!text.contains(VALUE), "{text}");
    }
    for name in ["o.json", "o.csv.0", "o.xml", "o.html", "o.sum"] {
        let text = fs::read_to_string(folder.path(name)).unwrap_or_default();
        assert!(!text.contains(VALUE), "{name}: {text}");
    }
    let summary = fs::read_to_string(folder.path("o.sum")).expect("a summary");
    assert!(summary.contains("x-iban: ***"), "it was there: {summary}");
}

/// Literals that no `lt.secret` gave, in a script as authors write it.
#[test]
fn what_a_script_calls_secret_is_in_nothing_that_tells_its_text() {
    let script = "local lt = require 'loadtool'
local user, password = 'ada', 'swordfish'
local API_KEY <const> = 'sword' .. 'swordfish'
local config = { db = { pass = lt.env.PASS or 'swordfish' } }
local function login(name, secret) return lt.encode.base64(name .. ':' .. secret) end
-- password: swordfish
return function()
  login('ada', 'swordfish')
  lt.jwt.sign({ sub = 'ada' }, 'swordfish')
  lt.log.info 'told'
end";
    let folder = Folder::new(script);
    let flags = ["--html", "o.html", "--summary-json", "o.sum", "--store", "runs.db"];
    folder.run(&flags).exits(0).says("told");
    let mut again = folder.tool();
    again.args(["report", "last", "-o", "again.html", "--store", "runs.db"]);
    Running::start(&mut again).end().exits(0);
    for name in ["o.html", "o.sum", "runs.db", "again.html"] {
        let text = fs::read(folder.path(name)).expect("it was written");
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("swordfish"), "{name}: {text}");
        let is_packed = name == "runs.db";
        assert!(is_packed || text.contains("lt.log.info"), "{name} has the script: {text}");
    }
}

#[test]
fn a_mistake_in_the_definition_is_told_without_its_secret() {
    for wrong in [
        "base_url = 'http://u:' .. secret .. '@h:x/'",
        "bse_url = secret",
        "[secret] = 1",
        "scenarios = { s = { run = function() end, load = { duration = secret } } }",
        "thresholds = { ['http_reqs{x=' .. secret] = secret }",
        "setup = error('no ' .. secret)",
        "setup = lt.data.csv(secret .. '.csv')",
    ] {
        let script = format!(
            "local lt = require 'loadtool'\nlocal secret = lt.secret 'PLAIN'\nreturn {{ {wrong} }}"
        );
        let (_, ran) = run(&script, &[]);
        let ran = ran.exits(2);
        assert_without_traces(wrong, &ran.err);
        assert!(ran.err.contains("***") || wrong.starts_with("bse"), "{wrong}: {}", ran.err);
    }
}

#[test]
fn check_shows_no_secret() {
    let script = "local lt = require 'loadtool'\nlocal secret = lt.secret 'PLAIN'\nreturn {
        base_url = 'http://u:' .. secret .. '@h/', name = secret,
        scenarios = { [secret] = { run = function() end } } }";
    let folder = Folder::new(script);
    let env = format!("PLAIN={PLAIN}");
    let told = folder.tool().args(["check", "script.lua", "--env", &env]).output();
    let told = String::from_utf8(told.expect("it runs").stdout).expect("text");
    assert_without_traces("the plan", &told);
    assert!(told.contains("***: 1 scenario, http://u:***@h/"), "{told}");
}

#[test]
fn one_iteration_is_told_without_secrets() {
    let folder = Folder::new(SCRIPT).file("data.csv", format!("user,password\nann,{PLAIN}\n"));
    let shop = serve(TcpListener::bind("127.0.0.1:0").expect("a port"), &Options::default());
    let shop = shop.expect("a shop");
    let env = [format!("PLAIN={PLAIN}"), format!("ODD={CANARY}"), format!("BASE={}", shop.url())];
    let mut once = folder.tool();
    once.args(["once", "script.lua", "-vv"]).args(env.iter().flat_map(|env| ["--env", env]));
    let told = once.output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert_without_traces("the story", &out);
    assert_without_traces("the story's log", &err);
    assert!(out.contains("text with *** in it"), "{out}\n{err}");
}

#[test]
fn a_field_that_is_named_is_redacted_and_a_missing_secret_is_nil() {
    let script = "local lt = require 'loadtool'\nreturn function()
        print(lt.secret 'NONE')
        lt.http.post(lt.env.BASE .. '/echo', { json = { iban = 'DE77' }, expect_status = 204 })
    end";
    let (folder, ran) = run(script, &["--redact", "iban", "--summary-json", "summary.json"]);
    assert!(
        ran.err.contains("nil\tno --env NONE was given") || ran.err.contains("nil    no"),
        "{ran:?}"
    );
    let summary = fs::read_to_string(folder.path("summary.json")).expect("the summary");
    assert!(!summary.contains("DE77") && !ran.out.contains("DE77"), "{summary}");
}
