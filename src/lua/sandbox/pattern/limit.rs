//! How long a subject may be for Lua's own matcher to be surely quick with a pattern.
//!
//! With q repeated classes, o optional ones and a pattern of length m, a subject of length n costs
//! at most about m · 2^o · n^(q + 1) steps, the + 1 for the places where a match may begin (none
//! if it is anchored); `%b` and `%1` count as one more repetition each. Solved for n.

/// Steps that the built-in matcher may take: well below a millisecond.
const STEPS: f64 = 200_000.0;

/// The longest subject, in bytes; `anchors` says whether a leading `^` anchors (not in `gmatch`).
pub fn longest_subject(pattern: &[u8], anchors: bool) -> u32 {
    let (mut repeated, mut optional) = (1.0, 0.0);
    let mut rest = pattern;
    if let (true, [b'^', tail @ ..]) = (anchors, pattern) {
        rest = tail;
        repeated = 0.0;
    }
    while !rest.is_empty() {
        let item = item(rest);
        rest = &rest[item.length..];
        match rest.first() {
            Some(b'*' | b'+' | b'-') if item.repeats => repeated += 1.0,
            Some(b'?') if item.repeats => optional += 1.0,
            _ => {
                repeated += item.scans;
                continue;
            }
        }
        rest = &rest[1..];
    }
    if repeated == 0.0 && optional == 0.0 {
        return u32::MAX;
    }
    let steps = STEPS / pattern.len().max(1) as f64 / f64::exp2(optional);
    let longest = if repeated == 0.0 { steps } else { steps.powf(1.0 / repeated) };
    // The cast saturates.
    longest as u32
}

/// One item at the beginning of a pattern.
struct Item {
    length: usize,
    /// Whether `*` and the like after it mean repetition.
    repeats: bool,
    /// How many scans of the subject it costs by itself.
    scans: f64,
}

fn item(pattern: &[u8]) -> Item {
    let (length, repeats, scans) = match pattern {
        [b'%', b'b', ..] => (4, false, 1.0),
        [b'%', b'f', rest @ ..] => (2 + set_length(rest), false, 0.0),
        [b'%', b'0'..=b'9', ..] => (2, false, 1.0),
        [b'%', _, ..] => (2, true, 0.0),
        [b'[', ..] => (set_length(pattern), true, 0.0),
        [b'(' | b')', ..] => (1, false, 0.0),
        _ => (1, true, 0.0),
    };
    Item { length: length.min(pattern.len()), repeats, scans }
}

/// Length of the set at the beginning; 0 if there is none.
fn set_length(pattern: &[u8]) -> usize {
    if pattern.first() != Some(&b'[') {
        return 0;
    }
    let mut at = if pattern.get(1) == Some(&b'^') { 2 } else { 1 };
    loop {
        at += if pattern.get(at) == Some(&b'%') { 2 } else { 1 };
        match pattern.get(at) {
            None => return pattern.len(),
            Some(b']') => return at + 1,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::longest_subject;

    #[test]
    fn only_what_repeats_shortens_the_subject() {
        let longest = |pattern: &str| longest_subject(pattern.as_bytes(), true);
        assert_eq!(longest("^abc"), u32::MAX);
        assert_eq!(longest("(%d%d)-(%d%d)"), longest("(%d%d)_(%d%d)"));
        assert_eq!(longest("[%a*+-]"), longest("[%abcd]"));
        assert_eq!(longest("%f[%w*]x"), longest("%f[%w1]x"));
        assert!(longest("a*a*a*a*a*b") < 10);
        assert!(longest("(%d+)-(%d+)-(%d+)") >= 10, "dates stay on the fast path");
        assert!(longest("%b()") < longest("(%("));
        assert!(longest(&"a?".repeat(30)) < 2);
    }
}
