//! What a server wrote, in everything that a run leaves behind: each format takes it for a text.

use std::fs;
use std::net::UdpSocket;
use std::sync::mpsc;

use crate::common::Folder;
use crate::common::server::{answer, taking};

/// What a page, a terminal, a spreadsheet, XML and each of the line formats would act upon.
const NASTY: &str = "=cmd|' /C calc'!A0\x1b]0;owned\x07<script>alert(1)</script>]]>&\"'\u{0}\n\
                     evil 1\r\n# EOF,a=b c=1i 2|c|#x:y{le=\"1\"}\\";

#[test]
fn every_format_takes_what_a_server_wrote_for_a_text() {
    let (tell, told) = mpsc::channel();
    let url = taking(move |head, body| {
        let kept = head.starts_with("POST /write");
        if kept {
            let _ = tell.send(String::from_utf8(body.to_owned()).expect("lines are text"));
        }
        answer(if kept { "204 No Content" } else { "500 Bad" }, if kept { "" } else { NASTY })
    });
    let statsd = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let statsd_at = format!("statsd={}", statsd.local_addr().expect("it is bound"));
    let influx = format!("influx={url}/x");
    let folder = Folder::of(
        "local r = lt.http.get '/'
         lt.check(r, { [r.body] = false })
         lt.step(r.body, function() lt.http.get('/', { name = r.body, tags = { t = r.body } }) end)
         lt.fail(r.body)",
    );
    let mut arguments = vec!["--base-url", &url, "--iterations", "3", "--html", "page.html"];
    for out in ["junit=x.xml", "csv=t/", "samples=s", "json=j", &statsd_at, &influx] {
        arguments.extend(["--out", out]);
    }
    let ran = folder.run(&arguments).exits(3);
    let read = |name: &str| fs::read_to_string(folder.path(name)).expect(name);

    assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{ran:?}");
    let page = read("page.html");
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"), "escaped");
    let junit = read("x.xml");
    let junit = roxmltree::Document::parse(&junit).unwrap_or_else(|e| panic!("{e}: {junit}"));
    assert!(
        junit.descendants().any(|n| n.attribute("name").is_some_and(|n| n.contains("alert(1)")))
    );
    for table in ["t/calls.csv", "t/steps.csv", "s.0", "s.1"] {
        let Ok(mut rows) = csv::Reader::from_path(folder.path(table)) else { continue };
        for row in rows.records() {
            let row = row.unwrap_or_else(|error| panic!("{table}: {error}"));
            let acts = |cell: &&str| cell.starts_with(['=', '+', '@', '\t', '\r']);
            assert_eq!(row.iter().find(acts), None, "{table}");
        }
    }
    for line in read("j").lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
    }
    for line in told.try_iter().flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
    {
        // Measurement and tags, fields, time: three parts, where no backslash is before a blank.
        let parts = line.replace("\\ ", "_").split(' ').count();
        assert_eq!(parts, 3, "{line:?}");
    }
    statsd.set_nonblocking(true).expect("it can be");
    let mut packet = [0; 2048];
    while let Ok(length) = statsd.recv(&mut packet) {
        for line in std::str::from_utf8(&packet[..length]).expect("text").lines() {
            assert!(line.starts_with("loadtool."), "{line:?}");
            assert!([1, 2].contains(&line.matches('|').count()), "{line:?}");
        }
    }
}
