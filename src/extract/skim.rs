//! Over a JSON value without a look at what it says, but sure that it is one.
//!
//! Most of a document is passed over to reach the few values that a script asks for, so this is
//! what an extraction costs. Text is passed eight bytes at a time; levels are bits of a number.

use super::json::Invalid;

/// One of each byte of a word.
const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
/// The highest bit of each byte of a word.
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Bytes of the value at the start of `text`, in which arrays and objects lie within each other at
/// most `levels` (at most 127) deep.
pub(super) fn skim(text: &str, levels: u32) -> Result<usize, Invalid> {
    let text = text.as_bytes();
    let (mut at, mut depth) = (0, 0);
    let mut in_object = false;
    let mut around = 0u128; // the same of the levels around this one, the nearest in the lowest bit
    loop {
        let opened = *text.get(at).ok_or(Invalid)?;
        match opened {
            b'{' | b'[' => {
                if depth == levels {
                    return Err(Invalid);
                }
                at = blank(text, at + 1);
                if text.get(at) != Some(&(opened + 2)) {
                    // Not closed at once (`}` and `]` stand two behind their partners).
                    depth += 1;
                    around = around << 1 | u128::from(in_object);
                    in_object = opened == b'{';
                    at = if in_object { key(text, at)? } else { at };
                    continue;
                }
                at += 1;
            }
            _ => at = scalar(text, at, opened)?,
        }
        loop {
            if depth == 0 {
                return Ok(at);
            }
            at = blank(text, at);
            match text.get(at) {
                Some(b',') => {
                    at = blank(text, at + 1);
                    at = if in_object { key(text, at)? } else { at };
                    break;
                }
                Some(b'}') if in_object => {}
                Some(b']') if !in_object => {}
                _ => return Err(Invalid),
            }
            (at, depth) = (at + 1, depth - 1);
            in_object = around & 1 != 0;
            around >>= 1;
        }
    }
}

/// Behind white space, of which most documents have hardly any.
#[inline]
fn blank(text: &[u8], mut at: usize) -> usize {
    while let Some(byte @ 0..=b' ') = text.get(at)
        && matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
    {
        at += 1;
    }
    at
}

/// Behind a key and its colon: where the value begins.
#[inline]
fn key(text: &[u8], at: usize) -> Result<usize, Invalid> {
    let colon = match text.get(at) {
        Some(b'"') => blank(text, string(text, at + 1)?),
        _ => return Err(Invalid),
    };
    match text.get(colon) {
        Some(b':') => Ok(blank(text, colon + 1)),
        _ => Err(Invalid),
    }
}

/// Behind a value that holds no other, which begins with `first`.
fn scalar(text: &[u8], at: usize, first: u8) -> Result<usize, Invalid> {
    let word = match first {
        b'"' => return string(text, at + 1),
        b'-' | b'0'..=b'9' => return number(text, at),
        b't' => "true",
        b'f' => "false",
        b'n' => "null",
        _ => return Err(Invalid),
    };
    if text[at..].starts_with(word.as_bytes()) { Ok(at + word.len()) } else { Err(Invalid) }
}

/// Behind the quote that ends the string whose text begins at `at`.
#[inline]
fn string(text: &[u8], mut at: usize) -> Result<usize, Invalid> {
    loop {
        at = plain(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at + 1)?,
            _ => return Err(Invalid),
        }
    }
}

/// Behind bytes that stand for themselves in a string.
#[inline]
fn plain(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        // A byte's highest bit is set if it is zero; above the lowest such byte that may err.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
        let is = |byte: u8| zeros(word ^ (ONES * u64::from(byte)));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let special = is(b'"') | is(b'\\') | control;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// Behind an escape whose backslash stands before `at`.
#[cold]
fn escape(text: &[u8], at: usize) -> Result<usize, Invalid> {
    match text.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => match unit(text, at + 1)? {
            0xdc00..0xe000 => Err(Invalid),
            0xd800..0xdc00 => match (text.get(at + 5..at + 7), unit(text, at + 7)?) {
                (Some(b"\\u"), 0xdc00..0xe000) => Ok(at + 11),
                _ => Err(Invalid),
            },
            _ => Ok(at + 5),
        },
        _ => Err(Invalid),
    }
}

/// Four hexadecimal digits: a unit of UTF-16.
fn unit(text: &[u8], at: usize) -> Result<u32, Invalid> {
    let digits = text.get(at..at + 4).ok_or(Invalid)?;
    digits
        .iter()
        .try_fold(0, |unit, &digit| Ok(unit << 4 | char::from(digit).to_digit(16).ok_or(Invalid)?))
}

/// Behind a number, which must fit a float's range.
#[inline]
fn number(text: &[u8], start: usize) -> Result<usize, Invalid> {
    let whole = start + usize::from(text[start] == b'-');
    let mut end = digits(text, whole)?;
    if text[whole] == b'0' && end > whole + 1 {
        return Err(Invalid);
    }
    if text.get(end) == Some(&b'.') {
        end = digits(text, end + 1)?;
    }
    let has_exponent = matches!(text.get(end), Some(b'e' | b'E'));
    if has_exponent {
        let has_sign = matches!(text.get(end + 1), Some(b'+' | b'-'));
        end = digits(text, end + 1 + usize::from(has_sign))?;
    }
    let may_overflow = has_exponent || end - start > 300;
    if may_overflow && overflows(&text[start..end]) { Err(Invalid) } else { Ok(end) }
}

/// Behind one digit or more.
#[inline]
fn digits(text: &[u8], start: usize) -> Result<usize, Invalid> {
    let mut at = start;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > start { Ok(at) } else { Err(Invalid) }
}

fn overflows(number: &[u8]) -> bool {
    let number = str::from_utf8(number).ok().and_then(|text| text.parse::<f64>().ok());
    number.is_some_and(f64::is_infinite)
}
