//! Undoing content-codings while a body arrives: each chunk goes in, what it decodes to comes out
//! at the end of the chain, and never more than a limit of it.
//!
//! A gigabyte of zeros packs into a megabyte of gzip, so nothing here holds more than the limit
//! and its own window: 32 KiB for gzip and deflate, 16 MiB for br, 8 MiB for zstd (RFC 9659).

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::raw::{DParameter, Decoder as RawZstd};
use zstd::stream::zio;

/// Largest zstd window, as a power of two.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Most codings upon each other; each costs a decoder and a level of the stack.
const MOST_CODINGS: usize = 4;
/// What a decoder collects before it hands it on.
const BUFFER: usize = 8 << 10;

/// What a call accepts, as the `accept-encoding` header says it.
pub const ACCEPTED: &str = "gzip, br, zstd, deflate";

/// A content-coding that we undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// zlib (RFC 1950), as the standard says, or raw (RFC 1951), as many send it.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// As headers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Br => "br",
            Coding::Zstd => "zstd",
        }
    }

    /// The codings of an answer in the order in which they were applied. Empty if there is none,
    /// or one that we do not know, or more than anyone would apply: such a body is left as it came.
    pub fn of(headers: &HeaderMap) -> Vec<Coding> {
        let mut codings = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.to_str().unwrap_or("?").split(',') {
                match name.trim().to_ascii_lowercase().as_str() {
                    "" | "identity" => {}
                    "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                    "deflate" => codings.push(Coding::Deflate),
                    "br" => codings.push(Coding::Br),
                    "zstd" => codings.push(Coding::Zstd),
                    _ => return Vec::new(),
                }
            }
        }
        if codings.len() > MOST_CODINGS {
            return Vec::new();
        }
        codings
    }
}

/// A body's bytes up to a limit; writing more is an error, after what fits was taken.
#[derive(Debug, Default)]
pub struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    /// Whether there was more than the limit.
    pub overflowed: bool,
}

