//! What the tests of the built binary share: a folder to run it in, what came of a run, and
//! servers whose every byte the test writes.

#![allow(dead_code, reason = "each test takes what it needs")]

pub mod browser;
pub mod proxy;
pub mod server;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::time::Instant;

/// After so long a run hangs.
const PATIENCE: Duration = Duration::from_secs(40);

/// A folder with a script in it, where the tool is run.
pub struct Folder(TempDir);

impl Folder {
    /// With `script.lua`.
    pub fn new(script: &str) -> Folder {
        let folder = Folder(TempDir::new().expect("a folder"));
        folder.file("script.lua", script)
    }

    /// With one function as its script, whose text is `body`.
    pub fn of(body: &str) -> Folder {
        let head = "local lt = require 'loadtool'\nreturn function()\n";
        Folder::new(&format!("{head}{body}\nend\n"))
    }

    /// And this file.
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Folder {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, text).expect("the folder can be written");
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `loadtool run script.lua` with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).end()
    }

    /// The same, with the summary in `summary.json`.
    pub fn summary(&self, arguments: &[&str]) -> (Ran, Json) {
        let ran = self.run(&[arguments, &["--summary-json", "summary.json"]].concat());
        let text = fs::read(self.path("summary.json"))
            .unwrap_or_else(|error| panic!("no summary ({error}):\n{ran:?}"));
        (ran, serde_json::from_slice(&text).expect("it is JSON"))
    }

    /// A run that goes on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.tool().args(["run", "script.lua"]).args(arguments))
    }

    /// The tool, to be run here.
    pub fn tool(&self) -> Command {
        tool_in(self.0.path())
    }
}

/// The tool, to be run in `folder`, with nothing of the environment that would change it.
pub fn tool_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtool"));
    command.current_dir(folder).env_remove("NO_COLOR").env("RUST_BACKTRACE", "0");
    command.env("LOADTOOL_STORE", "none");
    command
}

/// A run under way.
pub struct Running {
    child: Child,
    out: Reader,
    err: Reader,
}

impl Running {
    /// Starts a command and reads what it says.
    pub fn start(command: &mut Command) -> Running {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the tool can be started");
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = (out.expect("it is piped"), err.expect("it is piped"));
        Running { child, out: Reader::of(out), err: Reader::of(err) }
    }

    /// Sends it a signal, by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.expect("there is kill").success());
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        self.err.so_far()
    }

    /// Waits until it has said this.
    pub fn wait_for_stderr(&self, part: &str) {
        let began = Instant::now();
        while !self.err.so_far().contains(part) {
            assert!(began.elapsed() < PATIENCE, "no {part:?} in\n{}", self.err.so_far());
            sleep(Duration::from_millis(5));
        }
    }

    /// What it has said on stderr so far.
    pub fn said(&self) -> String {
        self.err.so_far()
    }

    /// Waits for its end. One that hangs is ended, and fails the test.
    pub fn end(mut self) -> Ran {
        let began = Instant::now();
        let mut peak = None;
        let status = loop {
            peak = peak_memory(self.child.id()).or(peak);
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if began.elapsed() > PATIENCE {
                self.child.kill().expect("it is our child");
                self.child.wait().expect("it was killed");
                panic!("the run hangs after {PATIENCE:?}:\n{}", self.err.all());
            }
            sleep(Duration::from_millis(5));
        };
        Ran { status, out: self.out.all(), err: self.err.all(), peak }
    }
}

/// Reads a pipe, so that its writer never waits.
struct Reader {
    read: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn of(mut pipe: impl Read + Send + 'static) -> Reader {
        let read = Arc::new(Mutex::new(Vec::new()));
        let shared = read.clone();
        let thread = spawn(move || {
            let mut chunk = [0; 4096];
            while let n @ 1.. = pipe.read(&mut chunk).expect("a pipe can be read") {
                shared.lock().expect("nobody panics with it").extend_from_slice(&chunk[..n]);
            }
        });
        Reader { read, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.read.lock().expect("nobody panics with it")).into_owned()
    }

    fn all(self) -> String {
        self.thread.join().expect("it was read");
        let bytes = std::mem::take(&mut *self.read.lock().expect("nobody panics with it"));
        String::from_utf8(bytes).expect("the tool writes UTF-8")
    }
}

/// The most memory that a process has had so far [bytes]; where the system tells.
fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    /// The most memory it had [bytes]; where the system tells.
    pub peak: Option<u64>,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        self
    }

    /// The report begins like this.
    #[track_caller]
    pub fn reports(self, start: &str) -> Ran {
        assert!(self.out.starts_with(start), "want {start:?}\n{}\n{}", self.out, self.err);
        self
    }

    /// This stands in what it said on stderr.
    #[track_caller]
    pub fn says(self, part: &str) -> Ran {
        assert!(self.err.contains(part), "want {part:?} in\n{}", self.err);
        self
    }

    #[track_caller]
    pub fn says_nothing(self) -> Ran {
        assert_eq!(self.err, "");
        self
    }
}
