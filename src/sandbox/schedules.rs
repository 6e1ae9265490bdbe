//! Subscription schedules: made from a subscription, read, released, canceled. Their phases are in `schedule_phases`.
use super::call::{Input, Outcome};
use super::errors::ApiError;
use super::events;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, METADATA, field};
use super::passage;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::{schedule_phases, subscription_ends};
use serde_json::{Value, json};

pub(super) const CREATE: &[Field] = &[
    field("from_subscription", ID),
    METADATA,
    field("billing_mode", Kind::Unmodelled),
    field("customer", Kind::Unmodelled),
    field("customer_account", Kind::Unmodelled),
    field("default_settings", Kind::Unmodelled),
    field("end_behavior", Kind::Unmodelled),
    field("pause_schedules", Kind::Unmodelled),
    field("phases", Kind::Unmodelled),
    field("start_date", Kind::Unmodelled),
    EXPAND,
];
pub(super) const RELEASE: &[Field] = &[field("preserve_cancel_date", Kind::Boolean), EXPAND];
pub(super) const CANCEL: &[Field] =
    &[field("invoice_now", Kind::Boolean), field("prorate", Kind::Boolean), EXPAND];
pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("scheduled", Kind::Boolean),
    field("created", Kind::TimeRange),
    field("canceled_at", Kind::TimeRange),
    field("completed_at", Kind::TimeRange),
    field("released_at", Kind::TimeRange),
    field("customer_account", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

fn shown(state: &State, id: &str) -> Outcome {
    Ok(render::object(state, ObjectKind::Schedule, id))
}

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
    if !matches!(subscription.text("status"), Some("active" | "past_due" | "trialing")) {
        return Err(ApiError::invalid(format!(
            "A subscription whose status is `{}` cannot be put under a schedule.",
            subscription.text_or_empty("status")
        ))
        .param("from_subscription"));
    }
    let before = render::object(state, ObjectKind::Subscription, from);
    let id = State::id_for(ObjectKind::Schedule);
    let schedule = schedule_of(state, &id, &subscription, &input.params);
    state.put(ObjectKind::Schedule, schedule);
    state.edit(ObjectKind::Subscription, from, |s| s.set("schedule", id.clone()));
    passage::expect(state, from);
    events::emit(state, "subscription_schedule.created", ObjectKind::Schedule, &id, None);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, from, Some(&before));
    shown(state, &id)
}

