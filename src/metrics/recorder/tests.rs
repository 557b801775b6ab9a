//! Samples go in, a Window comes out.

use super::super::sample::Phase;
use super::super::selector::Selector;
use super::*;

fn recorder(cap: usize) -> Recorder {
    Recorder::new(vec!["shop".into(), "admin".into()], cap)
}

fn call(recorder: &mut Recorder, name: &str, status: u16) -> CallSample {
    let expected = status < 400;
    CallSample {
        name: recorder.intern(name),
        method: recorder.intern("GET"),
        status,
        expected,
        error: recorder.intern(if expected { "" } else { "server_error" }),
        outcome: if expected { Outcome::Completed } else { Outcome::Failed },
        duration: Duration::from_millis(u64::from(status)),
    }
}

fn request(recorder: &mut Recorder) -> RequestSample {
    RequestSample {
        name: recorder.intern("/a"),
        method: recorder.intern("GET"),
        status: 200,
        proto: recorder.intern("1.1"),
        hop: 0,
        attempt: 0,
        expected: true,
        error: NameId::NONE,
        peer: recorder.intern("127.0.0.1:80"),
        duration: Duration::from_millis(3),
        blocked: Duration::ZERO,
        dns: Duration::ZERO,
        connect: Duration::ZERO,
        tls: Duration::ZERO,
        send: Duration::from_millis(1),
        wait: Duration::from_millis(1),
        receive: Duration::from_millis(1),
        bytes_sent: 100,
        bytes_received: 1000,
        reused: true,
        opened: 0,
        connect_failed: 0,
    }
}

fn count(window: &Window, selector: &str) -> u64 {
    let selector = Selector::parse(selector).expect(selector);
    match window.fold(&selector) {
        Some(Value::Counter(count) | Value::Rate { hits: count, .. }) => count,
        Some(Value::Histogram(histogram)) => histogram.count(),
        Some(Value::Gauge { max, .. } | Value::Level { max, .. }) => max as u64,
        None => 0,
    }
}

