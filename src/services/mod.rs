//! One file per use case, and nothing else: the only place where the store, billing and the domain meet.
//!
//! A use case loads what it needs, lets the domain decide, writes once, and says what happened. No HTTP type and no
//! SQL belongs here.

pub mod accept;
pub mod activity;
pub mod answer;
mod app;
pub mod asks;
pub mod attributes;
pub mod backtest;
pub mod begin;
mod books;
pub mod caller;
pub mod cancel;
pub mod cannot;
pub mod customers;
mod decide;
mod declared;
pub mod decline;
mod deliver;
pub mod drift;
pub mod error;
pub mod events;
pub mod evidence;
pub mod experiments;
pub mod flows;
pub mod idempotency;
pub mod keys;
mod known;
mod metrics;
pub mod operations;
mod page;
mod pauses;
pub mod permission;
pub mod preview;
mod prices;
pub mod publish;
pub mod read;
pub mod receipt;
pub mod reconcile;
pub mod reconciling;
pub mod replay;
pub mod resume;
pub mod route;
pub mod saves;
pub mod signals;
mod snapshots;
pub mod summary;
mod transition;
pub mod undo;
pub mod verify;
pub mod view;
pub mod webhook;
pub mod winback;
pub mod worker;

pub use app::{App, Settings};
pub use metrics::Metrics;
pub use transition::Access;
