//! httpbin: what it says it was sent, and what it answers.

use crate::common::Folder;
use crate::install::httpbin;

/// Runs a script in which every check must hold; it may use `http`, `check` and `URL`.
fn all_hold(body: &str) {
    let Some(server) = httpbin() else { return };
    let script = format!(
        "local lt = require 'loadtool'\nlocal http, check, URL = lt.http, lt.check, '{}'\n\
         return {{ base_url = URL, thresholds = {{ checks = 'rate == 100%' }}, scenarios = {{ a = {{\n\
         run = function()\n{body}\nend, load = {{ vus = 2, iterations = 4 }} }} }} }}",
        server.url()
    );
    let (ran, summary) = Folder::new(&script).summary(&[]);
    let held = summary["checks"].as_array().is_some_and(|checks| !checks.is_empty());
    assert!(ran.status.code() == Some(0) && held, "{}\n{}", ran.out, ran.err);
}

#[test]
fn methods_queries_headers_and_bodies_arrive_as_they_were_meant() {
    all_hold(
        r#"
        for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE" } do
          local r = http.request(method, "/anything/{id}", { path = { id = "a b/ä" }, query = { q = "ü & =", n = 10 / 2, l = { 1, 2 } } })
          check(r, { status = 200, json = {
            ["$.method"] = method, ["$.args.q"] = "ü & =", ["$.args.n"] = "5", ["$.args.l[1]"] = "2",
            ["$.url"] = lt.any, ["$.headers.Host"] = URL:sub(8) } })
        end
        check(http.head "/get", { status = 200, size = { max = 0 }, header = { ["content-type"] = "application/json" } })
        check(http.options "/get", { status = 200, header = { allow = lt.matches "OPTIONS" } })
        check(http.post("/post", { json = { a = { 1, 2 }, b = "ä", c = lt.json.null, d = {}, e = lt.json.array {} } }), { json = {
          ["$.headers['Content-Type']"] = "application/json", ["$.json.a[1]"] = 2, ["$.json.b"] = "ä",
          ["$.data"] = function(d) return d:find('"d":{}', 1, true) and d:find('"e":[]', 1, true) and true end } })
        check(http.post("/post", { form = { name = "Ann & Bob", x = "ä=1" } }), { json = {
          ["$.form.name"] = "Ann & Bob", ["$.form.x"] = "ä=1",
          ["$.headers['Content-Type']"] = "application/x-www-form-urlencoded" } })
        check(http.put("/put", { body = "raw\0bytes", headers = { ["content-type"] = "text/plain" } }), { json = {
          ["$.data"] = "raw\0bytes", ["$.headers['Content-Length']"] = "9" } })
        check(http.get("/headers", { headers = { ["X-One"] = "1", ["x-two"] = { "a", "b" } } }), { json = {
          ["$.headers['X-One']"] = "1", ["$.headers['X-Two']"] = "a,b" } })
        "#,
    );
}

#[test]
fn basic_and_bearer_authentication_are_accepted_and_refused() {
    all_hold(
        r#"
        check(http.get("/basic-auth/ann/se:cret", { auth = { basic = { "ann", "se:cret" } } }), { status = 200, json = { ["$.user"] = "ann" } })
        check(http.get("/basic-auth/ann/secret", { auth = { basic = { "ann", "wrong" } } }), { status = 401 })
        check(http.get("/bearer", { auth = { bearer = "t0ken" } }), { status = 200, json = { ["$.token"] = "t0ken" } })
        check(http.get "/bearer", { status = 401 })
        "#,
    );
}

#[test]
fn cookies_are_set_kept_and_deleted_over_redirects() {
    all_hold(
        r#"
        http.cookies:clear()
        check(http.get "/cookies", { body_contains = '"cookies": {}' })
        local set = http.get("/cookies/set", { query = { session = "s1", theme = "dark" } })
        check(set, { status = 200, json = { ["$.cookies.session"] = "s1", ["$.cookies.theme"] = "dark" }, ["by one redirect"] = set.hops == 1 })
        check(http.get "/cookies", { json = { ["$.cookies.session"] = "s1" } })
        check(http.get("/cookies/delete", { query = { session = "" } }), { ["deleted"] = true })
        local after = http.get "/cookies"
        check(after, { json = { ["$.cookies.theme"] = "dark" }, ["session is gone"] = after:json "$.cookies.session" == nil })
        http.cookies:set("/", "mine", "1")
        check(http.get "/cookies", { json = { ["$.cookies.mine"] = "1" } })
        http.cookies:clear()
        check(http.get "/cookies", { body_contains = '"cookies": {}' })
        "#,
    );
}

#[test]
fn redirect_chains_are_followed_as_far_as_they_may() {
    all_hold(
        r#"
        for _, kind in ipairs { "relative", "absolute" } do
          local r = http.get("/" .. kind .. "-redirect/5", { name = "/r" })
          check(r, { status = 200, ["five hops"] = r.hops == 5, ["ends at /get"] = r.url == URL .. "/get" })
        end
        local short = http.get("/redirect/3", { redirects = 2, name = "/r3" })
        check(short, { ["too many"] = short.error ~= nil and short.error.category == "redirect" })
        local none = http.get("/redirect/3", { redirects = 0, name = "/r0" })
        check(none, { status = 302, header = { location = true } })
        for _, code in ipairs { 301, 302, 303, 307, 308 } do
          local to = { url = URL .. "/anything", status_code = code }
          local r = http.post("/redirect-to", { query = to, json = { a = 1 }, name = "/to" })
          local method = code < 307 and "GET" or "POST"
          check(r, { json = { ["$.method"] = method }, ["body is kept or not"] = (r:json "$.json.a" == 1) == (code >= 307) })
        end
        "#,
    );
}

