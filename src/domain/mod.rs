//! What Counteroffer knows about cancelling and saving, as pure functions over plain data.
//!
//! Here live the flow document, conditions, the decision, the session's state machine, offers and their terms,
//! eligibility, previews, money, time and ids. Nothing here does IO, reads a clock, or knows a type of diesel,
//! actix or Stripe. Start with [`decide`].

pub mod aftermath;
pub mod attribute;
pub mod backtest;
pub mod condition;
pub mod copy;
pub mod cost;
pub mod debt;
pub mod decide;
pub mod drift;
pub mod eligibility;
pub mod event;
pub mod evidence;
pub mod experiment;
pub mod facts;
pub mod feature;
pub mod flow;
pub mod gather;
pub mod history;
pub mod hold;
pub mod ids;
pub mod index;
pub mod ineligible;
pub mod jurisdiction;
pub mod money;
pub mod offer;
pub mod operation;
pub mod pause;
pub mod plan_change;
pub mod preview;
pub mod price;
pub mod receipt;
pub mod reentry;
#[cfg(test)]
pub(crate) mod sample;
pub mod session;
pub mod shape;
pub mod span;
pub mod statistics;
pub mod subscription;
pub mod undo;
pub mod usage;
pub mod validation;
pub mod verify;
