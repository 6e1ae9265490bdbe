//! Taking back what an open invoice asks for: voided where it goes whole, else by a credit note.
//!
//! An invoice bears the operation's mark before it is voided, and the credit note from the start, so that what we did
//! is never mistaken for what somebody else did.

use stripe_billing::credit_note::{CreateCreditNote, CreateCreditNoteEmailType, ListCreditNote};
use stripe_billing::invoice::{RetrieveInvoice, UpdateInvoice, VoidInvoiceInvoice};
use stripe_client_core::StripeRequest;

use super::attempt::Attempt;
use super::progress::Halt;
use crate::billing::error::{StripeError, StripeErrorKind};
use crate::billing::wire::{Bill, Marked};
use crate::domain::debt::Share;
use crate::domain::operation::StepRecord;

/// The steps' common name; each has the invoice's number behind it.
pub(super) const FORGIVE: &str = "forgive";

/// The name of the step for the invoice of this number, counted from 1.
pub(super) fn step_of(number: usize) -> String {
    format!("{FORGIVE}_{number}")
}

/// How an invoice stands.
pub(super) enum Standing {
    /// We have forgiven it; with the credit note, where it was one.
    Forgiven(Option<String>),
    /// It is to be paid.
    Open(Bill),
    /// There is nothing to forgive, and it was not us.
    Gone,
}

/// Looks at the invoice.
pub(super) async fn standing(attempt: Attempt<'_>, share: &Share) -> Result<Standing, StripeError> {
    let request = RetrieveInvoice::new(share.invoice.as_str()).build();
    let Some(bill) = attempt.gateway.find::<Bill>(request).await? else { return Ok(Standing::Gone) };
    if bill.is_void() && bill.is_of(attempt.operation) {
        return Ok(Standing::Forgiven(None));
    }
    if bill.is_credited()
        && let Some(note) = notes(attempt, share).await?.into_iter().next()
    {
        return Ok(Standing::Forgiven(Some(note.id)));
    }
    Ok(if bill.is_owed() { Standing::Open(bill) } else { Standing::Gone })
}

/// The credit notes that the operation has made on the invoice.
pub(super) async fn notes(attempt: Attempt<'_>, share: &Share) -> Result<Vec<Marked>, StripeError> {
    let list = ListCreditNote::new().invoice(share.invoice.as_str()).limit(100);
    let mut notes: Vec<Marked> = attempt.gateway.pages(list.build()).await?;
    notes.retain(|note| note.is_of(attempt.operation));
    Ok(notes)
}

/// Forgives an open invoice as far as its share goes.
pub(super) async fn act(
    attempt: Attempt<'_>,
    number: usize,
    share: &Share,
    bill: &Bill,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let done = if bill.is_whole() && bill.amount_remaining <= share.amount {
        void(attempt, number, bill, generation).await
    } else {
        credit(attempt, number, share, bill, generation).await
    };
    match done {
        Err(refusal) if refusal.kind == StripeErrorKind::Rejected => {
            // Paid in this very moment, or an earlier attempt whose answer was lost.
            match standing(attempt, share).await? {
                Standing::Open(_) => Err(refusal.into()),
                Standing::Forgiven(note) => Ok(record(attempt, number, share, note, None)),
                Standing::Gone => Ok(left_out(attempt, number)),
            }
        }
        done => Ok(done?),
    }
}

/// The record of an invoice that turned out forgiven.
pub(super) fn record(
    attempt: Attempt<'_>,
    number: usize,
    share: &Share,
    note: Option<String>,
    request_id: Option<String>,
) -> StepRecord {
    let id = note.unwrap_or_else(|| share.invoice.to_string());
    StepRecord { amount: Some(share.amount), ..attempt.record(&step_of(number), Some(id), request_id) }
}

/// The record of an invoice on which there is nothing to forgive any more.
pub(super) fn left_out(attempt: Attempt<'_>, number: usize) -> StepRecord {
    StepRecord { amount: Some(0), ..attempt.record(&step_of(number), None, None) }
}

async fn void(
    attempt: Attempt<'_>,
    number: usize,
    bill: &Bill,
    generation: u32,
) -> Result<StepRecord, StripeError> {
    let (transport, step) = (&attempt.gateway.transport, step_of(number));
    if !bill.is_of(attempt.operation) {
        let request = UpdateInvoice::new(bill.id.as_str()).metadata(attempt.mark()).build();
        transport.exchange(request, Some(attempt.key(&format!("{step}_mark"), generation))).await?;
    }
    let request = VoidInvoiceInvoice::new(bill.id.as_str()).build();
    let answer = transport.exchange(request, Some(attempt.key(&step, generation))).await?;
    let record = attempt.record(&step, Some(bill.id.clone()), answer.request_id);
    Ok(StepRecord { amount: Some(bill.amount_remaining), ..record })
}

async fn credit(
    attempt: Attempt<'_>,
    number: usize,
    share: &Share,
    bill: &Bill,
    generation: u32,
) -> Result<StepRecord, StripeError> {
    let (step, amount) = (step_of(number), share.amount.min(bill.amount_remaining));
    let request = CreateCreditNote::new(bill.id.as_str())
        .amount(amount)
        .email_type(CreateCreditNoteEmailType::None)
        .metadata(attempt.mark())
        .build();
    let key = attempt.key(&format!("{step}_note"), generation);
    let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
    let note: Marked = answer.parse()?;
    Ok(StepRecord { amount: Some(amount), ..attempt.record(&step, Some(note.id), answer.request_id) })
}
