//! What calls are told beyond the request itself: `retry`, and `expect_status` as a function.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method};
use tokio::time::{Instant, timeout};

use super::rows;
use super::together::longest;
use crate::http::{Category, Exchange, Hop, SendError, SimulatedTransport};
use crate::lua::error::Ended;
use crate::lua::testing::{Bench, block_on};
use crate::metrics::{Place, Value};

/// What was sent when, in milliseconds since the first.
type Log = Rc<RefCell<Vec<u128>>>;

/// A script over a transport that answers hop number n (from 0) by `answer`, at once.
fn bench(body: &str, answer: impl Fn(usize, &Hop) -> Exchange + 'static) -> (Bench, Log) {
    let script = format!("local lt = require 'loadtool'\nreturn function(...)\n{body}\nend");
    let bench = Bench::new(&script, &[]);
    let log = Log::default();
    let (sent, began) = (log.clone(), Cell::new(None));
    bench.host.use_transport(Rc::new(SimulatedTransport::new(move |hop| {
        let first = began.get().unwrap_or_else(Instant::now);
        began.set(Some(first));
        sent.borrow_mut().push(first.elapsed().as_millis());
        (Duration::ZERO, answer(sent.borrow().len() - 1, hop))
    })));
    (bench, log)
}

fn failed(category: Category) -> Exchange {
    let error = Some(SendError { category, message: "as asked".into() });
    Exchange { error, bytes_sent: 100, ..Exchange::default() }
}

#[test]
fn a_call_is_tried_again_with_growing_pauses_and_each_try_is_a_request() {
    let script = "local r = lt.http.post('http://h/x', {
        body = 'again', retry = { times = 3, on = { 'connect', 503 }, backoff = '1s' } })
      assert(r.ok and r.body == 'at last' and r.ms > 3500, r.ms)";
    let (bench, log) = bench(script, |n, hop| {
        assert_eq!(hop.body.bytes().unwrap(), "again");
        match n {
            0 => failed(Category::Connect),
            1 | 2 => Exchange::answer(503, "busy"),
            _ => Exchange::answer(200, "at last"),
        }
    });
    assert_eq!(bench.once(), Ended::Completed);
    let times = log.borrow().clone();
    let pauses: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, around) in pauses.iter().zip([1000, 2000, 4000]) {
        assert!((around / 2..=around * 3 / 2).contains(pause), "{pauses:?}");
    }
    let window = bench.host.recorder.borrow_mut().flip(0);
    let tries: Vec<_> = rows(&window, "http_req_failed", "try").into_iter().collect();
    let failed = |hits| Value::Rate { hits, total: 1 };
    let expected = [("0", failed(1)), ("1", failed(1)), ("2", failed(1)), ("3", failed(0))];
    assert_eq!(tries, expected.map(|(attempt, rate)| (attempt.to_owned(), rate)));
    let calls = longest(&window, "http_call_duration", "outcome");
    assert_eq!(calls, [("completed".to_owned(), times[3])]);
    let life = window.lifecycles[0];
    assert_eq!((life.prepared, life.headers, life.bodies), (4, 3, 3));
}

#[test]
fn the_pauses_are_the_users_own_chance_and_the_same_again() {
    let pauses = |number| {
        let (bench, log) =
            bench("lt.http.get('http://h/', { retry = { times = 5, on = 500 } })", |_, _| {
                Exchange::answer(500, "")
            });
        let user = bench.user(number);
        block_on(async { user.iterate(0, 0, Place::default()).await });
        log.take()
    };
    let (one, two) = (pauses(1), pauses(2));
    assert_eq!(one.len(), 6);
    assert_eq!(one, pauses(1));
    assert_ne!(one, two);
}

