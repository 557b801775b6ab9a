//! How long a subject may be for Lua's own matcher to be surely quick with a pattern.
//!
//! A repeated class *branches* if what follows it may begin with one of its own characters: then
//! each of its lengths is tried. Otherwise (`%d+-`, or at the end) one length at most goes on, and
//! it is a mere scan; so are `%b` and `%1`. At the very end a repeated class is not even that: where
//! it begins, the pattern matches. With b branching classes, o optional ones and a pattern
//! of length m, a subject of length n costs at most about
//!
//! ```text
//! m · 2^o · n^(s + b + c)   steps,
//! ```
//!
//! s = 1 unless the pattern is anchored (the places where a match may begin), c = 1 if there is a
//! scan. Solved for n; a test holds it against the steps that our matcher counts. Where only s is
//! left, the text is gone over once, which may take as long as one long `..` does.

use super::matcher::Matcher;

/// Steps that the built-in matcher may take: about a millisecond.
const STEPS: f64 = 200_000.0;

/// The same for patterns that go over a text once: 20 to 40 ms.
const STEPS_ONCE: f64 = 10_000_000.0;

/// The longest subject, in bytes; `anchors` says whether a leading `^` anchors (not in `gmatch`).
pub fn longest_subject(pattern: &[u8], anchors: bool) -> u32 {
    let (starts, rest) = match pattern {
        [b'^', rest @ ..] if anchors => (0.0, rest),
        _ => (1.0, pattern),
    };
    let items = items(rest);
    let (mut branching, mut optional, mut scans) = (0.0, 0.0, 0.0);
    for (index, item) in items.iter().enumerate() {
        match item.suffix {
            Some(b'?') => optional += 1.0,
            Some(_) if index + 1 == items.len() => {}
            Some(_) if branches(item, &items[index + 1..]) => branching += 1.0,
            Some(_) => scans = 1.0,
            None if item.scans => scans = 1.0,
            None => {}
        }
    }
    let power: f64 = starts + branching + scans;
    let once = branching + scans + optional == 0.0;
    let steps = if once { STEPS_ONCE } else { STEPS };
    let steps = steps / pattern.len().max(1) as f64 / f64::exp2(optional);
    let longest = if power == 0.0 { steps } else { steps.powf(1.0 / power) };
    // The cast saturates.
    longest as u32
}

/// One item of a pattern; parentheses are none.
struct Item<'p> {
    text: &'p [u8],
    /// A class of single characters, which may be repeated.
    class: bool,
    /// `*`, `+`, `-` or `?` after a class.
    suffix: Option<u8>,
    /// Goes over the subject by itself.
    scans: bool,
}

fn items(mut rest: &[u8]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    while let Some(first) = rest.first() {
        if matches!(first, b'(' | b')') {
            rest = &rest[1..];
            continue;
        }
        let (length, class, scans) = match rest {
            [b'%', b'b', ..] => (4, false, true),
            [b'%', b'f', rest @ ..] => (2 + set_length(rest), false, false),
            [b'%', b'0'..=b'9', ..] => (2, false, true),
            [b'%', _, ..] => (2, true, false),
            [b'[', ..] => (set_length(rest), true, false),
            _ => (1, true, false),
        };
        let (text, after) = rest.split_at(length.min(rest.len()));
        let suffix = after.first().copied().filter(|c| class && b"*+-?".contains(c));
        rest = &after[usize::from(suffix.is_some())..];
        items.push(Item { text, class, suffix, scans });
    }
    items
}

/// Whether more than one length of a repeated class may let the rest go on.
fn branches(class: &Item<'_>, rest: &[Item<'_>]) -> bool {
    match rest {
        [] => false,
        [end] if end.text == b"$" && end.suffix.is_none() => false,
        [next, ..] if next.class && matches!(next.suffix, None | Some(b'+')) => {
            (0..=u8::MAX).any(|byte| holds(class.text, byte) && holds(next.text, byte))
        }
        _ => true,
    }
}

/// Whether a character is in a class; in a malformed one all are.
fn holds(class: &[u8], byte: u8) -> bool {
    let anything = class == b"." || class == b"$";
    anything || !matches!(Matcher::new(&[byte], class, 1_000).at(0), Ok(None))
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
    use super::*;

    fn longest(pattern: &str) -> u32 {
        longest_subject(pattern.as_bytes(), true)
    }

    #[test]
    fn only_what_repeats_shortens_the_subject() {
        assert!(longest("^abc") > 1 << 20 && longest("(%d%d)-(%d%d)") > 500_000);
        assert!(longest("%d+") > 1 << 20 && longest("id=(%w*)") > 1 << 20);
        assert!(longest("%d+$") < 1_000 && longest("(%d+)x") < 1_000);
        assert!(longest(&"%a".repeat(1_000)) < 10_000, "each place may compare all of it");
        assert_eq!(longest("[%a*+-]"), longest("[%abcd]"));
        assert_eq!(longest("%f[%w*]x"), longest("%f[%w1]x"));
        assert!(longest("a*a*a*a*a*b") < 10);
        assert!(longest("%b()") < longest("(%("));
        assert!(longest(&"a?".repeat(30)) < 2);
    }

    #[test]
    fn a_class_that_ends_where_the_next_begins_does_not_branch() {
        assert!(longest("(%d+)-(%d+)-(%d+)") >= 100, "dates stay on the fast path");
        assert!(longest("(%S+) (%S+)$") >= 100 && longest("^(%w+)=(%w*)") > 10_000);
        assert!(longest("(%d+)%d(%d+)x") < longest("(%d+)-(%d+)x"));
        assert!(longest("(%d+).(%d+)x") < longest("(%d+)-(%d+)x"));
        assert!(longest("(%d+)-?(%d+)x") < longest("(%d+)-(%d+)x"));
    }

    #[test]
    fn the_bound_holds_against_the_steps_that_are_counted() {
        const PATTERNS: [&str; 22] = [
            "(%d+)-(%d+)-(%d+)",
            "(%S+) (%S+)$",
            "%s*(.-)%s*$",
            "a*b",
            "a*a*b",
            "a*a*a*b",
            ".-b",
            ".-.-b",
            "[ab]*a[ab]*c",
            "a+b+c+d",
            "%a+%d+%a+%d+x",
            "%b()x",
            "(a*)%1b",
            "(.)%1x",
            "a?a?a?a?b",
            "a-a-b",
            "%w+@%w+%.%w+",
            "(.-)=(.-);",
            "\"(.-)\"%s*,",
            "[^,]*,[^,]*,x",
            ".*x",
            "%f[%w]%w+x",
        ];
        const UNITS: [&str; 12] =
            ["a", "b", "1", "-", "a-", "1-", " ", "(", "ab", "a=", "a@a.", "\""];
        for pattern in PATTERNS {
            let n = longest_subject(pattern.as_bytes(), true).min(200_000) as usize;
            for unit in UNITS {
                let subject: Vec<u8> = unit.bytes().cycle().take(n).collect();
                let mut matcher = Matcher::new(&subject, pattern.as_bytes(), 10 * STEPS as u32);
                let worst = (0..=n).map(|start| matcher.at(start)).find(Result::is_err);
                assert_eq!(worst, None, "{pattern} on {n} of {unit:?}");
            }
        }
    }
}
