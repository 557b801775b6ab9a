//! The modules of `lt` that send nothing, as scripts use them.

use std::time::Duration;

use crate::lua::error::{Ended, Stopped};
use crate::lua::testing::{Bench, block_on, failure, run};
use crate::metrics::{MetricId, Place, Value, Window};

mod calls;
mod together;

/// Runs one iteration and gives its end and what was recorded.
fn recorded(body: &str) -> (Ended, Window) {
    let script = format!("local lt = require 'loadtool'\nreturn function(...)\n{body}\nend");
    let bench = Bench::new(&script, &[]);
    let ended = bench.once();
    let window = bench.host.recorder.borrow_mut().flip(0);
    (ended, window)
}

/// `tag=value` → value of a metric, for every row that has it.
fn rows(window: &Window, metric: &str, tag: &str) -> Vec<(String, Value)> {
    let metric = MetricId::built_in(metric).unwrap();
    let mut rows = Vec::new();
    for row in &window.rows {
        let text = row.tags.get(tag).map(|text| text.to_string()).unwrap_or_default();
        let values = row.values.iter().filter(|(id, _)| *id == metric);
        rows.extend(values.map(|(_, value)| (text.clone(), value.clone())));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows
}

#[test]
fn steps_nest_give_back_results_and_are_timed_less_thinking() {
    let (ended, window) = recorded(
        "local a, b = lt.step('checkout', function(x)
           lt.step('pay', function() lt.sleep(2) end)
           lt.think(5)
           return x, 2
         end, 1)
         assert(a == 1 and b == 2)",
    );
    assert_eq!(ended, Ended::Completed);
    let steps: Vec<_> = rows(&window, "step_duration", "step")
        .into_iter()
        .map(|(step, value)| match value {
            Value::Histogram(times) => (step, times.max().unwrap().as_secs()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(steps, [("checkout".to_owned(), 2), ("checkout/pay".to_owned(), 2)]);
}

#[test]
fn an_error_inside_a_step_fails_it_and_goes_on_up_with_its_line_and_step() {
    let (ended, window) = recorded(
        "local ok, e = pcall(lt.step, 'a', function()
           lt.step('b', function() lt.fail('no stock') end)
         end)
         assert(not ok and e.category == 'script' and e.message == 'no stock' and e.step == 'a/b')
         lt.step('c', function() local x = nil; return x.y end)",
    );
    let Ended::Failed(failure) = ended else { panic!("{ended:?}") };
    assert!(failure.message.starts_with("script.lua:7: attempt to index a nil"), "{failure}");
    assert_eq!(failure.step, "c");
    let failed = rows(&window, "step_failed", "step");
    let all_failed = |value: &Value| matches!(value, Value::Rate { hits: 1, total: 1 });
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|(_, value)| all_failed(value)), "{failed:?}");
}

#[test]
fn labels_of_the_authors_own_are_counted_in_byte_order() {
    let (ended, window) = recorded(
        "local order = {}
         local function note(name, holds) return function() order[#order + 1] = name; return holds end end
         local ok = lt.check(7, { b = note('b', true), a = note('a', false), C = note('C', 1), d = true })
         assert(ok == false and table.concat(order) == 'Cab')",
    );
    assert_eq!(ended, Ended::Completed);
    let checks = rows(&window, "checks", "check");
    let labels: Vec<&str> = checks.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["C", "a", "b", "d"]);
    assert_eq!(checks[1].1, Value::Rate { hits: 0, total: 1 });
}

#[test]
fn expect_tells_all_that_failed_and_ends_the_iteration() {
    let failure = failure(
        "assert(lt.expect(1, { x = true }) == 1)
         lt.expect(1, { good = true, ['is even'] = function(n) return n % 2 == 0 end, bad = false })",
    );
    assert_eq!(failure.category, "assertion");
    assert_eq!(
        failure.message,
        "script.lua:4: bad: expected true, got false; is even: expected true, got false"
    );
}

