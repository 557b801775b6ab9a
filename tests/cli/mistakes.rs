//! What an author can get wrong before any load: each is told with file, line, source line, rule
//! and hint; all at once where they are in the plan; exit 2; nothing is sent.

use std::fmt::Write;
use std::net::TcpListener;

use rcgen::{CertificateParams, KeyPair};

use crate::common::Folder;

/// What is wrong, and the script that is.
const SCRIPTS: [(&str, &str); 28] = [
    ("a block without its end", "return function()\n  local x = 1\n"),
    ("a stray word", "local x = = 1\nreturn function() end"),
    ("a sign of another language", "return function()\n  if 1 != 2 then end\nend"),
    ("a quote that is not closed", "local name = 'ann\nreturn print"),
    ("an empty file", ""),
    ("nothing returned", "local x = 1"),
    ("a number returned", "return 42"),
    ("no scenario", "return { scenarios = {} }"),
    (
        "many mistakes at once",
        "return {\n  base_ulr = 'http://x',\n  scenarios = {\n    a = { rnu = print, load = { vus = 'many', duration = '5 parsecs' } },\n    b = { run = function() end, lod = {} },\n  },\n  thresholds = { http_call_durtion = 'p95 < 1s', checks = 'rate >> 3' },\n}",
    ),
    ("wrong types", "return { base_url = 7,\n  scenarios = 3,\n  tags = 'x' }"),
    (
        "a load of two kinds",
        "return { scenarios = { a = { run = function() end, load = {\n  stages = { { '1s', 2 } },\n  vus = 3, iterations = 4 } } } }",
    ),
    (
        "numbers that cannot be",
        "local function f() end\nreturn { scenarios = {\n  a = { run = f, load = { vus = -3, duration = -5 } },\n  b = { run = f, load = { vus = 0, duration = 0 } },\n  c = { run = f, load = { vus = 1e12, duration = '1000000h' } } } }",
    ),
    (
        "scenarios that wait for each other",
        "local function f() end\nreturn { scenarios = {\n  a = { run = f, after = 'b' },\n  b = { run = f, after = 'a' },\n  c = { run = f, after = 'z' } } }",
    ),
    (
        "a base URL that is none",
        "return { base_url = 'shop.test',\n  scenarios = { a = { run = function() end } } }",
    ),
    ("an unknown module of lt", "local lt = require 'loadtool'\nlt.htp.get '/'"),
    ("an unknown function", "local lt = require 'loadtool'\nlt.random.integer(1, 2)"),
    ("a nil that is called", "local function go()\n  buy_it()\nend\ngo()"),
    ("a nil that is indexed", "local user\nprint(user.name)"),
    ("an error of the author's", "error 'set SHOP first'"),
    ("an error that says nothing", "error()"),
    ("a module that is not there", "local shop = require 'lib.shop'"),
    ("a broken module", "local broken = require 'broken'"),
    ("a request at top level", "local lt = require 'loadtool'\nlt.http.get '/'"),
    ("a program to be started", "os.execute 'ls'"),
    ("a loop without end", "while true do end"),
    ("a missing CSV file", "local lt = require 'loadtool'\nlocal users = lt.data.csv 'users.csv'"),
    (
        "a misspelt option of a pool",
        "local lt = require 'loadtool'\nlocal users = lt.data.csv('ok.csv', { pikc = 'unique' })",
    ),
    (
        "a pool that picks what it cannot",
        "local lt = require 'loadtool'\nlocal users = lt.data.csv('ok.csv', { pick = 'uniq' })",
    ),
];

/// Pools that cannot be opened, and what their file holds.
const POOLS: [(&str, &str); 20] = [
    ("lt.data.csv(7)", ""),
    ("lt.data.csv('data', { pick = 'lease', at_end = 'recycle' })", "a\n1\n"),
    ("lt.data.csv('data', { types = { agee = 'integer' } })", "age\n1\n"),
    ("lt.data.csv('data', { types = { age = 'int' } })", "age\n1\n"),
    ("lt.data.csv('data', { types = { age = 'number' } })", "name,age\nann,1\nbob,x1\n"),
    ("lt.data.csv('data', { delimiter = '::' })", "a\n1\n"),
    ("lt.data.csv('data', { quote = ',' })", "a\n1\n"),
    ("lt.data.csv('data', { path = '$' })", "a\n1\n"),
    ("lt.data.ndjson 'dat'", "{}"),
    ("lt.data.ndjson 'data'", "{ \"a\": 1 }\n{ \"a\" 1 }\n"),
    ("lt.data.ndjson 'data'", "[1]\n"),
    ("lt.data.json 'data'", "{ \"users\": [] }"),
    ("lt.data.json('data', { path = '$.user' })", "{ \"users\": [{}] }"),
    ("lt.data.json('data', { path = '$.users[' })", "[]"),
    ("lt.data.json('data', { trim = true })", "[]"),
    ("lt.data.rows 'data'", ""),
    ("lt.data.rows {}", ""),
    ("lt.data.rows { name = 'ann' }", ""),
    ("lt.data.rows { { n = 1 }, nil, { n = 2 } }", ""),
    ("lt.data.rows { { n = 1 }, n = 2 }", ""),
];

/// What is wrong with a CSV file, and the file.
const TABLES: [(&str, &[u8]); 6] = [
    ("a row too short", b"email,password\na@b,1\nc@d\n"),
    ("a row too long", b"email,password\na@b,1,2\n"),
    ("a header and no row", b"email,password\n"),
    ("an empty file", b""),
    ("not UTF-8", b"email,password\na@b,\xff\n"),
    ("a column twice", b"email,email\na@b,1\n"),
];

