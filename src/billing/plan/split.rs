//! Installments: what is open, or the coming invoice, put into invoices of their own that finalize on their dates.
//!
//! The order is what keeps anybody from being charged twice, wherever it breaks off. First the parts are made as drafts
//! that do nothing by themselves. Then the original stops asking for the money: open invoices are voided or credited,
//! the coming one gets a negative item. From there on there is no way back, and only then are the drafts told when to
//! finalize. Until the middle step the original alone is collected, and drafts that are no longer wanted are deleted.

pub(super) mod draft;

use stripe_billing::invoice_item::{CreateInvoiceItem, ListInvoiceItem};
use stripe_client_core::StripeRequest;
use stripe_types::RangeQueryTs;

use super::attempt::Attempt;
use super::forgive::{self, Standing};
use super::progress::{Halt, Progress, problem};
use super::words::currency;
use crate::billing::error::StripeError;
use crate::billing::wire::{Marked, Seen};
use crate::domain::debt::{Share, Split};
use crate::domain::eligibility::{can_settle, can_split_coming};
use crate::domain::ids::StripeCustomerId;
use crate::domain::ineligible::Ineligible;
use crate::domain::offer::Part;
use crate::domain::operation::StepRecord;

pub(super) use draft::discard;

/// The step that takes the later parts off the coming invoice.
pub(super) const DEFER: &str = "defer";

/// The next of the steps, or the outcome.
pub(super) async fn step(
    attempt: Attempt<'_>,
    seen: Seen,
    split: &Split,
    generation: u32,
) -> Result<Progress, Halt> {
    let plan = Plan { attempt, seen: &seen, split, generation };
    match plan.next().await? {
        Some(record) => Ok(Progress::Step(record)),
        None => Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: None }),
    }
}

/// An attempt at one split.
#[derive(Clone, Copy)]
struct Plan<'a> {
    attempt: Attempt<'a>,
    seen: &'a Seen,
    split: &'a Split,
    generation: u32,
}

