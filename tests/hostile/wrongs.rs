//! Servers that refuse, hang, drip, reset, cut off, redirect for ever and answer garbage.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

use crate::common::server::{Peer, answer};
use crate::{Wrong, last, meet, meet_all};

fn drip(peer: &mut Peer, head: &str) -> std::io::Result<()> {
    peer.send(head)?;
    loop {
        peer.send("x")?;
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_takes_too_long_is_timeout_and_names_the_phase() {
    let wrong = |name, message, serve| Wrong {
        name,
        category: Some("timeout"),
        message,
        options: "",
        serve,
    };
    meet_all(&[
        wrong("silence", "while waiting for the response head", Peer::hang),
        wrong("half a head", "while waiting for the response head", |peer| {
            peer.send("HTTP/1.1 200 OK\r\nx-half: ")?;
            peer.hang()
        }),
        wrong("a head that drips", "while waiting for the response head", |peer| {
            drip(peer, "HTTP/1.1 200 OK\r\nx-long: ")
        }),
        wrong("interim answers without end", "while waiting for the response head", |peer| {
            loop {
                peer.send("HTTP/1.1 102 Processing\r\n\r\n")?;
                sleep(Duration::from_millis(1));
            }
        }),
        wrong("a head without its body", "while reading the body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal")?;
            peer.hang()
        }),
        wrong("a body that drips", "while reading the body", |peer| {
            drip(peer, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        }),
        wrong("chunks that drip", "while reading the body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            loop {
                peer.send("1\r\nx\r\n")?;
                sleep(Duration::from_millis(10));
            }
        }),
        Wrong {
            options: "discard_body = true",
            ..wrong("chunks without end that nobody keeps", "while reading the body", endless)
        },
    ]);
}

fn endless(peer: &mut Peer) -> std::io::Result<()> {
    peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    loop {
        peer.send(&chunk)?;
    }
}

#[test]
fn chunks_without_end_are_cut_off_at_the_limit() {
    meet(&Wrong {
        name: "endless chunks",
        category: Some("body_too_large"),
        message: "body_limit (1MiB)",
        options: "body_limit = '1MiB', timeout = '20s'",
        serve: endless,
    });
}

#[test]
fn a_connection_that_goes_away_is_reset_before_the_head_and_body_after_it() {
    let wrong = |name, category, serve| Wrong {
        name,
        category: Some(category),
        message: "",
        options: "",
        serve,
    };
    meet_all(&[
        wrong("closed", "reset", |_| Ok(())),
        wrong("closed in the head", "reset", |peer| peer.send("HTTP/1.1 200 OK\r\nx-a: 1")),
        wrong("reset", "reset", |peer| {
            // What is left unread when a socket is closed makes the close a reset.
            peer.stream.write_all(b"HTTP/1.1 200")?;
            peer.stream.set_read_timeout(Some(Duration::from_millis(1)))?;
            let _ = peer.stream.read(&mut [0; 1]);
            Ok(())
        }),
        wrong("closed in the body", "body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal")
        }),
        wrong("closed in the chunks", "body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal")
        }),
        wrong("closed before the last chunk", "body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhal\r\n")
        }),
    ]);
}

#[test]
fn what_is_no_http_is_protocol_in_the_head_and_body_in_the_body() {
    let wrong = |name, category, serve| Wrong {
        name,
        category: Some(category),
        message: "",
        options: "",
        serve,
    };
    meet_all(&[
        wrong("garbage", "protocol", |peer| peer.send("\x00\x01\x02 what? \x7f\r\n\r\n")),
        wrong("another protocol", "protocol", |peer| peer.send("SSH-2.0-OpenSSH_9.6\r\n")),
        wrong("TLS", "protocol", |peer| peer.send(b"\x15\x03\x01\x00\x02\x02\x46")),
        wrong("no status", "protocol", |peer| peer.send("HTTP/1.1 OK\r\n\r\n")),
        wrong("a status of four digits", "protocol", |peer| peer.send("HTTP/1.1 2000 OK\r\n\r\n")),
        wrong("a header without a colon", "protocol", |peer| {
            peer.send("HTTP/1.1 200 OK\r\nnothing\r\n\r\n")
        }),
        wrong("lengths that differ", "protocol", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")
        }),
        wrong("a length that is none", "protocol", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nab")
        }),
        wrong("a head of a megabyte", "protocol", |peer| {
            let long = "x".repeat(1 << 20);
            peer.send(format!("HTTP/1.1 200 OK\r\nx-long: {long}\r\n\r\n"))
        }),
        wrong("ten thousand headers", "protocol", |peer| {
            let many = "x-many: 1\r\n".repeat(10_000);
            peer.send(format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n"))
        }),
        wrong("a chunk size that is none", "body", |peer| {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n")
        }),
        wrong("a chunk beyond all measure", "body", |peer| {
            let size = "f".repeat(20);
            peer.send(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\nab"))
        }),
        wrong("gzip that is none", "body", |peer| {
            peer.send(last("200 OK\ncontent-encoding: gzip", "this is no gzip"))
        }),
    ]);
}

#[test]
fn redirects_end_where_they_should() {
    let wrong =
        |name, category, options, serve| Wrong { name, category, message: "", options, serve };
    meet_all(&[
        wrong("to itself", Some("redirect"), "redirects = 3", |peer| {
            for _ in 0..3 {
                peer.send(answer("302 Found\nlocation: /wrong", ""))?;
                peer.request()?;
            }
            peer.send(last("302 Found\nlocation: /wrong", ""))
        }),
        wrong("to what is no URL", Some("redirect"), "", |peer| {
            peer.send(last("302 Found\nlocation: http://[::bad/", ""))
        }),
        wrong("to what cannot be followed", None, "", |peer| {
            peer.send(last("302 Found\nlocation: javascript:alert(1)", ""))
        }),
        wrong("to a closed port", Some("connect"), "", |peer| {
            peer.send(last("307 Temporary Redirect\nlocation: http://127.0.0.1:1/", ""))
        }),
        wrong("to nowhere", None, "", |peer| peer.send(last("302 Found", ""))),
    ]);
}

#[test]
fn statuses_are_what_they_are() {
    let wrong = |name, category, serve| Wrong { name, category, message: "", options: "", serve };
    meet_all(&[
        wrong("404", Some("client_error"), |peer| peer.send(last("404 No", ""))),
        wrong("503", Some("server_error"), |peer| peer.send(last("503 No", ""))),
        wrong("999", Some("status"), |peer| peer.send(last("999 What", ""))),
        wrong("101 unasked", Some("status"), |peer| {
            peer.send(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            )
        }),
    ]);
}
