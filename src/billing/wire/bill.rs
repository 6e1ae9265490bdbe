//! Invoices as the plans that forgive and split them need to know them.

use std::collections::HashMap;

use serde::Deserialize;

use super::{HasId, MARK, Unix};
use crate::domain::operation::Operation;

/// The key of the metadata on an invoice that is a part of what an operation split; its value is the part's number.
pub(in crate::billing) const PART_MARK: &str = "counteroffer_part";

/// An invoice.
#[derive(Debug, Deserialize)]
pub(in crate::billing) struct Bill {
    pub(in crate::billing) id: String,
    status: Option<String>,
    #[serde(default)]
    pub(in crate::billing) total: i64,
    #[serde(default)]
    pub(in crate::billing) amount_remaining: i64,
    #[serde(default)]
    amount_paid: i64,
    /// What credit notes have taken off before it was paid.
    #[serde(default)]
    pre_payment_credit_notes_amount: i64,
    auto_advance: Option<bool>,
    automatically_finalizes_at: Option<Unix>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
}

impl HasId for Bill {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Bill {
    /// Whether it bears this operation's mark.
    pub(in crate::billing) fn is_of(&self, operation: &Operation) -> bool {
        self.mark(MARK).is_some_and(|mark| *mark == operation.id.to_string())
    }

    /// Which part of what was split it is.
    pub(in crate::billing) fn part(&self) -> Option<usize> {
        self.mark(PART_MARK)?.parse().ok()
    }

    /// Whether something is still to be paid.
    pub(in crate::billing) fn is_owed(&self) -> bool {
        self.is("open") && self.amount_remaining > 0
    }

    /// Whether it was voided.
    pub(in crate::billing) fn is_void(&self) -> bool {
        self.is("void")
    }

    /// Whether it can still be changed and deleted.
    pub(in crate::billing) fn is_draft(&self) -> bool {
        self.is("draft")
    }

    /// Whether nothing has been paid on it and nothing credited, which voiding it asks for.
    pub(in crate::billing) fn is_whole(&self) -> bool {
        self.amount_paid == 0 && !self.is_credited()
    }

    /// Whether there are credit notes on it.
    pub(in crate::billing) fn is_credited(&self) -> bool {
        self.pre_payment_credit_notes_amount > 0
    }

    /// Whether it has been finalized, or will be by itself.
    pub(in crate::billing) fn is_under_way(&self) -> bool {
        !self.is_draft() || (self.auto_advance == Some(true) && self.automatically_finalizes_at.is_some())
    }

    fn is(&self, status: &str) -> bool {
        self.status.as_deref() == Some(status)
    }

    fn mark(&self, key: &str) -> Option<&String> {
        self.metadata.as_ref()?.get(key)
    }
}
