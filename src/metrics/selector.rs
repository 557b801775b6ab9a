//! Which series a threshold, a table or an output means.
