//! Plans: how each effect of an operation is brought about, one step at a time.
//!
//! Every attempt looks at the subscription first. What is there already counts as applied, whoever's answer was lost;
//! what is not is checked for eligibility anew and then asked of Stripe under a key made from the operation's id. After
//! the last step the subscription is read back, from the answer where Stripe sends it along, and only what is seen there
//! is called applied. So an operation can be taken up after any crash, by any process, also after Stripe has forgotten
//! its keys, and acts once.
//!
//! Here lives the course that all effects take; what is particular to one has a file of its own. Nothing here is made
//! durable.

mod attempt;
mod cancel;
mod change;
mod collection;
mod credit;
mod discount;
mod features;
mod forgive;
mod keep;
mod pause;
mod plan_change;
mod progress;
mod resume;
mod split;
mod traces;
mod waive;
mod words;

use std::sync::Mutex;

use jiff::Timestamp;

use super::error::{StripeError, StripeErrorKind};
use super::gateway::Gateway;
use super::wire::Seen;
use crate::domain::eligibility;
use crate::domain::offer::PlanChangeWhen;
use crate::domain::operation::{Effect, Operation, RESUME, StepRecord};
use crate::domain::subscription::Subscription;
use attempt::Attempt;
pub use progress::Progress;
use progress::{Halt, problem};

/// How many idempotency keys a step may use up. A key is spent when Stripe has bound it to a 5xx or to other
/// parameters; the next one follows after another look.
const GENERATIONS: u32 = 5;

impl Gateway {
    /// Takes the operation its next step further: the first that is not in `operation.steps`. `now` is the present,
    /// for eligibility and for the record.
    pub async fn advance(&self, operation: &Operation, now: Timestamp) -> Progress {
        let gateway = self.on(&operation.subscription);
        let attempt = Attempt { gateway: &gateway, operation, now, answered: &Mutex::default() };
        let progress = attempt.run().await;
        if matches!(progress, Progress::Rejected(_)) {
            attempt.clean_up().await;
        }
        progress
    }
}