/// Flags that cannot be.
const FLAGS: [&[&str]; 34] = [
    &["--seed", "x"],
    &["--log-level", "wran"],
    &["--log-level", "loud"],
    &["--vus", "0"],
    &["--vus", "many"],
    &["--duration", "soon"],
    &["--iterations", "-1"],
    &["--stage", "30s"],
    &["--stage", "30s:x"],
    &["--stage", "1s:2", "--iterations", "3"],
    &["--stage", "1s:2", "--duration", "3s"],
    &["--scenario", "nobody", "--vus", "2"],
    &["--env", "=x"],
    &["--env", "SURELY_NOT_SET"],
    &["--tag", "x"],
    &["--tag", "scenario=x"],
    &["--base-url", "shop.test"],
    &["--base-url", "ftp://shop.test"],
    &["--cacert", "missing.pem"],
    &["--cert", "missing.pem"],
    &["--key", "missing.pem"],
    &["--http-version", "3"],
    &["--proxy", "127.0.0.1:3128"],
    &["--proxy", "ftp://ada:s3cret@127.0.0.1"],
    &["--resolve", "shop.test"],
    &["--resolve", "shop.test=nowhere"],
    &["--local-address", "eth0"],
    &["--local-address", "192.0.2.1"],
    &["--user-agent", "a\nb"],
    &["--lib", "missing"],
    &["--threads", "0"],
    &["--script-cpu-limit", "1ms"],
    &["--script-memory-limit", "1KB"],
    &["--vsu", "3"],
];

/// What every mistake comes to.
fn told(folder: &Folder, arguments: &[&str]) -> String {
    let ran = folder.run(arguments).exits(2);
    assert_eq!(ran.out, "", "{arguments:?}");
    ran.err
}

#[test]
fn every_mistake_in_a_script_is_told_so_that_it_can_be_mended() {
    let target = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", target.local_addr().expect("it is bound"));
    let mut all = String::new();
    for (what, script) in SCRIPTS {
        let folder = Folder::new(script)
            .file("ok.csv", "a\n1\n")
            .file("broken.lua", "local a = 1\nlocal b = = 2\n");
        let base = if script.contains("base_url") { &[][..] } else { &["--base-url", &url] };
        write!(all, "── {what}\n{}\n", told(&folder, base)).expect("a String takes all");
    }
    target.set_nonblocking(true).expect("a socket can be non-blocking");
    assert!(target.accept().is_err(), "nothing is sent");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\tno file '/.*\n", ""); // whatever rocks this machine has
    settings.bind(|| insta::assert_snapshot!("scripts", all));
}

#[test]
fn every_mistake_in_a_table_is_told_with_its_own_line() {
    let script = "local lt = require 'loadtool'\nlocal users = lt.data.csv 'data/users.csv'\n\
                  return function() end";
    let mut all = String::new();
    for (what, table) in TABLES {
        let folder = Folder::new(script).file("data/users.csv", table);
        write!(all, "── {what}\n{}\n", told(&folder, &[])).expect("a String takes all");
    }
    insta::assert_snapshot!("tables", all);
}

#[test]
fn every_pool_that_cannot_be_is_told_with_the_rule() {
    let mut all = String::new();
    for (open, data) in POOLS {
        let script = format!("local lt = require 'loadtool'\nlocal pool = {open}\nreturn print");
        let folder = Folder::new(&script).file("data", data);
        all += &told(&folder, &[]);
    }
    insta::assert_snapshot!("pools", all);
}

#[test]
fn every_mistake_in_a_flag_is_told_with_the_flag() {
    let folder = Folder::of("");
    let mut all = String::new();
    for flags in FLAGS {
        write!(all, "── {}\n{}\n", flags.join(" "), told(&folder, flags))
            .expect("a String takes all");
    }
    insta::assert_snapshot!("flags", all);
}

#[test]
fn every_mistake_in_a_pem_file_is_told_before_any_load() {
    let pair = || {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    };
    let ((cert, key), (_, other)) = (pair(), pair());
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let folder = Folder::new(
        "return { scenarios = { a = {\n  http = { tls = { cert = 'cert.pem', key = 'other.pem' } },\n  run = print } } }",
    );
    let folder = folder
        .file("cert.pem", cert)
        .file("key.pem", key)
        .file("other.pem", other)
        .file("encrypted.pem", encrypted)
        .file("none.pem", "no PEM at all")
        .file("broken.pem", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    let mut all = String::new();
    for flags in [
        &[][..],
        &["--cert", "cert.pem"],
        &["--cert", "cert.pem", "--key", "encrypted.pem"],
        &["--cert", "cert.pem", "--key", "none.pem"],
        &["--cert", "key.pem"],
        &["--cert", "key.pem", "--key", "cert.pem"],
        &["--cacert", "broken.pem"],
        &["--cacert", "key.pem"],
        &["--cacert", "."],
    ] {
        write!(all, "── {}\n{}\n", flags.join(" "), told(&folder, flags))
            .expect("a String takes all");
    }
    insta::assert_snapshot!("pem", all);
}

#[test]
fn a_script_that_cannot_be_read_is_told() {
    let folder = Folder::of("").file("folder/x", "");
    let mut all = String::new();
    for script in ["missing.lua", "folder"] {
        let output = folder.tool().args(["run", script]).output().expect("it can be run");
        assert_eq!(output.status.code(), Some(2));
        all += &String::from_utf8_lossy(&output.stderr);
    }
    insta::assert_snapshot!("unreadable", all);
}
