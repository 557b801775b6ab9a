//! The envelope of a histogram's text: base64 of HdrHistogram's V2 format, usually compressed.
//!
//! The library trusts the sizes that a file claims, so this checks them before it reads: nothing
//! is allocated beyond what the text can hold.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;

/// First word of V2, compressed: then the length and a zlib stream of V2.
const COMPRESSED: u32 = 0x1c84_9314;
/// First word of V2: then length, offset, digits (a word each), lowest and highest value, ratio
/// (two each), and the counts.
const PLAIN: u32 = 0x1c84_9313;
/// Bytes before the counts.
const HEAD: usize = 40;
/// Significant digits that we can merge with.
const DIGITS: u32 = 3;
/// Longest text and longest content; ours stay below 100 KB.
const LONGEST: usize = 1 << 20;

/// Bytes as text.
pub(super) fn close(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Text as bytes of plain V2 whose head is sound.
pub(super) fn open(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > LONGEST {
        return Err(format!("a histogram of {} bytes is too long", text.len()));
    }
    let bytes =
        BASE64.decode(text).map_err(|fault| format!("a histogram is not base64: {fault}"))?;
    let plain = if word(&bytes, 0) == Some(COMPRESSED) {
        inflated(bytes.get(8..).unwrap_or_default())?
    } else {
        bytes
    };
    sound_head(&plain).map(|()| plain).map_err(|fault| format!("a histogram {fault}"))
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    ZlibDecoder::new(bytes)
        .take(LONGEST as u64)
        .read_to_end(&mut plain)
        .map_err(|fault| format!("a histogram is not compressed as it says: {fault}"))?;
    Ok(plain)
}

fn sound_head(plain: &[u8]) -> Result<(), String> {
    if word(plain, 0) != Some(PLAIN) || plain.len() < HEAD {
        return Err("is not in HDR V2 format".to_owned());
    }
    if word(plain, 4).map(|length| length as usize) != Some(plain.len() - HEAD) {
        return Err("is not as long as it says".to_owned());
    }
    match (word(plain, 12), word(plain, 16), word(plain, 20)) {
        (Some(DIGITS), Some(0), Some(1)) => Ok(()),
        (Some(DIGITS), ..) => Err("does not count in units of 1".to_owned()),
        _ => Err(format!("does not have {DIGITS} significant digits")),
    }
}

/// The big-endian word at an offset.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(word.try_into().expect("four bytes")))
}