impl Attempt<'_> {
    async fn run(self) -> Progress {
        let mut outcome = self.step(0).await;
        for generation in 1..GENERATIONS {
            match &outcome {
                Err(Halt::Stripe(error)) if error.key_spent => outcome = self.step(generation).await,
                _ => break,
            }
        }
        match outcome {
            Ok(progress) => progress,
            Err(halt) => self.settle(halt),
        }
    }

    async fn step(self, generation: u32) -> Result<Progress, Halt> {
        let seen = self.look().await?;
        match &self.operation.effect {
            Effect::Split { split } => split::step(self, seen, split, generation).await,
            Effect::Waive { invoices } => waive::step(self, seen, invoices, generation).await,
            Effect::Resume { resumption } => resume::step(self, seen, resumption, generation).await,
            _ => self.change(seen, generation).await,
        }
    }

    /// The next step of an effect that shows on the subscription or its customer when the last one is done.
    async fn change(self, seen: Seen, generation: u32) -> Result<Progress, Halt> {
        let last = last_step(&self.operation.effect);
        let ended = seen.subscription.status.is_ended();
        if ended && self.undoes_what_ended() {
            return Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: None });
        }
        if let Some(result) = self.found(&seen).await? {
            let new = !self.has_done(last);
            let record = new.then(|| self.record(last, result, seen.request_id.clone()));
            return Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: record });
        }
        if self.has_done(last) && !self.goes_on(&seen) {
            return self.faded(seen).await;
        }
        self.allowed(&seen.subscription)?;
        let record = match self.act(&seen, generation).await {
            Ok(record) => record,
            Err(Halt::Stripe(refusal)) if refusal.kind == StripeErrorKind::Rejected => {
                return self.refused(refusal).await;
            }
            Err(halt) => return Err(halt),
        };
        if record.name != last {
            return Ok(Progress::Step(record));
        }
        // Not seen, or not to be seen just now: the step is recorded, and the next call looks again.
        let seen = match self.take_answer() {
            Some(seen) => Ok(seen),
            None => self.look().await,
        };
        match seen {
            Ok(seen) if matches!(self.found(&seen).await, Ok(Some(_))) => {
                Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: Some(record) })
            }
            _ => Ok(Progress::Step(record)),
        }
    }

    /// Whether the effect is there, and what the last step would have answered.
    async fn found(self, seen: &Seen) -> Result<Option<Option<String>>, StripeError> {
        Ok(match &self.operation.effect {
            Effect::Discount { .. } => discount::found(self.operation, seen).map(Some),
            Effect::Pause { behavior, access, resumes_at } => {
                let wanted = pause::Wanted { behavior: *behavior, access: *access, resumes_at: *resumes_at };
                pause::found(self.operation, seen, wanted).then_some(None)
            }
            Effect::ExtendTrial { trial_end } => change::ends_trial(seen, *trial_end).then_some(None),
            Effect::AttachFeatures { .. } => features::attached(self.operation, seen).map(Some),
            Effect::DetachFeatures { price, .. } => features::is_detached(seen, price).then_some(None),
            Effect::ChangePlan { .. } => {
                self.plan_wanted().filter(|wanted| plan_change::is_done(self, seen, *wanted)).map(|_| None)
            }
            Effect::Credit { .. } => credit::found(self, seen, credit::CREDIT).await?.map(Some),
            Effect::Debit { .. } => credit::found(self, seen, credit::DEBIT).await?.map(Some),
            Effect::RemoveDiscount { coupon } => keep::is_removed(seen, coupon).then_some(None),
            Effect::KeepSubscription => keep::goes_on(seen).then_some(None),
            // Found by plans of their own.
            Effect::Split { .. } | Effect::Waive { .. } | Effect::Resume { .. } => None,
            Effect::Cancel { when, .. } => cancel::is_done(self, seen, *when).then_some(None),
        })
    }

    /// What a change of the plan asks for. One that comes after its time is made at once.
    fn plan_wanted(&self) -> Option<plan_change::Wanted<'_>> {
        let Effect::ChangePlan { item, price, when, proration, effective_at, .. } = &self.operation.effect
        else {
            return None;
        };
        let when = if *effective_at <= self.now { PlanChangeWhen::Now } else { *when };
        Some(plan_change::Wanted { item, price, when, proration: *proration })
    }

    /// Whether it undoes what has ended with the subscription: all but what lies with the customer, and the end itself.
    fn undoes_what_ended(self) -> bool {
        let stays = matches!(self.operation.effect, Effect::Debit { .. } | Effect::KeepSubscription);
        self.operation.undoes.is_some() && !stays
    }

    /// Whether a step is left behind the one that brings the effect.
    fn goes_on(self, seen: &Seen) -> bool {
        matches!(&self.operation.effect, Effect::Cancel { when, .. } if cancel::is_canceled(seen, *when))
    }

    /// Stripe has done the last step, and the effect is not to be seen: is its time over, or was it undone?
    async fn faded(self, seen: Seen) -> Result<Progress, Halt> {
        let effect = &self.operation.effect;
        let over = match effect {
            Effect::Discount { .. } => discount::is_redeemed(self).await?,
            _ => effect.gives_until().is_some_and(|end| end <= self.now),
        };
        if over || seen.subscription.status.is_ended() {
            return Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: None });
        }
        let why = "Stripe answered that it was done, but the subscription does not show it; somebody may have undone it";
        Err(Halt::Attention(problem("effect_not_visible", why)))
    }

    /// Stripe has refused the step. An earlier attempt whose answer was lost may be why.
    async fn refused(self, refusal: StripeError) -> Result<Progress, Halt> {
        let seen = self.look().await?;
        let found = self.found(&seen).await?;
        let spent =
            matches!(self.operation.effect, Effect::Discount { .. }) && discount::is_redeemed(self).await?;
        if found.is_none() && !spent {
            return Err(Halt::Stripe(refusal));
        }
        let last = self.record(last_step(&self.operation.effect), found.flatten(), seen.request_id);
        Ok(Progress::Applied { subscription: Box::new(seen.subscription), last: Some(last) })
    }

    /// Whether the subscription, as it is now, can take it.
    fn allowed(self, subscription: &Subscription) -> Result<(), Halt> {
        let effect = &self.operation.effect;
        if effect.gives_until().is_some_and(|end| end <= self.now) {
            let why = "it came so late that its time was over before it could begin";
            return Err(Halt::Ineligible(problem("time_over", why)));
        }
        match change::terms(effect) {
            // What was given is taken back whatever else the subscription has come to.
            Some(_) if self.operation.undoes.is_some() => Ok(()),
            Some(terms) => Ok(eligibility::check(&terms, subscription, self.now)?),
            None => Ok(()),
        }
    }

    async fn act(self, seen: &Seen, generation: u32) -> Result<StepRecord, Halt> {
        match &self.operation.effect {
            Effect::Discount { terms } => discount::act(self, seen, *terms, generation).await,
            Effect::Pause { behavior, access, resumes_at } => {
                let wanted = pause::Wanted { behavior: *behavior, access: *access, resumes_at: *resumes_at };
                pause::act(self, seen, wanted, generation).await
            }
            Effect::ExtendTrial { trial_end } => change::extend_trial(self, *trial_end, generation).await,
            Effect::AttachFeatures { price, .. } => features::attach(self, seen, price, generation).await,
            Effect::DetachFeatures { price, .. } => features::detach(self, seen, price).await,
            Effect::ChangePlan { .. } => match self.plan_wanted() {
                Some(wanted) => plan_change::act(self, seen, wanted, generation).await,
                None => Err(Halt::Attention(problem("no_such_step", "this effect is no change of the plan"))),
            },
            Effect::Credit { money } => credit::act(self, seen, *money, generation).await,
            Effect::Debit { money } => credit::take_back(self, seen, *money, generation).await,
            Effect::RemoveDiscount { coupon } => keep::remove(self, seen, coupon, generation).await,
            Effect::KeepSubscription => keep::keep(self, seen, generation).await,
            Effect::Split { .. } | Effect::Waive { .. } | Effect::Resume { .. } => {
                let why = "this effect has a plan of its own";
                Err(Halt::Attention(problem("no_such_step", why)))
            }
            Effect::Cancel { when, feedback, comment } => {
                let details =
                    cancel::Details { when: *when, feedback: *feedback, comment: comment.as_deref() };
                cancel::act(self, seen, details, generation).await
            }
        }
    }

    /// Leaves nothing behind of an operation that was rejected half-way.
    async fn clean_up(self) {
        match &self.operation.effect {
            Effect::Discount { .. } if self.has_done(discount::COUPON) => {
                discount::discard_coupon(self).await;
            }
            Effect::Split { .. } => split::discard(self).await,
            Effect::ChangePlan { .. } => plan_change::discard(self).await,
            Effect::Pause { .. } => pause::unmark(self).await,
            _ => {}
        }
    }

    fn settle(self, halt: Halt) -> Progress {
        // What was promised to be taken away cannot be dropped: where Stripe refuses, somebody has to do it.
        // Neither can what has been done in part.
        let owed = matches!(
            self.operation.effect,
            Effect::Cancel { .. } | Effect::DetachFeatures { .. } | Effect::Resume { .. }
        ) || self.operation.undoes.is_some()
            || self.operation.taken_off() > 0;
        match halt {
            Halt::Attention(problem) => Progress::NeedsAttention(problem),
            Halt::Ineligible(problem) if owed => Progress::NeedsAttention(problem),
            Halt::Ineligible(problem) => Progress::Rejected(problem),
            Halt::Stripe(error) => match error.kind {
                StripeErrorKind::Unknown => {
                    Progress::Unknown { retry_after: error.retry_after, problem: error.into() }
                }
                StripeErrorKind::Rejected if !owed => Progress::Rejected(error.into()),
                _ => Progress::NeedsAttention(error.into()),
            },
        }
    }
}

/// The step after which the effect is there.
fn last_step(effect: &Effect) -> &'static str {
    match effect {
        Effect::Discount { .. } => discount::DISCOUNT,
        Effect::Pause { .. } => pause::PAUSE,
        Effect::Resume { .. } => RESUME,
        Effect::ExtendTrial { .. } => change::TRIAL_END,
        Effect::AttachFeatures { .. } => features::ATTACH,
        Effect::DetachFeatures { .. } => features::DETACH,
        Effect::ChangePlan { .. } => plan_change::CHANGE,
        Effect::Split { .. } => split::DEFER,
        Effect::Waive { .. } => forgive::FORGIVE,
        Effect::Credit { .. } => credit::CREDIT,
        Effect::Debit { .. } => credit::DEBIT,
        Effect::RemoveDiscount { .. } => keep::REMOVE,
        Effect::KeepSubscription => keep::KEEP,
        Effect::Cancel { .. } => cancel::CANCEL,
    }
}
