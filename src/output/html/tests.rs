//! The page as a whole: what is on it, in which order, and that nothing on it can do harm.

use super::*;
use crate::results::example;
use crate::results::journey::Journey;
use crate::results::limit::{Limit, LimitStep, SeriesOfStep};
use crate::results::summary::{Distribution, Second};

const HOSTILE: &str = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='a\x1b[2J\u{202e}\u{2028}\0&amp;";

/// The page without its own style and script.
fn body(summary: &Summary) -> String {
    let page = page(summary);
    assert!(page.contains(STYLE) && page.contains(SCRIPT), "as the policy's hashes were made of");
    page.replace(STYLE, "").replace(SCRIPT, "")
}

#[test]
fn sections_come_in_the_order_of_their_questions() {
    let page = body(&example::bad());
    let heads: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .map(|rest| rest.split("</h2>").next().expect("split gives one"))
        .collect();
    insta::assert_snapshot!(heads.join("\n"));
}

#[test]
fn the_first_screen_says_what_failed_and_by_how_much() {
    insta::assert_snapshot!(words(&headline::headline(&example::bad())));
    insta::assert_snapshot!(words(&headline::look_first(&example::bad())));
    insta::assert_snapshot!(words(&headline::thresholds(&example::bad())));
}

/// Text, a line per element.
fn words(markup: &Markup) -> String {
    let tags = regex::Regex::new("<[^>]*>").expect("a pattern");
    let text = tags.replace_all(&markup.0, "\n").into_owned();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_lies_between_planned_and_actual_starts_is_told_where_there_are_planned_ones() {
    let starts = words(&starts::starts(&example::bad()));
    let row = "buyers\n4,140\n99.90 %\n650 µs\n1.30 ms\n2.60 ms\n150 µs\n300 µs\n600 µs\n";
    assert!(starts.contains(row), "{starts}");
    assert!(!starts.contains("browsers"), "those start when they can");
    assert_eq!(starts::starts(&example::good()).0, "");
    let stages = words(&tables::stages(&example::bad()));
    assert!(stages.contains("37.2 ms\n2.60 ms\n5.20 ms\n10.4 ms\n"), "{stages}");
}

#[test]
fn errors_are_told_by_category_where_they_arose() {
    let errors = words(&errors::errors(&example::bad()));
    assert!(errors.contains("buyers\n(all)\nserver_error\n40\n4\n"), "{errors}");
    assert!(errors.contains("buyers\nlogin\nserver_error\n40\n4\n"), "{errors}");
}

#[test]
fn targets_of_one_run_are_held_against_each_other() {
    let page = body(&example::compared());
    let section = page.split("id=\"variants\"").nth(1).expect("it is there");
    assert!(section.contains("Regression: 1 worse, 1 better"), "{section}");
    assert_eq!(page.matches("<svg class=\"span").count(), 3, "where there are bounds");
    assert!(section.contains("only in the base: buyers: GET /old"), "{section}");
    assert!(!body(&example::good()).contains("id=\"variants\""));
}

#[test]
fn a_search_has_its_own_objectives_and_its_knee_is_labelled() {
    let hold = |target: f64, verdict: &str| LimitStep {
        target,
        p95_ms: Some(target),
        verdict: verdict.to_owned(),
        series: vec![SeriesOfStep {
            series: "http_call_duration{step=pay}".to_owned(),
            ..SeriesOfStep::default()
        }],
        ..LimitStep::default()
    };
    let limit = Limit {
        axis: "rate".to_owned(),
        lower: Some(98.0),
        upper: Some(101.0),
        steps: vec![hold(96.0, "pass"), hold(98.0, "pass"), hold(101.0, "trip")],
        ..Limit::default()
    };
    let page = body(&Summary { limit: Some(limit), ..example::bad() });
    assert!(!page.contains("id=\"thresholds\""), "those are of a run");
    assert!(page.contains("knee at 98") && page.contains(">98</text>"), "{page}");
    assert!(!page.contains(">96</text>"), "it stands too near");
    assert!(page.contains("http_call_duration{step=pay}"), "{page}");
    assert!(body(&example::bad()).contains("id=\"thresholds\""));
}

#[test]
fn a_run_without_a_single_call_is_still_a_page() {
    let page = body(&example::empty());
    assert!(page.contains("Configuration") && page.contains("no iteration completed"), "{page}");
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn hostile_names_are_text() {
    let mut summary = example::bad();
    example::rename(&mut summary, HOSTILE);
    summary.run.script = HOSTILE.into();
    summary.run.id = HOSTILE.into();
    summary.tool_version = HOSTILE.into();
    summary.recommendations = vec![HOSTILE.into()];
    summary.timeline =
        vec![Second { errors: [(HOSTILE.to_owned(), 3)].into(), ..Second::default() }; 3];
    let metric = summary.metrics.remove("http_calls").expect("it is in the example");
    summary.metrics.insert(HOSTILE.into(), metric);
    let page = body(&summary);
    assert!(!page.contains("<script>alert") && !page.contains("<img"), "no element of theirs");
    assert_eq!(page.matches("<script").count(), 2, "the numbers and our own");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    for c in ['\x1b', '\u{202e}', '\u{2028}', '\0'] {
        assert!(!page.contains(c), "{c:?}");
    }
    assert!(page.contains("\\x1b[2J\\u{202e}"), "spelled");
}

#[test]
fn the_page_needs_and_names_nothing_outside_itself() {
    let page = page(&example::bad());
    let named = regex::Regex::new(r#"(?i)(\ssrc\s*=|@import|url\(|https?:|//[a-z]|\sstyle=)"#);
    let outside: Vec<&str> =
        named.expect("a pattern").find_iter(&page).map(|found| found.as_str()).collect();
    assert!(outside.is_empty(), "{outside:?}");
    let links = regex::Regex::new(r#"href="([^"]*)""#).expect("a pattern");
    for link in links.captures_iter(&page) {
        let target = link[1].strip_prefix('#').unwrap_or("");
        assert!(&link[1] == "data:," || page.contains(&format!("id=\"{target}\"")), "{}", &link[1]);
    }
}

#[test]
fn the_policy_names_the_style_and_the_script_as_they_stand() {
    let page = page(&example::good());
    let policy = page.split("content=\"").nth(1).expect("the policy is the first content");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains(&hash(STYLE)) && policy.contains(&hash(SCRIPT)));
    assert!(page.contains(&format!("<style>{STYLE}</style>")));
    assert!(page.contains(&format!("<script>{SCRIPT}</script>")));
}

#[test]
fn numbers_beyond_reason_break_nothing() {
    let mut summary = example::bad();
    summary.run.duration_s = f64::MAX;
    summary.timeline = (0..5)
        .map(|t| Second {
            t_s: u32::MAX - t,
            vus: u64::MAX,
            backlog: u64::MAX,
            calls: u64::MAX,
            iterations: u64::MAX,
            failed: u64::MAX,
            p50_ms: Some(f64::MAX),
            p95_ms: Some(-1.0),
            p99_ms: Some(f64::NAN),
            errors: [("a".to_owned(), u64::MAX), ("b".to_owned(), u64::MAX)].into(),
            cpu_percent: Some(f64::INFINITY),
            ..Second::default()
        })
        .collect();
    for scenario in &mut summary.scenarios {
        scenario.iterations.dropped = u64::MAX;
        scenario.load_s = f64::MAX;
        let event = scenario.slowest.first().and_then(|journey| journey.events.first().cloned());
        let events = vec![event.unwrap_or_default(); 5_000];
        let far = Journey { lag_ms: f64::MAX, response_time_ms: f64::NAN, ..Journey::default() };
        scenario.slowest = vec![Journey { events, ..far }; 10];
    }
    summary.totals.calls.count = u64::MAX;
    summary.totals.calls.latency_ms = Distribution { p99: Some(f64::MAX), ..Default::default() };
    let page = body(&summary);
    for number in page.split(['"', ' ']).filter(|part| part.ends_with('%')) {
        assert!(!number.contains("NaN") && !number.contains("inf"), "{number}");
    }
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

#[test]
fn an_ordinary_page_is_small() {
    let mut summary = example::bad();
    summary.timeline = (0..86_400)
        .map(|t_s| Second {
            t_s,
            calls: 1234 + u64::from(t_s % 77),
            p50_ms: Some(12.345),
            p95_ms: Some(23.456),
            p99_ms: Some(45.678),
            cpu_percent: Some(37.77),
            errors: [("timeout".to_owned(), 3)].into(),
            ..Second::default()
        })
        .collect();
    let journey = summary.scenarios[0].slowest[0].clone();
    summary.scenarios[0].slowest = vec![journey; 10];
    summary.requests = vec![summary.requests[0].clone(); 50];
    let size = page(&summary).len();
    assert!(size < 1_000_000, "{size} bytes");
}

#[test]
fn a_report_that_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let error = Html::File(dir.path().to_owned()).finish(&example::good()).expect_err("a folder");
    assert!(error.to_string().starts_with("cannot write the HTML report to "), "{error}");
    let path = dir.path().join("report.html");
    Html::File(path.clone()).finish(&example::good()).expect("it can be written");
    let read = std::fs::read_to_string(&path).expect("it is there");
    assert!(read.starts_with("<!DOCTYPE html>") && read.ends_with("</html>"));
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
}
