//! Who is in the shop, and what each of them carries: at most so many, the longest unused go first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::cart::Cart;
use super::orders::Orders;

/// 128 random bits; knowing it is being the visitor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(u128);

/// One visitor.
#[derive(Debug, Default)]
pub struct Session {
    /// The e-mail address, once logged in.
    pub user: Option<Arc<str>>,
    /// What is to be bought.
    pub cart: Cart,
    /// What was bought.
    pub orders: Orders,
    /// The token in the form that was shown last.
    pub csrf: Option<String>,
}

/// All visitors. A second chance for who was seen since the last round: O(1) amortised, and
/// nearly the longest unused one goes.
#[derive(Debug)]
pub struct Sessions {
    cap: usize,
    open: HashMap<SessionId, Slot>,
    /// Candidates for eviction, oldest first; may name closed ones. Never longer than `cap`.
    round: VecDeque<SessionId>,
}

#[derive(Debug)]
struct Slot {
    session: Session,
    seen: bool,
}

impl Sessions {
    /// Room for `cap` visitors, at least one.
    pub fn new(cap: usize) -> Self {
        Sessions { cap: cap.max(1), open: HashMap::new(), round: VecDeque::new() }
    }

    /// Lets a visitor in, under a fresh `id`.
    pub fn open(&mut self, id: SessionId, session: Session) {
        while self.round.len() >= self.cap {
            self.make_room();
        }
        self.open.insert(id, Slot { session, seen: false });
        self.round.push_back(id);
    }

    /// The visitor with this id, who now has been seen.
    pub fn get(&mut self, id: SessionId) -> Option<&mut Session> {
        let slot = self.open.get_mut(&id)?;
        slot.seen = true;
        Some(&mut slot.session)
    }

    /// Shows a visitor out; whether there was one.
    pub fn close(&mut self, id: SessionId) -> bool {
        self.open.remove(&id).is_some()
    }

    /// How many are in.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    fn make_room(&mut self) {
        let Some(id) = self.round.pop_front() else { return };
        match self.open.get_mut(&id) {
            Some(slot) if slot.seen => {
                slot.seen = false;
                self.round.push_back(id);
            }
            _ => {
                self.open.remove(&id);
            }
        }
    }
}

impl SessionId {
    /// From bits that nobody can guess.
    pub fn new(bits: u128) -> Self {
        SessionId(bits)
    }

    /// Reads what `Display` wrote: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u128::from_str_radix(text, 16).ok().map(SessionId)).flatten()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(cap: usize) -> Sessions {
        let mut sessions = Sessions::new(cap);
        (0..cap as u128).for_each(|n| sessions.open(SessionId::new(n), Session::default()));
        sessions
    }

    #[test]
    fn a_full_shop_sends_the_longest_unused_visitor_away() {
        let mut sessions = full(3);
        assert!(sessions.get(SessionId::new(0)).is_some());
        sessions.open(SessionId::new(3), Session::default());
        assert_eq!(sessions.len(), 3);
        assert!(sessions.get(SessionId::new(0)).is_some(), "was seen, stays");
        assert!(sessions.get(SessionId::new(1)).is_none(), "was not");
    }

    #[test]
    fn opening_and_closing_for_ever_keeps_the_round_short() {
        let mut sessions = full(4);
        for n in 4..1_000 {
            sessions.open(SessionId::new(n), Session::default());
            assert!(sessions.close(SessionId::new(n)));
            assert!(sessions.round.len() <= 4);
        }
    }

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
        let id = SessionId::new(0xabc);
        assert_eq!(SessionId::parse(&id.to_string()), Some(id));
        for wrong in ["", "abc", "+0000000000000000000000000000abc", &"g".repeat(32)] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }
}
