//! `loadtool limit --assert`, the gate for CI, and what is told of its objectives.

use crate::common::Folder;
use crate::common::server::answering;
use crate::limit_search::{GET, SLO, holds, search, slowly, start, verdicts};

#[test]
fn a_claim_holds_fails_or_cannot_be_told() {
    let url = answering(|_| slowly("well"));
    // Objectives and more, the exit code, the verdicts, and what the report says.
    let cases: [(&[&str], i32, &str, &str); 3] = [
        (&SLO, 0, "pass", "ANSWER: 20 iterations/s hold, and nothing above was tried"),
        (
            &["--slo", "http_call_duration: p95 < 300ms"],
            3,
            "trip",
            "ANSWER: nothing held: 20 iterations/s did not",
        ),
        (
            &["--slo", "http_call_duration{step=pay}: p95 < 300ms", "--max-time", "12s"],
            4,
            "inconclusive",
            "http_call_duration{step=pay} p95 < 300ms: no data",
        ),
    ];
    std::thread::scope(|scope| {
        for (more, code, verdict, told) in cases {
            let url = &url;
            scope.spawn(move || {
                let arguments = [&["--assert", "limit >= 20"], more].concat();
                let (ran, limit) = search(&Folder::of(GET), url, &arguments);
                let ran = ran.exits(code);
                assert!(ran.out.contains(told), "want {told:?} in {}", ran.out);
                assert!(verdicts(&limit).iter().all(|one| *one == verdict), "{limit}");
                assert!(ran.out.contains("Objectives of the claim, in each of its holds"));
                if code != 4 {
                    assert_eq!(holds(&limit).len(), 2, "{limit}");
                }
            });
        }
    });
}

#[test]
fn what_a_claim_may_take_counts_all_three_holds() {
    let folder = Folder::of(GET);
    let plan = ["--assert", "limit >= 200", "--plan"];
    let ran = start(&folder, "http://127.0.0.1:1", &plan).end().exits(0);
    // Of 200/s a hold of 3 s: 1 s before it, 1 s and 2 s after it.
    assert!(ran.out.contains("2 or 3 full holds"), "{}", ran.out);
    assert!(ran.out.contains("usually 21s at the longest"), "{}", ran.out);
}

#[test]
fn objectives_of_a_step_or_a_name_have_their_own_percentiles() {
    let url = answering(|request| {
        let slow = request.starts_with("GET /pay");
        if slow { slowly("paid") } else { crate::common::server::answer("200 OK", "") }
    });
    let folder = Folder::of(
        "lt.http.get '/'
         lt.step('add to cart', function() lt.http.get('/pay', { name = 'pay' }) end)",
    );
    let slo = [
        ["--slo", "http_call_duration{step=add to cart}: p50 < 300ms"],
        ["--slo", "http_call_duration{name=pay}: p50 < 9s"],
    ];
    let arguments = [&["--steps", "20", "--csv", "steps.csv"], &slo.concat()[..]].concat();
    let (ran, limit) = search(&folder, &url, &arguments);
    let ran = ran.exits(3);
    assert!(ran.out.contains("Latencies that have objectives"), "{}", ran.out);
    let next = limit["next_limit"].as_str().expect("it broke");
    assert!(
        next.starts_with("p50 of \"add to cart\" 4") && next.ends_with("ms > 300 ms"),
        "{next}"
    );
    let step = holds(&limit)[0];
    let series: Vec<_> =
        (0..2).map(|at| step["series"][at]["series"].as_str().expect("a name")).collect();
    assert_eq!(series, ["http_call_duration{step=add to cart}", "http_call_duration{name=pay}"]);
    assert!(step["series"][1]["p95_ms"].as_f64().is_some_and(|p95| p95 >= 400.0), "{step}");
    let csv = std::fs::read_to_string(folder.path("steps.csv")).expect("it was asked for");
    let head = "purpose,target,from_s,hold_s,achieved_per_s,goodput_per_s,calls_per_s,error_rate,vus,\
                p50_ms,p95_ms,p99_ms,verdict,reasons,objectives,series,signals\n";
    assert!(csv.starts_with(head), "{csv}");
    assert!(csv.contains("http_call_duration{name=pay} p50 "), "{csv}");
}
