//! An answer's body: read chunk by chunk, decoded and kept up to a limit, or counted only.
//!
//! What is kept is copied out of the connection's read buffers once, so that a small answer
//! never keeps a large buffer alive.

use std::io::Write;

use bytes::Bytes;
use http::HeaderMap;

use super::coding::{Capped, Coding, Decoder};
use super::{Category, Hop, SendError};
use crate::units::print_bytes;

/// Most bytes that are set aside on the word of a `content-length`.
const MOST_TRUST: u64 = 256 << 10;

/// What is to be done with a body.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Most decoded bytes.
    pub limit: u64,
    /// Count only.
    pub discard: bool,
    /// Undo content-codings.
    pub decode: bool,
}

impl From<&Hop> for Keep {
    fn from(hop: &Hop) -> Self {
        Keep { limit: hop.body_limit, discard: hop.discard_body, decode: hop.decode }
    }
}

/// Takes a body as it arrives.
pub struct Collector {
    into: Into,
    limit: u64,
    received: u64,
}

enum Into {
    Nothing,
    Plain(Capped),
    Coded(Vec<Coding>, Decoder),
}

impl Collector {
    /// For the answer with `headers`, whose body has `expected` bytes if that is known.
    pub fn new(headers: &HeaderMap, expected: Option<u64>, keep: Keep) -> Collector {
        let codings = if keep.decode && !keep.discard { Coding::of(headers) } else { Vec::new() };
        let room = if codings.is_empty() { expected.unwrap_or(0).min(MOST_TRUST) } else { 0 };
        let capped = || Capped::new(keep.limit, room as usize);
        let into = if keep.discard {
            Into::Nothing
        } else if codings.is_empty() {
            Into::Plain(capped())
        } else {
            match Decoder::new(&codings, capped()) {
                Ok(decoder) => Into::Coded(codings, decoder),
                // No memory for a decoder: the body is kept as it comes.
                Err(_) => Into::Plain(capped()),
            }
        };
        Collector { into, limit: keep.limit, received: 0 }
    }

    /// Bytes that arrived, before decoding.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes. After an error there is nothing more to come.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), SendError> {
        self.received += chunk.len() as u64;
        match &mut self.into {
            Into::Nothing => Ok(()),
            Into::Plain(capped) => match capped.take(chunk) {
                true => Ok(()),
                false => Err(too_large(self.limit)),
            },
            Into::Coded(codings, decoder) => match decoder.write_all(chunk) {
                Ok(()) => Ok(()),
                Err(_) if decoder.capped().overflowed => Err(too_large(self.limit)),
                Err(error) => Err(bad_coding(codings, &error)),
            },
        }
    }

    /// The body's end, which a coding may find missing.
    pub fn finish(&mut self) -> Result<(), SendError> {
        let Into::Coded(codings, decoder) = &mut self.into else { return Ok(()) };
        if self.received == 0 {
            // The answer to a HEAD, or a 304, describes a coding that it does not use.
            return Ok(());
        }
        match decoder.finish() {
            Ok(()) => Ok(()),
            Err(_) if decoder.capped().overflowed => Err(too_large(self.limit)),
            Err(error) => Err(bad_coding(codings, &error)),
        }
    }

    /// What is kept, all that arrived before an error too.
    pub fn into_bytes(self) -> Bytes {
        match self.into {
            Into::Nothing => Bytes::new(),
            Into::Plain(capped) => capped.into_bytes(),
            Into::Coded(_, mut decoder) => {
                // What cannot be flushed was damaged or beyond the limit, as was said before.
                let _ = decoder.flush();
                decoder.into_capped().into_bytes()
            }
        }
    }
}

fn too_large(limit: u64) -> SendError {
    let limit = print_bytes(limit);
    let message = format!("the body is larger than body_limit ({limit}); the rest was cut off");
    SendError { category: Category::BodyTooLarge, message }
}