#[test]
fn calls_are_kept_apart_by_name_and_by_what_was_answered() {
    let mut recorder = recorder(100);
    for (name, status) in [("/a", 200), ("/a", 200), ("/a", 503), ("/b", 200)] {
        let sample = call(&mut recorder, name, status);
        recorder.call(&Place::default(), &sample);
    }
    let window = recorder.flip(0);
    assert_eq!(window.rows.len(), 3);
    assert_eq!(
        window.rows[0].tags.to_string(),
        "error=server_error,expected=false,method=GET,name=/a,outcome=failed,phase=load,\
         scenario=shop,status=503"
    );
    for (selector, expected) in [
        ("http_calls", 4),
        ("http_calls{name=/a}", 3),
        ("http_call_failed", 1),
        ("http_call_duration", 3),
        ("http_call_duration{expected=*}", 4),
        ("http_calls{scenario=admin}", 0),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
}

#[test]
fn set_up_is_timed_for_requests_that_opened_a_connection() {
    let mut recorder = recorder(100);
    let reused = request(&mut recorder);
    let connect = Duration::from_millis(2);
    let opened = RequestSample { reused: false, opened: 1, connect, tls: connect, ..reused };
    recorder.request(&Place::default(), &reused);
    recorder.request(&Place::default(), &opened);
    let window = recorder.flip(0);
    for (selector, expected) in [
        ("http_reqs{hop=0,try=0,proto=1.1,peer=127.0.0.1:80}", 2),
        ("http_req_duration", 2),
        ("http_req_connecting", 1),
        ("http_req_tls_handshaking", 1),
        ("http_req_dns", 0),
        ("connections_opened", 1),
        ("connections_reused", 1),
        ("connections_failed", 0),
        ("data_sent", 200),
        ("data_received", 2000),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
}

#[test]
fn an_iteration_feeds_both_latencies_and_both_lags() {
    let mut recorder = recorder(100);
    let ms = Duration::from_millis;
    let sample = IterationSample {
        duration: ms(100),
        lag: ms(50),
        lag_users: ms(30),
        late: true,
        outcome: Outcome::Completed,
    };
    recorder.iteration(&Place::default(), &sample);
    let cut = IterationSample { outcome: Outcome::Interrupted, lag: ms(0), late: false, ..sample };
    recorder.iteration(&Place::default(), &IterationSample { lag_users: ms(0), ..cut });
    let failed = IterationSample { outcome: Outcome::Failed, ..sample };
    recorder.iteration(&Place { scenario: 1, ..Place::default() }, &failed);
    let window = recorder.flip(0);
    for (selector, expected) in [
        ("iterations", 2),
        ("iterations_failed", 1),
        ("iteration_failed", 1),
        ("iterations_interrupted", 1),
        ("iterations_late", 2),
        ("iteration_duration", 2),
        ("iteration_duration{outcome=failed}", 1),
        ("iteration_lag_users", 3),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
    let max = |metric| {
        let value = window.fold(&Selector::of(metric)).expect("samples");
        value.histogram().and_then(super::super::Histogram::max)
    };
    assert_eq!(max(metric::ITERATION_RESPONSE_TIME), Some(ms(150)));
    assert_eq!(max(metric::ITERATION_LAG_GENERATOR), Some(ms(20)));
}

#[test]
fn an_iteration_without_a_row_is_counted_by_its_reason_and_in_no_latency() {
    let mut recorder = recorder(100);
    let extra = recorder.intern_tags(&[("team", "a")]);
    recorder.out_of_data(&Place { extra, ..Place::default() });
    let window = recorder.flip(0);
    for (selector, expected) in [
        ("iterations_interrupted{reason=data,team=a}", 1),
        ("iterations", 0),
        ("iteration_duration{outcome=*}", 0),
        ("iteration_response_time{outcome=*}", 0),
        ("iteration_lag_users", 0),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
}

#[test]
fn dropped_iterations_are_counted_by_reason_where_they_were_due() {
    let mut recorder = recorder(100);
    let (stage, extra) = (recorder.intern("hold"), recorder.intern_tags(&[("team", "a")]));
    let place = Place { scenario: 1, stage, extra, ..Place::default() };
    recorder.drop_iterations(&place, Reason::End, 3);
    recorder.drop_iterations(&place, Reason::Users, 2);
    let warmup = Place { phase: Phase::Warmup, ..Place::default() };
    recorder.drop_iterations(&warmup, Reason::Generator, 7);
    let window = recorder.flip(0);
    for (selector, expected) in [
        ("dropped_iterations{scenario=admin}", 5),
        ("iterations_dropped{reason=end}", 3),
        ("iterations_dropped{stage=hold,team=a}", 5),
        ("iterations_dropped", 5),
        ("iterations_dropped{phase=warmup}", 7),
        ("iterations_dropped{phase=*,reason=generator}", 7),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
    assert_eq!(window.lifecycles[1].dropped.total(), 5);
    assert_eq!(window.lifecycles[0].dropped.by_reason()[2], ("generator", 7));
}

#[test]
fn a_flip_hands_out_everything_once() {
    let mut recorder = recorder(100);
    let place = Place { step: recorder.intern("pay"), ..Place::default() };
    let name = recorder.intern("status is 200");
    let sample = call(&mut recorder, "/a", 200);
    let record = |recorder: &mut Recorder| {
        recorder.call(&place, &sample);
        recorder.check(&place, name, true);
        recorder.step(&place, &StepSample { duration: sample.duration, outcome: Outcome::Failed });
        recorder.gauge(&place, &metric::VUS, 7.0);
        recorder.time(&metric::LOOP_LAG, sample.duration);
        recorder.lifecycle(0).started += 1;
    };
    record(&mut recorder);
    let first = recorder.flip(1);
    assert_eq!(recorder.flip(2).rows, []);
    record(&mut recorder);
    assert_eq!(recorder.flip(1), first);
    for (selector, expected) in [
        ("checks{check=\"status is 200\",step=pay}", 1),
        ("step_failed", 1),
        ("step_duration", 0),
        ("vus{step=pay}", 7),
        ("loop_lag", 1),
    ] {
        assert_eq!(count(&first, selector), expected, "{selector}");
    }
}

#[test]
fn the_authors_tags_are_on_rows_but_cannot_take_our_names() {
    let mut recorder = recorder(100);
    let tags = [("team", "red"), ("name", "mine")];
    let extra = recorder.intern_tags(&tags);
    assert_eq!(recorder.intern_tags(&tags), extra);
    assert_eq!(recorder.intern_tags(&[]), NameId::NONE);
    let sample = call(&mut recorder, "/a", 200);
    recorder.call(&Place { extra, ..Place::default() }, &sample);
    let window = recorder.flip(0);
    assert_eq!(count(&window, "http_calls{team=red,name=/a}"), 1);
}

#[test]
fn beyond_the_cap_samples_are_counted_in_a_row_of_their_scenario_and_outcome() {
    let mut recorder = recorder(2);
    for n in 0..10 {
        let sample = call(&mut recorder, &format!("/item/{n}"), 200);
        recorder.call(&Place::default(), &sample);
    }
    let refused = call(&mut recorder, "/item/10", 503);
    recorder.call(&Place::default(), &refused);
    let window = recorder.flip(0);
    assert_eq!(window.overflowed, 9);
    for (selector, expected) in [
        ("http_calls", 11),
        ("http_calls{overflow=true}", 9),
        ("http_calls{overflow=true,expected=true}", 8),
        ("http_call_duration", 10),
    ] {
        assert_eq!(count(&window, selector), expected, "{selector}");
    }
    assert_eq!(recorder.flip(1).overflowed, 0);
}

#[test]
fn errors_of_a_kind_are_one_with_the_first_as_its_sample() {
    let mut recorder = recorder(100);
    let place = Place::default();
    let mut asked = 0;
    for user in 0..50_u64 {
        let message = format!("user {user} is gone");
        let at = Duration::from_secs(user);
        recorder.error(&place, "extract", 404, &message, at, || {
            asked += 1;
            format!("GET /user/{user}")
        });
    }
    let window = recorder.flip(0);
    assert_eq!((asked, window.errors.len()), (1, 1));
    let error = &window.errors[0];
    assert_eq!((error.count, error.message.as_str()), (50, "user 0 is gone"));
    assert_eq!((error.first, error.last), (Duration::ZERO, Duration::from_secs(49)));
    assert_eq!(error.exemplar.as_deref(), Some("GET /user/0"));
    assert_eq!(count(&window, "errors{category=extract,status=404}"), 50);

    recorder.error(&place, "extract", 404, "user 7 is gone", Duration::ZERO, || {
        unreachable!("the kind is known")
    });
    let later = recorder.flip(1);
    assert_eq!((later.errors[0].count, &later.errors[0].exemplar), (1, &None));
}

#[test]
fn beyond_a_hundred_kinds_errors_are_only_counted() {
    let mut recorder = recorder(100);
    for n in 0..130_u8 {
        let message = "x".repeat(usize::from(n) + 1);
        recorder.error(&Place::default(), "script", 0, &message, Duration::ZERO, String::new);
    }
    let window = recorder.flip(0);
    assert_eq!((window.errors.len(), window.errors_lost), (100, 30));
    assert_eq!(count(&window, "errors"), 130);
}
