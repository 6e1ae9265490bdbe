//! What an operation has left in Stripe, found by its mark; nothing is changed.

use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use stripe_billing::credit_note::ListCreditNote;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::invoice_item::ListInvoiceItem;
use stripe_client_core::StripeRequest;
use stripe_core::customer_balance_transaction::ListCustomerCustomerBalanceTransaction;
use stripe_product::coupon::RetrieveCoupon;
use stripe_types::RangeQueryTs;

use super::attempt::Attempt;
use super::split::draft;
use crate::billing::error::StripeError;
use crate::billing::gateway::Gateway;
use crate::billing::wire::{Bill, Coupon, HasId, MARK, Marked};
use crate::domain::debt::Share;
use crate::domain::drift::Observed;
use crate::domain::ids::StripeCustomerId;
use crate::domain::operation::{Effect, Operation};
use crate::domain::verify::Traces;

/// A transaction on a customer's balance.
#[derive(Deserialize)]
struct Transaction {
    id: String,
    amount: i64,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl HasId for Transaction {
    fn id(&self) -> &str {
        &self.id
    }
}

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
            Effect::Discount { .. } => traces.redeemed = redeemed(attempt).await?,
            Effect::AttachFeatures { .. } => {
                let id = operation.id.to_string();
                traces.items = observed.ours.iter().filter(|item| item.operation == id).count();
            }
            Effect::Credit { .. } | Effect::Debit { .. } => {
                traces.credits = credits(attempt, customer).await?
            }
            Effect::Waive { invoices } => traces.forgiven = forgiven(attempt, invoices).await?,
            Effect::Split { split } => {
                traces.forgiven = forgiven(attempt, &split.invoices).await?;
                let parts = draft::ours(attempt, customer).await?;
                traces.parts =
                    parts.iter().filter(|bill| bill.is_under_way()).filter_map(Bill::part).collect();
                traces.deferrals = deferrals(attempt, customer).await?;
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

async fn redeemed(attempt: Attempt<'_>) -> Result<Option<i64>, StripeError> {
    let request = RetrieveCoupon::new(attempt.operation.coupon()).build();
    match attempt.gateway.transport.exchange(request, None).await {
        Ok(answer) => Ok(Some(answer.parse::<Coupon>()?.times_redeemed.into())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn credits(attempt: Attempt<'_>, customer: &StripeCustomerId) -> Result<Vec<i64>, StripeError> {
    let first = ListCustomerCustomerBalanceTransaction::new(customer.as_str())
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let all: Vec<Transaction> = attempt
        .gateway
        .pages(|after| match after {
            Some(after) => first.clone().starting_after(after).build(),
            None => first.build(),
        })
        .await?;
    let id = attempt.operation.id.to_string();
    let ours = all.into_iter().filter(|made| made.metadata.get(MARK) == Some(&id));
    Ok(ours.map(|made| made.amount).collect())
}

/// Each invoice once for having been voided, and once for each credit note.
async fn forgiven(attempt: Attempt<'_>, shares: &[Share]) -> Result<Vec<String>, StripeError> {
    let mut found = Vec::new();
    for share in shares {
        let request = RetrieveInvoice::new(share.invoice.as_str()).build();
        let bill: Bill = match attempt.gateway.transport.exchange(request, None).await {
            Ok(answer) => answer.parse()?,
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(error),
        };
        let voided = usize::from(bill.is_void() && bill.is_of(attempt.operation));
        let first = ListCreditNote::new().invoice(share.invoice.as_str()).limit(100);
        let notes: Vec<Marked> = attempt
            .gateway
            .pages(|after| match after {
                Some(after) => first.clone().starting_after(after).build(),
                None => first.build(),
            })
            .await?;
        let notes = notes.iter().filter(|note| note.is_of(attempt.operation)).count();
        found.extend(std::iter::repeat_n(bill.id, voided.saturating_add(notes)));
    }
    Ok(found)
}

async fn deferrals(attempt: Attempt<'_>, customer: &StripeCustomerId) -> Result<usize, StripeError> {
    let first = ListInvoiceItem::new()
        .customer(customer.as_str())
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let items: Vec<Marked> = attempt
        .gateway
        .pages(|after| match after {
            Some(after) => first.clone().starting_after(after).build(),
            None => first.build(),
        })
        .await?;
    Ok(items.iter().filter(|item| item.is_of(attempt.operation)).count())
}