fn bad_coding(codings: &[Coding], error: &std::io::Error) -> SendError {
    let names = codings.iter().map(|coding| coding.as_str()).collect::<Vec<_>>().join(", ");
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        std::io::ErrorKind::WriteZero => "there are bytes after its end".to_owned(),
        _ => error.to_string(),
    };
    SendError {
        category: Category::Body,
        message: format!("the body is no valid {names}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::header::CONTENT_ENCODING;

    const TEXT: &[u8] = b"a body that is worth its packing, worth its packing, worth its packing";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn br(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
        encoder.write_all(text).unwrap();
        drop(encoder);
        out
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).unwrap()
    }

    /// Body and error of `packed`, arriving in chunks of `size`.
    fn collect(coding: &str, packed: &[u8], size: usize, limit: u64) -> (Bytes, Option<SendError>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
        let keep = Keep { limit, discard: false, decode: true };
        let mut collector = Collector::new(&headers, Some(packed.len() as u64), keep);
        let mut chunks = packed.chunks(size);
        let pushed = chunks.try_for_each(|chunk| collector.push(chunk));
        let error = pushed.and_then(|()| collector.finish()).err();
        (collector.into_bytes(), error)
    }

    #[test]
    fn every_coding_is_undone_however_it_is_cut_into_chunks() {
        let cases = [
            ("gzip", gzip(TEXT)),
            ("X-GZip", gzip(TEXT)),
            ("deflate", zlib(TEXT)),
            ("deflate", deflate(TEXT)),
            ("br", br(TEXT)),
            ("zstd", zstd(TEXT)),
            ("gzip, br", br(&gzip(TEXT))),
            ("deflate, identity, zstd", zstd(&deflate(TEXT))),
            ("gzip", [gzip(&TEXT[..20]), gzip(&TEXT[20..])].concat()),
            ("identity", TEXT.to_vec()),
            ("rot13", TEXT.to_vec()),
        ];
        for (coding, packed) in cases {
            for size in [1, 2, 7, 1 << 20] {
                let (body, error) = collect(coding, &packed, size, 1000);
                assert_eq!((&body[..], error), (TEXT, None), "{coding} in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_damaged_is_an_error_and_what_came_is_kept() {
        // Nothing that packs well, lest half of it be less than a decoder's first block.
        let noise = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 23).wrapping_pow(3) as u8;
        let long: Vec<u8> = (0..500_000).map(noise).collect();
        for (coding, packed) in [
            ("gzip", gzip(&long)),
            ("deflate", zlib(&long)),
            ("deflate", deflate(&long)),
            ("br", br(&long)),
            ("zstd", zstd(&long)),
        ] {
            let (body, error) = collect(coding, &packed[..packed.len() / 2], 100, 1 << 20);
            let error = error.unwrap_or_else(|| panic!("{coding} is cut off"));
            assert_eq!(error.category, Category::Body, "{coding}");
            assert!(error.message.contains(coding), "{error:?}");
            assert!(!body.is_empty() && long.starts_with(&body), "{coding}: {} bytes", body.len());

            let (_, error) = collect(coding, b"\xff\xffthis is nothing of the kind", 100, 1000);
            assert_eq!(error.map(|error| error.category), Some(Category::Body), "{coding}");
        }
        let mut wrong_sum = gzip(TEXT);
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert!(collect("gzip", &wrong_sum, 100, 1000).1.is_some());
    }

    #[test]
    fn what_is_beyond_the_limit_is_cut_off_exactly_there() {
        for (coding, packed) in [
            ("gzip", gzip(TEXT)),
            ("br, gzip", gzip(&br(TEXT))),
            ("deflate", deflate(TEXT)),
            ("zstd", zstd(TEXT)),
            ("identity", TEXT.to_vec()),
        ] {
            let (body, error) = collect(coding, &packed, 9, 30);
            assert_eq!(&body[..], &TEXT[..30], "{coding}");
            assert_eq!(error.map(|error| error.category), Some(Category::BodyTooLarge), "{coding}");
            assert_eq!(collect(coding, &packed, 9, TEXT.len() as u64).1, None, "{coding}");
        }
    }

    #[test]
    fn a_discarded_body_is_counted_and_an_empty_one_is_no_bad_gzip() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        let discard = Keep { limit: 1, discard: true, decode: true };
        let mut collector = Collector::new(&headers, None, discard);
        assert_eq!(collector.push(b"no gzip"), Ok(()));
        assert_eq!((collector.finish(), collector.received()), (Ok(()), 7));
        assert!(collector.into_bytes().is_empty());
        let keep = Keep { discard: false, ..discard };
        assert_eq!(Collector::new(&headers, None, keep).finish(), Ok(()));
    }
}
