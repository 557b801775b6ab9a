//! What a run says of itself: what was unusual in its course, and what sets its tail apart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use crate::common::Folder;
use crate::common::server::{answer, answering, server_at, target};

/// Each of four users takes rows in turn; one row of 50 costs the database a while.
#[test]
fn the_row_and_the_part_that_make_a_call_slow_are_named() {
    let url = answering(|request| {
        if target(request) != "/users/17" {
            return answer("200 OK\nserver-timing: db;dur=0.01, app;dur=0.01", "found");
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

/// A server at an address of this port; every 25th of its answers may take long.
fn peer(address: &str, slow: Duration) -> std::io::Result<SocketAddr> {
    let served = Arc::new(AtomicU64::new(0));
    server_at(address, move |mut peer| {
        loop {
            peer.request()?;
            if served.fetch_add(1, SeqCst) % 25 == 24 {
                sleep(slow);
            }
            peer.send(answer("200 OK", "done"))?;
        }
    })
}

/// Two addresses of one name, taken in turn, of which one is sometimes slow.
#[test]
fn the_slow_peer_is_named_for_the_call_and_for_the_step_around_it() {
    let slow = Duration::from_millis(150);
    // The port that is free at the one address may be taken at the other.
    let pair = |_| {
        let quick = peer("127.0.0.1:0", Duration::ZERO).expect("a free port");
        peer(&format!("127.0.0.2:{}", quick.port()), slow).ok()
    };
    let slow = (0..20).find_map(pair).expect("a port that is free at both");
    let folder = Folder::new(
        "local lt = require 'loadtool'
        return {
           http = {
              resolve = { ['shop.test'] = { '127.0.0.1', '127.0.0.2' } },
              dns = { pick = 'round_robin' },
           },
           scenarios = { buy = {
              load = { vus = 4, iterations_per_vu = 500 },
              run = function()
                 lt.step('order', function() lt.http.get('/order') end)
              end,
           } },
           thresholds = {},
        }",
    );
    let url = format!("http://shop.test:{}", slow.port());
    let (ran, summary) = folder.summary(&["--base-url", &url, "--threads", "1"]);
    let tails = summary["tails"].as_array().expect("a list");
    let names: Vec<_> = tails.iter().map(|tail| tail["name"].as_str()).collect();
    assert_eq!(names, [Some(""), Some("/order")], "{ran:?}");
    for tail in tails {
        let causes = tail["causes"].as_array().expect("a list");
        let peer = causes.iter().find(|cause| cause["name"] == "peer");
        let peer = peer.unwrap_or_else(|| panic!("no peer in {tail:#?}"));
        assert_eq!(peer["value"], slow.to_string(), "{tail:#?}");
        assert!(peer["slowest"].as_f64() > Some(0.9), "{tail:#?}");
        let mostly = &tail["mostly"];
        assert_eq!(mostly["phase"], "wait", "{tail:#?}");
        assert!(mostly["slowest_p50_ms"].as_f64() >= Some(149.0), "{tail:#?}");
    }
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
