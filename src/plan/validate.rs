//! `Draft` → `Plan`, or every fault of it at once.
