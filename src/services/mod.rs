//! One file per use case, and nothing else: the only place where the store, billing and the domain meet.
//!
//! A use case loads what it needs, lets the domain decide, writes once, and says what happened. No HTTP type and no
//! SQL belongs here.

pub mod attributes;
pub mod caller;
pub mod error;
pub mod idempotency;
pub mod keys;