#[test]
fn what_the_server_asks_for_is_waited_for_within_the_timeout() {
    let after = |seconds: &'static str| {
        move |n: usize, _: &Hop| {
            let mut done = Exchange::answer(if n == 0 { 429 } else { 200 }, "");
            done.headers.insert(RETRY_AFTER, seconds.parse().unwrap());
            done
        }
    };
    let script = "local r = lt.http.get('http://h/', { timeout = 20, retry = { on = '4xx' } })
      assert(r.status == 429 or r.status == 200)";
    for (seconds, sent) in
        [("7", vec![0, 7000]), ("20", vec![0]), ("9999999999999999999999", vec![0])]
    {
        let (bench, log) = bench(script, after(seconds));
        assert_eq!(bench.once(), Ended::Completed);
        assert_eq!(*log.borrow(), sent, "{seconds}");
    }
    let (bench, log) = bench(script, after("nonsense"));
    assert_eq!(bench.once(), Ended::Completed);
    let sent = log.borrow().clone();
    assert!(sent.len() == 2 && (50..=150).contains(&sent[1]), "{sent:?}");
}

#[test]
fn a_try_begins_at_the_first_hop_and_ends_with_the_calls_time() {
    let script = "local r = lt.http.post('http://h/start', { timeout = 10,
        retry = { times = 100, on = 503, backoff = '1s' } })
      assert(r.status == 503 and r.hops == 1 and r.ms < 10000)";
    let (bench, log) = bench(script, |_, hop| match hop.url.path() {
        "/start" => {
            assert_eq!(hop.method, Method::POST);
            let mut done = Exchange::answer(303, "");
            done.headers.insert(LOCATION, "/end".parse().unwrap());
            done
        }
        _ => Exchange::answer(503, ""),
    });
    assert_eq!(bench.once(), Ended::Completed);
    assert!(log.borrow().len() >= 6, "{log:?}");
    let window = bench.host.recorder.borrow_mut().flip(0);
    let hops = rows(&window, "http_reqs", "hop").len();
    assert_eq!(hops, log.borrow().len());
}

#[test]
fn a_stop_in_a_pause_between_tries_interrupts_the_call() {
    let script = "lt.http.get('http://h/', { retry = { on = 503, backoff = '20s' } })";
    let (bench, _) = bench(script, |_, _| Exchange::answer(503, ""));
    let user = bench.user(1);
    block_on(async {
        let cut = timeout(Duration::from_secs(5), user.iterate(0, 0, Place::default())).await;
        assert!(cut.is_err());
        user.interrupt();
    });
    let window = bench.host.recorder.borrow_mut().flip(0);
    let calls = longest(&window, "http_call_duration", "outcome");
    assert_eq!(calls, [("interrupted".to_owned(), 5000)]);
}

#[test]
fn a_function_says_what_is_expected_and_may_wait() {
    let script = "local function holds(r) lt.sleep(1); return r.status == 500 and r.body == 'fine' end
      local r = lt.http.get('http://h/fine', { expect_status = holds })
      assert(r.ok and r.status == 500)
      local other = lt.http.get('http://h/other', { expect_status = holds })
      assert(not other.ok)
      local all = lt.http.batch { 'http://h/a', { 'GET', 'http://h/fine', { expect_status = holds } },
        { 'GET', 'http://h/other', { expect_status = holds } },
        { 'GET', 'http://h/lost', { expect_status = function() return true end } } }
      assert(all[1].ok == false and all[2].ok and not all[3].ok and not all[4].ok and all[4].error)";
    let (bench, _) = bench(script, |_, hop| match hop.url.path() {
        "/fine" => Exchange::answer(500, "fine"),
        "/lost" => failed(Category::Reset),
        _ => Exchange::answer(500, "other"),
    });
    assert_eq!(bench.once(), Ended::Completed);
    let window = bench.host.recorder.borrow_mut().flip(0);
    for metric in ["http_call_failed", "http_req_failed"] {
        let judged = rows(&window, metric, "name");
        let rate = |hits, total| Value::Rate { hits, total };
        let expected = [
            ("/a", rate(1, 1)),
            ("/fine", rate(0, 2)),
            ("/lost", rate(1, 1)),
            ("/other", rate(2, 2)),
        ];
        let named = judged
            .iter()
            .map(|(name, value)| (name.trim_start_matches("http://h").to_owned(), value.clone()));
        assert_eq!(
            named.collect::<Vec<_>>(),
            expected.map(|(name, value)| (name.to_owned(), value)),
            "{metric}"
        );
    }
    let told = window.errors.iter().find(|error| error.message.contains("refused")).unwrap();
    assert_eq!((told.category, told.count), ("server_error", 2));
    assert!(told.message.ends_with("/other: expect_status refused the answer (status 500)"));
}

