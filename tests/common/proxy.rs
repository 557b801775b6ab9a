//! A connection that can be lost: a TCP proxy that cuts what goes through it, or swallows it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::spawn;

/// In front of one address.
pub struct Proxy {
    pub address: String,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    state: State,
    /// What was connected before the last change stays as it was then.
    changes: u32,
    streams: Vec<TcpStream>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    /// Connections are closed, and new ones at once.
    Cut,
    /// Connections stand, and nothing goes through.
    Mute,
}

impl Proxy {
    pub fn to(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let line = Arc::new(Mutex::new(Line::default()));
        let (shared, target) = (line.clone(), target.to_owned());
        spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connect(stream, &target, &shared);
            }
        });
        Proxy { address, line }
    }

    pub fn cut(&self) {
        self.change(State::Cut);
        for stream in self.line().streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both); // it may be gone
        }
    }

    pub fn mute(&self) {
        self.change(State::Mute);
    }

    pub fn restore(&self) {
        self.change(State::Open);
    }

    fn change(&self, state: State) {
        let mut line = self.line();
        line.state = state;
        line.changes += 1;
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(near: TcpStream, target: &str, shared: &Arc<Mutex<Line>>) {
    let mut line = lock(shared);
    let Ok(far) = TcpStream::connect(target) else { return };
    let copy = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    if line.state == State::Cut {
        return;
    }
    line.streams.extend([copy(&near), copy(&far)]);
    for (from, to) in [(copy(&near), copy(&far)), (far, near)] {
        let (shared, changes) = (shared.clone(), line.changes);
        spawn(move || carry(from, to, &shared, changes));
    }
}

/// Carries bytes as long as the line is as it was when it was connected, and open.
fn carry(mut from: TcpStream, mut to: TcpStream, shared: &Mutex<Line>, changes: u32) {
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let open = {
            let line = lock(shared);
            line.changes == changes && line.state == State::Open
        };
        if open && to.write_all(&chunk[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write); // it may be gone
}
