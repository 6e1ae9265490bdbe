//! The parts as invoices: drafts that do nothing, filled, told when to finalize, or deleted again.

use std::collections::HashMap;

use stripe_billing::invoice::{
    CreateInvoice, CreateInvoicePendingInvoiceItemsBehavior, DeleteInvoice, ListInvoice, RetrieveInvoice,
    UpdateInvoice,
};
use stripe_billing::invoice_item::CreateInvoiceItem;
use stripe_client_core::StripeRequest;
use stripe_shared::InvoiceCollectionMethod;
use stripe_types::RangeQueryTs;

use super::{Plan, changed, not_visible};
use crate::billing::error::StripeError;
use crate::billing::plan::attempt::Attempt;
use crate::billing::plan::progress::Halt;
use crate::billing::plan::words::currency;
use crate::billing::wire::{Bill, MARK, Named, PART_MARK};
use crate::domain::ids::StripeCustomerId;
use crate::domain::offer::Part;
use crate::domain::operation::StepRecord;
use crate::domain::subscription::CollectionMethod;

/// What is left for paying a part that is sent, where the subscription does not say.
const DAYS_UNTIL_DUE: u32 = 7;
/// How many seconds ahead a date must be for Stripe to be told; without one it finalizes within the hour.
const AHEAD: i64 = 60;

pub(super) fn part_of(number: usize) -> String {
    format!("part_{number}")
}

pub(super) fn line_of(number: usize) -> String {
    format!("line_{number}")
}

pub(super) fn activation_of(number: usize) -> String {
    format!("activate_{number}")
}

impl Plan<'_> {
    /// The invoice of a part that was made.
    pub(super) async fn made(self, number: usize) -> Result<Bill, Halt> {
        let Some(id) = self.attempt.result_of(&part_of(number)) else {
            return Err(not_visible(number));
        };
        match self.attempt.gateway.find(RetrieveInvoice::new(id).build()).await? {
            Some(bill) => Ok(bill),
            None if self.attempt.operation.taken_off() == 0 => Err(changed(
                "an invoice that was made for a part is gone, before it took over from the original",
            )),
            None => Err(not_visible(number)),
        }
    }

    /// Makes the draft of a part, unless it is there.
    pub(super) async fn make(self, number: usize) -> Result<StepRecord, Halt> {
        let (attempt, step) = (self.attempt, part_of(number));
        let there = ours(attempt, &self.seen.subscription.customer).await?;
        if let Some(bill) = there.into_iter().find(|bill| bill.part() == Some(number)) {
            return Ok(attempt.record(&step, Some(bill.id), None));
        }
        if !attempt.has_done_any() {
            self.still_possible().await?;
        }
        let request = self.draft(number)?.build();
        let key = attempt.key(&step, self.generation);
        let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
        let made: Named = answer.parse()?;
        Ok(attempt.record(&step, Some(made.id), answer.request_id))
    }

    fn draft(self, number: usize) -> Result<CreateInvoice, StripeError> {
        let subscription = &self.seen.subscription;
        let marks = HashMap::from([
            (MARK.to_owned(), self.attempt.operation.id.to_string()),
            (PART_MARK.to_owned(), number.to_string()),
        ]);
        let draft = CreateInvoice::new()
            .customer(subscription.customer.as_str())
            .currency(currency(subscription.currency)?)
            .auto_advance(false)
            .pending_invoice_items_behavior(CreateInvoicePendingInvoiceItemsBehavior::Exclude)
            // A discount of the customer's is in the amount already.
            .discounts(Vec::new())
            .description(self.title(number))
            .metadata(marks);
        let draft = match subscription.collection_method {
            CollectionMethod::ChargeAutomatically => {
                draft.collection_method(InvoiceCollectionMethod::ChargeAutomatically)
            }
            CollectionMethod::SendInvoice => draft
                .collection_method(InvoiceCollectionMethod::SendInvoice)
                .days_until_due(self.seen.days_until_due.unwrap_or(DAYS_UNTIL_DUE)),
        };
        Ok(match &self.seen.payment_method {
            Some(method) => draft.default_payment_method(method.as_str()),
            None => draft,
        })
    }

    /// Puts the amount on the draft, unless it is there.
    pub(super) async fn fill(self, number: usize, part: Part) -> Result<StepRecord, Halt> {
        let (attempt, step) = (self.attempt, line_of(number));
        let bill = self.made(number).await?;
        if bill.total == part.amount {
            return Ok(attempt.record(&step, Some(bill.id), None));
        }
        if bill.total != 0 || !bill.is_draft() {
            return Err(not_visible(number));
        }
        let request = CreateInvoiceItem::new()
            .customer(self.seen.subscription.customer.as_str())
            .invoice(bill.id.as_str())
            .amount(part.amount)
            .currency(currency(self.seen.subscription.currency)?)
            .description(self.title(number))
            .discountable(false)
            .build();
        let key = attempt.key(&step, self.generation);
        let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
        let item: Named = answer.parse()?;
        Ok(attempt.record(&step, Some(item.id), answer.request_id))
    }

    /// Tells the draft when to finalize, unless it knows.
    pub(super) async fn activate(self, number: usize, part: Part) -> Result<StepRecord, Halt> {
        let (attempt, step) = (self.attempt, activation_of(number));
        let bill = self.made(number).await?;
        if bill.is_under_way() {
            return Ok(attempt.record(&step, Some(bill.id), None));
        }
        let request = UpdateInvoice::new(bill.id.as_str()).auto_advance(true);
        let due = part.due_at.as_second();
        let request = if due > attempt.now.as_second().saturating_add(AHEAD) {
            request.automatically_finalizes_at(due)
        } else {
            request
        };
        let key = attempt.key(&step, self.generation);
        let answer = attempt.gateway.transport.exchange(request.build(), Some(key)).await?;
        Ok(attempt.record(&step, Some(bill.id), answer.request_id))
    }

    fn title(self, number: usize) -> String {
        format!("Part {number} of {}", self.split.parts.len())
    }
}

/// The invoices that the operation made.
pub(in crate::billing::plan) async fn ours(
    attempt: Attempt<'_>,
    customer: &StripeCustomerId,
) -> Result<Vec<Bill>, StripeError> {
    let list = ListInvoice::new()
        .customer(customer.as_str())
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let all: Vec<Bill> = attempt.gateway.pages(list.build()).await?;
    Ok(all.into_iter().filter(|bill| bill.is_of(attempt.operation) && bill.part().is_some()).collect())
}

/// Deletes the drafts of a split that did not come about. If that fails they stay, and do no harm: they finalize only
/// when told to.
pub(in crate::billing::plan) async fn discard(attempt: Attempt<'_>) {
    let operation = attempt.operation;
    let drafts = operation.steps.iter().filter(|step| step.name.starts_with("part_"));
    for id in drafts.filter_map(|step| step.result.as_deref()) {
        let request = DeleteInvoice::new(id).build();
        if let Err(error) = attempt.gateway.transport.exchange(request, None).await {
            tracing::warn!(operation = %operation.id, invoice = id, %error, "an unused draft stays behind");
        }
    }
}
