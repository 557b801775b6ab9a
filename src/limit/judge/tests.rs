//! The verdict of a hold, by cases, and where a plateau is found.

use super::super::search::{Search, Strategy};
use super::*;

fn gate(metric: &str, observed: f64, limit: f64, samples: u64) -> Threshold {
    Threshold {
        metric: metric.into(),
        expression: format!("p95 < {limit}ms"),
        observed: Some(observed),
        limit,
        unit: "ms".into(),
        ok: observed < limit,
        default: false,
        samples,
        min_samples: 80,
        window_s: None,
        crossed_at_s: None,
        ended_run: false,
    }
}

/// Of 500 samples, of which five may be bad.
fn share_of(metric: &str, observed: f64, ok: bool) -> Threshold {
    let (unit, limit) = ("fraction".to_owned(), if metric == "checks" { 0.99 } else { 0.01 });
    Threshold { observed: Some(observed), unit, ok, ..gate(metric, 0.0, limit, 500) }
}

const SILENT: &Told =
    &Told { rows: Vec::new(), trips: Vec::new(), doubts: Vec::new(), missing: Vec::new() };

fn rate_of(of: Option<&str>, wanted: f64, ended: f64) -> Rate {
    Rate { of: of.map(str::to_owned), wanted, ended, seconds: 10.0 }
}

fn seen(gates: &[Threshold]) -> Seen<'_> {
    Seen {
        rates: &[],
        tolerance: 0.05,
        calls: 1_000,
        late: 0,
        unanswered: 0,
        measurement: &[],
        gates,
        growth: None,
        piling: None,
        waiting: None,
        gain: None,
        signals: SILENT,
    }
}