#[test]
fn mistakes_are_raised_at_the_authors_line() {
    for (body, message) in [
        ("lt.check(1, {})", "a check needs at least one condition: the table is empty"),
        ("lt.check(1, { statsu = 200 })", "unknown condition `statsu`; did you mean `status`?"),
        ("lt.check(1, { status = 200 })", "a response is needed here, not 1"),
        ("lt.check(1)", "lt.check needs a table of conditions, got nil"),
        ("lt.step('x')", "lt.step needs a name and a function, got nil"),
        ("lt.step(1, print)", "lt.step needs a name, got 1"),
        ("lt.think(3, 1)", "lt.think(3, 1): the first is the shorter one"),
        ("lt.sleep('5 parsecs')", "lt.sleep: `5 parsecs` is no duration"),
        ("return lt.vu.nmuber", "unknown field of lt.vu `nmuber`; did you mean `number`?"),
        ("lt.vu.id = 1", "lt.vu is read-only; a user's own memory is lt.vu.vars"),
        ("lt.random.int(1)", "lt.random.int(a, b) needs integers, got nil"),
        ("lt.json.encode(print)", "lt.json.encode: a function has no JSON"),
        ("lt.matches '('", "regex parse error"),
        ("lt.data.csv('x.csv')", "a pool is opened at the script's top level"),
    ] {
        let failure = failure(body);
        assert_eq!((failure.category, failure.line), ("script", Some(3)), "{body}: {failure}");
        let told = failure.message.strip_prefix("script.lua:3: ").unwrap();
        assert!(told.starts_with(message), "{body}: {told}");
    }
}

