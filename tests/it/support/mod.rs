//! What tests share.

pub(crate) mod database;
