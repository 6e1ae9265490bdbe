//! The phases of a schedule: what they say, how they are rewritten, and how the subscription takes them on.
use super::calendar::Interval;
use super::call::{Input, Outcome};
use super::discounts::{self, DISCOUNTS};
use super::errors::ApiError;
use super::events;
use super::items;
use super::params::{
    COLLECTION_METHOD, EXPAND, Field, ID, INTERVAL, Kind, METADATA, NEW_METADATA, QUANTITY, TEXT, field,
};
use super::passage;
use super::prices;
use super::record::Record;
use super::render;
use super::schedules;
use super::state::{ObjectKind, State};
use super::subscription_update::{self, PRORATION};
use serde_json::{Value, json};

const ITEM: Kind = Kind::Object(&[
    field("price", ID).required(),
    field("quantity", QUANTITY),
    NEW_METADATA,
    DISCOUNTS,
    field("billing_thresholds", Kind::Unmodelled),
    field("plan", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
]);
const DURATION: Kind =
    Kind::Object(&[field("interval", INTERVAL).required(), field("interval_count", Kind::Integer(1, 1_095))]);
const PHASE: Kind = Kind::Object(&[
    field("items", Kind::List(&ITEM)).required(),
    field("start_date", Kind::TimeOr(&["now"])),
    field("end_date", Kind::TimeOr(&["now"])),
    field("duration", DURATION),
    field("trial_end", Kind::Time),
    DISCOUNTS,
    NEW_METADATA,
    PRORATION,
    COLLECTION_METHOD,
    field("currency", Kind::Currency),
    field("default_payment_method", ID),
    field("description", TEXT).clearable(),
    field("add_invoice_items", Kind::Unmodelled),
    field("application_fee_percent", Kind::Unmodelled),
    field("automatic_tax", Kind::Unmodelled),
    field("billing_cycle_anchor", Kind::Unmodelled),
    field("billing_thresholds", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
    field("invoice_settings", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("transfer_data", Kind::Unmodelled),
    field("trial", Kind::Unmodelled),
]);

pub(super) const UPDATE: &[Field] = &[
    field("phases", Kind::List(&PHASE)),
    field("end_behavior", Kind::Enum(&["cancel", "none", "release", "renew"])),
    METADATA,
    PRORATION,
    field("default_settings", Kind::Unmodelled),
    field("pause_schedules", Kind::Unmodelled),
    EXPAND,
];

/// The subscription as it is, as a phase that lasts until its period ends or its cancellation comes.
pub(super) fn current(state: &State, subscription: &Record) -> Record {
    let items: Vec<Record> = subscription
        .texts("_items")
        .iter()
        .filter_map(|item| state.any(ObjectKind::SubscriptionItem, item).cloned())
        .collect();
    let start = items.iter().filter_map(|i| i.int("current_period_start")).min().unwrap_or(state.now);
    let end = items.iter().filter_map(|i| i.int("current_period_end")).max().unwrap_or(state.now);
    let lines = items.iter().map(|item| {
        let discounts: Vec<Value> = item.texts("discounts").iter().map(|d| carried(d)).collect();
        json!({"price": item.value("_price"), "quantity": item.value("quantity"), "discounts": discounts})
    });
    let lines: Vec<Value> = lines.map(|line| phase_item(&Record::of(line))).collect();
    let carries: Vec<Value> = subscription.texts("discounts").iter().map(|d| carried(d)).collect();
    Record::of(json!({
        "add_invoice_items": [], "application_fee_percent": null, "automatic_tax": null,
        "billing_cycle_anchor": null, "billing_thresholds": null, "collection_method": null,
        "currency": subscription.value("currency"), "default_payment_method": null, "default_tax_rates": [],
        "description": null, "discounts": carries, "end_date": subscription.int("cancel_at").unwrap_or(end),
        "invoice_settings": null, "items": lines, "metadata": {}, "on_behalf_of": null,
        "proration_behavior": "create_prorations", "start_date": start, "transfer_data": null,
        "trial_end": subscription.int("trial_end").filter(|_| subscription.text("status") == Some("trialing")),
    }))
}

/// A discount that a phase carries on.
fn carried(discount: &str) -> Value {
    json!({"coupon": null, "discount": discount, "discount_end": null, "promotion_code": null})
}

fn phase_item(item: &Record) -> Value {
    json!({
        "billing_thresholds": null, "discounts": item.list("discounts"), "metadata": item.inner("metadata").0,
        "plan": item.value("price"), "price": item.value("price"), "quantity": item.value("quantity"),
        "tax_rates": [],
    })
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let (id, params) = (input.id(), &input.params);
    let mut schedule = schedules::running(state, id, "update")?;
    if matches!(params.text("end_behavior"), Some("none" | "renew")) {
        return Err(ApiError::unmodelled_parameter("end_behavior"));
    }
    let before = render::object(state, ObjectKind::Schedule, id);
    let subscription = schedule.text_or_empty("subscription");
    let was = render::object(state, ObjectKind::Subscription, &subscription);
    schedule.take_given(params, &["end_behavior"]);
    schedule.merge_metadata(params);
    let rewritten = params.has("phases");
    if rewritten {
        let phases = phases(state, &schedule, params)?;
        let first = Record::of(phases.first().cloned().unwrap_or_default());
        schedule.set(
            "current_phase",
            json!({"end_date": first.value("end_date"), "start_date": first.value("start_date")}),
        );
        schedule.set("phases", phases);
    }
    state.put(ObjectKind::Schedule, schedule.clone());
    if rewritten {
        let behavior = params.text("proration_behavior").unwrap_or("create_prorations");
        enter(state, &schedule, &subscription, behavior)?;
    }
    set_end(state, &schedule, &subscription);
    passage::expect(state, &subscription);
    events::emit(state, "subscription_schedule.updated", ObjectKind::Schedule, id, Some(&before));
    let name = "customer.subscription.updated";
    events::emit(state, name, ObjectKind::Subscription, &subscription, Some(&was));
    Ok(render::object(state, ObjectKind::Schedule, id))
}

/// The phases of a call as they are kept: the first is the one that runs now.
fn phases(state: &State, schedule: &Record, params: &Record) -> Result<Vec<Value>, ApiError> {
    let started = schedule.inner("current_phase").int("start_date");
    let given = params.records("phases");
    let first = given.first().ok_or_else(|| ApiError::missing("phases"))?;
    if first.text("start_date") == Some("now") {
        return Err(ApiError::unmodelled_parameter("phases[0][start_date]"));
    }
    let Some(start) = first.int("start_date") else {
        return Err(ApiError::missing("phases[0][start_date]"));
    };
    if Some(start) != started {
        return Err(ApiError::invalid(
            "You can not modify the start date of the current phase: the first phase's start_date must be the \
             current phase's.",
        )
        .param("phases[0][start_date]"));
    }
    let mut out = Vec::new();
    let mut from = start;
    for (index, phase) in given.iter().enumerate() {
        let path = format!("phases[{index}]");
        if phase.int("start_date").is_some_and(|at| at != from) || phase.text("start_date").is_some() {
            return Err(ApiError::invalid(
                "The start_date of a phase must be the end_date of the phase before it.",
            )
            .param(format!("{path}[start_date]")));
        }
        let kept = kept(state, schedule, phase, from, &path)?;
        from = kept.int("end_date").unwrap_or(from);
        if from <= state.now {
            return Err(ApiError::invalid("The end_date of a phase must be in the future.")
                .param(format!("{path}[end_date]")));
        }
        out.push(kept.public());
    }
    Ok(out)
}

fn kept(
    state: &State,
    schedule: &Record,
    phase: &Record,
    start: i64,
    path: &str,
) -> Result<Record, ApiError> {
    let subscription = state.get(ObjectKind::Subscription, &schedule.text_or_empty("subscription"))?;
    let currency = subscription.text("currency");
    let mut lines = Vec::new();
    let mut first = None;
    for (index, item) in phase.records("items").iter_mut().enumerate() {
        let price = items::usable_price(state, item, currency, &format!("{path}[items][{index}]"))?;
        let metered = price.inner("recurring").text("usage_type") == Some("metered");
        if !item.has("quantity") && !metered {
            item.set("quantity", 1);
        }
        first = first.or_else(|| prices::interval(&price));
        lines.push(phase_item(item));
    }
    let interval = first.ok_or_else(|| ApiError::missing(&format!("{path}[items]")))?;
    let end = end_of(phase, start, &interval, path)?;
    if end <= start {
        return Err(ApiError::invalid("The end_date of a phase must be after its start_date.")
            .param(format!("{path}[end_date]")));
    }
    let mut kept = current(state, &subscription);
    let discounts: Vec<Value> = phase.records("discounts").iter().map(discount_of).collect();
    for (name, value) in [
        ("items", Value::Array(lines)),
        ("discounts", Value::Array(discounts)),
        ("start_date", json!(start)),
        ("end_date", json!(end)),
        ("trial_end", phase.value("trial_end")),
        ("metadata", Value::Object(phase.inner("metadata").0)),
    ] {
        kept.set(name, value);
    }
    let copied = ["proration_behavior", "collection_method", "default_payment_method", "description"];
    kept.take_given(phase, &copied);
    Ok(kept)
}

fn discount_of(given: &Record) -> Value {
    json!({
        "coupon": given.value("coupon"), "discount": given.value("discount"), "discount_end": null,
        "promotion_code": given.value("promotion_code"),
    })
}

/// When a phase ends: as it says, or after one interval of its first price.
fn end_of(phase: &Record, start: i64, interval: &Interval, path: &str) -> Result<i64, ApiError> {
    let duration = phase.inner("duration");
    match (phase.int("end_date"), duration.text("interval")) {
        (Some(_), Some(_)) => {
            Err(ApiError::exclusive(&format!("{path}[end_date]"), &format!("{path}[duration]")))
        }
        (Some(end), None) => Ok(end),
        (None, Some(unit)) => {
            let count = duration.int("interval_count").unwrap_or(1);
            Ok(Interval { unit: unit.to_owned(), count }.next_after(start, start))
        }
        (None, None) if phase.has("end_date") => {
            Err(ApiError::unmodelled_parameter(&format!("{path}[end_date]")))
        }
        (None, None) => Ok(interval.next_after(start, start)),
    }
}

/// A schedule that ends by canceling says so on its subscription.
fn set_end(state: &mut State, schedule: &Record, subscription: &str) {
    let phases = schedule.records("phases");
    let end = phases.last().and_then(|p| p.int("end_date"));
    let cancels = schedule.text("end_behavior") == Some("cancel");
    let (at, now) = (end.filter(|_| cancels), state.now);
    state.edit(ObjectKind::Subscription, subscription, |s| {
        s.set("cancel_at", at);
        s.set("cancel_at_period_end", false);
        s.set("canceled_at", at.map(|_| now));
    });
}

/// Makes the subscription what the phase that runs now says.
fn enter(state: &mut State, schedule: &Record, subscription: &str, proration: &str) -> Result<(), ApiError> {
    let start = schedule.inner("current_phase").int("start_date");
    let phases = schedule.records("phases");
    let Some(phase) = phases.iter().find(|p| p.int("start_date") == start) else {
        return Ok(());
    };
    let owner = state.get(ObjectKind::Subscription, subscription)?;
    let mut changes = Record::default();
    changes.set("items", changed_items(state, &owner, phase));
    changes.set("discounts", changed_discounts(state, &owner, phase));
    changes.set("proration_behavior", proration);
    changes.set("metadata", Value::Object(phase.inner("metadata").0));
    if owner.text("status") == Some("trialing") && phase.value("trial_end") != owner.value("trial_end") {
        let end = phase.value("trial_end");
        changes.set("trial_end", if end.is_null() { json!("now") } else { end });
    }
    subscription_update::carry_out(state, subscription, &changes)
}

/// What turns the subscription's items into the phase's: those of the same price stay, the others take the places of
/// those that go, and what is left over is added or removed.
fn changed_items(state: &State, owner: &Record, phase: &Record) -> Vec<Value> {
    let mut present: Vec<(String, String)> =
        owner.texts("_items").into_iter().map(|item| (items::price_of(state, &item), item)).collect();
    let mut out = Vec::new();
    let mut moved = Vec::new();
    for wanted in phase.records("items") {
        let price = wanted.text_or_empty("price");
        match present.iter().position(|(own, _)| *own == price) {
            Some(at) => {
                let (_, item) = present.swap_remove(at);
                out.extend(requantified(state, &item, &wanted));
            }
            None => moved.push(wanted),
        }
    }
    for wanted in moved {
        let mut entry = json!({"price": wanted.value("price")});
        if let Value::Object(map) = &mut entry {
            if wanted.is_set("quantity") {
                map.insert("quantity".into(), wanted.value("quantity"));
            }
            if !present.is_empty() {
                map.insert("id".into(), json!(present.remove(0).1));
            }
        }
        out.push(entry);
    }
    out.extend(present.into_iter().map(|(_, item)| json!({"id": item, "deleted": true})));
    out
}

/// The change of an item whose price stays, if its quantity does not.
fn requantified(state: &State, item: &str, wanted: &Record) -> Option<Value> {
    let own = state.any(ObjectKind::SubscriptionItem, item).map(|i| i.value("quantity"))?;
    let quantity = wanted.value("quantity");
    (own != quantity).then(|| json!({"id": item, "quantity": quantity}))
}

/// The phase's discounts as a `discounts` parameter. A coupon that the subscription has already goes on.
fn changed_discounts(state: &State, owner: &Record, phase: &Record) -> Vec<Value> {
    let own = owner.texts("discounts");
    let entry = |wanted: &Record| {
        let coupon = wanted.text("coupon").map(str::to_owned);
        let held = own.iter().find(|d| Some(discounts::coupon_of(state, d)) == coupon);
        match (wanted.text("discount"), held, wanted.text("promotion_code")) {
            (Some(id), _, _) => json!({"discount": id}),
            (None, Some(id), _) => json!({"discount": id}),
            (None, None, Some(code)) => json!({"promotion_code": code}),
            (None, None, None) => json!({"coupon": coupon}),
        }
    };
    phase.records("discounts").iter().map(entry).collect()
}

/// When the phase that runs now is over.
pub(super) fn ends_at(state: &State, subscription: &Record) -> Option<i64> {
    let schedule = state.any(ObjectKind::Schedule, subscription.text("schedule")?)?;
    schedule.inner("current_phase").int("end_date")
}

/// The phase is over: the next one begins, or the schedule lets go. One that cancels leaves that to the
/// subscription's own end.
pub(super) fn advance(state: &mut State, subscription: &str) {
    let id = state.any(ObjectKind::Subscription, subscription).map(|s| s.text_or_empty("schedule"));
    let id = id.unwrap_or_default();
    let Some(mut schedule) = state.any(ObjectKind::Schedule, &id).cloned() else {
        return;
    };
    let end = schedule.inner("current_phase").int("end_date");
    let next = schedule.records("phases").into_iter().find(|p| p.int("start_date") == end);
    let Some(next) = next else {
        return schedules::let_go(state, &id);
    };
    let before = render::object(state, ObjectKind::Schedule, &id);
    schedule.set(
        "current_phase",
        json!({"end_date": next.value("end_date"), "start_date": next.value("start_date")}),
    );
    state.put(ObjectKind::Schedule, schedule.clone());
    let behavior = next.text("proration_behavior").unwrap_or("create_prorations").to_owned();
    if let Err(error) = enter(state, &schedule, subscription, &behavior) {
        // A price or coupon that is gone by now: Stripe aborts such a schedule and leaves the subscription alone.
        tracing::warn!(schedule = %id, error = %error.body(""), "a phase cannot begin");
        return schedules::let_go(state, &id);
    }
    events::emit(state, "subscription_schedule.updated", ObjectKind::Schedule, &id, Some(&before));
}

/// A change made to the subscription itself is a change of the phase that runs now.
pub(super) fn mirror(state: &mut State, subscription: &str) {
    let Some(owner) = state.any(ObjectKind::Subscription, subscription).cloned() else {
        return;
    };
    let Some(id) = owner.text("schedule") else {
        return;
    };
    let now = current(state, &owner);
    state.edit(ObjectKind::Schedule, id, |schedule| {
        let start = schedule.inner("current_phase").value("start_date");
        let phases = schedule.records("phases").into_iter().map(|mut phase| {
            if phase.value("start_date") == start {
                phase.take_given(&now, &["items", "discounts"]);
            }
            phase.public()
        });
        let phases: Vec<Value> = phases.collect();
        schedule.set("phases", phases);
    });
}