#[test]
fn an_error_of_that_function_ends_the_iteration_after_the_call_is_recorded() {
    for (call, line) in [
        ("lt.http.get('http://h/', { expect_status = broken })", 4),
        ("lt.http.batch { { 'GET', 'http://h/', { expect_status = broken } }, 'http://h/' }", 4),
    ] {
        let script = format!("local function broken(r)\nreturn r.body.x.y end\n{call}");
        let (bench, _) = bench(&script, |_, _| Exchange::answer(200, ""));
        let Ended::Failed(failure) = bench.once() else { panic!("{call}") };
        assert_eq!((failure.category, failure.line), ("script", Some(line)), "{failure}");
        let window = bench.host.recorder.borrow_mut().flip(0);
        let calls = rows(&window, "http_call_failed", "outcome");
        assert_eq!(
            calls[calls.len() - 1],
            ("failed".to_owned(), Value::Rate { hits: 1, total: 1 })
        );
    }
}

#[test]
fn a_call_is_interrupted_if_nobody_can_say_whether_it_was_expected() {
    let script = "lt.http.get('http://h/', { expect_status = function() lt.sleep(9) end })";
    let (bench, _) = bench(script, |_, _| Exchange::answer(200, ""));
    let user = bench.user(1);
    block_on(async {
        let cut = timeout(Duration::from_secs(2), user.iterate(0, 0, Place::default())).await;
        assert!(cut.is_err());
        user.interrupt();
    });
    let window = bench.host.recorder.borrow_mut().flip(0);
    let calls = longest(&window, "http_call_duration", "outcome");
    assert_eq!(calls, [("interrupted".to_owned(), 2000)]);
}

#[test]
fn a_check_counts_each_condition_once_however_it_is_judged() {
    let body = "local r = lt.http.get 'http://127.0.0.1/'
         local all = { status = 200, size = { max = 99 }, header = { ['x-a'] = '1' }, json = { ['$.n'] = 1 } }
         local plain = { status = 200, proto = '1.1', header = { ['x-a'] = true }, json = { ['$.n'] = 1 } }
         assert(lt.check(r, all) and lt.check(r, plain) and lt.expect(r, plain) == r)
         plain.json['$.n'] = 2
         assert(not lt.check(r, plain))
         assert(not lt.check(r, { status = 200, own = false }))";
    let (bench, _) = bench(body, |_, _| {
        let mut answer = Exchange::answer(200, r#"{"n":1}"#);
        answer.proto = "1.1";
        answer.headers.insert("x-a", HeaderValue::from_static("1"));
        answer
    });
    assert_eq!(bench.once(), Ended::Completed);
    let window = bench.host.recorder.borrow_mut().flip(0);
    let counts: Vec<_> = rows(&window, "checks", "check")
        .into_iter()
        .map(|(label, value)| match value {
            Value::Rate { hits, total } => (label, hits, total),
            other => panic!("{other:?}"),
        })
        .collect();
    let want = [
        ("header x-a", 4, 4),
        ("json $.n", 3, 4),
        ("own", 0, 1),
        ("proto", 3, 3),
        ("size", 1, 1),
        ("status is 200", 5, 5),
    ];
    assert_eq!(counts, want.map(|(label, hits, total)| (label.to_owned(), hits, total)));
}
