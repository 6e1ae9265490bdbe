//! The one integration test binary: one file or folder per area.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy's own exemption for tests reaches test functions, not the helpers beside them"
)]
mod billing;
mod billing_changes;
mod examples;
mod http_shell;
mod readme;
mod sandbox;
mod sessions;
mod store;
mod support;
