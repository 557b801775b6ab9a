//! The author's own metrics from the script to thresholds, report and summary.

use serde_json::json;

use crate::common::Folder;

/// A script that declares `metrics`, uses them in `body` ten times, and judges by `thresholds`.
fn script(metrics: &str, body: &str, thresholds: &str) -> Folder {
    Folder::new(&format!(
        "local lt = require 'loadtool'\n{metrics}\nreturn {{\n  scenarios = {{ a = {{ run = \
         function() {body} end, load = {{ vus = 2, iterations = 10 }} }} }},\n  thresholds = {{ \
         {thresholds} }},\n}}\n"
    ))
}

const ORDERS: &str = "local orders = lt.metrics.counter 'orders'";
const SIZE: &str = "local size = lt.metrics.histogram('size', { unit = 'bytes' })";

#[test]
fn thresholds_judge_own_metrics_like_the_built_in_ones() {
    let folder = script(ORDERS, "orders:add(3, { kind = 'x' })", "orders = 'count == 30'");
    folder.run(&[]).exits(0).reports("PASS  script.lua: ");
    let folder = script(ORDERS, "orders:add(3)", "orders = 'count > 30'");
    let ran = folder.run(&[]).exits(3).reports("FAIL  script.lua: ");
    assert!(ran.out.contains("orders count > 30: observed 30"), "{}", ran.out);
    let judged = "['size{kind=x}'] = { 'max < 6GB', 'min > 1GB', 'count == 10' }";
    script(SIZE, "size:add(5e9, { kind = 'x' })", judged).run(&[]).exits(0);
    let timer = "local t = lt.metrics.timer 'import'";
    script(timer, "t:time(lt.sleep, 0.002)", "import = { 'min >= 2ms', 'max < 60s' }")
        .run(&[])
        .exits(0);
    let rate = "local hit = lt.metrics.rate 'hit'";
    script(rate, "hit:add(lt.vu.iteration > 100)", "hit = 'rate > 99%'").run(&[]).exits(3);
    let gauge = "local stock = lt.metrics.gauge 'stock'";
    script(gauge, "stock:add(-5)", "stock = { 'value == -5', 'max < 0' }").run(&[]).exits(0);
}

#[test]
fn a_metric_without_a_sample_is_no_data() {
    let ran = script(SIZE, "", "size = 'max < 1MB'").run(&[]).exits(3);
    assert!(ran.out.contains("no data"), "{}", ran.out);
    script(SIZE, "", "size = { { 'max < 1MB', optional = true } }, orders = nil").run(&[]).exits(0);
}

#[test]
fn a_threshold_on_a_metric_that_nobody_declared_is_told_before_the_run() {
    let ran = script(ORDERS, "orders:add(1)", "oders = 'count > 1'").run(&[]).exits(2);
    assert!(ran.err.contains("there is no metric `oders`"), "{}", ran.err);
    assert!(ran.err.contains("did you mean `orders`?"), "{}", ran.err);
    let late =
        script("", "lt.metrics.counter('basket_weight'):add(1)", "basket_weight = 'count > 1'");
    let ran = late.run(&[]).exits(2);
    assert!(ran.err.contains("declared at the script's top level"), "{}", ran.err);
    let ran = script(SIZE, "", "size = { 'p95 < 3s', 'rate > 1' }").run(&[]).exits(2);
    assert!(ran.err.contains("the unit `s` does not fit"), "{}", ran.err);
    assert!(ran.err.contains("`size` is a histogram"), "{}", ran.err);
}

#[test]
fn the_report_and_the_summary_have_them() {
    let metrics = format!("{ORDERS}\n{SIZE}");
    let body = "orders:add(2) size:add(4096, { kind = 'x' })";
    let (ran, summary) = script(&metrics, body, "orders = 'count == 20'").summary(&[]);
    let section = ran.out.split("\nOwn metrics\n").nth(1).unwrap_or_else(|| panic!("{}", ran.out));
    for told in ["orders  counter", "20", "size    histogram", "4.00 KiB"] {
        assert!(section.contains(told), "{told} in {section}");
    }
    let own = summary["own_metrics"].as_array().expect("a list");
    assert_eq!((&own[0]["name"], &own[0]["value"]), (&json!("orders"), &json!(20)));
    assert_eq!((&own[1]["unit"], &own[1]["p99"]), (&json!("bytes"), &json!(4096.0)));
    let series = &summary["metrics"]["size"]["series"];
    assert_eq!(series.as_array().map(Vec::len), Some(1), "{series}");
    assert_eq!(series[0]["tags"], json!({ "kind": "x", "phase": "load", "scenario": "a" }));
    assert_eq!(series[0]["count"], json!(10));
}
