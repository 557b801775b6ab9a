//! A request's body that is watched while it is handed out: one that is too large for one write
//! goes in parts, so that the moment in which the last byte was taken is known, and how many were.
//! Of any body the moment is known in which a connection asked for it, which is when a request
//! that had to wait for a connection got one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::progress::Sending;

/// Bytes of a part; bodies up to this are sent as they are.
pub const PART: usize = 64 << 10;

/// A watched body, in parts of [`PART`] bytes.
#[derive(Debug)]
pub struct Upload {
    rest: Bytes,
    sending: Sending,
}

impl Upload {
    /// Hands out `body` and tells `sending` of the end.
    pub fn new(body: Bytes, sending: Sending) -> Self {
        Upload { rest: body, sending }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = PART.min(self.rest.len());
        let part = self.rest.split_to(size);
        self.sending.took(size);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.sending.asked();
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.sending.asked();
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
