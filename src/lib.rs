//! Counteroffer answers a subscriber's cancellation with save offers, records the outcome and updates Stripe
//! exactly once.
//!
//! The code is laid out in floors. Each may use those below it and never those above; no two modules import each
//! other:
//!
//! ```text
//! main.rs    the command line
//! http       routes, extractors, problem details, OpenAPI, pages
//! services   one file per use case; the only place where store and billing meet
//! store      diesel; nobody above sees a connection
//! billing    Stripe: client, plans of calls
//! sandbox    a Stripe-compatible server on loopback; knows no other floor
//! domain     pure: flow, condition, decide, session, money, time, ids
//! ```
pub mod billing;
pub mod boot;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod sandbox;
pub mod services;
pub mod store;
