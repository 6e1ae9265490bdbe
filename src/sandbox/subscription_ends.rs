//! How subscriptions end, and how a paused one comes back.
use super::collection;
use super::discounts;
use super::errors::ApiError;
use super::events;
use super::issuing::{self, Billed};
use super::items;
use super::params::{EXPAND, Field, Kind, field};
use super::prorations;
use super::render;
use super::routes::{Input, Outcome};
use super::state::{ObjectKind, State};
use super::subscription_update::{CANCELLATION_DETAILS, PRORATION, refuse_scheduled, set_details};
use super::subscriptions::{current_lines, is_live, touched};
use serde_json::{Value, json};

pub(super) const CANCEL: &[Field] =
    &[CANCELLATION_DETAILS, field("invoice_now", Kind::Boolean), field("prorate", Kind::Boolean), EXPAND];

pub(super) const RESUME: &[Field] = &[
    field("billing_cycle_anchor", Kind::Enum(&["now", "unchanged"])),
    PRORATION,
    field("proration_date", Kind::Unmodelled),
    field("payment_behavior", Kind::Enum(&["resume_on_payment_attempt", "resume_on_payment_success"])),
    EXPAND,
];

/// `DELETE` ends it at once. One that has ended already is not found.
pub(super) fn cancel(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if !is_live(&subscription) {
        return Err(ApiError::no_such("subscription", id));
    }
    refuse_scheduled(&subscription)?;
    let params = &input.params;
    state.edit(ObjectKind::Subscription, id, |s| set_details(s, params));
    if params.flag("prorate") {
        for item in subscription.texts("_items") {
            prorations::credit(state, &item);
        }
    }
    if params.flag("invoice_now") {
        issuing::issue(state, id, Vec::new(), "subscription_update");
    }
    end(state, id, "cancellation_requested");
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// Ends it now, for this reason, and tells.
pub(super) fn end(state: &mut State, id: &str, reason: &str) {
    let now = state.now;
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("status", "canceled");
        s.set("ended_at", now);
        if !s.is_set("canceled_at") {
            s.set("canceled_at", now);
        }
        s.set("pause_collection", Value::Null);
        let mut details = s.inner("cancellation_details");
        details.set("reason", reason);
        s.set("cancellation_details", details.public());
    });
    stop_collecting(state, id);
    touched(state, id);
    events::emit(state, "customer.subscription.deleted", ObjectKind::Subscription, id, None);
}

/// Stripe stops collecting the final invoices of a subscription that ended; they stay open.
fn stop_collecting(state: &mut State, id: &str) {
    let open = state.all(ObjectKind::Invoice).filter(|i| {
        i.text("_subscription") == Some(id) && i.text("status") == Some("open") && i.flag("auto_advance")
    });
    let open: Vec<String> = open.map(|i| i.text_or_empty("id")).collect();
    for invoice in open {
        state.edit(ObjectKind::Invoice, &invoice, collection::stop_collecting);
    }
}

/// Only a subscription whose *status* is paused resumes here; paused collection is unset by an update.
pub(super) fn resume(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if subscription.text("status") != Some("paused") {
        return Err(ApiError::invalid(
            "Resuming subscriptions can only be performed on subscriptions with a `paused` status.",
        ));
    }
    let before = render::object(state, ObjectKind::Subscription, id);
    let now = state.now;
    let restarts = input.params.text("billing_cycle_anchor") != Some("unchanged");
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("status", "active");
        if restarts {
            s.set("billing_cycle_anchor", now);
        }
    });
    items::restart_periods(state, id);
    let resumed = state.get(ObjectKind::Subscription, id)?;
    let lines = current_lines(state, &resumed, false);
    if issuing::issue(state, id, lines, "subscription_update") == Billed::Failed {
        state.edit(ObjectKind::Subscription, id, |s| s.set("status", "past_due"));
    }
    touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    events::emit(state, "customer.subscription.resumed", ObjectKind::Subscription, id, None);
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// Takes away all discounts.
pub(super) fn delete_discount(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let before = render::object(state, ObjectKind::Subscription, id);
    let mut last = Value::Null;
    for discount in subscription.texts("discounts") {
        last = discounts::remove(state, &discount);
    }
    if last.is_null() {
        return Err(ApiError::no_such("discount", id));
    }
    state.edit(ObjectKind::Subscription, id, |s| s.set("discounts", json!([])));
    touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    Ok(last)
}
