//! The Lua API against a real server: each `tests/lua/api/NAME.lua` is run as one user's iterations,
//! and what it prints and what was recorded must be what `NAME.snap` beside it holds.

mod bench;
mod server;

use bench::Bench;

#[test]
fn every_script_does_what_its_golden_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua/api");
    let mut scripts: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "lua"))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 5, "{scripts:?}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"127\.0\.0\.1:\d+", "HOST");
    settings.add_filter(r"got \d+\.\d ms", "got N ms");
    for script in scripts {
        let name = script.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let report = Bench::file(&script).run(2);
        settings.bind(|| insta::assert_snapshot!(name, report));
    }
}

/// The golden of `mistakes.lua` shows what each call says to wrong arguments.
#[test]
fn every_call_is_tried_with_wrong_arguments() {
    let golden = include_str!("../lua/api/mistakes.snap");
    for line in loadtool::lua::TYPES.lines().filter_map(|line| line.strip_prefix("function ")) {
        let (name, parameters) = line.split_once('(').expect("a function has parameters");
        let (full, (table, name)) = (name, name.split_once([':', '.']).expect("it is in a table"));
        let call = match table {
            "lt" => format!("lt.{name}"),
            "http" => format!("http.{name}"),
            "response" => format!("r:{name}"),
            "cookies" => format!("http.cookies:{name}"),
            _ if full.contains(':') => full.to_owned(),
            // All but those of texts have the same function and no parameter but the options.
            "fake" if !parameters.starts_with('n') => "lt.fake.name".into(),
            "fake" => "lt.fake.words".into(),
            table => format!("lt.{table}.{name}"),
        };
        let takes_none = parameters.starts_with(')');
        let takes_anything = ["lt.fail", "lt.abort"].contains(&call.as_str()) || table == "log";
        let tried = golden.contains(&format!("\n{call} "));
        assert!(tried || takes_none || takes_anything, "{call} is not in mistakes.lua");
    }
}

/// What a body that cannot be right is told, at line 3 of its script.
fn told(body: &str) -> String {
    let script = format!("local lt = require 'loadtool'\nreturn function()\n{body}\nend");
    let failure = Bench::text(&script).failure();
    assert_eq!((failure.category, failure.line), ("script", Some(3)), "{body}: {failure}");
    failure.message.trim_start_matches("script.lua:3: ").to_owned()
}

