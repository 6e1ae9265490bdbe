//! What is held of the books: of a budget in its period, or of a cap on its day.

use serde::{Deserialize, Serialize};

/// An amount taken from a budget, or one use of a cap, for an offer.
///
/// The books and the holds agree at every commit: what is spent of a budget is what the operations hold of it that are
/// neither rejected nor undone, and what the offers of sessions hold of it themselves: the presented ones of open sessions
/// what was set aside for them, the accepted ones that no operation carries out what they took for good. Each hold is
/// written in the transaction that takes it, and leaves in the one that gives it back or hands it on. `verify` checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetHold {
    /// The budget and its month, `default/discount/month/usd/2026-11`, or the cap and its day,
    /// `default/offer/half-off/30/2026-11-26`.
    pub budget: String,
    /// Minor units; 1 of a cap.
    pub amount: i64,
}
