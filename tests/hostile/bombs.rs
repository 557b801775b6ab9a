//! Little that becomes much: bodies, heads, cookies, names and documents that fill memory.

use std::io::{self, Read};

use flate2::{Compress, Compression, FlushCompress};

use crate::common::Folder;
use crate::common::server::{Peer, answer, answering, server, target};
use crate::{MOST_MEMORY, Wrong, last, meet_all};

const MIB: usize = 1 << 20;

/// Zeros, so many MiB, as gzip without its checksum: each MiB packs into the same thousand bytes.
fn zeros(mib: usize) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut packed = Vec::with_capacity(64 << 10);
    deflate
        .compress_vec(&vec![0; MIB], &mut packed, FlushCompress::Full)
        .expect("zeros can be packed");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    [head.to_vec(), packed.repeat(mib)].concat()
}

fn send_coded(peer: &mut Peer, coding: &str, body: &[u8]) -> io::Result<()> {
    peer.send(last(&format!("200 OK\ncontent-encoding: {coding}"), body))
}

#[test]
fn what_unpacks_without_end_is_cut_off_at_the_limit() {
    let wrong = |name, options, serve| Wrong {
        name,
        category: Some("body_too_large"),
        message: "the rest was cut off",
        options,
        serve,
    };
    let small = "body_limit = '1MiB', timeout = '20s'";
    meet_all(&[
        wrong("gzip", small, |peer| send_coded(peer, "gzip", &zeros(1024))),
        wrong("deflate", small, |peer| send_coded(peer, "deflate", &zeros(1024)[10..])),
        wrong("zstd", small, |peer| {
            let frame = zstd::encode_all(&vec![0; 4 * MIB][..], 3)?;
            send_coded(peer, "zstd", &frame.repeat(256))
        }),
        wrong("br", small, |peer| {
            let mut packed = Vec::new();
            let params = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
            brotli::BrotliCompress(&mut io::repeat(0).take(16 << 20), &mut packed, &params)?;
            send_coded(peer, "br", &packed)
        }),
    ]);
}

#[test]
fn codings_upon_codings_are_no_way_to_exhaust_us() {
    // Each coding asks for a decoder; so many would need gigabytes, and a stack as deep.
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let head = format!("200 OK\ncontent-encoding: {}", vec![coding; 40_000].join(","));
        let url = answering(move |_| answer(&head, "\x1f\x08 whatever it may be"));
        let folder = Folder::of("lt.http.get('/', { timeout = '10s' })");
        let ran = folder.run(&["--base-url", &url, "--iterations", "4"]);
        assert!(matches!(ran.status.code(), Some(0 | 3)), "{coding}: {ran:?}");
        assert!(ran.peak.is_none_or(|peak| peak < MOST_MEMORY), "{coding}: {:?}", ran.peak);
    }
}

#[test]
fn a_discarded_bomb_is_not_even_unpacked() {
    let bomb = zeros(1024);
    let url = answering(move |_| answer("200 OK\ncontent-encoding: gzip", &bomb));
    let folder =
        Folder::of("lt.check(lt.http.get('/', { discard_body = true }), { status = 200 })");
    let ran = folder.run(&["--base-url", &url, "--iterations", "20"]).exits(0);
    assert!(ran.peak.is_none_or(|peak| peak < MOST_MEMORY), "{:?}", ran.peak);
}

#[test]
fn a_jar_does_not_grow_without_end() {
    let url = answering(|request| {
        let n: u64 = target(request)[1..].parse().unwrap_or(0);
        let cookies: String = (0..50)
            .map(|k| format!("\nset-cookie: c{n}_{k}={}; Path=/", "v".repeat(200)))
            .collect();
        answer(&format!("200 OK{cookies}"), "")
    });
    let folder = Folder::of(
        "n = (n or 0) + 1
         lt.http.get('http://127.0.0.1:' .. lt.env.PORT .. '/' .. n, { name = '/n', timeout = '10s' })
         lt.http.cookies:clear()
         for i = 1, 60 do lt.http.get('/' .. (n * 1000 + i), { name = '/n', timeout = '10s' }) end
         lt.check(lt.http.cookies:all '/', { ['bounded'] = true })",
    );
    let port = format!("PORT={}", url.rsplit(':').next().expect("it has a port"));
    let arguments = ["--base-url", &url, "--env", &port, "--iterations", "2", "--vus", "2"];
    let ran = folder.run(&arguments);
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{ran:?}");
    assert!(ran.peak.is_none_or(|peak| peak < MOST_MEMORY), "{:?}", ran.peak);
}

