//! What is told before a load that this machine cannot carry.

use std::process::Command;

use crate::common::{Folder, Ran, Running};

/// Runs the script where a process may have so many descriptors.
fn with_descriptors(folder: &Folder, most: u32, arguments: &str) -> Ran {
    let tool = env!("CARGO_BIN_EXE_loadtool");
    let line = format!("ulimit -n {most} && exec '{tool}' run script.lua {arguments}");
    let mut shell = Command::new("sh");
    shell.env("LOADTOOL_STORE", "none");
    Running::start(shell.args(["-c", &line]).current_dir(folder.path("."))).end()
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
fn users_that_are_only_weighed_leave_nothing_behind() {
    let script = "local lt = require 'loadtool'\n\
                  local made = lt.shared.counter 'made'\n\
                  if lt.vu.id > 0 then made:add(1) end\n\
                  return { scenarios = { a = { run = function() end, load = { vus = 1500, iterations = 1 } } },\n\
                  teardown = function() lt.log.info('made ' .. made:get()) end }";
    Folder::new(script).run(&["--threads", "2"]).says("made 1500");
}