#[test]
fn each_rule_decides_where_those_before_it_do_not() {
    use Judgement::{Inconclusive, Pass, Trip};
    let fast = [gate("http_call_duration", 50.0, 100.0, 500)];
    let slow = [gate("http_call_duration", 143.0, 100.0, 500)];
    let failing = [share_of("http_call_failed", 0.02, false)]; // 10 of 500
    let unchecked = [share_of("checks", 0.98, false)];
    let few = [gate("http_call_duration", 50.0, 100.0, 79)];
    let few_slow = [gate("http_call_duration", 143.0, 100.0, 79)];
    let none = Threshold { observed: None, samples: 0, ..gate("hits", 143.0, 100.0, 0) };
    let unasked = [Threshold { ok: true, ..none.clone() }]; // optional
    let unseen = [none];
    let busy = ["a worker was busy".to_owned()];
    let full = Told { trips: vec!["depth growth <= 9: 10".to_owned()], ..Told::default() };
    let anew = Told { doubts: vec!["the target was restarted".to_owned()], ..Told::default() };
    let gain = |users, goodput| Some(Gain { users, goodput });
    let rates = |ended: f64| [rate_of(None, 1_000.0, ended)];
    let mixed = [rate_of(Some("browse"), 900.0, 900.0), rate_of(Some("buy"), 100.0, 93.0)];
    let cases = [
        (seen(&fast), Pass, "http_call_duration p95 < 100ms: 50.0 ms"),
        (seen(&slow), Trip, "143 ms"),
        (Seen { measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
        (Seen { measurement: &busy, ..seen(&slow) }, Inconclusive, "busy"),
        (Seen { measurement: &busy, ..seen(&failing) }, Trip, "http_call_failed"),
        (Seen { measurement: &busy, unanswered: 9, ..seen(&failing) }, Inconclusive, "busy"),
        (Seen { measurement: &busy, unanswered: 4, ..seen(&failing) }, Trip, "http_call_failed"),
        (Seen { unanswered: 10, ..seen(&failing) }, Trip, "http_call_failed"),
        (Seen { measurement: &busy, ..seen(&unchecked) }, Trip, "checks"),
        (Seen { measurement: &busy, unanswered: 9, ..seen(&unchecked) }, Inconclusive, "busy"),
        (Seen { late: 9, ..seen(&failing) }, Trip, "http_call_failed"),
        (Seen { late: 10, ..seen(&failing) }, Inconclusive, "10 iterations late"),
        (Seen { late: 10, ..seen(&unchecked) }, Inconclusive, "10 iterations late"),
        (Seen { late: 10, measurement: &busy, ..seen(&failing) }, Inconclusive, "busy"),
        (Seen { late: 10, ..seen(&slow) }, Trip, "143 ms"),
        (Seen { growth: Some(7.0), ..seen(&fast) }, Trip, "unstable"),
        (Seen { piling: Some(2.0), ..seen(&fast) }, Trip, "in flight grow by 2/s"),
        (Seen { piling: Some(2.0), measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
        (Seen { waiting: Some(70), ..seen(&fast) }, Trip, "70 arrivals waited"),
        (Seen { gain: gain(0.2, 0.019), ..seen(&fast) }, Trip, "plateau"),
        (Seen { gain: gain(0.2, 0.021), ..seen(&fast) }, Pass, ""),
        (Seen { gain: gain(0.19, 0.0), ..seen(&fast) }, Pass, ""),
        (Seen { gain: gain(0.44, 0.039), ..seen(&fast) }, Trip, "3.90 % more goodput for 44 %"),
        (Seen { gain: gain(0.44, 0.041), ..seen(&fast) }, Pass, ""),
        (Seen { rates: &rates(949.0), ..seen(&fast) }, Pass, ""),
        (Seen { rates: &rates(948.0), ..seen(&fast) }, Inconclusive, "94.8/s of 100/s"),
        (Seen { rates: &rates(500.0), ..seen(&slow) }, Trip, "143 ms"),
        (Seen { rates: &mixed, ..seen(&fast) }, Inconclusive, "buy: 9.30/s of 10/s"),
        (Seen { rates: &[rate_of(None, 4.0, 3.0)], ..seen(&fast) }, Pass, ""),
        (Seen { calls: 0, ..seen(&[]) }, Inconclusive, "no call"),
        (seen(&few), Inconclusive, "at least 80 are needed"),
        (seen(&few_slow), Inconclusive, "79 samples, at least 80 are needed"),
        (seen(&unseen), Inconclusive, "hits p95 < 100ms: no data"),
        (seen(&unasked), Pass, ""),
        (Seen { growth: Some(7.0), ..seen(&unseen) }, Trip, "unstable"),
        (Seen { signals: &full, ..seen(&fast) }, Trip, "depth growth <= 9: 10"),
        (Seen { signals: &full, measurement: &busy, ..seen(&fast) }, Inconclusive, "busy"),
        (Seen { signals: &anew, ..seen(&fast) }, Inconclusive, "restarted"),
        (Seen { signals: &anew, ..seen(&slow) }, Trip, "143 ms"),
    ];
    for (seen, judgement, reason) in cases {
        let (judged, reasons) = judge(&seen);
        let reasons = reasons.join("; ");
        assert_eq!(judged, judgement, "{reasons}");
        assert!(reasons.contains(reason), "wanted {reason:?} in {reasons:?}");
    }
}

#[test]
fn what_broke_first_is_told_with_both_numbers() {
    let gates = [
        gate("http_call_duration{step=add to cart}", 143.0, 100.0, 500),
        Threshold { expression: "rate < 1%".into(), ..share_of("http_call_failed", 0.02, false) },
        Threshold { expression: "rate > 99%".into(), ..share_of("checks", 0.98, false) },
    ];
    let first = |gate: &Threshold| broken(&gates, &[gate.told(), "unstable: …".to_owned()]);
    assert_eq!(first(&gates[0]).as_deref(), Some("p95 of \"add to cart\" 143 ms > 100 ms"));
    assert_eq!(first(&gates[1]).as_deref(), Some("rate of http_call_failed 2.00 % > 1.00 %"));
    assert_eq!(first(&gates[2]).as_deref(), Some("rate of checks 98.00 % < 99.00 %"));
    let queue = "queue_depth growth <= 9: 10".to_owned();
    assert_eq!(broken(&gates, std::slice::from_ref(&queue)), Some(queue));
    assert_eq!(broken(&gates, &[]), None);
}

/// Users of whom so many keep the target busy: those beyond wait for each other.
#[test]
fn a_plateau_is_found_wherever_it_begins() {
    for busy in [3.0, 7.0, 13.0, 40.0, 111.0, 300.0, 1_234.0] {
        let mut search =
            Search::new(Strategy::Adaptive { from: 1.0, to: 1e5, precision: 0.05, whole: true });
        let mut held: Vec<(f64, f64)> = Vec::new();
        let mut steps = 0;
        while let Some(step) = search.step() {
            // A queue's throughput, of which the corner at `busy` users is a little rounded.
            let goodput = (step.level.powi(-12) + f64::powi(busy, -12)).powf(-1.0 / 12.0);
            let gain = Gain::over(step.level, goodput, held.iter().copied());
            let tripped = gain.is_some_and(Gain::is_plateau);
            if !tripped {
                held.push((step.level, goodput));
            }
            search.note(if tripped { Judgement::Trip } else { Judgement::Pass });
            steps += 1;
        }
        let answer = search.answer();
        let (lower, upper) = (answer.lower.unwrap(), answer.upper.unwrap());
        assert!(answer.complete && !answer.inconclusive && steps < 80, "{busy}: {answer:?}");
        // It shows 20 % above, and the level that it shows against may lie as much lower again.
        assert!(busy * 0.95 <= lower && upper <= busy * 1.5 + 1.0, "{busy}: {answer:?}");
    }
}
