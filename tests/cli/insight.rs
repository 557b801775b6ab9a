//! What a run says of itself: what was unusual in its course, and what sets its tail apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::Folder;
use crate::common::server::{answer, answering, target};

/// Each of four users takes rows in turn; one row of 50 costs the database a while.
#[test]
fn the_row_and_the_part_that_make_a_call_slow_are_named() {
    let url = answering(|request| {
        if target(request) != "/users/17" {
            return answer("200 OK\nserver-timing: db;dur=0.1, app;dur=0.1", "found");
        }
        sleep(Duration::from_millis(150));
        answer("200 OK\nserver-timing: db;dur=150, app;dur=0.1", "found")
    });
    let rows: String = (1..=50).map(|row| format!("{row}\n")).collect();
    let folder = Folder::new(
        "local lt = require 'loadtool'
        local users = lt.data.csv 'users.csv'
        return {
           scenarios = { find = {
              load = { vus = 4, iterations = 2000 },
              run = function()
                 local user = users:next()
                 lt.step('look up', function()
                    lt.http.get('/users/{id}', { path = { id = user.id } })
                 end)
              end,
           } },
           thresholds = {},
        }",
    )
    .file("users.csv", format!("id\n{rows}"));
    let (ran, summary) = folder.summary(&["--base-url", &url]);
    let tails = summary["tails"].as_array().expect("a list");
    let [step, call] = tails.as_slice() else { panic!("{tails:#?}\n{ran:?}") };
    assert_eq!((&step["name"], &step["step"]), (&Json::from(""), &Json::from("look up")));
    assert_eq!((&call["name"], &call["count"]), (&Json::from("/users/{id}"), &Json::from(2000)));
    for tail in [step, call] {
        let cause = |kind: &str, name: &str| -> Json {
            let causes = tail["causes"].as_array().expect("a list");
            let is = |cause: &&Json| cause["kind"] == kind && cause["name"] == name;
            causes.iter().find(is).unwrap_or_else(|| panic!("no {name} in {tail:#?}")).clone()
        };
        let row = cause("fact", "row of users.csv");
        assert_eq!(row["value"], "17", "{row}");
        assert!(row["slowest"].as_f64() > Some(0.9), "{row}");
        if tail == call {
            let db = cause("part", "db");
            assert!(db["slowest"].as_f64() > Some(0.7), "{db}");
        }
    }
    let told = "all of them had row 17 of users.csv";
    assert!(ran.out.contains("What sets the slowest apart"), "{}", ran.out);
    let report = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(report.contains(told), "{}", ran.out);
}

#[test]
fn a_target_that_closes_each_connection_is_told_to_keep_them() {
    let url = crate::common::server::server(|mut peer| {
        peer.request()?;
        peer.send(answer("200 OK\nconnection: close", "done"))
    });
    let load = ["--base-url", &url, "--vus", "2", "--iterations", "200", "--threads", "1"];
    let (ran, summary) = Folder::of("lt.http.get '/'").summary(&load);
    let told = summary["recommendations"].to_string();
    assert!(told.contains("200 of 200 requests opened a connection"), "{told}\n{ran:?}");
    assert!(ran.out.contains("→ 200 of 200 requests opened a connection"), "{}", ran.out);
    let (_, summary) =
        Folder::of("lt.http.get '/health'").summary(&["--demo", "--iterations", "50"]);
    assert_eq!(summary["recommendations"], Json::Array(Vec::new()));
}

/// A target that freezes once, two thirds into a load of half a minute.
#[test]
fn a_slow_spell_is_named_with_its_time() {
    let served = Arc::new(AtomicU64::new(0));
    let url = answering(move |_| {
        // Of 40 a second those of the sixteenth and seventeenth second.
        let slow = (600..680).contains(&served.fetch_add(1, SeqCst));
        sleep(Duration::from_millis(if slow { 300 } else { 5 }));
        answer("200 OK", "done")
    });
    let folder = Folder::of("lt.http.get '/'");
    let load = ["--base-url", &url, "--rate", "40", "--duration", "25s", "--threads", "1"];
    let (ran, summary) = folder.summary(&load);
    let anomalies = summary["anomalies"].as_array().expect("a list");
    let spell = anomalies.iter().find(|one| one["kind"] == "high_latency");
    let episode = &spell.unwrap_or_else(|| panic!("{anomalies:#?}\n{ran:?}"))["episode"];
    assert_eq!((&episode["series"], &episode["unit"]), (&"p50 of GET /".into(), &"ms".into()));
    assert!(episode["observed"].as_f64() > Some(250.0), "{episode}");
    assert!((14..18).contains(&episode["from_s"].as_u64().expect("a number")), "{episode}");
    assert!(ran.out.contains("p50 of GET / "), "{}", ran.out);
}
