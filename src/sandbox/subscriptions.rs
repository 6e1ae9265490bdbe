//! Subscriptions: made, read, canceled, resumed. Their updates have a file of their own.
use super::calendar::plus_days;
use super::call::{Input, Outcome};
use super::discounts::{self, DISCOUNTS, Owner};
use super::entitlements;
use super::errors::ApiError;
use super::events;
use super::invoicing;
use super::issuing::{self, Billed};
use super::items::{self, NEW_ITEM};
use super::params::{
    AFTER, BEFORE, COLLECTION_METHOD, EXPAND, Field, ID, Kind, LIMIT, METADATA, PAYMENT_BEHAVIOR, TEXT, field,
};
use super::passage;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::subscription_update::{self as change, PRORATION, TRIAL_SETTINGS};
use serde_json::{Value, json};

pub(super) use super::subscription_update::{UPDATE, update};

pub(super) const CREATE: &[Field] = &[
    field("customer", ID).required(),
    field("items", Kind::List(&NEW_ITEM)).required(),
    DISCOUNTS,
    METADATA,
    field("description", Kind::Text(500)),
    field("currency", Kind::Currency),
    field("trial_end", Kind::TimeOr(&["now"])),
    field("trial_period_days", Kind::Integer(0, 730)),
    field("trial_from_plan", Kind::Boolean),
    TRIAL_SETTINGS,
    field("cancel_at", Kind::TimeOr(&["min_period_end", "max_period_end"])),
    field("cancel_at_period_end", Kind::Boolean),
    COLLECTION_METHOD,
    field("days_until_due", Kind::Integer(0, 365)),
    field("default_payment_method", ID),
    PRORATION,
    PAYMENT_BEHAVIOR,
    field("off_session", Kind::Boolean),
    field(
        "billing_mode",
        Kind::Object(&[field("type", Kind::Enum(&["classic", "flexible"])).required(), FLEXIBLE]),
    ),
    field("add_invoice_items", Kind::Unmodelled),
    field("application_fee_percent", Kind::Unmodelled),
    field("automatic_tax", Kind::Unmodelled),
    field("backdate_start_date", Kind::Unmodelled),
    field("billing_cycle_anchor", Kind::Unmodelled),
    field("billing_cycle_anchor_config", Kind::Unmodelled),
    field("billing_schedules", Kind::Unmodelled),
    field("billing_thresholds", Kind::Unmodelled),
    field("customer_account", Kind::Unmodelled),
    field("default_source", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
    field("invoice_settings", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("payment_settings", Kind::Unmodelled),
    field("pending_invoice_item_interval", Kind::Unmodelled),
    field("transfer_data", Kind::Unmodelled),
    EXPAND,
];

const FLEXIBLE: Field =
    field("flexible", Kind::Object(&[field("proration_discounts", Kind::Enum(&["included", "itemized"]))]));

pub(super) const MIGRATE: &[Field] = &[
    field("billing_mode", Kind::Object(&[field("type", Kind::Enum(&["flexible"])).required(), FLEXIBLE]))
        .required(),
    EXPAND,
];

const STATUSES: &[&str] = &[
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("price", ID),
    field("status", Kind::Enum(STATUSES)),
    COLLECTION_METHOD,
    field("created", Kind::TimeRange),
    field("automatic_tax", Kind::Unmodelled),
    field("current_period_end", Kind::Unmodelled),
    field("current_period_start", Kind::Unmodelled),
    field("plan", TEXT),
    field("test_clock", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

/// Whether it has not ended.
pub(super) fn is_live(subscription: &Record) -> bool {
    !matches!(subscription.text("status"), Some("canceled" | "incomplete_expired") | None)
}

/// Whether its products' features are the customer's.
pub(super) fn entitles(subscription: &Record) -> bool {
    matches!(subscription.text("status"), Some("active" | "trialing" | "past_due"))
}

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let customer = params.text_or_empty("customer");
    state.get_for(ObjectKind::Customer, &customer, "customer")?;
    let first = params.records("items").into_iter().next().ok_or_else(|| ApiError::missing("items"))?;
    let currency = params.text("currency");
    let price = items::usable_price(state, &first, currency, "items[0]")?;
    let id = State::id_for(ObjectKind::Subscription);
    let blank = blank(state, &id, params, &price)?;
    state.put(ObjectKind::Subscription, blank);
    state.edit(ObjectKind::Customer, &customer, |c| c.push("_subscriptions", &id));
    for (index, item) in params.records("items").iter().enumerate() {
        items::add(state, &id, item, &format!("items[{index}]"))?;
    }
    items::check_intervals(state, &id)?;
    let owner = Owner {
        customer: &customer,
        subscription: Some(&id),
        item: None,
        currency: &price.text_or_empty("currency"),
        existing: &[],
    };
    let discounts = discounts::overwrite(state, params, owner, "discounts")?;
    state.edit(ObjectKind::Subscription, &id, |s| s.set("discounts", discounts));
    change::set_cancellation(state, &id, params)?;
    events::emit(state, "customer.subscription.created", ObjectKind::Subscription, &id, None);
    first_invoice(state, &id, params)?;
    touched(state, &id);
    Ok(render::object(state, ObjectKind::Subscription, &id))
}

fn blank(state: &State, id: &str, params: &Record, price: &Record) -> Result<Record, ApiError> {
    let now = state.now;
    let trial_end = trial_end(state, params)?;
    let method = params.text("collection_method").unwrap_or("charge_automatically");
    if method == "send_invoice" && !params.has("days_until_due") {
        return Err(ApiError::missing("days_until_due"));
    }
    let mode = mode_of(params, None);
    let payer =
        state.any(ObjectKind::Customer, &params.text_or_empty("customer")).cloned().unwrap_or_default();
    let mut subscription = Record::of(json!({
        "id": id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
        "billing_cycle_anchor": trial_end.unwrap_or(now), "billing_cycle_anchor_config": null,
        "billing_mode": mode,
        "billing_schedules": [], "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false,
        "canceled_at": null, "cancellation_details": {"comment": null, "feedback": null, "reason": null},
        "collection_method": method, "created": now, "currency": price.value("currency"),
        "customer": params.value("customer"), "customer_account": null,
        "days_until_due": params.value("days_until_due"),
        "default_payment_method": params.value("default_payment_method"), "default_source": null,
        "default_tax_rates": [], "description": params.value("description"), "discounts": [], "ended_at": null,
    }));
    let rest = json!({
        "invoice_settings": {"account_tax_ids": null, "issuer": {"type": "self"}},
        "items": null, "latest_invoice": null, "livemode": false, "metadata": {},
        "next_pending_invoice_item_invoice": null, "on_behalf_of": null, "pause_collection": null,
        "payment_settings": {"payment_method_options": null, "payment_method_types": null,
            "save_default_payment_method": "off"},
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null,
        "schedule": null, "start_date": now, "status": if trial_end.is_some() { "trialing" } else { "active" },
        "status_details": null, "test_clock": payer.value("test_clock"), "transfer_data": null,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": trial_end.map(|_| now),
    });
    subscription.0.extend(Record::of(rest).0);
    change::set_trial_settings(&mut subscription, params);
    subscription.merge_metadata(params);
    Ok(subscription)
}

/// What a subscription says of the billing mode that was asked for.
fn mode_of(params: &Record, migrated: Option<i64>) -> Value {
    let mode = params.inner("billing_mode");
    let kind = mode.text("type").unwrap_or("flexible");
    let discounts = mode.inner("flexible").value("proration_discounts");
    let discounts = if discounts.is_null() { json!("included") } else { discounts };
    let flexible = if kind == "flexible" { json!({"proration_discounts": discounts}) } else { Value::Null };
    json!({"flexible": flexible, "type": kind, "updated_at": migrated})
}

/// From classic to flexible billing; there is no way back.
pub(super) fn migrate(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if !is_live(&subscription) || subscription.inner("billing_mode").text("type") == Some("flexible") {
        return Err(ApiError::invalid("Only a live subscription in billing_mode `classic` can be migrated."));
    }
    let before = render::object(state, ObjectKind::Subscription, id);
    let mode = mode_of(&input.params, Some(state.now));
    state.edit(ObjectKind::Subscription, id, |s| s.set("billing_mode", mode));
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    Ok(render::object(state, ObjectKind::Subscription, id))
}

fn trial_end(state: &State, params: &Record) -> Result<Option<i64>, ApiError> {
    if params.has("trial_end") && params.has("trial_period_days") {
        return Err(ApiError::exclusive("trial_end", "trial_period_days"));
    }
    match params.int("trial_period_days") {
        Some(days) => Ok((days > 0).then(|| plus_days(state.now, days))),
        None => change::checked_trial_end(state, params),
    }
}

/// The invoice of the first period: free in a trial, otherwise to be paid at once.
fn first_invoice(state: &mut State, id: &str, params: &Record) -> Result<(), ApiError> {
    let subscription = state.get(ObjectKind::Subscription, id)?;
    let trialing = subscription.text("status") == Some("trialing");
    let behavior = params.text("payment_behavior").unwrap_or("allow_incomplete");
    if !trialing && behavior == "error_if_incomplete" && issuing::payment_fails(state, &subscription) {
        return Err(ApiError::declined("generic_decline"));
    }
    let lines = current_lines(state, &subscription, trialing);
    if issuing::issue(state, id, lines, "subscription_create") == Billed::Failed {
        state.edit(ObjectKind::Subscription, id, |s| s.set("status", "incomplete"));
    }
    Ok(())
}

/// A line for the current period of every item.
pub(super) fn current_lines(state: &State, subscription: &Record, free: bool) -> Vec<invoicing::Line> {
    let items = subscription.texts("_items");
    let found = items.iter().filter_map(|id| state.any(ObjectKind::SubscriptionItem, id));
    found
        .map(|item| {
            let (start, end) = (item.int("current_period_start"), item.int("current_period_end"));
            invoicing::whole_period(state, item, start.unwrap_or(0), end.unwrap_or(0), free)
        })
        .collect()
}

/// The first end among the items' periods.
pub(super) fn period_end(state: &State, subscription: &Record) -> Option<i64> {
    let items = subscription.texts("_items");
    items.iter().filter_map(|i| state.any(ObjectKind::SubscriptionItem, i)?.int("current_period_end")).min()
}

/// To be called after any change: what hangs on the subscription follows it.
pub(super) fn touched(state: &mut State, id: &str) {
    let Some(subscription) = state.any(ObjectKind::Subscription, id).cloned() else {
        return;
    };
    if subscription.flag("cancel_at_period_end") && is_live(&subscription) {
        let end = period_end(state, &subscription);
        state.edit(ObjectKind::Subscription, id, |s| s.set("cancel_at", end));
    }
    entitlements::sync(state, subscription.text("customer").unwrap_or_default());
    passage::expect(state, id);
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Subscription, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    for (name, kind) in [("customer", ObjectKind::Customer), ("price", ObjectKind::Price)] {
        if let Some(id) = params.text(name) {
            state.get_for(kind, id, name)?;
        }
    }
    let has_price = |s: &Record| {
        params.text("price").is_none_or(|p| s.texts("_items").iter().any(|i| items::price_of(state, i) == p))
    };
    let in_status = |s: &Record| match params.text("status") {
        // Without a status Stripe leaves out the canceled ones.
        None => s.text("status") != Some("canceled"),
        Some("all") => true,
        Some("ended") => !is_live(s),
        Some(status) => s.text("status") == Some(status),
    };
    render::page(state, ObjectKind::Subscription, params, "/v1/subscriptions", |s| {
        ["customer", "collection_method"].iter().all(|f| params.text(f).is_none_or(|v| s.text(f) == Some(v)))
            && has_price(s)
            && in_status(s)
    })
}
