//! Each rule from both sides of its boundary.

use super::*;
use crate::results::example;
use crate::results::summary::*;

/// A rule speaks of the first summary, with these words in it, and not of the second.
fn check(rule: Rule, speaks: &Summary, words: &[&str], is_silent: &Summary) {
    let told = rule(speaks).unwrap_or_else(|| panic!("nothing was told of {words:?}"));
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert_eq!(rule(is_silent), None, "{words:?}");
}

fn with(change: impl FnOnce(&mut Summary)) -> Summary {
    let mut summary = example::good();
    change(&mut summary);
    summary
}

fn times(count: u64, mean: f64) -> Distribution {
    let [mean, p50, p95] = [mean, mean, mean * 2.0].map(Some);
    Distribution { count, mean, p50, p95, ..Distribution::default() }
}

#[test]
fn a_run_with_nothing_to_mend_gets_no_advice() {
    assert_eq!(advice(&example::good()), [""; 0]);
    assert_eq!(advice(&example::empty()), [""; 0]);
}

#[test]
fn series_and_the_generator() {
    let overflow = with(|s| s.anomalies.push(Anomaly::told("overflow", String::new())));
    check(load::too_many_series, &overflow, &["path = "], &example::good());
    let saturated = |is| {
        with(|s| {
            s.generator.saturated = is;
            s.generator.worker_cpu_percent_max = Some(97.0);
        })
    };
    let words = ["2 workers", "97 % busy", "--threads"];
    check(load::busy_generator, &saturated(Some(true)), &words, &saturated(Some(false)));
    let late = |errors: &[&str]| {
        with(|s| {
            s.generator.saturated = Some(true);
            s.generator.worker_cpu_percent_max = Some(90.0);
            s.generator.loop_lag_ms.max = Some(1_800.0);
            let error =
                |category: &&str| Error { category: (*category).into(), ..Error::default() };
            s.errors = errors.iter().map(error).collect();
        })
    };
    let told = load::busy_generator(&late(&["timeout"])).expect("it was late");
    for words in ["up to 1.80 s", "never took more than 90 % of a core", "was stopped"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(!told.contains("--threads"), "{told}");
    let told = load::busy_generator(&late(&["resource"])).expect("it lacked something");
    assert!(told.contains("`ulimit -n`") && !told.contains("--threads"), "{told}");
}

#[test]
fn connections_that_are_not_kept() {
    let run_of = |users, opened, reused| {
        with(|s| {
            (s.connections.opened, s.connections.reused) = (opened, reused);
            s.scenarios[0].vus_max = users;
        })
    };
    let run = |opened, reused| run_of(20, opened, reused);
    let rule = traffic::few_connections_kept;
    check(rule, &run(51, 50), &["51 of 101 requests", "fresh"], &run(50, 50));
    check(rule, &run(60, 40), &["60 of 100"], &run(59, 40));
    check(rule, &run_of(49, 100, 9), &["100 of 109"], &run_of(50, 100, 9));
}

#[test]
fn redirects_that_cost() {
    let run = |count, mean| {
        with(|s| {
            let tags = [
                ("phase", "load"),
                ("expected", "true"),
                ("status", "302"),
                ("scenario", "buyers"),
                ("name", "/login"),
            ];
            let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let values = Values::Histogram(Box::new(times(count, mean)));
            let series = vec![Series { tags, values }];
            let metric = Metric { kind: "histogram".into(), unit: "ms".into(), series };
            s.metrics.insert("http_req_duration".into(), metric);
            s.requests[0].duration_ms = times(100, 10.0);
        })
    };
    let rule = traffic::costly_redirects;
    check(rule, &run(100, 2.0), &["100 redirects", "20 %", "/login", "2.00 ms"], &run(100, 1.9));
    check(rule, &run(50, 9.0), &["50 redirects"], &run(49, 9.0));
}

#[test]
fn requests_that_grow() {
    let run = |bytes: [u64; 4]| {
        with(|s| {
            let second = |bytes_sent| Second { requests: 1, bytes_sent, ..Second::default() };
            s.timeline = bytes.iter().flat_map(|bytes| vec![second(*bytes); 5]).collect();
        })
    };
    let rule = traffic::growing_requests;
    check(
        rule,
        &run([400, 450, 500, 600]),
        &["400 B", "600 B", "cookies"],
        &run([400, 450, 500, 599]),
    );
    check(rule, &run([100, 150, 200, 300]), &["100 B"], &run([100, 150, 200, 299]));
    check(rule, &run([100, 200, 300, 400]), &["400 B"], &run([100, 300, 200, 400]));
}

#[test]
fn text_that_comes_uncompressed() {
    let run = |count, percent, bytes| {
        with(|s| {
            s.requests[1].uncompressed_percent = percent;
            (s.requests[1].count, s.requests[1].bytes_received) = (count, bytes * count);
        })
    };
    let rule = traffic::uncompressed_bodies;
    let words = ["50 % of the answers to GET /products", "4.00 KiB each and 400 KiB in all"];
    check(rule, &run(100, Some(50.0), 4096), &words, &run(100, Some(49.0), 4096));
    check(rule, &run(100, Some(50.0), 4096), &[], &run(100, Some(50.0), 4095));
    check(rule, &run(100, Some(50.0), 4096), &[], &run(99, None, 9000));
}

#[test]
fn one_slow_step() {
    let run = |mean: f64, others: [f64; 2]| {
        with(|s| {
            let step = |name: &str, mean| Step {
                scenario: "buyers".into(),
                step: name.into(),
                count: 100,
                duration_ms: times(100, mean),
                ..Step::default()
            };
            s.steps = vec![step("pay", mean), step("pay/card", mean)];
            s.steps.extend([step("home", others[0]), step("find", others[1])]);
        })
    };
    let words = ["step pay takes 60 %", "30.0 ms on average, the others 10.0 ms"];
    check(latency::slow_step, &run(30.0, [10.0, 10.0]), &words, &run(29.0, [10.0, 10.0]));
    let two = with(|s| {
        s.steps.truncate(2);
        s.steps[0].duration_ms = times(100, 900.0);
    });
    check(latency::slow_step, &run(90.0, [1.0, 2.0]), &["pay"], &two);
}

#[test]
fn a_tail_far_from_the_median() {
    let run = |count, p50, p99| {
        with(|s| {
            s.requests[1].duration_ms =
                Distribution { count, p50: Some(p50), p99: Some(p99), ..Distribution::default() };
        })
    };
    let rule = latency::long_tail;
    check(
        rule,
        &run(400, 2.0, 20.0),
        &["/products", "10 times", "20.0 ms and 2.00"],
        &run(400, 2.0, 19.9),
    );
    check(rule, &run(400, 0.1, 5.2), &["52 times"], &run(400, 0.1, 5.0));
    check(rule, &run(400, 2.0, 20.0), &[], &run(399, 2.0, 20.0));
}

#[test]
fn too_few_samples_for_the_percentile_asked() {
    let run = |samples| {
        with(|s| {
            s.thresholds = example::bad().thresholds.drain(2..3).collect();
            s.thresholds[0].samples = samples;
        })
    };
    let words = ["step_duration{step=pay} p99 < 1s needs 400", "had 100", "about 40.0 s"];
    check(latency::too_few_samples, &run(100), &words, &run(400));
}

#[test]
fn arrivals_that_were_not_kept_up_with() {
    let unstable = with(|s| {
        s.scenarios[0].unstable = true;
        s.scenarios[0].backlog_growth_per_s = Some(12.0);
    });
    let words = ["buyers fell behind by 12/s", "loadtool limit"];
    check(load::backlog, &unstable, &words, &example::good());
    let dropped =
        |reason: &str| with(|s| s.scenarios[0].dropped_by_reason = [(reason.to_owned(), 7)].into());
    let words = ["7 arrivals of buyers", "20 users", "max_vus"];
    check(load::missing_users, &dropped("users"), &words, &dropped("end"));
}

#[test]
fn users_who_pause_make_an_open_load_a_closed_one() {
    // 20 users with 10 iterations a second: one lasts 2 s.
    let run = |busy_ms: f64, change: fn(&mut Scenario)| {
        with(|s| {
            let iterations = Iterations { planned: 500, ..Iterations::default() };
            let of_second = Iterations { planned: 50, ..Iterations::default() };
            s.scenarios[0] = Scenario {
                iterations,
                load_s: 10.0,
                duration_ms: times(100, busy_ms),
                ..s.scenarios[0].clone()
            };
            let of_scenario = ScenarioOfSecond {
                in_flight: 20,
                iterations: of_second,
                ..ScenarioOfSecond::default()
            };
            s.timeline = vec![Second { scenarios: vec![of_scenario], ..Second::default() }; 10];
            change(&mut s.scenarios[0]);
        })
    };
    let dropping = |scenario: &mut Scenario| {
        scenario.dropped_by_reason = [("users".to_owned(), 400)].into();
    };
    let waiting = |scenario: &mut Scenario| {
        (scenario.unstable, scenario.backlog_growth_per_s) = (true, Some(40.0));
    };
    let words = ["50 % of their time in lt.think (1.00 s of 2.00 s an", "max_vus to 110,"];
    let idle = run(1_000.0, |_| {});
    check(load::missing_users, &run(1_000.0, dropping), &words, &idle);
    check(load::backlog, &run(1_000.0, waiting), &words, &idle);
    check(load::missing_users, &run(1_001.0, dropping), &["with a p95 of", "late ="], &idle);
    check(load::backlog, &run(1_001.0, waiting), &["what the target bears"], &idle);
    let unknown = with(|s| {
        dropping(&mut s.scenarios[0]);
        s.timeline.clear();
    });
    check(load::missing_users, &unknown, &["with a p95 of"], &idle);
    // In the warm-up all users were waiting for a target that was slow; in the load 20 were at work.
    let warmed_up = |in_flight| {
        let mut summary = run(1_001.0, dropping);
        let mut of_warm_up = summary.timeline[0].clone();
        of_warm_up.scenarios[0].in_flight = in_flight;
        summary.timeline.splice(0..0, vec![of_warm_up; 10]);
        summary
    };
    check(load::missing_users, &warmed_up(280), &["with a p95 of", "late ="], &idle);
    // Those that failed are in no duration, and were under way as well.
    let failing = with(|s| {
        *s = run(1_000.0, dropping);
        s.timeline.iter_mut().for_each(|second| second.scenarios[0].iterations.failed = 10);
    });
    check(load::missing_users, &failing, &["with a p95 of"], &idle);
}

#[test]
fn failures_that_begin_at_a_rate() {
    let run = |fast: u64, failed: u64| {
        with(|s| {
            let second = |calls, failed| Second { calls, failed, ..Second::default() };
            s.timeline = (0..5).map(|n| second(100 + n, 1)).collect();
            s.timeline.extend((0..5).map(|n| second(fast + n, failed)));
        })
    };
    let words = ["from 200 a second on", "5.94 % of them above it, 0.98 % below"];
    let rule = load::failing_from_a_rate;
    check(rule, &run(200, 12), &words, &run(200, 10));
    check(rule, &run(130, 12), &["from 130"], &run(120, 12));
}

#[test]
fn users_who_wait_spare_a_slow_target() {
    let run = |slow: f64, few: u64| {
        with(|s| {
            let second = |p50, started| Second {
                p50_ms: Some(p50),
                scenarios: vec![ScenarioOfSecond {
                    name: "buyers".into(),
                    vus: 20,
                    iterations: Iterations { started, ..Iterations::default() },
                    ..ScenarioOfSecond::default()
                }],
                ..Second::default()
            };
            s.timeline = [vec![second(10.0, 100); 10], vec![second(slow, few); 10]].concat();
        })
    };
    let words =
        ["15.0 ms rather than 10.0 ms", "80 iterations a second instead of 100", "rate = 100"];
    check(load::closed_by_waiting, &run(15.0, 80), &words, &run(14.9, 80));
    check(load::closed_by_waiting, &run(15.0, 80), &[], &run(15.0, 81));
    let paced = with(|s| {
        *s = run(15.0, 50);
        s.scenarios[0].adherence_percent = Some(100.0);
    });
    check(load::closed_by_waiting, &run(15.0, 50), &[], &paced);
}
