//! What an operation has left in Stripe, found by its mark; nothing is changed.

use std::sync::Mutex;

use jiff::Timestamp;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_client_core::StripeRequest;

use super::attempt::Attempt;
use super::split::draft;
use super::{credit, discount, forgive, split};
use crate::billing::error::StripeError;
use crate::billing::gateway::Gateway;
use crate::billing::wire::Bill;
use crate::domain::debt::Share;
use crate::domain::drift::Observed;
use crate::domain::operation::{Effect, Operation};
use crate::domain::verify::Traces;

impl Gateway {
    /// What in Stripe bears the operation's mark, on this subscription and its customer.
    ///
    /// # Errors
    /// When Stripe cannot be asked, or its answer not be read.
    pub async fn traces(&self, operation: &Operation, observed: &Observed) -> Result<Traces, StripeError> {
        let attempt =
            Attempt { gateway: self, operation, now: Timestamp::UNIX_EPOCH, answered: &Mutex::default() };
        let customer = &observed.subscription.customer;
        let mut traces = Traces::default();
        match &operation.effect {
            Effect::Discount { .. } => {
                let coupon = discount::made(attempt).await?;
                traces.redeemed = coupon.map(|coupon| coupon.times_redeemed.into());
            }
            Effect::AttachFeatures { .. } => {
                let id = operation.id.to_string();
                traces.items = observed.ours.iter().filter(|item| item.operation == id).count();
            }
            Effect::Credit { .. } | Effect::Debit { .. } => {
                let made = credit::made(attempt, customer).await?;
                traces.credits = made.iter().map(|made| made.amount).collect();
            }
            Effect::Waive { invoices } => traces.forgiven = forgiven(attempt, invoices).await?,
            Effect::Split { split } => {
                traces.forgiven = forgiven(attempt, &split.invoices).await?;
                let parts = draft::ours(attempt, customer).await?;
                traces.parts =
                    parts.iter().filter(|bill| bill.is_under_way()).filter_map(Bill::part).collect();
                traces.deferrals = split::deferrals(attempt, customer).await?.len();
            }
            // A state of the subscription: it can be there only once.
            Effect::Pause { .. }
            | Effect::Resume { .. }
            | Effect::RemoveDiscount { .. }
            | Effect::KeepSubscription
            | Effect::ExtendTrial { .. }
            | Effect::ChangePlan { .. }
            | Effect::DetachFeatures { .. }
            | Effect::Cancel { .. } => {}
        }
        Ok(traces)
    }
}

/// Each invoice once for having been voided, and once for each credit note.
async fn forgiven(attempt: Attempt<'_>, shares: &[Share]) -> Result<Vec<String>, StripeError> {
    let mut found = Vec::new();
    for share in shares {
        let request = RetrieveInvoice::new(share.invoice.as_str()).build();
        let Some(bill) = attempt.gateway.find::<Bill>(request).await? else { continue };
        let voided = usize::from(bill.is_void() && bill.is_of(attempt.operation));
        let notes = forgive::notes(attempt, share).await?.len();
        found.extend(std::iter::repeat_n(bill.id, voided.saturating_add(notes)));
    }
    Ok(found)
}