impl Plan<'_> {
    async fn next(self) -> Result<Option<StepRecord>, Halt> {
        if let Some(record) = self.next_draft().await? {
            return Ok(Some(record));
        }
        if let Some(record) = self.next_commitment().await? {
            return Ok(Some(record));
        }
        for (number, part) in self.drafts() {
            if !self.attempt.has_done(&draft::activation_of(number)) {
                return self.activate(number, part).await.map(Some);
            }
        }
        for (number, part) in self.drafts() {
            let bill = self.made(number).await?;
            if bill.total != part.amount || !bill.is_under_way() {
                return Err(not_visible(number));
            }
        }
        Ok(None)
    }

    /// The parts that become invoices of their own, with their numbers counted from 1. Of the coming invoice the first
    /// stays where it is.
    fn drafts(self) -> impl Iterator<Item = (usize, Part)> {
        let stays = usize::from(self.split.coming().is_some());
        (1..).zip(self.split.parts.iter().copied()).skip(stays)
    }

    async fn next_draft(self) -> Result<Option<StepRecord>, Halt> {
        for (number, part) in self.drafts() {
            if !self.attempt.has_done(&draft::part_of(number)) {
                return self.make(number).await.map(Some);
            }
            if !self.attempt.has_done(&draft::line_of(number)) {
                return self.fill(number, part).await.map(Some);
            }
        }
        Ok(None)
    }

    /// The step after which the original no longer asks for what the parts ask for.
    async fn next_commitment(self) -> Result<Option<StepRecord>, Halt> {
        if self.split.coming().is_some() {
            if self.attempt.has_done(DEFER) {
                return Ok(None);
            }
            return self.defer().await.map(Some);
        }
        for (number, share) in (1..).zip(&self.split.invoices) {
            if !self.attempt.has_done(&forgive::step_of(number)) {
                return self.replace(number, share).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Whether the original is still as it was when the parts were promised.
    async fn still_possible(self) -> Result<(), Halt> {
        if let Some(due) = self.split.coming() {
            if !deferrals(self.attempt, &self.seen.subscription.customer).await?.is_empty() {
                return Ok(());
            }
            can_settle(&self.seen.subscription)?;
            can_split_coming(&self.seen.subscription, self.attempt.now)?;
            if self.seen.subscription.current_period_end() != Some(due) {
                return Err(changed("the invoice that was to be split has been made, or moved"));
            }
            return Ok(());
        }
        let mut standings = Vec::with_capacity(self.split.invoices.len());
        for share in &self.split.invoices {
            standings.push((share, forgive::standing(self.attempt, share).await?));
        }
        if standings.iter().any(|(_, standing)| matches!(standing, Standing::Forgiven(_))) {
            return Ok(());
        }
        can_settle(&self.seen.subscription)?;
        let asks = |(share, standing): &(&Share, Standing)| matches!(standing, Standing::Open(bill) if bill.amount_remaining == share.amount);
        if standings.iter().all(asks) {
            return Ok(());
        }
        Err(changed("an invoice that was to be split has been paid or changed meanwhile"))
    }

    /// Whether every part is there to ask for what the original is about to ask for no more: an earlier attempt that was
    /// refused deletes them, and may have died before it could say so.
    async fn all_there(self) -> Result<(), Halt> {
        for (number, part) in self.drafts() {
            if self.made(number).await?.total != part.amount {
                return Err(not_visible(number));
            }
        }
        Ok(())
    }

    async fn replace(self, number: usize, share: &Share) -> Result<StepRecord, Halt> {
        if self.attempt.operation.taken_off() == 0 {
            self.still_possible().await?;
        }
        let record = match forgive::standing(self.attempt, share).await? {
            Standing::Forgiven(note) => forgive::record(self.attempt, number, share, note, None),
            Standing::Open(bill) if bill.amount_remaining == share.amount => {
                if self.attempt.operation.taken_off() == 0 {
                    self.all_there().await?;
                }
                forgive::act(self.attempt, number, share, &bill, self.generation).await?
            }
            _ => return Err(changed("an invoice that was to be split has been paid or changed meanwhile")),
        };
        if record.amount == Some(share.amount) {
            return Ok(record);
        }
        Err(changed("an invoice that was to be split has been paid or changed meanwhile"))
    }

    async fn defer(self) -> Result<StepRecord, Halt> {
        let attempt = self.attempt;
        if let Some(item) = deferrals(attempt, &self.seen.subscription.customer).await?.into_iter().next() {
            return Ok(self.deferral(item.id, None));
        }
        self.still_possible().await?;
        self.all_there().await?;
        let subscription = &self.seen.subscription;
        let request = CreateInvoiceItem::new()
            .customer(subscription.customer.as_str())
            .subscription(subscription.id.as_str())
            .amount(self.later().saturating_neg())
            .currency(currency(subscription.currency)?)
            .description("Paid in later parts")
            .metadata(attempt.mark())
            .build();
        let key = attempt.key(DEFER, self.generation);
        let answer = attempt.gateway.transport.exchange(request, Some(key)).await?;
        let item: Marked = answer.parse()?;
        Ok(self.deferral(item.id, answer.request_id))
    }

    fn deferral(self, item: String, request_id: Option<String>) -> StepRecord {
        StepRecord { amount: Some(self.later()), ..self.attempt.record(DEFER, Some(item), request_id) }
    }

    /// What the later parts come to.
    fn later(self) -> i64 {
        self.drafts().map(|(_, part)| part.amount).fold(0, i64::saturating_add)
    }
}

/// The items on the coming invoice that bear the operation's mark: what takes the later parts off it.
pub(super) async fn deferrals(
    attempt: Attempt<'_>,
    customer: &StripeCustomerId,
) -> Result<Vec<Marked>, StripeError> {
    let list = ListInvoiceItem::new()
        .customer(customer.as_str())
        .created(RangeQueryTs::gte(attempt.since().as_second()))
        .limit(100);
    let mut items: Vec<Marked> = attempt.gateway.pages(list.build()).await?;
    items.retain(|item| item.is_of(attempt.operation));
    Ok(items)
}

fn changed(why: &str) -> Halt {
    Halt::Ineligible(problem(Ineligible::InvoiceChanged.code(), why))
}

fn not_visible(number: usize) -> Halt {
    let why = format!("Stripe answered that part {number} was made, but does not show it as it should be");
    Halt::Attention(problem("effect_not_visible", why))
}
