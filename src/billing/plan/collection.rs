//! The end of a collection: Stripe is told to charge a subscription's unpaid invoices no more. They stay as they are, for
//! the merchant to collect by other means, to void or to write off.

use stripe_billing::invoice::{ListInvoice, UpdateInvoice};
use stripe_client_core::StripeRequest;
use stripe_shared::InvoiceStatus;

use super::attempt::Attempt;
use super::progress::Halt;
use crate::billing::error::{StripeError, StripeErrorKind};
use crate::billing::wire::{Invoice, Page};
use crate::domain::operation::{OperationProblem, StepRecord};

pub(super) const STOP: &str = "stop_collection";

/// How many invoices are asked for of each status; more than Stripe retries at any time.
const MOST: i64 = 100;

/// One step, however many invoices: each has a key of its own, and to stop one twice changes nothing.
pub(super) async fn stop(attempt: Attempt<'_>, generation: u32) -> Result<StepRecord, Halt> {
    let mut last = None;
    for invoice in collected(attempt).await? {
        let request = UpdateInvoice::new(invoice.as_str()).auto_advance(false).build();
        let key = attempt.key(&format!("{STOP}/{invoice}"), generation);
        match attempt.gateway.transport.exchange(request, Some(key)).await {
            Ok(answer) => last = answer.request_id,
            // Paid or voided meanwhile, most likely; whether it is still collected is looked up below.
            Err(error) if error.kind == StripeErrorKind::Rejected => {
                still_collected(attempt, &invoice, error).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(attempt.record(STOP, None, last))
}

async fn still_collected(attempt: Attempt<'_>, invoice: &str, refusal: StripeError) -> Result<(), Halt> {
    if !collected(attempt).await?.iter().any(|left| left == invoice) {
        return Ok(());
    }
    let message =
        format!("the subscription is canceled, but {invoice} is still collected: {}", refusal.message);
    let code = "collection_not_stopped".to_owned();
    Err(Halt::Attention(OperationProblem { code, message, request_id: refusal.request_id }))
}

/// The invoices that Stripe would charge by itself: open ones, and drafts that are about to be finalized.
async fn collected(attempt: Attempt<'_>) -> Result<Vec<String>, StripeError> {
    let mut found = Vec::new();
    for status in [InvoiceStatus::Open, InvoiceStatus::Draft] {
        let id = attempt.operation.subscription.as_str();
        let request = ListInvoice::new().subscription(id).status(status).limit(MOST).build();
        let answer = attempt.gateway.transport.exchange(request, None).await?;
        let page: Page<Invoice> = answer.parse()?;
        found.extend(page.data.into_iter().filter(Invoice::advances).map(|invoice| invoice.id.to_string()));
    }
    Ok(found)
}
