//! Keys at a terminal, which `script` of util-linux plays.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use crate::common::Folder;

const PATIENCE: Duration = Duration::from_secs(60);

/// The tool at a terminal, and then what the terminal's mode is.
struct Seat {
    folder: Folder,
    child: Kin,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How much had been shown at the last key.
    pressed_at: usize,
    reader: JoinHandle<()>,
}

impl Seat {
    fn take(script: &str) -> Seat {
        Seat::take_with(script, "")
    }

    /// The same of 100 columns and 30 lines, with more arguments.
    fn take_with(script: &str, arguments: &str) -> Seat {
        let folder = Folder::new(script);
        let tool = env!("CARGO_BIN_EXE_loadtool");
        let line = format!(
            "trap : INT QUIT; stty cols 100 rows 30; \
             {tool} run script.lua --summary-json summary.json {arguments}; echo exit $?; \
             stty -a | tr ' ' '\\n' | grep -E '^-?(icanon|echo);?$'"
        );
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("LOADTOOL_STORE", "none")
            .current_dir(folder.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("util-linux has `script`");
        let (keys, mut screen) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let paper = shown.clone();
        let reader = spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut some) {
                paper.lock().expect("nobody panics here").extend_from_slice(&some[..length]);
            }
        });
        Seat {
            folder,
            child: Kin(child),
            keys: keys.expect("it is piped"),
            shown,
            pressed_at: 0,
            reader,
        }
    }

    /// Waits until this was shown, since the last key if there was one.
    fn wait_for(&self, part: &str) {
        let began = Instant::now();
        loop {
            let shown = self.shown.lock().expect("nobody panics here");
            let shown = String::from_utf8_lossy(&shown[self.pressed_at..]).into_owned();
            if shown.contains(part) || read(&shown).contains(part) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {part:?} in\n{shown}");
            sleep(Duration::from_millis(10));
        }
    }

    /// What was shown after this part.
    fn shown_since(&self, part: &str) -> String {
        let shown = self.shown.lock().expect("nobody panics here");
        let shown = String::from_utf8_lossy(&shown);
        shown.rsplit_once(part).map_or_else(String::new, |(_, after)| after.to_owned())
    }

    fn press(&mut self, keys: &str) {
        self.pressed_at = self.shown.lock().expect("nobody panics here").len();
        self.keys.write_all(keys.as_bytes()).expect("the terminal is there");
        self.keys.flush().expect("the terminal is there");
    }

    /// Waits for the end with this exit code; the terminal must then be as it was.
    fn end(mut self, exit: &str) -> Folder {
        self.wait_for(exit);
        for mode in ["\nicanon", "\necho"] {
            self.wait_for(mode);
        }
        drop(self.keys);
        self.child.0.wait().expect("it is our child");
        self.reader.join().expect("it reads to the end");
        self.folder
    }
}

/// What a person reads of it: colours are no text, and a move of the cursor is a blank.
fn read(shown: &str) -> String {
    let mut read = String::new();
    for (n, part) in shown.split("\x1b[").enumerate() {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).filter(|_| n > 0);
        read.push_str(match end {
            Some(end) if part[end..].starts_with('H') => " ",
            _ => "",
        });
        read.push_str(&part[end.map_or(0, |end| end + 1)..]);
    }
    read
}

/// Ended when it is no longer waited for.
struct Kin(Child);

impl Drop for Kin {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn summary(folder: &Folder) -> Json {
    let summary = fs::read(folder.path("summary.json")).expect("there is a summary");
    serde_json::from_slice(&summary).expect("it is JSON")
}

const MANUAL: &str = "local lt = require 'loadtool'\n\
    return { scenarios = { a = { run = function() lt.sleep(0.01) end,\n\
    load = { kind = 'manual', vus = 2, max_vus = 20, duration = '10m' } } } }";

#[test]
fn keys_change_the_number_of_users_pause_and_stop() {
    let mut seat = Seat::take(MANUAL);
    seat.wait_for("keys: + - users, p pause, q stop");
    seat.wait_for("2 of 20 users wanted  2 users");
    seat.press("+++-");
    seat.wait_for("4 of 20 users wanted  4 users");
    seat.press("p");
    seat.wait_for("paused  0 users");
    sleep(Duration::from_millis(600)); // a pause of less than half a second is not told
    seat.press("p");
    seat.wait_for("wanted  4 users");
    seat.press("q");
    let summary = summary(&seat.end("exit 0"));
    let remarks = summary["anomalies"].as_array().expect("a list");
    let steered = remarks.iter().find(|one| one["kind"] == "steered").expect("it is told");
    let told = steered["message"].as_str().expect("a sentence");
    assert!(told.contains(" 4 users") && told.contains(" paused"), "{told}");
    let stages = summary["scenarios"][0]["stages"].as_array().expect("a list");
    let four = stages.iter().find(|stage| stage["name"] == "4 users").expect("it has a row");
    assert!(four["iterations"].as_u64() > Some(0), "{four}");
}

#[test]
fn a_stop_by_key_of_a_planned_load_ends_it_before_its_time_and_the_terminal_is_given_back() {
    let script = "return { scenarios = { a = { run = function() end,\n\
        load = { rate = 5, duration = '10m' } } } }";
    for keys in ["q", "\x03"] {
        let mut seat = Seat::take(script);
        seat.wait_for("keys: q stop");
        seat.wait_for("0:01/10:00");
        seat.press(keys);
        let summary = summary(&seat.end("exit 5"));
        assert_eq!(summary["verdict"]["result"], "aborted");
    }
    // Ctrl-\ ends it without a report.
    let mut seat = Seat::take(script);
    seat.wait_for("0:01/10:00");
    seat.press("\x1c");
    assert!(!seat.end("exit 131").path("summary.json").exists());
}

/// To the terminal's other screen, and back.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

#[test]
fn the_full_screen_shows_the_run_heeds_keys_and_gives_the_terminal_back_before_the_report() {
    let mut seat = Seat::take_with(MANUAL, "--ui full");
    seat.wait_for(ENTER);
    seat.wait_for("2 of 20 users wanted");
    // What is drawn is what has changed; Ctrl-L draws all of it.
    seat.press("++\x0c");
    seat.wait_for("4 of 20 users wanted");
    seat.press("?");
    seat.wait_for("these keys");
    seat.press("3\x0c");
    seat.wait_for("planned");
    seat.press("q");
    seat.wait_for(LEAVE);
    let shown = seat.shown_since(LEAVE);
    assert!(!shown.contains(ENTER), "{shown}");
    seat.wait_for("Remarks");
    let summary = summary(&seat.end("exit 0"));
    let remarks = summary["anomalies"].as_array().expect("a list");
    assert!(remarks.iter().any(|one| one["kind"] == "steered"), "{remarks:?}");
}

#[test]
fn the_full_screen_is_taken_away_by_every_signal_and_lines_that_were_kept_come_out() {
    let script = "local lt = require 'loadtool'\n\
        return { scenarios = { a = { run = function() print 'a word of the script' lt.sleep(0.2) end,\n\
        load = { vus = 1, duration = '10m' } } } }";
    for (keys, exit) in [("\x03", "exit 5"), ("\x1c", "exit 131")] {
        let mut seat = Seat::take_with(script, "--ui full --color never");
        seat.wait_for(ENTER);
        seat.wait_for("1 user");
        seat.press(keys);
        seat.wait_for(LEAVE);
        seat.wait_for("a word of the script\r\n");
        seat.end(exit);
    }
}
