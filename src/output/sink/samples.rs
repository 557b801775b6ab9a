//! `samples=FILE`: every request as a row of CSV, a file per worker.
//!
//! A worker writes rows into a buffer of its own (about 1 µs each) and hands it on when it is full
//! or a second has passed; one thread writes the buffers to `FILE.0`, `FILE.1`, … and what `setup`
//! and `teardown` sent to `FILE.setup`. Buffers that find the queue full are lost, and their rows
//! counted: a worker never waits for a disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::super::cell::cell;
use super::lines::Lines;
use super::spec::Wanted;
use super::{PATIENCE, try_out};
use crate::metrics::request_log::{Logged, RequestLog};
use crate::results::summary::Delivery;
use crate::secrets::Secrets;

/// A buffer is handed on when it holds so many bytes.
const FULL: usize = 64 << 10;

/// Buffers that may wait to be written: 16 MiB.
const BUFFERS: usize = 256;

/// How often the writer looks whether the run is over, while nothing comes.
const LOOK: Duration = Duration::from_millis(20);

const COLUMNS: &str = "t_ms,scenario,phase,stage,step,name,method,status,proto,hop,try,expected,\
                       error,peer,duration_ms,blocked_ms,dns_ms,connecting_ms,tls_handshaking_ms,\
                       sending_ms,waiting_ms,receiving_ms,bytes_sent,bytes_received,reused,\
                       trace_id,span_id,tags\n";

/// Whose requests a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shard {
    /// Of a worker, by its number.
    Worker(usize),
    /// Of `setup` and `teardown`.
    Setup,
}

impl Shard {
    fn file(self, path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        match self {
            Shard::Worker(number) => name.push(format!(".{number}")),
            Shard::Setup => name.push(".setup"),
        }
        name.into()
    }
}

/// The writer, seen from the control thread.
pub struct Samples {
    wanted: Wanted,
    maker: Maker,
    over: oneshot::Receiver<()>,
}

/// Makes logs; clones lead to the same writer.
#[derive(Clone)]
pub struct Maker {
    queue: SyncSender<Buffer>,
    account: Arc<Account>,
    secrets: Arc<Secrets>,
}

#[derive(Default)]
struct Account {
    /// Rows.
    logged: AtomicU64,
    /// Rows.
    written: AtomicU64,
    /// Buffers found the queue full.
    turned_away: AtomicBool,
    /// Nothing more comes.
    closing: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Account {
    /// Something went wrong; the first time it is told.
    fn fail(&self, wanted: &Wanted, why: &str) {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if error.is_none() {
            log::warn!("--out {wanted}: {why}");
            *error = Some(why.to_owned());
        }
    }
}

/// Whole rows of one shard.
struct Buffer {
    shard: Shard,
    text: Vec<u8>,
    rows: u64,
}

impl Samples {
    /// Starts the writer; files are made with their first row.
    ///
    /// # Errors
    /// It can be seen now that this will not be possible.
    pub fn open(wanted: Wanted, secrets: Arc<Secrets>) -> Result<Samples, String> {
        let path = PathBuf::from(&wanted.dest);
        try_out(&Shard::Worker(0).file(&path))?;
        let (queue, buffers) = sync_channel(BUFFERS);
        let account = Arc::new(Account::default());
        let (is_over, over) = oneshot::channel();
        let mut writer = Writer {
            path,
            wanted: wanted.clone(),
            account: account.clone(),
            files: BTreeMap::new(),
        };
        thread::Builder::new()
            .name("out-samples".to_owned())
            .spawn(move || {
                writer.follow(&buffers);
                let _ = is_over.send(()); // nobody waits for it any longer than is told
            })
            .map_err(|error| format!("no thread: {error}"))?;
        Ok(Samples { wanted, maker: Maker { queue, account, secrets }, over })
    }

    /// What makes logs for workers.
    pub fn maker(&self) -> Maker {
        self.maker.clone()
    }

