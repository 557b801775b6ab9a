//! What a script may compute and keep, as said by flags and by the definition.

use crate::common::server::{answer, answering};
use crate::common::{Folder, Ran};

fn fails_with(ran: Ran, message: &str) {
    let ran = ran.exits(3);
    let told = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains(message), "want {message:?} in\n{}", ran.out);
}

const LOOP: &str = "while true do end";
const BOMB: &str = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end";

#[test]
fn a_script_that_computes_too_long_is_ended_after_script_cpu_limit() {
    let rule =
        "script.lua:3: the script computed for more than 50ms without waiting (script_cpu_limit)";
    fails_with(Folder::of(LOOP).run(&["--script-cpu-limit", "50ms"]), rule);
    let definition = |more: &str| {
        Folder::new(&format!(
            "local function go()\n\n{LOOP} end\nreturn {{ {more}, scenarios = {{ a = {{ run = go }} }} }}"
        ))
    };
    fails_with(definition("script_cpu_limit = '50ms'").run(&[]), rule);
    // The flag wins, and holds for the top level too.
    fails_with(definition("script_cpu_limit = '1h'").run(&["--script-cpu-limit", "50ms"]), rule);
    let ran = Folder::new(LOOP).run(&["--script-cpu-limit", "50ms"]).exits(2);
    assert!(ran.err.contains("for more than 50ms"), "{}", ran.err);
}

#[test]
fn a_script_that_keeps_too_much_fails_at_script_memory_limit_and_others_go_on() {
    for (script, flags) in [
        (Folder::of(BOMB), &["--script-memory-limit", "8MiB"][..]),
        (
            Folder::new(&format!(
                "local function go() {BOMB} end\n\
                 return {{ script_memory_limit = '8MiB', scenarios = {{ a = {{ run = go }} }} }}"
            )),
            &[],
        ),
    ] {
        let arguments = [flags, &["--script-cpu-limit", "30s"]].concat();
        let ran = script.run(&arguments);
        assert!(ran.peak.is_none_or(|peak| peak < 80 << 20), "{:?}", ran.peak);
        fails_with(ran, "not enough memory (script_memory_limit)");
    }
}

#[test]
fn who_keeps_too_much_in_a_global_fails_alone_and_begins_anew_with_its_on_start() {
    let script = "local lt = require 'loadtool'
        local token
        local function hoard()
          assert(token, 'on_start has not run')
          kept = kept or {}
          for i = 1, 1e9 do kept[i] = ('x'):rep(10000) .. i end
        end
        return { script_memory_limit = '8MiB', script_cpu_limit = '30s', thresholds = {}, scenarios = {
          a = { on_start = function() token = 1 end, run = hoard, load = { iterations = 3 } },
          b = { run = function() lt.sleep(0.01) end, load = { iterations = 60 } },
        } }";
    let (ran, summary) = Folder::new(script).summary(&["--threads", "1"]);
    let ran = ran.exits(4);
    assert!(ran.out.contains("ran out of descriptors, ports or memory 3 times"), "{}", ran.out);
    let life = |scenario: usize, part: &str| &summary["scenarios"][scenario]["iterations"][part];
    assert_eq!((life(0, "failed"), life(1, "completed")), (&3.into(), &60.into()), "{ran:?}");
    let errors = summary["errors"].as_array().expect("a list");
    assert!(
        matches!(&errors[..], [error] if error["count"] == 3
            && error["message"] == "script.lua:6: not enough memory (script_memory_limit)"),
        "{errors:#?}"
    );
}

#[test]
fn what_responses_hold_is_limited_and_given_back() {
    let url = answering(|_| answer("200 OK", "x".repeat(1 << 20)));
    let folder = Folder::of(
        "local kept = {}
         for i = 1, lt.vu.id == 1 and lt.vu.iteration == 0 and 40 or 3 do
           kept[i] = lt.http.get '/'
           lt.check(kept[i], { status = 200 })
         end
         lt.check(#kept, { ['only a few'] = #kept == 3 })",
    );
    // Four times the Lua memory: 16 MiB.
    let arguments = ["--base-url", &url, "--script-memory-limit", "4MiB", "--threads", "1"];
    let (ran, summary) =
        folder.summary(&[&arguments[..], &["--vus", "2", "--iterations", "6"]].concat());
    let errors = summary["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), 1, "{ran:?}");
    assert_eq!(errors[0]["category"], "resource");
    // The neighbour's own response may be the one for which there is no room.
    let count = errors[0]["count"].as_u64().expect("a count");
    assert!((1..=2).contains(&count), "{errors:#?}");
    assert_eq!(errors[0]["message"], "responses hold more than 16 MiB of memory");
    assert_eq!(summary["totals"]["iterations"]["count"], 6);
    assert_eq!(summary["totals"]["iterations"]["failed"], count);
    assert!(ran.peak.is_none_or(|peak| peak < 100 << 20), "{:?}", ran.peak);
}
