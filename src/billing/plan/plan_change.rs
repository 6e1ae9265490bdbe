//! A change of the plan: another price on an item, at once, or by a schedule with the end of the period.
//!
//! A schedule is made of the subscription as it is and then told what comes: a first phase as Stripe has made it, and a
//! second with the item at its new price. That lasts a day, after which the schedule lets go of the subscription, so
//! that nothing of ours stays in anybody's way.

use std::collections::HashMap;

use serde::Serialize;
use stripe_billing::subscription::{
    UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior,
};
use stripe_billing::subscription_schedule::{CreateSubscriptionSchedule, RetrieveSubscriptionSchedule};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::attempt::Attempt;
use super::cancel::{RELEASE, release};
use super::change::update;
use super::progress::{Halt, problem};
use crate::billing::error::{StripeError, StripeErrorKind};
use crate::billing::wire::{MARK, Phase, Planned, Seen};
use crate::domain::eligibility::can_change_plan;
use crate::domain::ids::{PriceId, SubscriptionItemId};
use crate::domain::ineligible::Ineligible;
use crate::domain::offer::{PlanChangeWhen, Proration};
use crate::domain::operation::StepRecord;
use crate::domain::plan_change::{bills_at_once, can_change};
use crate::domain::price::Price;
use crate::domain::subscription::{CollectionMethod, Item};

pub(super) const SCHEDULE: &str = "schedule";
pub(super) const CHANGE: &str = "change_plan";

/// How many seconds Stripe's clock, which stamps schedules, may be behind ours.
const APART: i64 = 60;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) item: &'a SubscriptionItemId,
    pub(super) price: &'a PriceId,
    pub(super) when: PlanChangeWhen,
    pub(super) proration: Proration,
}

/// Whether the item has its price, or a schedule of this operation will give it. One of an earlier operation would take
/// it away again.
pub(super) fn is_done(attempt: Attempt<'_>, seen: &Seen, wanted: Wanted<'_>) -> bool {
    let has = |item: &Item| item.id == *wanted.item && item.price == *wanted.price;
    let ours = seen.subscription.scheduled_by == Some(attempt.operation.id);
    let elses = seen.subscription.scheduled_by.is_some() && !ours;
    (ours && wanted.when == PlanChangeWhen::PeriodEnd) || (!elses && seen.subscription.items.iter().any(has))
}

pub(super) async fn act(
    attempt: Attempt<'_>,
    seen: &Seen,
    wanted: Wanted<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let item = seen.subscription.items.iter().find(|item| item.id == *wanted.item);
    let item = item.ok_or_else(|| {
        Halt::Ineligible(problem("item_missing", "the item whose price was to change is no longer there"))
    })?;
    let ours = own_schedule(attempt, seen, wanted).await?;
    if let Some(found) = ours.as_ref().filter(|_| !attempt.has_done(SCHEDULE)) {
        // On record before anything else, so that it is let go of if the rest comes to nothing.
        return Ok(attempt.record(SCHEDULE, Some(found.clone()), None));
    }
    if ours.is_none() {
        can_change_plan(&seen.subscription)?;
        // What an earlier change of the plan has scheduled makes room for this one.
        if let Some(schedule) = &seen.subscription.schedule {
            return release(attempt, schedule.as_str(), generation).await;
        }
    }
    let now_at_new_price = item.price == *wanted.price;
    let plan = price(attempt, wanted.price).await?;
    if !now_at_new_price && attempt.operation.undoes.is_none() {
        can_change(item, &plan, wanted.when, &seen.subscription)?;
    }
    match (wanted.when, ours) {
        (PlanChangeWhen::Now, _) => at_once(attempt, seen, (item, &plan), wanted, generation).await,
        (PlanChangeWhen::PeriodEnd, None) => make_schedule(attempt, generation).await,
        (PlanChangeWhen::PeriodEnd, Some(schedule)) => {
            later(attempt, &schedule, item, wanted, generation).await
        }
    }
}

/// The price as Stripe has it now.
async fn price(attempt: Attempt<'_>, id: &PriceId) -> Result<Price, Halt> {
    attempt.gateway.price(id).await?.ok_or_else(|| Ineligible::PriceUnknown.into())
}

/// The schedule that this operation has made. Where the answer to that was lost, Stripe replays it under its key; once
/// the key is forgotten, the schedule is known by what it says: nothing yet.
async fn own_schedule(attempt: Attempt<'_>, seen: &Seen, wanted: Wanted<'_>) -> Result<Option<String>, Halt> {
    let Some(schedule) = &seen.subscription.schedule else { return Ok(None) };
    if attempt.result_of(SCHEDULE) == Some(schedule.as_str()) {
        return Ok(Some(schedule.to_string()));
    }
    if seen.subscription.scheduled_by.is_some() || wanted.when == PlanChangeWhen::Now {
        return Ok(None);
    }
    match make_schedule(attempt, 0).await {
        Ok(made) => return Ok(made.result),
        Err(Halt::Stripe(no)) if no.key_spent || no.kind == StripeErrorKind::Rejected => {}
        Err(halt) => return Err(halt),
    }
    let Planned { created, phases, .. } = planned(attempt, schedule.as_str()).await?;
    let since = attempt.operation.created_at.as_second().saturating_sub(APART);
    let untouched = phases.len() == 1 && created >= since;
    Ok(untouched.then(|| schedule.to_string()))
}