#[test]
fn a_user_knows_itself_and_remembers() {
    let ended = run("assert(lt.vu.id == 1 and lt.vu.number == 1 and lt.vu.scenario == 'default')
         assert(lt.vu.iteration == 0 and lt.vu.agent == 1 and lt.vu.stopping == false)
         lt.vu.vars.n = (lt.vu.vars.n or 0) + 1
         assert(lt.vu.vars.n == 1 and lt.env.NAME == 'value' and lt.env.NONE == nil)");
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn values_are_made_and_read() {
    let ended =
        run("assert(lt.json.encode { b = lt.json.array {}, a = 10 / 2 } == '{\"a\":5,\"b\":[]}')
         assert(lt.json.decode('[null]')[1] == lt.json.null)
         local none, why = lt.json.decode('{')
         assert(none == nil and why:find 'not JSON')
         assert(lt.encode.base64 'hi' == 'aGk=' and lt.encode.base64_decode 'aGk' == 'hi')
         assert(#lt.random.uuid() == 36 and lt.random.pick { 7 } == 7 and lt.random.pick {} == nil)
         assert(math.random(3) <= 3 and math.random() < 1)
         assert(lt.time.iso8601(0) == '1970-01-01T00:00:00.000Z' and lt.time.now() > 1e9)
         lt.log.info('a', nil, 1)");
    assert_eq!(ended, Ended::Completed);
}

#[test]
fn what_setup_gave_is_read_like_any_table() {
    let bench = Bench::new(
        "local lt = require 'loadtool'
         return function(ctx)
           assert(lt.json.encode(ctx) == '{\"list\":[1,2],\"none\":[],\"user\":{\"name\":\"ann\"}}')
           assert(lt.random.pick(ctx.list) <= 2 and #lt.random.shuffle(ctx.list) == 2)
           lt.expect(1, ctx.none and { yes = true })
           ctx.user.name = 'bob'
         end",
        &[],
    );
    let ctx = br#"{"user":{"name":"ann"},"list":[1,2],"none":[]}"#;
    bench.vm.bind(&bench.plan, &[ctx[..].into()]).unwrap();
    let Ended::Failed(failure) = bench.once() else { panic!("ctx is read-only") };
    assert_eq!(failure.message, "script.lua:6: this table is read-only");
}

#[test]
fn the_same_user_draws_the_same_and_another_one_not() {
    let draws = |number| {
        let bench = Bench::new(
            "local lt = require 'loadtool'
             return function() error(lt.random.string(20) .. math.random(1000000), 0) end",
            &[],
        );
        let user = bench.user(number);
        match block_on(user.iterate(0, 0, Place::default())) {
            Ended::Failed(failure) => failure.message,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
}

const USERS: &str = "local lt = require 'loadtool'
local pool = lt.data.csv('users.csv', { pick = 'unique', at_end = 'stop_vu', types = { age = 'integer' } })
return function()
  assert(#pool == 2 and pool:get(2).name == 'bob' and pool:get(3) == nil)
  local row = pool:next()
  assert(row.age == 30 or row.name == 'bob')
  if lt.vu.iteration == 1 then return row.nmae end
end";

#[test]
fn pools_hand_out_rows_raise_for_unknown_columns_and_stop_at_their_end() {
    let bench = Bench::new(USERS, &[("users.csv", "name,age\nann,30\nbob,40\n")]);
    let user = bench.user(1);
    let end = |n| block_on(user.iterate(n, 0, Place::default()));
    assert_eq!(end(0), Ended::Completed);
    let Ended::Failed(failure) = end(1) else { panic!("a column that does not exist raises") };
    assert!(failure.message.contains("did you mean `name`?"), "{failure}");
    assert_eq!(end(2), Ended::Stopped(Stopped::Vu));
}

#[test]
fn rows_of_json_keep_their_types_and_only_unknown_fields_raise() {
    let body = |open: &str| {
        format!(
            "local lt = require 'loadtool'
             local pool = {open}
             return function()
               assert(#pool == 2 and pool:get(3) == nil)
               local ann, bob = pool:get(1), pool:get(2)
               assert(ann.age == 30 and math.type(ann.age) == 'integer' and ann.tags[2] == 'b')
               assert(ann.nick == lt.json.null and bob.nick == nil and bob.vip == true)
               ann.extra = 1
               assert(pool:next().name == 'ann' and pool:next().extra == nil)
             end"
        )
    };
    const ANN: &str = r#"{"name":"ann","age":30,"tags":["a","b"],"nick":null}"#;
    const BOB: &str = r#"{"name":"bob","vip":true}"#;
    let list = format!("[{ANN},{BOB}]");
    let files = [
        ("users.json", &*list),
        ("more.json", &*format!("{{\"users\":{list}}}")),
        ("users.ndjson", &*format!("{ANN}\n{BOB}")),
    ];
    for open in [
        "lt.data.json 'users.json'",
        "lt.data.json('more.json', { path = '$.users' })",
        "lt.data.ndjson 'users.ndjson'",
        "lt.data.rows { { name = 'ann', age = 30, tags = { 'a', 'b' }, nick = lt.json.null },
                        { name = 'bob', vip = true } }",
    ] {
        let ended = Bench::new(&body(open), &files).once();
        let Ended::Failed(failure) = ended else { panic!("`extra` is in no row: {ended:?}") };
        assert!(failure.message.contains("unknown column of"), "{failure}");
        assert!(failure.message.contains(" `extra`; hint: there are "), "{failure}");
    }
}

#[test]
fn a_list_in_the_script_is_one_pool_for_all_users() {
    let bench = Bench::new(
        "local lt = require 'loadtool'
         local pool = lt.data.rows({ { n = 1 }, { n = 2 } }, { pick = 'unique', at_end = 'error' })
         return function() lt.fail(pool:next().n .. '.') end",
        &[],
    );
    for (number, told) in [(1, "1."), (2, "2."), (3, "the list of lt.data.rows has no row left")] {
        let user = bench.user(number);
        let ended = block_on(user.iterate(0, 0, Place::default()));
        let Ended::Failed(failure) = ended else { panic!("{ended:?}") };
        assert!(failure.message.contains(told), "{failure}");
    }
}

const LEASES: &str = "local lt = require 'loadtool'
local pool = lt.data.csv('users.csv', { pick = 'lease' })
return function()
  local row = pool:next()
  if lt.vu.iteration == 1 then lt.fail(row.name) end
  if lt.vu.iteration == 2 then lt.sleep(600) end
  if lt.vu.iteration == 3 then pool:next() end
  if lt.vu.iteration == 4 then lt.abort 'enough' end
  lt.sleep(10)
end";

#[test]
fn a_leased_row_is_exclusive_until_the_iteration_ends_however_it_ends() {
    let bench = Bench::new(LEASES, &[("users.csv", "name\nann\n")]);
    let (one, two) = (bench.user(1), bench.user(2));
    block_on(async {
        let began = tokio::time::Instant::now();
        let both =
            tokio::join!(one.iterate(0, 0, Place::default()), two.iterate(0, 0, Place::default()));
        assert_eq!(both, (Ended::Completed, Ended::Completed));
        assert_eq!(began.elapsed().as_secs(), 20, "one waits for the other");
        assert_eq!(two.thought(), Duration::ZERO, "waiting is no thinking");
        for (n, end) in [(1, "ann"), (3, "asks for another"), (4, "Stopped(Run(\"enough\"))")] {
            let ended = format!("{:?}", one.iterate(n, 0, Place::default()).await);
            assert!(ended.contains(end), "{ended}");
            assert_eq!(two.iterate(0, 0, Place::default()).await, Ended::Completed, "{n}");
        }
        let held = one.iterate(2, 0, Place::default());
        assert!(tokio::time::timeout(Duration::from_secs(60), held).await.is_err());
        let waits = two.iterate(0, 0, Place::default());
        assert!(tokio::time::timeout(Duration::from_secs(60), waits).await.is_err());
        two.interrupt();
        one.interrupt();
        assert_eq!(two.iterate(0, 0, Place::default()).await, Ended::Completed);
    });
}

#[test]
fn an_abort_ends_the_run_and_no_pcall_sees_it() {
    let ended = run("pcall(lt.abort, 'enough') error('not reached')");
    assert_eq!(ended, Ended::Stopped(Stopped::Run("enough".into())));
}

#[test]
fn a_thought_that_is_cut_off_counts_as_far_as_it_went() {
    let bench = Bench::new(
        "local lt = require 'loadtool' return function() lt.step('s', function() lt.think(60) end) end",
        &[],
    );
    let user = bench.user(1);
    block_on(async {
        let cut =
            tokio::time::timeout(Duration::from_secs(2), user.iterate(0, 0, Place::default()));
        assert!(cut.await.is_err());
        user.interrupt();
    });
    assert_eq!(user.thought().as_secs(), 2);
    let window = bench.host.recorder.borrow_mut().flip(0);
    let steps = rows(&window, "step_duration", "outcome");
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].0, "interrupted");
}

#[test]
fn the_type_definitions_name_every_function_that_there_is() {
    let ended = run("local names = {}
         local function note(prefix, module)
           for name, value in pairs(module) do
             if type(value) == 'function' then names[#names + 1] = prefix .. name end
             if type(value) == 'table' and value ~= lt.any and value ~= lt.vu and value ~= lt.env then
               note(name .. '.', value)
             end
           end
         end
         note('lt.', lt)
         table.sort(names)
         lt.abort(table.concat(names, '\\n'))");
    let Ended::Stopped(Stopped::Run(there)) = ended else { panic!("{ended:?}") };
    let functions = crate::lua::TYPES.lines().filter_map(|line| line.strip_prefix("function "));
    // Methods are of objects, which are made; but cookies are there from the beginning.
    let mut typed: Vec<String> = functions
        .filter_map(|line| Some(line.split_once('(')?.0))
        .filter(|name| name.starts_with("cookies:") || !name.contains(':'))
        .map(|name| name.replace(':', "."))
        .collect();
    typed.sort();
    assert_eq!(there.lines().collect::<Vec<_>>(), typed);
}
