//! Proxies of Debian: tinyproxy for HTTP, microsocks for SOCKS5, with nginx behind them.

use serde_json::Value as Json;

use crate::common::{Folder, Ran};
use crate::install::{Server, microsocks, nginx, tinyproxy};
use crate::tls::papers;

const SHOP: &str = "
    access_log FOLDER/access.log;
    server {
        listen 127.0.0.1:PORT OPTIONS;
        keepalive_requests 1000;
        location / { return 200 'hello'; }
    }";

const PAPERS: &str =
    "ssl http2; ssl_certificate FOLDER/cert.pem; ssl_certificate_key FOLDER/key.pem";

fn shop(options: &str) -> Option<Server> {
    let papers = papers("localhost");
    let files = [("cert.pem", papers.cert.as_bytes()), ("key.pem", papers.key.as_bytes())];
    nginx(&SHOP.replace("OPTIONS", options), &files)
}

/// Two users with five requests each, through this proxy.
fn run(scheme: &str, shop: &Server, proxy: &str) -> (Ran, Json) {
    run_with(scheme, shop, proxy, "")
}

/// The same, of a scenario with these fields too.
fn run_with(scheme: &str, shop: &Server, proxy: &str, fields: &str) -> (Ran, Json) {
    let folder = Folder::new(&format!(
        "local lt = require 'loadtool'
         local function go() lt.expect(lt.http.get '/', {{ status = 200, proto = lt.env.PROTO }}) end
         return {{
           base_url = '{scheme}://localhost:{}', http = {{ proxy = '{proxy}', tls = {{ insecure = true }} }},
           scenarios = {{ a = {{ run = go, {fields} load = {{ vus = 2, iterations_per_vu = 5 }} }} }} }}",
        shop.port
    ));
    let proto = if scheme == "https" { "PROTO=2" } else { "PROTO=1.1" };
    let (ran, summary) =
        folder.summary(&["--env", proto, "--resolve", "localhost=127.0.0.1", "-vv"]);
    for text in [&ran.out, &ran.err, &summary.to_string()] {
        assert!(!text.contains("s3cret"), "a password is shown nowhere:\n{text}");
    }
    (ran, summary)
}

/// What failed, all ten times.
fn error(summary: &Json) -> (&str, &str) {
    let errors = summary["errors"].as_array().expect("a list");
    let error = errors.iter().find(|error| error["category"] != "assertion").expect("there is one");
    assert_eq!(error["count"], 10, "{errors:#?}");
    (error["category"].as_str().expect("a text"), error["message"].as_str().expect("a text"))
}

/// Lines of a proxy's log that have this in them, once there are so many lines.
fn told(proxy: &Server, lines: usize, part: &str) -> usize {
    let log = proxy.log("error.log", lines);
    log.iter().filter(|words| words.join(" ").contains(part)).count()
}

#[test]
fn plain_requests_are_passed_on_and_tls_goes_through_a_tunnel() {
    let Some(proxy) = tinyproxy("BasicAuth ada s3cret") else { return };
    let url = format!("http://ada:s3cret@127.0.0.1:{}", proxy.port);
    let Some(plain) = shop("") else { return };
    // tinyproxy closes a connection after each request without saying so.
    run_with("http", &plain, &url, "connections = 'fresh',").0.exits(0);
    assert_eq!(plain.log("access.log", 10).len(), 10);
    assert_eq!(told(&proxy, 10, "GET http://localhost:"), 10);

    let Some(secure) = shop(PAPERS) else { return };
    let (ran, summary) = run("https", &secure, &url);
    ran.exits(0);
    assert_eq!(secure.log("access.log", 10).len(), 10);
    assert_eq!(told(&proxy, 12, "CONNECT localhost:"), 2, "a tunnel for each user");
    assert_eq!(summary["connections"]["opened"], 2);
}

#[test]
fn an_http_proxy_that_refuses_is_named() {
    let Some(proxy) = tinyproxy("BasicAuth ada s3cret") else { return };
    let (Some(plain), Some(secure)) = (shop(""), shop(PAPERS)) else { return };
    let unknown = format!("http://eve:s3cret@127.0.0.1:{}", proxy.port);
    let (ran, summary) = run("https", &secure, &unknown);
    ran.exits(3);
    let (category, message) = error(&summary);
    assert_eq!(category, "connect", "{message}");
    let named = format!(
        "cannot connect to localhost:{} through the proxy 127.0.0.1:{}: ",
        secure.port, proxy.port
    );
    assert!(message.contains(&named), "{message}");
    // To a plain request it answers by itself, as a server would.
    let (ran, summary) = run("http", &plain, &unknown);
    ran.exits(3);
    assert_eq!(error(&summary).0, "client_error");
    assert_eq!(summary["requests"][0]["statuses"].as_object().map(|all| all.len()), Some(1));
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (Some(plain), Some(secure)) = (shop(""), shop(PAPERS)) else { return };
    for (scheme, shop) in [("http", &plain), ("https", &secure)] {
        for proxy in ["http", "socks5", "socks5h"] {
            let (ran, summary) = run(scheme, shop, &format!("{proxy}://ada:s3cret@127.0.0.1:1"));
            ran.exits(3);
            let (category, message) = error(&summary);
            assert_eq!(category, "connect", "{message}");
            assert!(message.contains("through the proxy 127.0.0.1:1: "), "{message}");
        }
    }
}

#[test]
fn socks5_resolves_here_and_socks5h_there() {
    let Some(proxy) = microsocks(&["-u", "ada", "-P", "s3cret"]) else { return };
    let mut lines = 0;
    for (scheme, options) in [("http", ""), ("https", PAPERS)] {
        let Some(shop) = shop(options) else { return };
        for (proxied, name) in [("socks5", "127.0.0.1"), ("socks5h", "localhost")] {
            let url = format!("{proxied}://ada:s3cret@127.0.0.1:{}", proxy.port);
            run(scheme, &shop, &url).0.exits(0);
            lines += 2;
            let part = format!("connected to {name}:{}", shop.port);
            assert_eq!(told(&proxy, lines, &part), 2, "a connection for each user: {url}");
        }
        assert_eq!(shop.log("access.log", 20).len(), 20);
    }
}

#[test]
fn a_socks_proxy_that_refuses_is_named() {
    let Some(proxy) = microsocks(&["-u", "ada", "-P", "s3cret"]) else { return };
    let Some(shop) = shop("") else { return };
    let unknown = format!("socks5://eve:s3cret@127.0.0.1:{}", proxy.port);
    let (ran, summary) = run("http", &shop, &unknown);
    ran.exits(3);
    let (category, message) = error(&summary);
    assert_eq!(category, "connect", "{message}");
    let named = format!("through the proxy 127.0.0.1:{}: ", proxy.port);
    assert!(message.contains(&named), "{message}");
}

#[test]
fn the_environment_diverts_nothing() {
    let Some(shop) = shop("") else { return };
    let folder = Folder::of("lt.expect(lt.http.get '/', { status = 200 })");
    let mut tool = folder.tool();
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        tool.env(name, "http://127.0.0.1:1");
    }
    let output = tool.args(["run", "script.lua", "--base-url", &shop.url()]).output();
    assert!(output.expect("it can be run").status.success());
}
