//! How subscriptions end, and how a paused one comes back.
use super::call::{Input, Outcome};
use super::collection;
use super::discounts;
use super::errors::ApiError;
use super::events;
use super::issuing;
use super::params::{EXPAND, Field, Kind, field};
use super::prorations;
use super::record::Record;
use super::render;
use super::schedules;
use super::state::{ObjectKind, State};
use super::subscription_update::{CANCELLATION_DETAILS, refuse_scheduled, set_details};
use super::subscriptions::{is_live, touched};
use serde_json::{Value, json};

pub(super) const CANCEL: &[Field] =
    &[CANCELLATION_DETAILS, field("invoice_now", Kind::Boolean), field("prorate", Kind::Boolean), EXPAND];

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
    end_now(state, id, params);
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// Ends it at once, with the credits and the invoice that the caller asked for.
pub(super) fn end_now(state: &mut State, id: &str, params: &Record) {
    let Some(subscription) = state.any(ObjectKind::Subscription, id).cloned() else {
        return;
    };
    if params.flag("prorate") {
        for item in subscription.texts("_items") {
            prorations::credit(state, &item);
        }
    }
    if params.flag("invoice_now") {
        issuing::issue(state, id, Vec::new(), "subscription_update");
    }
    end(state, id, "cancellation_requested");
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
        s.set("status_details", Value::Null);
        s.set("pending_update", Value::Null);
        let mut details = s.inner("cancellation_details");
        details.set("reason", reason);
        s.set("cancellation_details", details.public());
    });
    stop_collecting(state, id);
    let ended = state.any(ObjectKind::Subscription, id).cloned().unwrap_or_default();
    schedules::follow_end(state, &ended);
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
