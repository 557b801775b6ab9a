//! Lua's patterns, matched with a budget of steps.
//!
//! Lua's own matcher backtracks inside C: `("a"):rep(150):find(("a*"):rep(5) .. "b")` runs for
//! minutes without executing an instruction, so no hook sees it. This one gives the same results
//! and the same messages (a test compares them on random patterns) and stops when its budget is
//! spent. Offsets are from 0 here.

/// Most captures in a pattern.
const MAX_CAPTURES: usize = 32;
/// Deepest recursion; beyond it Lua says that the pattern is too complex.
const MAX_DEPTH: u32 = 200;

/// Why a pattern cannot be matched; the text is Lua's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The pattern breaks a rule.
    #[error("{0}")]
    Malformed(&'static str),
    /// A reference to a capture that is not there.
    #[error("invalid capture index %{0}")]
    CaptureIndex(i32),
    /// It took more steps than it may.
    #[error("pattern takes too many steps on this subject")]
    TooManySteps,
}

/// What one capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// `(…)`: begin and end.
    Text(usize, usize),
    /// `()`: an offset.
    Position(usize),
    /// A parenthesis that is still open.
    Open(usize),
}

/// One pattern on one subject.
pub struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: [Capture; MAX_CAPTURES],
    level: usize,
    depth: u32,
    steps: u32,
}

type Found = Result<Option<usize>, Fault>;

impl<'a> Matcher<'a> {
    /// `pattern` without its anchor; `steps` is the budget for all that this matcher does.
    pub fn new(subject: &'a [u8], pattern: &'a [u8], steps: u32) -> Self {
        let captures = [Capture::Open(0); MAX_CAPTURES];
        Matcher { subject, pattern, captures, level: 0, depth: MAX_DEPTH, steps }
    }

    /// The end of a match that begins at `start`.
    pub fn at(&mut self, start: usize) -> Found {
        self.level = 0;
        self.depth = MAX_DEPTH;
        self.matches(start, 0)
    }

    /// Steps that are left.
    pub fn left(&self) -> u32 {
        self.steps
    }

    /// Has `steps` left from now on.
    pub fn refill(&mut self, steps: u32) {
        self.steps = steps;
    }

    /// How many values the last match gives: its captures, or the whole of it.
    pub fn count(&self) -> usize {
        self.level.max(1)
    }

    /// How many captures the last match has.
    pub fn captured(&self) -> usize {
        self.level
    }

    /// Value `index` (from 0) of the last match, which was `start..end`.
    pub fn value(&self, index: usize, start: usize, end: usize) -> Result<Capture, Fault> {
        if index >= self.level {
            return match index {
                0 => Ok(Capture::Text(start, end)),
                _ => Err(Fault::CaptureIndex(one_based(index))),
            };
        }
        match self.captures[index] {
            Capture::Open(_) => Err(Fault::Malformed("unfinished capture")),
            capture => Ok(capture),
        }
    }

    /// The pattern's byte at `p`; beyond its end 0, as in C.
    fn pat(&self, p: usize) -> u8 {
        self.pattern.get(p).copied().unwrap_or(0)
    }

