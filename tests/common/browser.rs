//! A headless Chromium, driven as its developer tools drive it: JSON over two pipes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::time::Instant;

/// After so long a browser hangs, and what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(60);

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Json>,
    last: u64,
    session: Option<String>,
    /// What the page said on its console, what it threw, and what it could not load.
    faults: Vec<Fault>,
    _profile: TempDir,
}

/// Something that went wrong in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Written to the console, thrown, or against the page's policy.
    Page(String),
    /// A request that failed.
    Network(String),
}

/// What a system's colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

impl Browser {
    /// Starts one; `None`, which is told, where none is installed.
    pub fn start() -> Option<Browser> {
        let installed = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        let Some(name) = NAMES.into_iter().find(installed) else {
            eprintln!("skipped: no chromium here");
            return None;
        };
        let profile = TempDir::new().expect("a folder");
        // It reads from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 2>/dev/null", "sh", name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let to = child.stdin.take().expect("it is piped");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, from) = channel();
        spawn(move || {
            for message in said.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("it is JSON");
                if tell.send(message).is_err() {
                    break;
                }
            }
        });
        let (last, session, faults) = (0, None, Vec::new());
        let mut browser = Browser { child, to, from, last, session, faults, _profile: profile };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        Some(browser)
    }

    /// Asks for something, and waits for the answer.
    pub fn call(&mut self, method: &str, params: &Json) -> Json {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let message = message.to_string() + "\0";
        self.to.write_all(message.as_bytes()).expect("it listens");
        loop {
            let said = self.from.recv_timeout(PATIENCE).expect("it answers");
            if said["id"] == json!(self.last) {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
            self.faults.extend(fault(&said));
        }
    }

    /// Goes to a page.
    pub fn open(&mut self, url: &str) {
        let gone = self.call("Page.navigate", &json!({ "url": url }));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.wait_for("document.readyState === 'complete'");
    }

    /// What an expression of JavaScript gives, as JSON.
    pub fn value(&mut self, expression: &str) -> Json {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let came = self.call("Runtime.evaluate", &params);
        assert!(came["exceptionDetails"].is_null(), "{expression}: {came}");
        came["result"]["value"].clone()
    }

    /// What an expression gives, as text.
    pub fn text(&mut self, expression: &str) -> String {
        match self.value(expression) {
            Json::String(text) => text,
            other => panic!("{expression} is no text: {other}"),
        }
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        let began = Instant::now();
        while self.value(&format!("Boolean({expression})")) != json!(true) {
            let page = || "document.body.innerText.slice(0, 2000)";
            assert!(began.elapsed() < PATIENCE, "never {expression}: {}", self.text(page()));
            sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key: `Enter`, `Tab`, a letter.
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            one if one.len() == 1 => one,
            _ => "",
        };
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "ArrowRight" => 39,
            "End" => 35,
            _ => 0,
        };
        for kind in ["keyDown", "keyUp"] {
            let pressed = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                "text": if kind == "keyDown" { text } else { "" },
            });
            self.call("Input.dispatchKeyEvent", &pressed);
        }
    }

    /// Makes the page so many pixels wide.
    pub fn width(&mut self, pixels: u32) {
        let metrics =
            json!({ "width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Asks for light or dark colours.
    pub fn scheme(&mut self, scheme: Scheme) {
        let value = if scheme == Scheme::Dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Puts a picture of the whole page where it can be looked at: among the tests' own files.
    pub fn picture(&mut self, name: &str) {
        let taken = self.call("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }));
        save(name, &taken);
    }

    /// The page on paper, likewise; how many pages it has.
    pub fn print(&mut self, name: &str) -> usize {
        let printed = save(name, &self.call("Page.printToPDF", &json!({})));
        let pages = b"/Type /Page\n";
        printed.windows(pages.len()).filter(|window| window == pages).count()
    }

    /// What went wrong so far.
    pub fn faults(&mut self) -> Vec<Fault> {
        self.value("0"); // whatever was said before has come then
        std::mem::take(&mut self.faults)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = json!({ "id": 0, "method": "Browser.close" }).to_string() + "\0";
        let _ = self.to.write_all(close.as_bytes());
        let began = Instant::now();
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            if began.elapsed() > Duration::from_secs(5) {
                let _ = self.child.kill();
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// Writes what came in base64.
fn save(name: &str, answer: &Json) -> Vec<u8> {
    let data = answer["data"].as_str().expect("it is there");
    let bytes = STANDARD.decode(data).expect("it is base64");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&folder).expect("it can be made");
    fs::write(folder.join(name), &bytes).expect("it can be written");
    bytes
}

fn fault(said: &Json) -> Option<Fault> {
    let params = &said["params"];
    match said["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(Fault::Page(params["exceptionDetails"].to_string())),
        "Runtime.consoleAPICalled" => Some(Fault::Page(params["args"].to_string())),
        "Log.entryAdded" => {
            let (entry, text) = (&params["entry"], params["entry"].to_string());
            let is_network = entry["source"] == "network";
            Some(if is_network { Fault::Network(text) } else { Fault::Page(text) })
        }
        _ => None,
    }
}
