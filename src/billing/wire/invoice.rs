//! Invoices, as far as the subscription's open ones matter.

use serde::Deserialize;
use serde_json::Value;

use super::seen::instant;
use super::{AutomaticTax, Expandable, HasId, Subscription, Unix};
use crate::domain::ids::InvoiceId;
use crate::domain::subscription::{OpenInvoice, SubscriptionStatus};

/// An invoice.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::billing) struct Invoice {
    pub(in crate::billing) id: InvoiceId,
    number: Option<String>,
    status: Option<String>,
    #[serde(default)]
    amount_remaining: i64,
    created: Unix,
    due_date: Option<Unix>,
    auto_advance: Option<bool>,
    automatic_tax: Option<AutomaticTax>,
    #[serde(default)]
    total_taxes: Option<Vec<Value>>,
}

impl HasId for Invoice {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Invoice {
    /// Whether it is finalized and unpaid.
    pub(in crate::billing) fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }

    /// Whether Stripe goes on collecting it by itself.
    pub(in crate::billing) fn advances(&self) -> bool {
        self.auto_advance.unwrap_or(false)
    }

    pub(super) fn into_domain(self) -> OpenInvoice {
        let auto_advance = self.advances();
        OpenInvoice {
            id: self.id,
            number: self.number,
            amount_remaining: self.amount_remaining,
            created: self.created.0,
            due_date: instant(self.due_date),
            auto_advance,
            taxed: AutomaticTax::is_on(self.automatic_tax.as_ref())
                || self.total_taxes.is_some_and(|taxes| !taxes.is_empty()),
        }
    }
}

impl Subscription {
    /// Whether it may have open invoices. Only then is it worth another call to ask for them: the status tells, or the
    /// latest invoice, which comes with the subscription.
    pub(in crate::billing) fn may_owe(&self) -> bool {
        use SubscriptionStatus::{Incomplete, PastDue, Unpaid};
        matches!(self.status, Incomplete | PastDue | Unpaid) || self.latest_open().is_some()
    }

    /// The latest invoice, where it is open.
    pub(in crate::billing) fn latest_open(&self) -> Option<&Invoice> {
        match &self.latest_invoice {
            Some(Expandable::Object(invoice)) if invoice.is_open() => Some(invoice),
            _ => None,
        }
    }
}