#[test]
fn packed_bodies_are_unpacked_and_plain_ones_left() {
    all_hold(
        r#"
        check(http.get "/gzip", { json = { ["$.gzipped"] = true } })
        check(http.get "/deflate", { json = { ["$.deflated"] = true } })
        check(http.get "/brotli", { json = { ["$.brotli"] = true } })
        check(http.get("/get", { compression = false }), { ["nothing is accepted"] = true })
        check(http.get "/encoding/utf8", { body_contains = "∮ E⋅da = Q" })
        check(http.get "/xml", { header = { ["content-type"] = "application/xml" } })
        local bytes = http.get "/bytes/5000"
        check(bytes, { size = { min = 5000, max = 5000 }, ["body"] = #bytes.body == 5000 })
        local stream = http.get "/stream-bytes/70000"
        check(stream, { ["all chunks"] = #stream.body == 70000 })
        local cut = http.get("/bytes/5000", { body_limit = 1000 })
        check(cut, { ["is cut off"] = cut.error.category == "body_too_large" and #cut.body == 1000 })
        local thrown = http.get("/bytes/5000", { discard_body = true })
        check(thrown, { ["is counted"] = thrown.size == 5000 and thrown.body == "" })
        "#,
    );
}

#[test]
fn statuses_and_delays_come_to_what_they_should() {
    all_hold(
        r#"
        for _, status in ipairs { 200, 201, 204, 304, 400, 404, 418, 500, 503 } do
          local r = http.get("/status/" .. status, { name = "/status" })
          check(r, { status = status, ["ok below 400"] = r.ok == (status < 400) })
        end
        check(http.get("/status/404", { expect_status = 404 }), { ["as expected"] = true, status = "4xx" })
        local slow = http.get("/delay/1", { timeout = "3s" })
        check(slow, { status = 200, ["took a second"] = slow.ms >= 1000 and slow.timings.wait >= 900 })
        local late = http.get("/delay/3", { timeout = "200ms" })
        check(late, { ["timed out"] = late.status == 0 and late.error.category == "timeout" and late.ms >= 200 })
        check(http.get "/uuid", { json = { ["$.uuid"] = function(u) return #u == 36 end } })
        check(http.get "/html", { body_matches = "<h1>Herman Melville.*</h1>" })
        check(http.get("/response-headers", { query = { ["x-a"] = "1" } }), { header = { ["X-A"] = "1" } })
        "#,
    );
}

#[test]
fn connections_are_kept() {
    let Some(server) = httpbin() else { return };
    let folder = Folder::of("lt.check(lt.http.get '/get', { status = 200 })");
    let arguments = ["--base-url", &server.url(), "--vus", "3", "--iterations", "60"];
    let (ran, summary) = folder.summary(&arguments);
    ran.exits(0);
    let number = |name: &str| summary["connections"][name].as_u64().expect("a number");
    // gunicorn ends some of them in between.
    assert_eq!(number("opened") + number("reused"), 60);
    assert!((3..15).contains(&number("opened")), "{}", summary["connections"]);
}

#[test]
fn forms_in_parts_arrive_with_their_files() {
    let Some(server) = httpbin() else { return };
    let folder = Folder::new(&format!(
        r#"
        local lt = require "loadtool"
        local http, check = lt.http, lt.check
        local function run()
          local parts = {{
            {{ name = "who", value = "Ann & Bob" }},
            {{ name = "n", value = 10 / 2 }},
            {{ name = "photo", file = "data/photo.txt", content_type = "text/plain" }},
            {{ name = "again", file = "data/photo.txt", filename = 'a "b".txt' }},
            {{ name = "made", value = "in memory", filename = "m.txt" }},
          }}
          for _, r in ipairs(http.batch {{
            {{ "POST", "/post", {{ multipart = parts }} }},
            {{ "PUT", "/put", {{ multipart = parts }} }},
            {{ "POST", "/redirect-to", {{ multipart = parts, query = {{ url = "/post", status_code = 307 }} }} }},
          }}) do
            check(r, {{ status = 200, json = {{
              ["$.form.who"] = "Ann & Bob", ["$.form.n"] = "5", ["$.files.photo"] = "a small photo",
              ["$.files.again"] = "a small photo", ["$.files.made"] = "in memory",
              ["$.headers['Content-Length']"] = lt.any,
              ["$.headers['Content-Type']"] = function(t) return t:find("multipart/form-data; boundary=", 1, true) == 1 end,
            }} }})
          end
        end
        return {{ base_url = "{}", thresholds = {{ checks = "rate == 100%" }},
          scenarios = {{ a = {{ run = run, load = {{ vus = 2, iterations = 4 }} }} }} }}
        "#,
        server.url()
    ))
    .file("data/photo.txt", "a small photo");
    let (ran, summary) = folder.summary(&[]);
    let held = summary["checks"].as_array().is_some_and(|checks| !checks.is_empty());
    assert!(ran.status.code() == Some(0) && held, "{}\n{}", ran.out, ran.err);
}
