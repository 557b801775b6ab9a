//! Where the idle users of one crew wait to be given an arrival: the one that rested last goes
//! first, so that no more users, and connections, are kept warm than the load needs.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::backlog::Arrival;

/// The idle users of one crew.
#[derive(Debug, Default)]
pub struct Board {
    idle: RefCell<Vec<Rc<Seat>>>,
    over: Cell<bool>,
}

/// One user's place on the board, used again and again.
#[derive(Debug, Default)]
pub struct Seat {
    given: Cell<Option<Arrival>>,
    waker: RefCell<Option<Waker>>,
}

impl Board {
    /// How many rest.
    pub fn resting(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Gives an arrival to whoever rested last; `false` if nobody rests.
    pub fn give(&self, arrival: Arrival) -> bool {
        let Some(seat) = self.idle.borrow_mut().pop() else { return false };
        seat.given.set(Some(arrival));
        seat.wake();
        true
    }

    /// Nothing more will be given: who rests, now or later, is told so.
    pub fn close(&self) {
        self.over.set(true);
        self.idle.take().iter().for_each(|seat| seat.wake());
    }

    /// Whether nothing more will be given.
    pub fn is_closed(&self) -> bool {
        self.over.get()
    }

    /// `seat` rests from now on.
    pub fn rest(&self, seat: &Rc<Seat>) {
        self.idle.borrow_mut().push(seat.clone());
    }

    /// `seat` rests no longer; what it was given meanwhile.
    pub fn leave(&self, seat: &Rc<Seat>) -> Option<Arrival> {
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, seat));
        seat.given.take()
    }

    /// Waits until `seat` is given an arrival; `None` once nothing more will be.
    pub async fn wait(&self, seat: &Seat) -> Option<Arrival> {
        poll_fn(|context| {
            if let Some(arrival) = seat.given.take() {
                return Poll::Ready(Some(arrival));
            }
            if self.over.get() {
                return Poll::Ready(None);
            }
            *seat.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: u64) -> Arrival {
        let due = Duration::from_secs(second);
        Arrival { due, called: due }
    }

    #[tokio::test]
    async fn the_last_to_rest_goes_first_and_the_end_is_told_to_all() {
        let (board, first, second) = (Board::default(), Rc::default(), Rc::default());
        board.rest(&first);
        board.rest(&second);
        assert!(board.give(at(1)));
        assert_eq!(board.wait(&second).await, Some(at(1)));
        assert_eq!(board.resting(), 1);
        board.close();
        assert_eq!(board.wait(&first).await, None);
        assert!(!board.give(at(2)));
    }

    #[test]
    fn who_leaves_takes_along_what_it_was_given() {
        let (board, seat) = (Board::default(), Rc::default());
        board.rest(&seat);
        board.give(at(1));
        assert_eq!(board.leave(&seat), Some(at(1)));
        board.rest(&seat);
        assert_eq!((board.leave(&seat), board.resting()), (None, 0));
    }
}
