//! The database. Here live the schema, every query, the writers that group commits and the threads that read.
//!
//! [`Store`] is concrete and the same on SQLite and PostgreSQL; nobody above sees a connection, a row or SQL, and no
//! decision about cancelling or saving is made here. A write is a typed command ([`Begin`], [`Change`] and the
//! smaller methods), carried out whole or not at all. Time comes in with the command, never from the database.

use std::sync::Arc;

mod activity;
mod api_keys;
mod apply;
mod asks;
mod audit;
mod backtests;
mod bandits;
mod batch;
mod begin;
mod begin_at_once;
mod budgets;
mod change;
mod change_at_once;
mod command;
mod connection;
mod customer_caps;
mod customers;
mod decisions;
mod departures;
mod drifts;
mod erase;
mod error;
mod event_marks;
mod events;
mod evidence;
mod experiments;
mod exposures;
mod figures;
mod flows;
mod handle;
mod history;
mod inspection;
mod lookups;
mod migrations;
mod offers;
mod operation_claims;
mod operations;
mod page;
mod prices;
mod reader;
mod reconciliations;
mod save_checks;
mod saved_answers;
mod schema;
mod session_rows;
mod sessions;
mod signals;
mod snapshots;
mod statement;
mod stop;
mod subscribers;
mod summary;
mod summary_of_saves;
mod text;
mod time;
mod undo;
mod url;
mod webhook_events;
mod writer;

pub use activity::ActiveDays;
pub use api_keys::ApiKeyRecord;
pub use asks::{AskCount, AskFilter, AskRecord};
pub use audit::{AuditEntry, AuditLine};
pub use backtests::{Backtest, BacktestStep};
pub use begin::{Begin, Begun};
pub use budgets::{Account, BudgetTake};
pub use change::{Change, Changed, OperationUpdate};
pub use customer_caps::CustomerCap;
pub use customers::CustomerProfile;
pub use decisions::DecisionRecord;
pub use departures::{Departure, ShippedPage};
pub use drifts::{DriftFilter, DriftRecord, Reconciled};
pub use error::{StoreCause, StoreError};
pub use events::EventFilter;
pub use experiments::ArmCount;
pub use flows::{Draft, FlowVersion, NewVersion};
pub use handle::StoreOptions;
pub use inspection::{Inspection, KeptSessions, Looking};
pub use migrations::{migrate, revert_all};
pub use operations::{Lease, OperationFilter};
pub use page::MAX_PAGE;
pub use prices::KnownPrice;
pub use save_checks::SaveCheck;
pub use saved_answers::SavedAnswer;
pub use sessions::{Earlier, Page, SessionFilter, Stored};
pub use signals::{DueSignal, SignalCheck, SignalFilter, SignalLook, SignalRecord};
pub use subscribers::Subscriber;
pub use summary::{MrrSum, OfferCost, OfferCount, Summary};
pub use summary_of_saves::{HeldRevenue, SaveCount, Saves};
pub use url::DatabaseUrl;

/// The database, shared by everything that needs it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<handle::Shared>,
}