    /// Waits until all is written, or until `deadline`; what became of it.
    pub async fn end(self, deadline: Instant) -> Delivery {
        let account = self.maker.account;
        account.closing.store(true, Relaxed);
        if timeout_at(deadline, self.over).await.is_err() {
            let why = format!("not done {} s after the run", PATIENCE.as_secs());
            account.fail(&self.wanted, &why);
        }
        let written = account.written.load(Relaxed);
        let error = account.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Delivery {
            kind: self.wanted.kind.name().to_owned(),
            dest: self.maker.secrets.mask(&self.wanted.place()).into_owned(),
            unit: self.wanted.kind.unit().to_owned(),
            written,
            lost: account.logged.load(Relaxed).saturating_sub(written),
            file: self.wanted.is_file(),
            error: error.map(|error| self.maker.secrets.mask(&error).into_owned()),
        }
    }
}

impl Maker {
    /// What one worker hands its requests to.
    pub fn log(&self, shard: Shard) -> Box<dyn RequestLog> {
        Box::new(Log { maker: self.clone(), shard, text: Vec::new(), rows: 0 })
    }
}

struct Log {
    maker: Maker,
    shard: Shard,
    text: Vec<u8>,
    rows: u64,
}

impl RequestLog for Log {
    fn request(&mut self, request: &Logged) {
        let scenario = match self.shard {
            Shard::Worker(_) => &*self.maker.secrets.mask(request.scenario),
            Shard::Setup => "",
        };
        write_row(&mut self.text, &Logged { scenario, ..*request });
        self.rows += 1;
        if self.text.len() >= FULL {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.rows == 0 {
            return;
        }
        let rows = mem::take(&mut self.rows);
        self.maker.account.logged.fetch_add(rows, Relaxed);
        let room = if self.text.len() >= FULL { FULL + FULL / 8 } else { 0 };
        let text = mem::replace(&mut self.text, Vec::with_capacity(room));
        let sent = self.maker.queue.try_send(Buffer { shard: self.shard, text, rows });
        // Rows that are logged and never written are lost; the writer tells of it, for to tell may
        // take long.
        if let Err(TrySendError::Full(buffer) | TrySendError::Disconnected(buffer)) = sent {
            self.text = buffer.text;
            self.text.clear();
            self.maker.account.turned_away.store(true, Relaxed);
        }
    }
}

/// One row, in the order of [`COLUMNS`]. Writing to memory cannot fail.
fn write_row(out: &mut Vec<u8>, request: &Logged) {
    let sample = request.sample;
    write_ms(out, request.at);
    let texts = [
        request.scenario,
        request.phase,
        request.stage,
        request.step,
        request.name,
        request.method,
    ];
    texts.into_iter().for_each(|text| write_text(out, text));
    out.push(b',');
    if sample.status != 0 {
        let _ = write!(out, "{}", sample.status);
    }
    write_text(out, request.proto);
    let _ = write!(out, ",{},{},{}", sample.hop, sample.attempt, sample.expected);
    write_text(out, request.error);
    write_text(out, request.peer);
    for time in [
        sample.duration,
        sample.blocked,
        sample.dns,
        sample.connect,
        sample.tls,
        sample.send,
        sample.wait,
        sample.receive,
    ] {
        out.push(b',');
        write_ms(out, time);
    }
    let _ = write!(out, ",{},{},{}", sample.bytes_sent, sample.bytes_received, sample.reused);
    let _ = match request.span {
        Some(span) => write!(out, ",{},{},", span.trace, span.id),
        None => out.write_all(b",,,"),
    };
    for (index, (tag, value)) in request.tags.iter().enumerate() {
        let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (tag, value): (String, String) = (part(tag), part(value));
        let _ = write!(out, "{}{tag}={value}", if index > 0 { "&" } else { "" });
    }
    out.push(b'\n');
}

/// Milliseconds, rounded to the microsecond as histograms do: `0`, `12.345`.
fn write_ms(out: &mut Vec<u8>, time: Duration) {
    let micros = (time.as_nanos() + 500) / 1000;
    let _ = match (micros / 1000, micros % 1000) {
        (ms, 0) => write!(out, "{ms}"),
        (ms, rest) => write!(out, "{ms}.{rest:03}"),
    };
}

/// A comma and a cell.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let text = cell(text);
    out.push(b',');
    if !text.contains([',', '"', '\n', '\r']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

struct Writer {
    path: PathBuf,
    wanted: Wanted,
    account: Arc<Account>,
    files: BTreeMap<Shard, Lines>,
}

impl Writer {
    /// Writes what comes, until the run is over and nothing more does.
    fn follow(&mut self, buffers: &Receiver<Buffer>) {
        remove_older(&self.path);
        loop {
            let over = self.account.closing.load(Relaxed);
            match buffers.recv_timeout(LOOK) {
                Ok(buffer) => self.write(&buffer),
                Err(RecvTimeoutError::Timeout) if !over => {}
                Err(_) => break,
            }
            if self.account.turned_away.load(Relaxed) {
                self.account.fail(&self.wanted, "the disk does not keep up: requests are lost");
            }
        }
    }

    fn write(&mut self, buffer: &Buffer) {
        match self.try_write(buffer) {
            Ok(()) => {
                self.account.written.fetch_add(buffer.rows, Relaxed);
            }
            Err(why) => self.account.fail(&self.wanted, &why),
        }
    }

    fn try_write(&mut self, buffer: &Buffer) -> Result<(), String> {
        if !self.files.contains_key(&buffer.shard) {
            let mut lines = Lines::to(&buffer.shard.file(&self.path))?;
            lines.add(COLUMNS.as_bytes())?;
            self.files.insert(buffer.shard, lines);
        }
        let file = self.files.get_mut(&buffer.shard).expect("it was just made");
        file.add(&buffer.text)
    }
}

/// Removes what a run of more workers left, so that all files are of one run. Only what begins as
/// ours do is taken for one of them.
fn remove_older(path: &Path) {
    let workers = (0..).map(|number| Shard::Worker(number).file(path));
    let older = workers.take_while(|file| file.is_file()).chain([Shard::Setup.file(path)]);
    for file in older.collect::<Vec<_>>() {
        let mut head = vec![0; COLUMNS.len()];
        let read = File::open(&file).and_then(|mut file| file.read_exact(&mut head));
        if read.is_ok() && head == COLUMNS.as_bytes() {
            let _ = fs::remove_file(&file); // else it stays, as it would have
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Place, Recorder, RequestSample};

    fn sample(recorder: &mut Recorder, name: &str) -> RequestSample {
        let (name, method) = (recorder.intern(name), recorder.intern("GET"));
        let [proto, peer] = ["1.1", "127.0.0.1:80"].map(|text| recorder.intern(text));
        let (ms, none) = (Duration::from_millis, Duration::ZERO);
        RequestSample {
            name,
            method,
            proto,
            peer,
            status: 200,
            hop: 0,
            attempt: 1,
            expected: true,
            error: crate::metrics::NameId::NONE,
            duration: Duration::from_micros(3_007),
            blocked: none,
            dns: none,
            connect: none,
            tls: none,
            send: ms(1),
            wait: ms(2),
            receive: none,
            bytes_sent: 100,
            bytes_received: 1000,
            reused: true,
            opened: 0,
            connect_failed: 0,
        }
    }

    fn opened(dest: &Path) -> Samples {
        let wanted = Wanted::parse(&format!("samples={}", dest.display())).unwrap();
        Samples::open(wanted, Arc::default()).unwrap()
    }

    fn end(samples: Samples) -> Delivery {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { samples.end(Instant::now() + Duration::from_secs(60)).await })
    }

    #[test]
    fn a_request_is_a_row_of_its_workers_file() {
        let dir = tempfile::tempdir().unwrap();
        let samples = opened(&dir.path().join("s.csv"));
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        recorder.log_requests(samples.maker().log(Shard::Worker(3)));
        let extra = recorder.intern_tags(&[("kind", "a&=b"), ("x", "1")]);
        let place = Place { extra, ..Place::default() };
        for name in ["/a", "=1,\"2\"\n"] {
            let sample = sample(&mut recorder, name);
            recorder.log(&place, &sample, Duration::from_micros(12_345_678), None);
        }
        recorder.flip(12);
        let ended = end(samples);
        assert_eq!((ended.written, ended.lost, ended.error), (2, 0, None));
        let mut file = csv::Reader::from_path(dir.path().join("s.csv.3")).unwrap();
        assert_eq!(file.headers().unwrap().len(), 28);
        let rows: Vec<Vec<String>> = file.deserialize().map(|row| row.unwrap()).collect();
        assert_eq!(rows[0][..7], ["12345.678", "shop", "load", "", "", "/a", "GET"]);
        assert_eq!(rows[0][14..16], ["3.007", "0"]);
        assert_eq!(rows[0][27], "kind=a%26%3Db&x=1");
        assert_eq!(rows[1][5], "'=1,\"2\"\n", "no formula, and all of it in its cell");
    }

    #[test]
    fn files_of_an_earlier_run_do_not_mix_with_those_of_this() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["s.0", "s.1", "s.setup"] {
            fs::write(path(name), format!("{COLUMNS}older\n")).unwrap();
        }
        fs::write(path("s.2"), "somebody's").unwrap();
        let ended = end(opened(&path("s")));
        assert_eq!((ended.written, ended.error), (0, None));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(left, [path("s.2")]);
    }

    #[test]
    fn what_finds_the_queue_full_is_lost_counted_and_told_and_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("s.0");
        // Nobody reads it: the writer hangs in its first file.
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let samples = opened(&dir.path().join("s"));
        let mut recorder = Recorder::new(vec!["shop".into()], 100);
        recorder.log_requests(samples.maker().log(Shard::Worker(0)));
        let sample = sample(&mut recorder, "/a");
        for second in 0..BUFFERS as u32 + 10 {
            recorder.log(&Place::default(), &sample, Duration::ZERO, None);
            recorder.flip(second);
        }
        let reader = thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
        let ended = end(samples);
        let all = BUFFERS as u64 + 10;
        assert_eq!(ended.written + ended.lost, all);
        assert!((9..=10).contains(&ended.lost), "{ended:?}");
        assert!(ended.error.is_some_and(|why| why.contains("does not keep up")));
        assert_eq!(reader.join().unwrap().lines().count() as u64, 1 + ended.written);
    }
}
