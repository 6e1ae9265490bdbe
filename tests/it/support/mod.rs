//! What tests share.

pub(crate) mod app;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod process;
pub(crate) mod scene;
