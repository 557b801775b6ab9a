//! Starts the servers, each for one test and in a folder of its own, and ends them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::Duration;

use tempfile::TempDir;

/// A server under way; it ends with this.
pub struct Server {
    child: Child,
    pub folder: TempDir,
    /// Where it listens; 0 and below if it listens on several ports.
    pub port: u16,
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The lines of a log in its folder, once there are so many; each part of a line, as words.
    pub fn log(&self, name: &str, lines: usize) -> Vec<Vec<String>> {
        for _ in 0..1000 {
            let text = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
            let whole: Vec<Vec<String>> = text.lines().map(words).collect();
            if whole.len() >= lines {
                return whole;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("{name} has fewer than {lines} lines");
    }

    /// Sends it a signal, by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.expect("there is kill").success());
    }

    /// The body of a request of the test's own, on a connection of its own.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let request = format!("GET {path} HTTP/1.0\r\nhost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split_once("\r\n\r\n").expect("it speaks HTTP").1.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A signal lets it end the processes that it has started; ours is the first of them.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
        let _ = self.child.wait();
    }
}

/// What is missing for a test: it is skipped, or fails where everything should be there.
fn missing<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what}: tests/run.sh installs it");
    println!("skipped: {what}; tests/run.sh installs it");
    None
}

/// httpbin under gunicorn.
pub fn httpbin() -> Option<Server> {
    let Some(gunicorn) = std::env::var_os("LOADTOOL_GUNICORN") else {
        return missing("LOADTOOL_GUNICORN does not say where gunicorn is");
    };
    let folder = TempDir::new().expect("a folder");
    let mut child = Command::new(gunicorn)
        .args(["--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "8"])
        .args(["--keep-alive", "30", "httpbin:app"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gunicorn can be started");
    let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let port = log.find_map(|line| {
        let line = line.expect("gunicorn writes text");
        line.split("http://127.0.0.1:").nth(1)?.split(' ').next()?.parse().ok()
    });
    spawn(move || log.for_each(drop));
    let port = port.expect("gunicorn says where it listens");
    Some(Server { child, folder, port })
}

/// nginx with these directives inside `http`; `PORT` in them is a free port, `FOLDER` its folder,
/// which holds these files.
pub fn nginx(directives: &str, files: &[(&str, &[u8])]) -> Option<Server> {
    let Some(program) = program("nginx") else { return missing("nginx is not installed") };
    let folder = TempDir::new().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("the folder can be written");
    }
    let port = free_port();
    let path = folder.path().display().to_string();
    let directives = directives.replace("PORT", &port.to_string()).replace("FOLDER", &path);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {path}/nginx.pid;\nerror_log {path}/error.log;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n{temporary}{directives}\n}}\n"
    );
    fs::write(folder.path().join("nginx.conf"), config).expect("the folder can be written");
    let mut command = Command::new(program);
    command.args(["-p", &path, "-c", "nginx.conf", "-e", "error.log"]);
    Some(Server::start(command, folder, port))
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// tinyproxy, an HTTP proxy, with these lines in its configuration.
pub fn tinyproxy(lines: &str) -> Option<Server> {
    let Some(program) = program("tinyproxy") else { return missing("tinyproxy is not installed") };
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let path = folder.path().display();
    let config = format!(
        "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nMaxClients 50\nTimeout 30\n\
         LogFile \"{path}/error.log\"\nLogLevel Connect\n{lines}\n"
    );
    fs::write(folder.path().join("tinyproxy.conf"), config).expect("the folder can be written");
    let mut command = Command::new(program);
    command.args(["-d", "-c", "tinyproxy.conf"]).current_dir(folder.path()).stdout(Stdio::null());
    Some(Server::start(command, folder, port))
}

/// microsocks, a SOCKS5 proxy, with these arguments.
pub fn microsocks(arguments: &[&str]) -> Option<Server> {
    let Some(program) = program("microsocks") else {
        return missing("microsocks is not installed");
    };
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let log = fs::File::create(folder.path().join("error.log")).expect("the folder can be written");
    let mut command = Command::new(program);
    command.args(["-i", "127.0.0.1", "-p", &port.to_string()]).args(arguments).stderr(log);
    Some(Server::start(command, folder, port))
}

/// Prometheus with these flags and this in its configuration; it takes what is written to it.
pub fn prometheus(flags: &[&str], configuration: &str) -> Option<Server> {
    let Some(program) = program("prometheus") else {
        return missing("prometheus is not installed");
    };
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    fs::write(folder.path().join("prometheus.yml"), configuration)
        .expect("the folder can be written");
    let log = fs::File::create(folder.path().join("error.log")).expect("the folder can be written");
    let mut command = Command::new(program);
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    command.args(["--web.enable-remote-write-receiver", "--log.level=warn"]).args(flags);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.current_dir(folder.path()).stderr(log);
    let server = Server::start(command, folder, port);
    for _ in 0..1000 {
        if server.get("/-/ready").contains("is Ready") {
            return Some(server);
        }
        sleep(Duration::from_millis(5));
    }
    panic!("Prometheus does not get ready");
}

/// Takes metrics by OTLP, into the file `requests` of its folder.
pub fn otlp_receiver() -> Option<Server> {
    let gunicorn = std::env::var_os("LOADTOOL_GUNICORN").map(PathBuf::from);
    let python = gunicorn.map(|gunicorn| gunicorn.with_file_name("python"));
    let Some(python) = python.filter(|python| python.is_file()) else {
        return missing("LOADTOOL_GUNICORN does not say where python is");
    };
    let (folder, port) = (TempDir::new().expect("a folder"), free_port());
    let log = fs::File::create(folder.path().join("error.log")).expect("the folder can be written");
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_servers/otlp_receiver.py"));
    command.args([&port.to_string(), "requests"]).current_dir(folder.path()).stderr(log);
    Some(Server::start(command, folder, port))
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

impl Server {
    fn start(mut command: Command, folder: TempDir, port: u16) -> Server {
        let child = command.stdin(Stdio::null()).spawn().expect("it can be started");
        let mut server = Server { child, folder, port };
        server.wait_until_it_listens();
        server
    }

    fn wait_until_it_listens(&mut self) {
        for _ in 0..1000 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = fs::read_to_string(self.folder.path().join("error.log"));
                panic!("it ended with {status}: {}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(5));
        }
        panic!("it does not listen");
    }
}