    fn step(&mut self) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(1).ok_or(Fault::TooManySteps)?;
        Ok(())
    }

    /// The end of a match of the pattern from `p` on at `s`.
    fn matches(&mut self, s: usize, p: usize) -> Found {
        self.depth = self.depth.checked_sub(1).ok_or(Fault::Malformed("pattern too complex"))?;
        let end = self.run(s, p);
        self.depth += 1;
        end
    }

    fn run(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.step()?;
            if p >= self.pattern.len() {
                return Ok(Some(s));
            }
            let next = match (self.pattern[p], self.pat(p + 1)) {
                (b'(', b')') => return self.open(s, p + 2, Capture::Position(s)),
                (b'(', _) => return self.open(s, p + 1, Capture::Open(s)),
                (b')', _) => return self.close(s, p + 1),
                (b'$', _) if p + 1 == self.pattern.len() => {
                    return Ok((s == self.subject.len()).then_some(s));
                }
                (b'%', b'b') => self.balanced(s, p + 2)?.map(|s| (s, p + 4)),
                (b'%', b'f') => self.frontier(s, p + 2)?.map(|p| (s, p)),
                (b'%', digit @ b'0'..=b'9') => self.again(s, digit)?.map(|s| (s, p + 2)),
                _ => match self.item(s, p)? {
                    Item::Ended(end) => return Ok(end),
                    Item::Next(s, p) => Some((s, p)),
                },
            };
            match next {
                Some(next) => (s, p) = next,
                None => return Ok(None),
            }
        }
    }

    /// A single character class and what follows it.
    fn item(&mut self, s: usize, p: usize) -> Result<Item, Fault> {
        let end = self.class_end(p)?;
        let suffix = self.pat(end);
        if !self.single(s, p, end) {
            return Ok(match suffix {
                b'*' | b'?' | b'-' => Item::Next(s, end + 1),
                _ => Item::Ended(None),
            });
        }
        match suffix {
            b'?' => Ok(match self.matches(s + 1, end + 1)? {
                Some(found) => Item::Ended(Some(found)),
                None => Item::Next(s, end + 1),
            }),
            b'+' => self.greedy(s + 1, p, end).map(Item::Ended),
            b'*' => self.greedy(s, p, end).map(Item::Ended),
            b'-' => self.lazy(s, p, end).map(Item::Ended),
            _ => Ok(Item::Next(s + 1, end)),
        }
    }

    fn greedy(&mut self, s: usize, p: usize, end: usize) -> Found {
        let mut n = 0;
        while self.single(s + n, p, end) {
            self.step()?;
            n += 1;
        }
        loop {
            if let Some(found) = self.matches(s + n, end + 1)? {
                return Ok(Some(found));
            }
            if n == 0 {
                return Ok(None);
            }
            n -= 1;
        }
    }

    fn lazy(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.matches(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.single(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, capture: Capture) -> Found {
        if self.level >= MAX_CAPTURES {
            return Err(Fault::Malformed("too many captures"));
        }
        self.captures[self.level] = capture;
        self.level += 1;
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = |capture: &Capture| matches!(capture, Capture::Open(_));
        let Some(index) = self.captures[..self.level].iter().rposition(open) else {
            return Err(Fault::Malformed("invalid pattern capture"));
        };
        let was = self.captures[index];
        if let Capture::Open(start) = was {
            self.captures[index] = Capture::Text(start, s);
        }
        let found = self.matches(s, p)?;
        if found.is_none() {
            self.captures[index] = was;
        }
        Ok(found)
    }

    /// `%b()`: the end of a balanced piece.
    fn balanced(&mut self, s: usize, p: usize) -> Found {
        let [open, close] = *self.pattern.get(p..p + 2).unwrap_or_default() else {
            return Err(Fault::Malformed("malformed pattern (missing arguments to '%b')"));
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (at, &byte) in self.subject.iter().enumerate().skip(s + 1) {
            self.step()?;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: the pattern behind it, if the set begins at `s`.
    fn frontier(&mut self, s: usize, p: usize) -> Found {
        if self.pat(p) != b'[' {
            return Err(Fault::Malformed("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.subject[s - 1] };
        let here = self.subject.get(s).copied().unwrap_or(0);
        let begins = !self.in_set(before, p, end - 1) && self.in_set(here, p, end - 1);
        Ok(begins.then_some(end))
    }

    /// `%1`: the end of the same text as a capture's.
    fn again(&mut self, s: usize, digit: u8) -> Found {
        let wrong = Fault::CaptureIndex(i32::from(digit) - i32::from(b'0'));
        let Some(index) = usize::from(digit).checked_sub(usize::from(b'1')) else {
            return Err(wrong);
        };
        match self.captures[..self.level].get(index) {
            None | Some(Capture::Open(_)) => Err(wrong),
            Some(Capture::Position(_)) => Ok(None),
            Some(&Capture::Text(start, end)) => {
                let steps = u32::try_from(end - start).unwrap_or(u32::MAX) / 16;
                self.steps = self.steps.checked_sub(steps).ok_or(Fault::TooManySteps)?;
                let same = self.subject[s..].starts_with(&self.subject[start..end]);
                Ok(same.then_some(s + (end - start)))
            }
        }
    }

    /// Behind the class that begins at `p`.
    fn class_end(&mut self, p: usize) -> Result<usize, Fault> {
        let mut p = p + 1;
        match self.pattern[p - 1] {
            b'%' if p >= self.pattern.len() => {
                Err(Fault::Malformed("malformed pattern (ends with '%')"))
            }
            b'%' => Ok(p + 1),
            b'[' => {
                if self.pat(p) == b'^' {
                    p += 1;
                }
                loop {
                    self.step()?;
                    if p >= self.pattern.len() {
                        return Err(Fault::Malformed("malformed pattern (missing ']')"));
                    }
                    p += 1;
                    if self.pattern[p - 1] == b'%' && p < self.pattern.len() {
                        p += 1;
                    }
                    if self.pat(p) == b']' && p < self.pattern.len() {
                        return Ok(p + 1);
                    }
                }
            }
            _ => Ok(p),
        }
    }

    /// Whether the character at `s` is in the class `p..end`.
    fn single(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(byte, self.pattern[p + 1]),
            b'[' => self.in_set(byte, p, end - 1),
            own => own == byte,
        }
    }

    /// Whether `byte` is in the set whose brackets are at `p` and `close`.
    fn in_set(&self, byte: u8, mut p: usize, close: usize) -> bool {
        let positive = self.pat(p + 1) != b'^';
        if !positive {
            p += 1;
        }
        p += 1;
        while p < close {
            let here = self.pattern[p];
            if here == b'%' {
                p += 1;
                if in_class(byte, self.pat(p)) {
                    return positive;
                }
            } else if self.pat(p + 1) == b'-' && p + 2 < close {
                if (here..=self.pattern[p + 2]).contains(&byte) {
                    return positive;
                }
                p += 2;
            } else if here == byte {
                return positive;
            }
            p += 1;
        }
        !positive
    }
}

/// What comes after one item of a pattern.
enum Item {
    /// The whole rest was tried.
    Ended(Option<usize>),
    /// Go on there.
    Next(usize, usize),
}

/// `%a` and the like, in the C locale; upper case negates, and anything else means itself.
fn in_class(byte: u8, class: u8) -> bool {
    let inside = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    inside == class.is_ascii_lowercase()
}

fn one_based(index: usize) -> i32 {
    i32::try_from(index + 1).unwrap_or(i32::MAX)
}
