//! Subscription schedules, as far as they stand in the way of others: made from a subscription, and released.
use super::errors::ApiError;
use super::events;
use super::params::{EXPAND, Field, ID, Kind, METADATA, field};
use super::record::Record;
use super::render;
use super::routes::{Input, Outcome};
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

pub(super) const CREATE: &[Field] = &[
    field("from_subscription", ID),
    METADATA,
    field("customer", Kind::Unmodelled),
    field("default_settings", Kind::Unmodelled),
    field("end_behavior", Kind::Unmodelled),
    field("phases", Kind::Unmodelled),
    field("start_date", Kind::Unmodelled),
    EXPAND,
];
pub(super) const RELEASE: &[Field] = &[field("preserve_cancel_date", Kind::Boolean), EXPAND];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let from =
        input.params.text("from_subscription").ok_or_else(|| ApiError::missing("from_subscription"))?;
    let subscription = state.get_for(ObjectKind::Subscription, from, "from_subscription")?;
    if subscription.is_set("schedule") {
        return Err(ApiError::invalid(format!(
            "You cannot migrate a subscription that is already attached to a schedule: {}",
            subscription.text_or_empty("schedule")
        )));
    }
    let before = render::object(state, ObjectKind::Subscription, from);
    let id = State::id_for(ObjectKind::Schedule);
    let schedule = schedule_of(state, &id, &subscription, &input.params);
    state.put(ObjectKind::Schedule, schedule);
    state.edit(ObjectKind::Subscription, from, |s| s.set("schedule", id.clone()));
    events::emit(state, "subscription_schedule.created", ObjectKind::Schedule, &id, None);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, from, Some(&before));
    Ok(render::object(state, ObjectKind::Schedule, &id))
}

fn schedule_of(state: &State, id: &str, subscription: &Record, params: &Record) -> Record {
    let items: Vec<Record> = subscription
        .texts("_items")
        .iter()
        .filter_map(|item| state.any(ObjectKind::SubscriptionItem, item).cloned())
        .collect();
    let start = items.iter().filter_map(|i| i.int("current_period_start")).min().unwrap_or(state.now);
    let end = items.iter().filter_map(|i| i.int("current_period_end")).max().unwrap_or(state.now);
    let lines: Vec<Value> = items.iter().map(phase_item).collect();
    let mut schedule = Record::of(json!({
        "id": id, "object": "subscription_schedule", "application": null,
        "billing_mode": subscription.value("billing_mode"), "canceled_at": null, "completed_at": null,
        "created": state.now, "current_phase": {"end_date": end, "start_date": start},
        "customer": subscription.value("customer"), "customer_account": null,
        "default_settings": {
            "application_fee_percent": null, "automatic_tax": {"disabled_reason": null, "enabled": false,
                "liability": null},
            "billing_cycle_anchor": "automatic", "collection_method": "charge_automatically",
            "default_payment_method": null, "description": null,
            "invoice_settings": {"account_tax_ids": null, "days_until_due": null, "issuer": {"type": "self"}},
            "on_behalf_of": null, "transfer_data": null,
        },
        "end_behavior": "release", "livemode": false, "metadata": {},
        "phases": [{
            "add_invoice_items": [], "application_fee_percent": null, "currency": subscription.value("currency"),
            "discounts": [], "end_date": end, "items": lines, "metadata": {},
            "proration_behavior": "create_prorations", "start_date": start, "trial_end": null,
        }],
        "released_at": null, "released_subscription": null, "status": "active",
        "subscription": subscription.value("id"), "test_clock": null,
    }));
    schedule.merge_metadata(params);
    schedule
}

fn phase_item(item: &Record) -> Value {
    json!({
        "billing_thresholds": null, "discounts": [], "metadata": {}, "plan": item.value("_price"),
        "price": item.value("_price"), "quantity": item.value("quantity"), "tax_rates": [],
    })
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    state.get(ObjectKind::Schedule, input.id())?;
    Ok(render::object(state, ObjectKind::Schedule, input.id()))
}

pub(super) fn release(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut schedule = state.get(ObjectKind::Schedule, id)?;
    let status = schedule.text_or_empty("status");
    if !matches!(status.as_str(), "active" | "not_started") {
        return Err(ApiError::invalid(format!(
            "You cannot release a subscription schedule that is currently in the `{status}` status."
        )));
    }
    let subscription = schedule.text_or_empty("subscription");
    schedule.set("status", "released");
    schedule.set("released_at", state.now);
    schedule.set("released_subscription", subscription.clone());
    schedule.set("subscription", Value::Null);
    schedule.set("current_phase", Value::Null);
    state.put(ObjectKind::Schedule, schedule);
    let before = render::object(state, ObjectKind::Subscription, &subscription);
    state.edit(ObjectKind::Subscription, &subscription, |s| s.set("schedule", Value::Null));
    events::emit(state, "subscription_schedule.released", ObjectKind::Schedule, id, None);
    events::emit(
        state,
        "customer.subscription.updated",
        ObjectKind::Subscription,
        &subscription,
        Some(&before),
    );
    Ok(render::object(state, ObjectKind::Schedule, id))
}