impl Capped {
    /// Room for `limit` bytes, of which `expected` are to come.
    pub fn new(limit: u64, expected: usize) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Capped { bytes: Vec::with_capacity(expected.min(limit)), limit, overflowed: false }
    }

    /// Takes what fits; whether that was all.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..fits]);
        self.overflowed |= fits < bytes.len();
        !self.overflowed
    }

    /// What was taken, without spare room worth the name.
    pub fn into_bytes(mut self) -> bytes::Bytes {
        if self.bytes.capacity() > self.bytes.len() + self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        self.bytes.into()
    }
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.take(bytes) { Ok(bytes.len()) } else { Err(io::Error::other("beyond the limit")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A chain of codings that ends in [`Capped`].
pub enum Decoder {
    /// The end of the chain.
    Plain(Capped),
    /// Each of the others hands on to the next.
    Gzip(Box<MultiGzDecoder<Decoder>>),
    /// `deflate`, before its first two bytes have told which kind it is.
    Undecided(Vec<u8>, Box<Decoder>),
    /// `deflate` of a known kind.
    Inflate(Box<Inflate>),
    /// brotli.
    Br(Box<brotli::DecompressorWriter<Decoder>>),
    /// zstd.
    Zstd(Box<zio::Writer<Decoder, RawZstd<'static>>>),
}

impl Decoder {
    /// Undoes `codings`, given in the order in which they were applied.
    pub fn new(codings: &[Coding], capped: Capped) -> io::Result<Decoder> {
        let mut decoder = Decoder::Plain(capped);
        for coding in codings {
            decoder = match coding {
                Coding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(decoder))),
                Coding::Deflate => Decoder::Undecided(Vec::new(), Box::new(decoder)),
                Coding::Br => {
                    Decoder::Br(Box::new(brotli::DecompressorWriter::new(decoder, BUFFER)))
                }
                Coding::Zstd => {
                    let mut raw = RawZstd::new()?;
                    raw.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                    let writer = zio::Writer::new_with_capacity(decoder, raw, BUFFER);
                    Decoder::Zstd(Box::new(writer))
                }
            };
        }
        Ok(decoder)
    }

    /// The end of a body that is complete: what is cut off or damaged shows here at the latest.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Decoder::Plain(_) => return Ok(()),
            Decoder::Gzip(gzip) => gzip.try_finish()?,
            Decoder::Undecided(head, _) if head.is_empty() => {}
            Decoder::Undecided(..) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Decoder::Inflate(inflate) if inflate.ended => {}
            Decoder::Inflate(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Decoder::Br(br) => br.close()?,
            Decoder::Zstd(zstd) => zstd.finish()?,
        }
        self.next().map_or(Ok(()), Decoder::finish)
    }

    /// What was decoded so far, also after an error.
    pub fn into_capped(mut self) -> Capped {
        std::mem::take(self.capped())
    }

    /// Its end of the chain.
    pub fn capped(&mut self) -> &mut Capped {
        match self {
            Decoder::Plain(capped) => capped,
            coded => coded.next().expect("only the chain's end has no next").capped(),
        }
    }

    fn next(&mut self) -> Option<&mut Decoder> {
        match self {
            Decoder::Plain(_) => None,
            Decoder::Gzip(gzip) => Some(gzip.get_mut()),
            Decoder::Undecided(_, next) => Some(next),
            Decoder::Inflate(inflate) => Some(&mut inflate.next),
            Decoder::Br(br) => Some(br.get_mut()),
            Decoder::Zstd(zstd) => Some(zstd.writer_mut()),
        }
    }

    /// Tells zlib from raw deflate by the first two bytes, once both are there.
    fn decide(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Decoder::Undecided(head, next) = self else { return Ok(()) };
        head.extend_from_slice(bytes);
        let &[method, flags, ..] = head.as_slice() else { return Ok(()) };
        let next = std::mem::replace(&mut **next, Decoder::Plain(Capped::default()));
        let head = std::mem::take(head);
        let is_zlib = method & 0x0f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31);
        let raw = Decompress::new(is_zlib);
        *self = Decoder::Inflate(Box::new(Inflate { raw, ended: false, next }));
        self.write_all(&head)
    }
}

impl Write for Decoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Decoder::Plain(capped) => capped.write(bytes),
            Decoder::Gzip(gzip) => gzip.write(bytes),
            Decoder::Undecided(..) => self.decide(bytes).map(|()| bytes.len()),
            Decoder::Inflate(inflate) => inflate.write(bytes),
            Decoder::Br(br) => br.write(bytes),
            Decoder::Zstd(zstd) => zstd.write(bytes),
        }
    }

    /// Hands on what the decoders hold back.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Decoder::Plain(_) | Decoder::Undecided(..) => Ok(()),
            Decoder::Gzip(gzip) => gzip.flush(),
            Decoder::Inflate(inflate) => inflate.next.flush(),
            Decoder::Br(br) => br.flush(),
            Decoder::Zstd(zstd) => zstd.flush(),
        }
    }
}

/// `deflate`, zlib or raw. flate2's own writers do not say whether a stream has ended.
pub struct Inflate {
    raw: Decompress,
    ended: bool,
    next: Decoder,
}

impl Inflate {
    /// Takes some of `bytes`, of which it says how many, and hands on what they decode to.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = [0; BUFFER];
        let mut taken = 0;
        while !self.ended {
            let (was_in, was_out) = (self.raw.total_in(), self.raw.total_out());
            let status = self.raw.decompress(&bytes[taken..], &mut room, FlushDecompress::None)?;
            taken += (self.raw.total_in() - was_in) as usize;
            let made = (self.raw.total_out() - was_out) as usize;
            self.next.write_all(&room[..made])?;
            self.ended = status == Status::StreamEnd;
            if taken == bytes.len() && made < room.len() {
                break;
            }
        }
        Ok(taken)
    }
}