#[test]
fn mistakes_are_told_with_the_rule_and_what_to_do() {
    for (body, expected) in [
        ("lt.http.get()", "a request needs a URL, got nil"),
        ("lt.http.get('x')", "the URL `x` begins neither with / nor with http:// or https://"),
        (
            "lt.http.get('ftp://h/')",
            "the URL `ftp://h/` has the scheme ftp, but only http and https can be sent",
        ),
        ("lt.http.get('/{id}')", "has no value for {id}; give it as path = { id = … }"),
        ("lt.http.get('/', { path = { id = 1 } })", "path gives a value for `id`, but the URL"),
        ("lt.http.get('/', 7)", "a request needs a table of options, got 7"),
        ("lt.http.post('/', { jsn = {} })", "unknown option `jsn`; did you mean `json`?"),
        (
            "lt.http.post('/', { json = {}, form = {} })",
            "a request has one body, but both `form` and `json` are given",
        ),
        ("lt.http.post('/', { json = { 1, nil, 3 } })", "json: a list has a hole at its index 2"),
        (
            "lt.http.get('/', { timeout = 5000 })",
            "timeout = 5000 is more than 600 seconds; for milliseconds write \"5000ms\"",
        ),
        ("lt.http.get('/', { timeout = '5 parsecs' })", "timeout: `5 parsecs` is no duration"),
        ("lt.http.request('G E T', '/')", "\"G E T\" is no HTTP method"),
        (
            "local r = lt.http.get('/') return r.sttus",
            "unknown field of a response `sttus`; did you mean `status`?",
        ),
        (
            "local r = lt.http.get('/') r.json('$.a')",
            "a response is needed here, not \"$.a\": methods take a colon",
        ),
        ("local r = lt.http.get('/') r:json('$.[')", "unexpected `[` at column 3 of `$.[`"),
        ("local r = lt.http.get('/') r:regex('(')", "regex parse error"),
        ("local r = lt.http.get('/') r:regex('a', 2)", "has no group 2"),
        (
            "local r = lt.http.get('/') r:extract {}",
            "r:extract needs a table like { token = \"$.token\" }",
        ),
        ("local r = lt.http.get('/') r:extract { a = 1 }", "r:extract: `a` needs a JSONPath"),
        ("local r = lt.http.get('/') r:extract { a = { attr = 'x' } }", "`a` needs a JSONPath"),
        (
            "local r = lt.http.get('/') r:extract { a = { css = 'x', json = '$' } }",
            "`a` needs a JSONPath",
        ),
        (
            "local r = lt.http.get('/') r:extract { a = { css = 'x', atr = 'y' } }",
            "unknown key of an extractor `atr`; did you mean `attr`?",
        ),
        ("local r = lt.http.get('/') r:css()", "a CSS selector needs a string, got nil"),
        ("local r = lt.http.get('/') r:css 'a['", "`a[` is not a CSS selector"),
        (
            "local r = lt.http.get('/') r:css('a', 1)",
            "css needs the name of an attribute, or nothing for the text, got 1",
        ),
        ("local r = lt.http.get('/') r.css 'a'", "methods take a colon"),
        ("local r = lt.http.get('/') r:xpath '//a['", "`//a[` is not an XPath: "),
        ("lt.extract.xpath('<a/>', 'nope()')", "`nope()`: unknown function: nope"),
        ("lt.extract.xpath('<a/>', '//x:a', 'urn:x')", "the prefixes of an XPath needs a table"),
        ("lt.extract.css(nil, 'a')", "lt.extract.css needs a text to extract from, got nil"),
        ("lt.extract.jsn('', '$')", "unknown field of lt.extract `jsn`; did you mean `json`?"),
        ("lt.extract.form('<form>', 'form', '/x')", "the URL `/x`: relative URL without a base"),
        ("lt.extract.form('', 7)", "a CSS selector needs a string, got 7"),
        (
            "local r = lt.http.get('/') r:form('form', { buton = 'x' })",
            "unknown option of a form `buton`; did you mean `button`?",
        ),
        ("lt.http.submit()", "http.submit needs a form as r:form gives it: { action = …"),
        ("lt.http.submit { action = '/', fields = 1 }", "http.submit needs a form"),
        ("lt.http.submit { action = 1, fields = {} }", "the form's action needs a string, got 1"),
        (
            "lt.http.submit { action = '/', fields = { a = {{}} } }",
            "the form's fields.a needs a string, number or boolean, got a table",
        ),
        (
            "lt.http.submit { action = '/', method = 'dialog', fields = {} }",
            "a form's method is GET or POST, not `dialog`",
        ),
        (
            "lt.http.submit({ action = '/', fields = {} }, { json = {} })",
            "http.submit sends the form's fields, so `json` cannot be given",
        ),
        (
            "lt.http.submit({ action = '/', fields = {} }, { tiemout = 1 })",
            "unknown option `tiemout`; did you mean `timeout`?",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { stauts = 200 })",
            "unknown condition `stauts`; did you mean `status`?",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { status = '6xx' })",
            "status needs a status like 200 or a class like \"2xx\"",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { max_ms = '1' })",
            "max_ms needs a number, got \"1\"",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { json = '$.a' })",
            "json needs a table, got \"$.a\"",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { header = { a = {} } })",
            "header.a needs a string, true or lt.matches \"…\", got a table",
        ),
        ("lt.http.batch()", "http.batch needs a list of calls like { \"GET\", \"/\" }, got nil"),
        (
            "lt.http.batch {}",
            "http.batch needs a list of calls like { \"GET\", \"/\" }, but the list is empty",
        ),
        (
            "lt.http.batch { '/', 7 }",
            "http.batch, entry 2 needs a URL, { method, URL, options } or { method = …, url = …, … }, got 7",
        ),
        ("lt.http.batch { '/', { 'GET' } }", "http.batch, entry 2: a request needs a URL, got nil"),
        (
            "lt.http.batch { '/', { 'GET', '/', 7 } }",
            "http.batch, entry 2: a request needs a table of options, got 7",
        ),
        (
            "lt.http.batch { { url = '/', jsn = {} } }",
            "http.batch, entry 1: unknown option `jsn`; did you mean `json`?",
        ),
        (
            "lt.http.batch { { 'GET', '/', {}, name = 'x' } }",
            "http.batch, entry 1: options stand in a third place or beside the others, not both",
        ),
        (
            "lt.http.batch { { 'GET', '/', {}, 4 } }",
            "http.batch, entry 1: a call has method, URL and options, but also 4",
        ),
        ("lt.http.batch { 'GET', '/' }", "http.batch, entry 1: the URL `GET` begins neither"),
        (
            "lt.http.batch { a = '/' }",
            "http.batch needs a list of calls like { \"GET\", \"/\" }, but its table has the key \"a\"",
        ),
        ("lt.http.batch({ '/' }, 0)", "max_parallel needs a whole number from 1, got 0"),
        ("lt.http.batch({ '/' }, { max = 1 })", "unknown option of http.batch `max`"),
        (
            "local r = lt.http.get('/') lt.check(r, { schema = 7 })",
            "schema needs a JSON Schema or the name of its file, got 7",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { schema = { type = 'strin' } })",
            "schema is no JSON Schema: at $.type: \"strin\" is not",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { schema = { ['$ref'] = 'http://x.test/s' } })",
            "schema is no JSON Schema: ",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { schema = 'none.json' })",
            "schema: cannot read ",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { schema = 'script.lua' })",
            "schema script.lua is not JSON: expected value at line 1 column 1",
        ),
        (
            "local r = lt.http.get('/') lt.check(r, { shcema = {} })",
            "unknown condition `shcema`; did you mean `schema`?",
        ),
        ("lt.http.cookies.get('/', 'a')", "call http.cookies:get(…) with a colon"),
        (
            "lt.http.cookies:set('/', 'a', 'b', { pth = '/' })",
            "unknown attribute of a cookie `pth`; did you mean `path`?",
        ),
    ] {
        let told = told(body);
        assert!(told.contains(expected), "{body}\n  told: {told}\n  want: {expected}");
    }
}

