//! Lists in pages.

/// The most things on one page of a list.
pub const MAX_PAGE: u32 = 1000;
