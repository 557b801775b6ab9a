//! Which request of which trace: what the header `traceparent` says (W3C Trace Context), and by
//! which a request is found again in the backend that the target tells of it.

use std::fmt;

/// All that belongs together: an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// One request of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Of its iteration.
    pub trace: TraceId,
    /// Its own.
    pub id: SpanId,
}

/// See [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// As the header has it: version 00, and sampled, so that the backend keeps it.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace, self.id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_as_its_header_has_it() {
        let mut trace = [0; 16];
        trace[15] = 0xa1;
        let span = Span { trace: TraceId(trace), id: SpanId([1, 2, 3, 4, 5, 6, 7, 8]) };
        let told = "00-000000000000000000000000000000a1-0102030405060708-01";
        assert_eq!(span.to_string(), told);
    }
}