#[test]
fn a_failed_expectation_is_illustrated_without_secrets() {
    let script = "local lt = require 'loadtool'\nreturn function()
        local r = lt.http.get('/status/503', { auth = { bearer = 'secret' }, query = { code = 1 } })
        pcall(lt.expect, r, { body_contains = 'x' })
        lt.expect(r, { status = 200 })
    end";
    let bench = Bench::text(script);
    let failure = bench.failure();
    assert_eq!(failure.category, "assertion");
    let exemplar = bench.exemplar("assertion");
    assert!(exemplar.starts_with("GET http://127.0.0.1:"), "{exemplar}");
    assert!(exemplar.contains("/status/503?code=***\nauthorization: ***\n"), "{exemplar}");
    assert!(exemplar.contains("\nHTTP/1.1 503\n"), "{exemplar}");
    assert!(exemplar.ends_with("{\"error\":\"as asked\",\"password\":\"***\"}"), "{exemplar}");
}

#[test]
fn setup_sends_requests_with_the_definitions_base_and_defaults() {
    let script = "local lt = require 'loadtool'\nreturn {
        http = { headers = { ['x-team'] = 'blue' } },
        scenarios = { s = { run = function() end } },
        setup = function() return lt.http.get('/echo'):json '$.headers' end,
    }";
    assert_eq!(Bench::text(script).setup(), r#"{"x-team":"blue"}"#);
}

#[test]
fn a_relative_url_needs_a_base() {
    let script = "local lt = require 'loadtool'\nreturn function() lt.http.get '/x' end";
    let failure = Bench::without_base(script).failure();
    assert_eq!(
        failure.message,
        "script.lua:2: the URL `/x` is relative, and there is no base URL: set base_url in the \
         definition, or pass --base-url URL"
    );
}

#[test]
fn a_request_at_top_level_raises() {
    let script = "local lt = require 'loadtool'\nlt.http.get '/x'\nreturn function() end";
    let fault = Bench::definition_fault(script);
    assert_eq!(fault.line, Some(2));
    assert!(fault.message.starts_with("nothing can wait at a script's top level"), "{fault}");
}
