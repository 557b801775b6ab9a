//! What is told before a load that this machine cannot carry.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::common::server::{answer, answering};
use crate::common::{Folder, Ran, Running};

/// Runs the script where a process may have so many descriptors.
fn with_descriptors(folder: &Folder, most: u32, arguments: &str) -> Ran {
    limited(folder, &format!("-n {most}"), &format!("run script.lua {arguments}"))
}

/// Runs the tool in a shell that has set this limit.
fn limited(folder: &Folder, limit: &str, arguments: &str) -> Ran {
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let line = format!("ulimit {limit} && exec '{tool}' {arguments}");
    let mut shell = Command::new("sh");
    shell.env("LOADTOOL_STORE", "none").env("XDG_STATE_HOME", folder.path("state"));
    Running::start(shell.args(["-c", &line]).current_dir(folder.path("."))).end()
}

#[test]
fn every_command_that_sends_takes_all_descriptors_it_may_have() {
    let url = answering(|_| {
        sleep(Duration::from_millis(100));
        answer("200 OK", "")
    });
    let folder = Folder::new(
        "local lt = require 'loadtool'
         local calls = {} for i = 1, 90 do calls[i] = { 'GET', '/' } end
         return {
           http = { max_parallel = 90 },
           scenarios = { a = { load = { iterations = 1 }, run = function()
             for _, r in ipairs(lt.http.batch(calls)) do lt.check(r, { status = 200 }) end
           end } },
         }",
    );
    for command in ["run", "once"] {
        let ran = limited(&folder, "-S -n 60", &format!("{command} script.lua --base-url {url}"));
        ran.exits(0);
    }
    // Fifty connections to the null target, which take a descriptor each on both sides.
    limited(&folder, "-S -n 60", "calibrate --duration 1s").exits(0);
}

#[test]
fn a_url_that_nothing_says_where_to_send_is_refused() {
    let folder = Folder::new(
        "local lt = require 'loadtool'
         return function() lt.http.get '/health' end",
    );
    let told = "script.lua:2: this URL begins with `/`, and there is no base URL to join it with";
    let hint = "hint: give --base-url URL, or base_url in the definition";
    folder.run(&[]).exits(2).says(told).says(hint);
    let check = |arguments: &[&str]| {
        Running::start(folder.tool().args(["check", "script.lua"]).args(arguments)).end()
    };
    check(&[]).exits(2).says(told).says(hint);
    check(&["--base-url", "http://127.0.0.1:1"]).exits(0);
}

#[test]
fn users_that_are_sure_to_lack_descriptors_are_refused_with_the_cure() {
    let folder = Folder::of("lt.http.get '/'");
    let closed = "--vus 500 --duration 1s --threads 2 --base-url http://127.0.0.1:1";
    let ran = with_descriptors(&folder, 100, closed).exits(2);
    let told =
        "500 users with a connection each need 548 descriptors, and this process may have 100";
    ran.says(told).says("hint: `ulimit -n 1000` in the shell before");
}

#[test]
fn users_that_may_never_be_needed_are_a_warning() {
    let folder = Folder::of("lt.sleep(0.001)");
    let open = "--rate 20 --max-vus 500 --duration 300ms --threads 2 --base-url http://127.0.0.1:1";
    let ran = with_descriptors(&folder, 100, open);
    assert!(ran.err.contains("up to 500 users with a connection each need 548"), "{}", ran.err);
    assert!(ran.out.contains("script.lua: "), "it ran: {}", ran.out);
}

#[test]
fn users_too_heavy_for_lua_are_refused_before_they_are_made() {
    let heavy = "local t = {} for i = 1, 20000 do t[i] = i end\n\
                 return { scenarios = { a = { run = function() return t end,\n\
                 load = { vus = 2000, duration = '1s' } } } }";
    let ran = Folder::new(heavy).run(&["--threads", "2"]).exits(2);
    ran.says("2,000 users of ").says("do not fit the 256 MiB of Lua memory of a worker");
}

#[test]
fn users_whose_calls_may_need_more_descriptors_than_there_are_are_a_warning() {
    let folder = Folder::of("lt.sleep(0.001)");
    let arguments = "--vus 150 --iterations 150 --threads 2 --base-url http://127.0.0.1:1";
    for connections in ["fresh", "shared"] {
        let folder = Folder::new(&format!(
            "return {{ scenarios = {{ a = {{ connections = '{connections}', run = function() end }} }} }}"
        ));
        let ran = with_descriptors(&folder, 100, arguments);
        let told = "up to 150 users with a connection each need 198 descriptors";
        ran.says(told).says("hint: `ulimit -n 1000` in the shell before, or fewer users\n");
    }
    let batch = "if lt.vu.id == 0 then lt.http.batch {} end";
    let ran = with_descriptors(&Folder::of(batch), 200, arguments);
    ran.says("up to 150 users with up to 6 connections each (http.batch) need 948 descriptors");
    let few = "--vus 50 --iterations 50 --threads 2 --base-url http://127.0.0.1:1";
    let ran = with_descriptors(&folder, 100, few);
    assert!(!ran.err.contains("descriptors"), "{}", ran.err);
}

#[test]
fn a_few_heavy_users_are_weighed_too() {
    let heavy = "local t = {} for i = 1, 2^16 do t[i] = i end\n\
                 return { scenarios = { a = { run = function() return t end,\n\
                 load = { vus = 60, duration = '1s' } } } }";
    let folder = Folder::new(heavy);
    let ran = folder.run(&["--threads", "2", "--script-memory-limit", "16MiB"]).exits(2);
    ran.says("60 users of 1.00 MiB each, on 2 workers, do not fit the 16.0 MiB of Lua memory");
    // Lighter than it will be: only those of a worker that were not weighed keep much.
    let later = "local lt = require 'loadtool'\n\
                 local t = {} if lt.vu.id > 20 then for i = 1, 2^16 do t[i] = i end end\n\
                 return { scenarios = { a = { run = function() return t end,\n\
                 load = { vus = 60, duration = '1s' } } } }";
    let folder = Folder::new(later);
    let ran = folder.run(&["--threads", "2", "--script-memory-limit", "16MiB"]).exits(2);
    ran.says("(script_memory_limit)").says("hint: raise it (--script-memory-limit 512MiB), or");
}

#[test]
fn users_that_are_only_weighed_are_not_heard() {
    let script = "local lt = require 'loadtool'\n\
                  if lt.vu.id > 0 then lt.log.warn 'here I am' print 'I, too' end\n\
                  return { scenarios = { a = { run = function() end, load = { vus = 3, iterations = 1 } } } }";
    let ran = Folder::new(script).run(&["--threads", "1"]);
    for word in ["here I am", "I, too"] {
        assert_eq!(ran.err.matches(word).count(), 3, "{}", ran.err);
    }
}

#[test]
fn users_that_are_only_weighed_leave_nothing_behind() {
    let script = "local lt = require 'loadtool'\n\
                  local made = lt.shared.counter 'made'\n\
                  if lt.vu.id > 0 then made:add(1) end\n\
                  return { scenarios = { a = { run = function() end, load = { vus = 1500, iterations = 1 } } },\n\
                  teardown = function() lt.log.info('made ' .. made:get()) end }";
    Folder::new(script).run(&["--threads", "2"]).says("made 1500");
}
