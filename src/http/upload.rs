//! A request's body that is watched while it is handed out: one that is too large for one write
//! goes in parts, so that the moment in which the last byte was taken is known, and how many were.
//! Of any body the moment is known in which a connection asked for it, which is when a request
//! that had to wait for a connection got one.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

use super::payload::{FileError, Payload, stream};
use super::progress::Sending;

/// Bytes of a part; bodies up to this are sent as they are.
const PART: usize = 64 << 10;

/// A watched body, in parts of at most [`PART`] bytes, or as large as its pieces at hand.
pub struct Upload {
    rest: Rest,
    left: u64,
    sending: Sending,
}

enum Rest {
    Bytes(Bytes),
    Pieces(Pin<Box<dyn Stream<Item = Result<Bytes, FileError>> + Send + Sync>>),
}

impl Upload {
    /// Whether a body is handed out in parts even if nobody else would watch it.
    pub fn is_for(body: &Payload) -> bool {
        body.bytes().is_none_or(|bytes| bytes.len() > PART)
    }

    /// Hands out `body` and tells `sending` of the end.
    pub fn new(body: Payload, sending: Sending) -> Self {
        let left = body.size();
        let rest = match body {
            Payload::Bytes(bytes) => Rest::Bytes(bytes),
            Payload::Pieces(pieces) => Rest::Pieces(Box::pin(stream(pieces, PART))),
        };
        Upload { rest, left, sending }
    }
}

/// A request's body as a connection takes it: at once if it is small and nobody watches it.
pub enum Outgoing {
    /// All of it; empty once it was taken.
    Whole(Bytes),
    /// In parts, or to know when it is asked for.
    Watched(Box<Upload>),
}

impl Outgoing {
    /// `body`, watched if `sending` is there.
    pub fn new(body: &Payload, sending: Option<&Sending>) -> Self {
        match (body.bytes(), sending) {
            (Some(bytes), None) => Outgoing::Whole(bytes.clone()),
            (_, sending) => {
                let sending = sending.cloned().unwrap_or_else(|| Sending::new(body.size()));
                Outgoing::Watched(Box::new(Upload::new(body.clone(), sending)))
            }
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = FileError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FileError>>> {
        match &mut *self {
            Outgoing::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Outgoing::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Outgoing::Watched(upload) => Pin::new(&mut **upload).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(bytes) => bytes.is_empty(),
            Outgoing::Watched(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Outgoing::Watched(upload) => upload.size_hint(),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = FileError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FileError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let part = match &mut self.rest {
            Rest::Bytes(rest) => Poll::Ready(Some(Ok(rest.split_to(PART.min(rest.len()))))),
            Rest::Pieces(pieces) => pieces.as_mut().poll_next(context),
        };
        if let Poll::Ready(Some(Ok(part))) = &part {
            let size = part.len() as u64;
            self.left -= size;
            self.sending.took(size);
        }
        part.map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.sending.asked();
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        self.sending.asked();
        SizeHint::with_exact(self.left)
    }
}
