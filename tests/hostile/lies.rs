//! Servers that cannot be reached, and those that answer what was not asked.

use std::net::TcpListener;

use crate::common::Folder;
use crate::common::server::{answer, server, target};
use crate::{Wrong, meet};

/// Categories of a run's errors with their counts, of one call by two users, ten times in all.
fn errors(url: &str, options: &str) -> Vec<(String, u64)> {
    let folder = Folder::of(&format!("lt.http.get('{url}', {{ timeout = '200ms', {options} }})"));
    let (ran, summary) = folder.summary(&["--vus", "2", "--iterations", "10"]);
    ran.exits(3);
    let errors = summary["errors"].as_array().expect("a list").clone();
    let told = |error: serde_json::Value| {
        let category = error["category"].as_str().expect("a word").to_owned();
        (category, error["count"].as_u64().expect("a count"))
    };
    errors.into_iter().map(told).collect()
}

#[test]
fn what_cannot_be_reached_is_told_by_how_far_it_came() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = closed.local_addr().expect("it is bound");
    drop(closed);
    let plain = server(|mut peer| peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"));
    let silent = server(|mut peer| peer.hang());
    for (url, category) in [
        (format!("http://{address}/"), "connect"),
        ("http://no-such-name.invalid/".to_owned(), "dns"),
        (plain.replace("http:", "https:"), "tls"),
        (silent.replace("http:", "https:"), "timeout"),
    ] {
        assert_eq!(errors(&url, ""), [(category.to_owned(), 10)], "{url}");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_not_taken_for_the_next() {
    // The second answer lies in the connection before the second request is made.
    let url = server(|mut peer| {
        loop {
            let request = peer.request()?;
            let right = answer("200 OK", target(&request));
            peer.send([right, answer("200 OK", "smuggled")].concat())?;
        }
    });
    let folder = Folder::of(
        "for i = 1, 5 do
           local path = '/' .. i
           local r = lt.http.get(path, { name = '/n' })
           lt.sleep(0.02)
           lt.check(r, { ['is mine'] = not r.error and r.body == path or r.error ~= nil,
                         ['is not smuggled'] = r.body ~= 'smuggled' })
         end",
    );
    let (_, summary) = folder.summary(&["--base-url", &url, "--iterations", "4"]);
    for check in summary["checks"].as_array().expect("a list") {
        assert_eq!((&check["passed"], &check["failed"]), (&20.into(), &0.into()), "{check}");
    }
}

#[test]
fn bytes_after_the_answer_of_a_head_or_a_204_are_no_body() {
    for status in ["204 No Content", "304 Not Modified"] {
        // Not by `answer`: these have no length.
        let serve = match status {
            "204 No Content" => |peer: &mut crate::common::server::Peer| {
                peer.send("HTTP/1.1 204 No Content\r\n\r\nsurprise")
            },
            _ => |peer: &mut crate::common::server::Peer| {
                peer.send("HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\nsurprise")
            },
        };
        meet(&Wrong { name: status, category: None, message: "", options: "", serve });
    }
}

#[test]
fn a_server_that_closes_in_the_middle_of_a_batch_fails_its_calls_alone() {
    let url = server(|mut peer| {
        loop {
            let request = peer.request()?;
            let path = target(&request);
            if path.starts_with("/close") {
                return Ok(());
            }
            peer.send(answer("200 OK", path))?;
        }
    });
    let folder = Folder::of(
        "local calls = {}
         for n = 1, 30 do calls[n] = (n % 3 == 0 and '/close/' or '/keep/') .. n end
         for n, r in ipairs(lt.http.batch(calls)) do
           lt.check(r, { ['as it should be'] = n % 3 == 0 and r.error.category == 'reset' and r.status == 0
                         or r.body == '/keep/' .. n })
         end",
    );
    let (_, summary) = folder.summary(&["--base-url", &url, "--iterations", "3"]);
    let check = &summary["checks"][0];
    assert_eq!((&check["passed"], &check["failed"]), (&90.into(), &0.into()), "{check}");
    let error = &summary["errors"][0];
    assert_eq!((&error["category"], &error["count"]), (&"reset".into(), &30.into()), "{error}");
}

#[test]
fn whatever_retry_after_says_the_call_ends_within_its_time() {
    let long = "9".repeat(4000);
    let values = [
        "-1",
        "1e9",
        "99999999999999999999",
        "soon",
        "",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 9999 08:49:37 GMT",
        "0, 0",
        "\u{ff}",
        &long,
    ];
    for value in values {
        let busy = answer(&format!("503 Service Unavailable\nretry-after: {value}"), "");
        let url = server(move |mut peer| {
            loop {
                peer.request()?;
                peer.send(&busy)?;
            }
        });
        let folder = Folder::of(
            "local r = lt.http.get('/', { timeout = 5, retry = { times = 2, on = 503, backoff = '1ms' } })
             lt.check(r, { status = 503, ['in time'] = r.ms < 5000 })",
        );
        let (_, summary) = folder.summary(&["--base-url", &url, "--iterations", "1"]);
        for check in summary["checks"].as_array().expect("a list") {
            assert_eq!(check["failed"], 0, "{value:?}: {check}");
        }
    }
}
