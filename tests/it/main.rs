//! The one integration test binary: one file or folder per area.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    reason = "clippy's own exemption for tests reaches test functions, not the helpers beside them"
)]
mod activity;
mod attributes;
mod backtests;
mod billing;
mod billing_changes;
mod budgets;
mod command_line;
mod copy;
mod customers;
mod edges;
mod events;
mod evidence;
mod examples;
mod experiments;
mod flow_routes;
mod flows;
mod http_shell;
mod jurisdictions;
mod kill;
mod money_offers;
mod openapi;
mod operations;
mod outage;
mod pauses;
mod permissions;
mod plan_changes;
mod readme;
mod receipts;
mod reconcile;
mod replay;
mod sandbox;
mod saves;
mod sessions;
mod shapes;
mod signals;
mod store;
mod support;
mod sweeps;
mod trials;
mod undo;
mod verify;
mod winback;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
