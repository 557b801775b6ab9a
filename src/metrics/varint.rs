//! Whole numbers in as few bytes as they need: seven bits each, the lowest first; the highest bit
//! says that more follow (LEB128).

/// Appends a number: one byte below 128, ten at most.
pub fn put(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Takes a number off the front; `None` if it does not end, or is beyond 64 bits.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes so many bytes off the front, as a number before them says; `None` if there are fewer.
pub fn take_counted<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(numbers in proptest::collection::vec(any::<u64>(), 0..9)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|&number| put(number, &mut bytes));
            let mut rest = bytes.as_slice();
            for number in numbers {
                prop_assert_eq!(take(&mut rest), Some(number));
            }
            prop_assert_eq!(take(&mut rest), None);
        }
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_none() {
        assert_eq!(take(&mut &[0x80][..]), None);
        assert_eq!(take(&mut &[0xff; 10][..]), None);
        assert_eq!(take_counted(&mut &[2, 7][..]), None);
        assert_eq!(take_counted(&mut &[1, 7, 9][..]), Some(&[7][..]));
    }
}
