//! HTTP/2 with nginx, which says of each request what it was spoken in.

use serde_json::Value as Json;

use crate::common::{Folder, Ran};
use crate::install::{Server, nginx};
use crate::tls::papers;

const SECURE: &str = "
    log_format spoken '$server_protocol $connection $http2';
    access_log FOLDER/access.log spoken;
    server {
        listen 127.0.0.1:PORT ssl OPTIONS;
        ssl_certificate FOLDER/cert.pem;
        ssl_certificate_key FOLDER/key.pem;
        keepalive_requests 1000;
        location / { return 200 'hello'; }
    }";

const PLAIN: &str = "
    log_format spoken '$server_protocol $connection $http2';
    access_log FOLDER/access.log spoken;
    server {
        listen 127.0.0.1:PORT http2;
        keepalive_requests 1000;
        location / { return 200 'hello'; }
        location /gone { return 444; }
    }";

fn secure(options: &str) -> Option<Server> {
    let papers = papers("localhost");
    nginx(
        &SECURE.replace("OPTIONS", options),
        &[
            ("ca.pem", papers.ca.as_bytes()),
            ("cert.pem", papers.cert.as_bytes()),
            ("key.pem", papers.key.as_bytes()),
        ],
    )
}

/// A run of four users with five iterations each.
fn run(server: &Server, scheme: &str, body: &str, more: &str, flags: &[&str]) -> (Ran, Json) {
    let folder = Folder::new(&format!(
        "local lt = require 'loadtool'\nlocal function go() {body} end\n\
         return {{ base_url = '{scheme}://localhost:{}', \
         scenarios = {{ a = {{ run = go, {more} load = {{ vus = 4, iterations_per_vu = 5 }} }} }} }}",
        server.port
    ));
    let ca = server.folder.path().join("ca.pem").display().to_string();
    let trusted = if scheme == "https" { &["--cacert", &*ca][..] } else { &[] };
    folder.summary(&[&["--resolve", "localhost=127.0.0.1"], trusted, flags].concat())
}

/// Connections and requests by the version that nginx logged.
fn spoken(server: &Server, requests: usize) -> (usize, String) {
    let log = server.log("access.log", requests);
    assert_eq!(log.len(), requests);
    let mut connections: Vec<&str> = log.iter().map(|words| words[1].as_str()).collect();
    connections.sort_unstable();
    connections.dedup();
    let mut versions: Vec<&str> = log.iter().map(|words| words[0].as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    (connections.len(), versions.join(" "))
}

const GET: &str = "lt.expect(lt.http.get '/', { status = 200, proto = lt.env.PROTO })";

#[test]
fn the_version_is_agreed_on_and_each_user_has_a_connection() {
    for (options, flags, proto) in [
        ("http2", &["--env", "PROTO=2"][..], "2"),
        ("http2", &["--env", "PROTO=1.1", "--http-version", "1.1"], "1.1"),
        ("http2", &["--env", "PROTO=2", "--http-version", "2"], "2"),
        ("", &["--env", "PROTO=1.1"], "1.1"),
    ] {
        let Some(server) = secure(options) else { return };
        let (ran, summary) = run(&server, "https", GET, "", flags);
        ran.exits(0);
        let expected = if proto == "2" { "HTTP/2.0" } else { "HTTP/1.1" };
        assert_eq!(spoken(&server, 20), (4, expected.to_owned()), "{options} {flags:?}");
        let connections = &summary["connections"];
        assert_eq!((&connections["opened"], &connections["reused"]), (&4.into(), &16.into()));
    }
}

#[test]
fn version_2_insists() {
    let Some(server) = secure("") else { return };
    let (ran, summary) = run(&server, "https", "lt.http.get '/'", "", &["--http-version", "2"]);
    ran.exits(3);
    assert_eq!(summary["errors"][0]["category"], "tls", "{:#}", summary["errors"]);
}

#[test]
fn prior_knowledge_needs_no_tls() {
    let Some(server) = nginx(PLAIN, &[]) else { return };
    let flags = ["--env", "PROTO=2", "--http-version", "h2c"];
    run(&server, "http", GET, "", &flags).0.exits(0);
    assert_eq!(spoken(&server, 20), (4, "HTTP/2.0".to_owned()));
    let line = &server.log("access.log", 20)[0];
    assert_eq!(line[2], "h2c");
}

#[test]
fn users_that_share_have_one_connection_per_worker() {
    let Some(server) = nginx(PLAIN, &[]) else { return };
    let flags = ["--env", "PROTO=2", "--threads", "1"];
    let more = "connections = 'shared', http = { version = 'h2c' },";
    let (ran, summary) = run(&server, "http", GET, more, &flags);
    ran.exits(0);
    assert_eq!(spoken(&server, 20), (1, "HTTP/2.0".to_owned()));
    let connections = &summary["connections"];
    assert_eq!((&connections["opened"], &connections["reused"]), (&1.into(), &19.into()));
}

#[test]
fn connections_that_nginx_retires_cost_no_request() {
    let directives = PLAIN.replace("keepalive_requests 1000", "keepalive_requests 2");
    let Some(server) = nginx(&directives, &[]) else { return };
    let flags = ["--env", "PROTO=2", "--http-version", "h2c"];
    let (ran, summary) = run(&server, "http", GET, "", &flags);
    ran.exits(0);
    let (connections, _) = spoken(&server, 20);
    assert!(connections > 4, "a connection takes two or three requests: {connections}");
    assert_eq!(summary["connections"]["opened"], connections);
}

#[test]
fn what_nginx_ends_is_reset() {
    let Some(server) = nginx(PLAIN, &[]) else { return };
    let (ran, summary) =
        run(&server, "http", "lt.http.get '/gone'", "", &["--http-version", "h2c"]);
    ran.exits(3);
    let errors = summary["errors"].as_array().expect("a list");
    let told: Vec<_> = errors.iter().map(|e| (&e["category"], &e["count"])).collect();
    assert_eq!(told, [(&"reset".into(), &20.into())], "{errors:#?}");
    assert_eq!(server.log("access.log", 20).len(), 20, "nothing is sent twice");
}
