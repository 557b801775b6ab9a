//! The live dashboard, as a browser asks for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::common::server::{answer, answering};
use crate::common::{Folder, Running};

const SCRIPT: &str = "lt.step('look', function()
    local r = lt.http.get '/<b>'
    lt.check(r, { status = 200 })
    lt.sleep(0.05)
end)";

/// A run with a dashboard: its address and its token.
fn start(folder: &Folder, url: &str, arguments: &[&str]) -> (Running, String, String) {
    let dashboard = ["--dashboard=127.0.0.1:0", "--base-url", url, "--threads", "1"];
    let running = folder.start(&[&dashboard[..], arguments].concat());
    running.wait_for_stderr("dashboard: http://");
    running.wait_for_stderr("\n");
    let told = running.stderr();
    let (_, address) = told.split_once("dashboard: http://").expect("it was told");
    let address = address.lines().next().expect("a line");
    let (host, token) = address.split_once("/#").expect("a token is behind it");
    (running, host.to_owned(), token.to_owned())
}

/// Sends a request; its status, and what follows the head.
fn ask(
    host: &str,
    method: &str,
    path: &str,
    heads: &str,
    body: &str,
) -> (u16, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\n{heads}Content-Length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).expect("a head");
    }
    (status, reader)
}

fn messages(reader: BufReader<TcpStream>) -> impl Iterator<Item = Json> {
    let lines = reader.lines().map_while(Result::ok);
    lines.filter_map(|line| Some(serde_json::from_str(line.strip_prefix("data: ")?).expect("JSON")))
}

#[test]
fn a_viewer_sees_the_run_from_its_beginning_to_its_verdict_and_steers_it() {
    let folder = Folder::of(SCRIPT);
    let url = answering(|_| answer("200 OK", "well"));
    let load = ["--vus", "4", "--duration", "60s"];
    let (running, host, token) = start(&folder, &url, &load);
    let local = format!("Host: {host}\r\n");
    for (path, kind) in
        [("/", "<title>loadtool</title>"), ("/page.js", "use strict"), ("/uplot.js", "uPlot")]
    {
        let (status, mut body) =
            ask(&host, "GET", path, &(local.clone() + "Connection: close\r\n"), "");
        let mut text = String::new();
        body.read_to_string(&mut text).expect("text");
        assert!(status == 200 && text.contains(kind), "{path}: {status}");
    }
    let (status, stream) = ask(&host, "GET", "/events", &local, "");
    assert_eq!(status, 200);
    let mut seen = messages(stream);
    let hello = seen.next().expect("a first message");
    assert_eq!((&hello["kind"], &hello["name"]), (&json!("hello"), &json!("script.lua")));
    assert_eq!(seen.next().expect("what was")["kind"], "past");
    let second = seen.find(|one| one["kind"] == "second" && one["point"]["calls"] != json!(0));
    let second = second.expect("a second with calls");
    assert_eq!(second["tables"]["steps"][0]["step"], "look");
    assert_eq!(second["tables"]["calls"][0]["name"], "/<b>");
    assert_eq!(second["point"]["vus"], 4);

    let mine = format!("{local}Authorization: Bearer {token}\r\n");
    let steer = |heads: &str, body: Json| ask(&host, "POST", "/steer", heads, &body.to_string()).0;
    assert_eq!(steer(&local, json!({ "do": "stop" })), 401);
    assert_eq!(
        steer(&format!("{mine}Origin: http://evil.example\r\n"), json!({ "do": "stop" })),
        403
    );
    assert_eq!(steer(&mine.replace(&host, "evil.example"), json!({ "do": "stop" })), 403);
    assert_eq!(steer(&mine, json!({ "do": "jump" })), 422);
    assert_eq!(steer(&mine, json!({ "do": "scale", "scenario": "default", "users": 99 })), 422);
    assert_eq!(steer(&mine, json!({ "do": "scale", "scenario": "default", "users": 1 })), 204);
    let scaled = |one: &Json| one["point"]["vus"] == json!(1);
    assert!(seen.any(|one| scaled(&one)), "one user is left");
    assert_eq!(steer(&mine, json!({ "do": "stop" })), 204);
    let end = seen.find(|one| one["kind"] == "end").expect("the end is told");
    assert!(end["thresholds"].as_array().is_some_and(|all| !all.is_empty()), "{end}");
    running.end().exits(5);
}

#[test]
fn a_port_in_use_is_told_before_anything_is_sent() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let flag = format!("--dashboard={address}");
    let ran =
        Folder::of("lt.http.get '/'").run(&[&flag, "--base-url", "http://127.0.0.1:9"]).exits(2);
    assert!(ran.err.contains("Address already in use"), "{}", ran.err);
    assert!(ran.err.contains("hint: another port"), "{}", ran.err);
}
