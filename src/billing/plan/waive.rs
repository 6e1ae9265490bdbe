//! A waiver: open invoices forgiven one after the other, each a step of its own. What has been paid since it was
//! promised is left out, and the records say so.

use super::attempt::Attempt;
use super::forgive::{self, Standing};
use super::progress::{Halt, Progress, problem};
use crate::billing::wire::Seen;
use crate::domain::debt::Share;
use crate::domain::eligibility::can_settle;
use crate::domain::ineligible::Ineligible;
use crate::domain::operation::StepRecord;

/// The next invoice, or the outcome.
pub(super) async fn step(
    attempt: Attempt<'_>,
    seen: Seen,
    invoices: &[Share],
    generation: u32,
) -> Result<Progress, Halt> {
    for (number, share) in (1..).zip(invoices) {
        if !attempt.has_done(&forgive::step_of(number)) {
            return forgive_one(attempt, &seen, number, share, generation).await.map(Progress::Step);
        }
    }
    if attempt.operation.taken_off() == 0 {
        return Err(Ineligible::NoOpenInvoice.into());
    }
    for (number, share) in (1..).zip(invoices) {
        let forgiven = attempt.amount_of(&forgive::step_of(number)) > 0;
        if forgiven && !matches!(forgive::standing(attempt, share).await?, Standing::Forgiven(_)) {
            let why = format!("Stripe answered that {} was forgiven, but does not show it", share.invoice);
            return Err(Halt::Attention(problem("effect_not_visible", why)));
        }
    }
    Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: None })
}

async fn forgive_one(
    attempt: Attempt<'_>,
    seen: &Seen,
    number: usize,
    share: &Share,
    generation: u32,
) -> Result<StepRecord, Halt> {
    match forgive::standing(attempt, share).await? {
        Standing::Forgiven(note) => {
            Ok(forgive::record(attempt, number, share, note, seen.request_id.clone()))
        }
        Standing::Gone => Ok(forgive::left_out(attempt, number)),
        Standing::Open(bill) => {
            // Once one is forgiven the rest is owed, whatever became of the subscription.
            if attempt.operation.taken_off() == 0 {
                can_settle(&seen.subscription)?;
            }
            forgive::act(attempt, number, share, &bill, generation).await
        }
    }
}