/// A schedule of one phase: the subscription as it is, until its period ends or its cancellation comes.
fn schedule_of(state: &State, id: &str, subscription: &Record, params: &Record) -> Record {
    let phase = schedule_phases::current(state, subscription);
    let ends = if subscription.is_set("cancel_at") { "cancel" } else { "release" };
    let mut schedule = Record::of(json!({
        "id": id, "object": "subscription_schedule", "application": null,
        "billing_mode": subscription.value("billing_mode"), "canceled_at": null, "completed_at": null,
        "created": state.now,
        "current_phase": {"end_date": phase.value("end_date"), "start_date": phase.value("start_date")},
        "customer": subscription.value("customer"), "customer_account": null,
        "default_settings": {
            "application_fee_percent": null, "automatic_tax": {"disabled_reason": null, "enabled": false,
                "liability": null},
            "billing_cycle_anchor": "automatic", "billing_thresholds": null,
            "collection_method": subscription.value("collection_method"),
            "default_payment_method": subscription.value("default_payment_method"),
            "description": subscription.value("description"),
            "invoice_settings": {"account_tax_ids": null,
                "days_until_due": subscription.value("days_until_due"), "issuer": {"type": "self"}},
            "on_behalf_of": null, "transfer_data": null,
        },
        "end_behavior": ends, "livemode": false, "metadata": {}, "pause_schedules": [],
        "phases": [phase.public()], "released_at": null, "released_subscription": null, "status": "active",
        "subscription": subscription.value("id"), "test_clock": subscription.value("test_clock"),
    }));
    schedule.merge_metadata(params);
    schedule
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    state.get(ObjectKind::Schedule, input.id())?;
    shown(state, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    if let Some(customer) = params.text("customer") {
        state.get_for(ObjectKind::Customer, customer, "customer")?;
    }
    let times = ["canceled_at", "completed_at", "released_at"];
    render::page(state, ObjectKind::Schedule, params, "/v1/subscription_schedules", |schedule| {
        params.text("customer").is_none_or(|c| schedule.text("customer") == Some(c))
            && (!params.flag("scheduled") || schedule.text("status") == Some("not_started"))
            && times.iter().all(|time| render::in_range(schedule, time, &params.value(time)))
    })
}

/// The schedule of a call that changes it, if it still runs.
pub(super) fn running(state: &State, id: &str, call: &str) -> Result<Record, ApiError> {
    let schedule = state.get(ObjectKind::Schedule, id)?;
    let status = schedule.text_or_empty("status");
    if matches!(status.as_str(), "active" | "not_started") {
        return Ok(schedule);
    }
    Err(ApiError::invalid(format!(
        "You cannot {call} a subscription schedule that is currently in the `{status}` status. It must be in \
         not_started, active status to be changed."
    )))
}

pub(super) fn release(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let schedule = running(state, id, "release")?;
    let subscription = schedule.text_or_empty("subscription");
    let before = render::object(state, ObjectKind::Subscription, &subscription);
    let keeps = input.params.flag("preserve_cancel_date");
    if schedule.text("end_behavior") == Some("cancel") && !keeps {
        state.edit(ObjectKind::Subscription, &subscription, |s| {
            s.set("cancel_at", Value::Null);
            s.set("cancel_at_period_end", false);
            s.set("canceled_at", Value::Null);
        });
    }
    let_go(state, id);
    let name = "customer.subscription.updated";
    events::emit(state, name, ObjectKind::Subscription, &subscription, Some(&before));
    shown(state, id)
}

/// The schedule ends and leaves the subscription as it is.
pub(super) fn let_go(state: &mut State, id: &str) {
    let now = state.now;
    let subscription = state.any(ObjectKind::Schedule, id).map(|s| s.text_or_empty("subscription"));
    let subscription = subscription.unwrap_or_default();
    state.edit(ObjectKind::Schedule, id, |schedule| {
        schedule.set("status", "released");
        schedule.set("released_at", now);
        schedule.set("released_subscription", subscription.clone());
        schedule.set("subscription", Value::Null);
        schedule.set("current_phase", Value::Null);
    });
    state.edit(ObjectKind::Subscription, &subscription, |s| s.set("schedule", Value::Null));
    events::emit(state, "subscription_schedule.released", ObjectKind::Schedule, id, None);
}

/// Cancels the schedule and its subscription at once.
pub(super) fn cancel(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let schedule = running(state, id, "cancel")?;
    let subscription = schedule.text_or_empty("subscription");
    subscription_ends::end_now(state, &subscription, &input.params);
    shown(state, id)
}

/// The subscription ended: its schedule ends with it, as planned or not.
pub(super) fn follow_end(state: &mut State, subscription: &Record) {
    let Some(id) = subscription.text("schedule") else {
        return;
    };
    let (id, now) = (id.to_owned(), state.now);
    let schedule = state.any(ObjectKind::Schedule, &id).cloned().unwrap_or_default();
    let end = schedule.inner("current_phase").int("end_date");
    let planned = schedule.text("end_behavior") == Some("cancel") && end.is_some_and(|end| end <= now);
    let (status, time) = if planned { ("completed", "completed_at") } else { ("canceled", "canceled_at") };
    state.edit(ObjectKind::Schedule, &id, |s| {
        s.set("status", status);
        s.set(time, now);
        s.set("current_phase", Value::Null);
    });
    events::emit(state, &format!("subscription_schedule.{status}"), ObjectKind::Schedule, &id, None);
}