async fn planned(attempt: Attempt<'_>, schedule: &str) -> Result<Planned, StripeError> {
    let request = RetrieveSubscriptionSchedule::new(schedule).build();
    attempt.gateway.transport.exchange(request, None).await?.parse()
}

async fn at_once(
    attempt: Attempt<'_>,
    seen: &Seen,
    (item, plan): (&Item, &Price),
    wanted: Wanted<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let mut changed = UpdateSubscriptionItems::new();
    changed.id = Some(item.id.to_string());
    changed.price = Some(plan.id.to_string());
    // Left out, Stripe takes one.
    changed.quantity = u64::try_from(item.quantity).ok();
    let proration = match wanted.proration {
        Proration::None => UpdateSubscriptionProrationBehavior::None,
        Proration::CreateProrations => UpdateSubscriptionProrationBehavior::CreateProrations,
        Proration::AlwaysInvoice => UpdateSubscriptionProrationBehavior::AlwaysInvoice,
    };
    let every = plan.every.unwrap_or(item.every);
    let bills = wanted.proration == Proration::AlwaysInvoice
        || bills_at_once(item, every, wanted.when, &seen.subscription);
    let charged = seen.subscription.collection_method == CollectionMethod::ChargeAutomatically;
    update(attempt, CHANGE, generation, |request| {
        let request = request.items(vec![changed]).proration_behavior(proration);
        if bills && charged {
            // A change that cannot be paid for is not made, rather than left past due.
            request.payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete)
        } else {
            request
        }
    })
    .await
}

async fn make_schedule(attempt: Attempt<'_>, generation: u32) -> Result<StepRecord, Halt> {
    let subscription = attempt.operation.subscription.as_str();
    // Stripe takes nothing else beside it.
    let request = CreateSubscriptionSchedule::new().from_subscription(subscription).build();
    let answer = attempt.gateway.transport.exchange(request, Some(attempt.key(SCHEDULE, generation))).await?;
    let made: Planned = answer.parse()?;
    Ok(attempt.record(SCHEDULE, Some(made.id), answer.request_id))
}

/// What a schedule is told.
#[derive(Serialize)]
struct Told {
    end_behavior: &'static str,
    proration_behavior: &'static str,
    metadata: HashMap<&'static str, String>,
    phases: [Phase; 2],
}

/// Tells the schedule what comes: what is there until the end of the period, and then the same with another price.
async fn later(
    attempt: Attempt<'_>,
    schedule: &str,
    item: &Item,
    wanted: Wanted<'_>,
    generation: u32,
) -> Result<StepRecord, Halt> {
    let phases = planned(attempt, schedule).await?.phases;
    let Some(mut first) = phases.into_iter().next() else {
        let why = "the schedule that was made of the subscription has no phase";
        return Err(Halt::Attention(problem("schedule_without_phase", why)));
    };
    first.proration_behavior = Some(Proration::None.as_str().to_owned());
    let mut second = first.following();
    for line in second.items.iter_mut().filter(|line| line.price == item.price.as_str()) {
        line.price = wanted.price.to_string();
        line.quantity = u64::try_from(item.quantity).ok();
    }
    let told = Told {
        end_behavior: "release",
        proration_behavior: Proration::None.as_str(),
        metadata: HashMap::from([(MARK, attempt.operation.id.to_string())]),
        phases: [first, second],
    };
    let path = format!("/subscription_schedules/{schedule}");
    let request = RequestBuilder::new(StripeMethod::Post, path).form(&told);
    let answer = attempt.gateway.transport.exchange(request, Some(attempt.key(CHANGE, generation))).await?;
    Ok(attempt.record(CHANGE, Some(schedule.to_owned()), answer.request_id))
}

/// Lets go of a schedule that came to nothing; it says nothing yet, and would end by itself with the period.
pub(super) async fn discard(attempt: Attempt<'_>) {
    let Some(schedule) = attempt.result_of(SCHEDULE).map(str::to_owned) else { return };
    if attempt.has_done(CHANGE) {
        return;
    }
    let request = stripe_billing::subscription_schedule::ReleaseSubscriptionSchedule::new(schedule).build();
    let key = attempt.key(&format!("discard_{RELEASE}"), 0);
    if let Err(error) = attempt.gateway.transport.exchange(request, Some(key)).await {
        tracing::warn!(operation = %attempt.operation.id, %error, "an empty schedule stays behind");
    }
}