#[test]
fn names_that_the_server_chooses_end_in_one_series_with_a_remark() {
    let folder = Folder::of(
        "for i = 1, 400 do lt.http.get('/', { name = '/' .. lt.random.string(12) }) end",
    );
    let url = answering(|_| answer("200 OK", ""));
    let arguments = ["--base-url", &url, "--vus", "4", "--iterations", "20", "--threads", "1"];
    let ran = folder.run(&arguments).exits(0);
    assert!(ran.peak.is_none_or(|peak| peak < 2 * MOST_MEMORY), "{:?}", ran.peak);
    assert!(ran.out.contains("  calls       8,000 "), "every call is counted: {}", ran.out);
    for part in ["samples had no series of their own", "the tag `name` has ", "(overflow)"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}

#[test]
fn a_document_of_a_million_brackets_is_an_error_and_not_the_end() {
    let url = answering(|request| match target(request) {
        "/lists" => answer("200 OK", "[".repeat(MIB)),
        "/objects" => answer("200 OK", "{\"a\":".repeat(MIB / 4)),
        _ => answer("200 OK", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
    });
    let folder = Folder::of(
        "for _, path in ipairs { '/lists', '/objects', '/whole' } do
           local r = lt.http.get(path)
           for _, way in ipairs { '$', '$..a', '$[0][0]', '$.a.a', '$[*]', '$[?@.a]' } do
             local ok, found = pcall(r.json, r, way)
             ok, found = pcall(r.json_all, r, way)
           end
           local ok, all = pcall(r.json, r)
           lt.check(r, { ['is no document'] = not ok or all == nil })
         end",
    );
    folder.run(&["--base-url", &url]).exits(0);
}

#[test]
fn a_hostile_body_cannot_hang_a_pattern() {
    let url = answering(|_| answer("200 OK", "a".repeat(200_000)));
    let folder = Folder::of(
        "local r = lt.http.get '/'
         r:regex '(a+)+b'
         r:regex_all '(a|aa)+$'
         local ok = pcall(string.find, r.body, ('a*'):rep(10) .. 'b')
         lt.check(r, { stopped = not ok })",
    );
    folder.run(&["--base-url", &url]).exits(0);
}

/// Takes a request whose length is said; how long its body was.
fn swallow(peer: &mut Peer) -> io::Result<u64> {
    let (mut head, mut chunk) = (Vec::new(), vec![0; MIB]);
    let end = loop {
        let read = peer.stream.read(&mut chunk)?;
        head.extend_from_slice(&chunk[..read]);
        if let Some(end) = head.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: u64 = length.and_then(|text| text.parse().ok()).expect("its length is said");
    let mut received = (head.len() - end) as u64;
    while received < length {
        match peer.stream.read(&mut chunk)? {
            0 => break,
            read => received += read as u64,
        }
    }
    Ok(received)
}

#[test]
fn a_large_file_is_sent_without_being_in_memory() {
    const SIZE: u64 = 256 << 20;
    let url = server(|mut peer| {
        let received = swallow(&mut peer)?;
        peer.send(answer("200 OK", received.to_string()))
    });
    let folder = Folder::of(
        "local r = lt.http.post('/', { timeout = 100, multipart = { { name = 'f', file = 'large' } } })
         local received = math.tointeger(r.body)
         lt.check(r, { ['all of it arrived'] = received and received > 256 << 20 })",
    );
    let file = std::fs::File::create(folder.path("large")).expect("a file");
    file.set_len(SIZE).expect("it can have holes");
    let (ran, summary) = folder.summary(&["--base-url", &url, "--iterations", "1"]);
    assert_eq!(summary["checks"][0]["failed"], 0, "{}", ran.err);
    assert!(ran.peak.is_none_or(|peak| peak < MOST_MEMORY), "{:?}", ran.peak);
}
