//! Pausing a subscription itself, and resuming it. (Pausing only its collection is an update.)
use super::call::{Input, Outcome};
use super::collection;
use super::errors::ApiError;
use super::events;
use super::issuing;
use super::items;
use super::params::{EXPAND, Field, Kind, field};
use super::passage;
use super::prorations;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::subscription_update::{BILLING_CYCLE_ANCHOR, PRORATION};
use super::subscriptions::{current_lines, touched};
use serde_json::{Value, json};

const USAGE: Kind = Kind::Object(&[field("type", Kind::Enum(&["none", "now"])).required()]);
const UNUSED: Kind =
    Kind::Object(&[field("type", Kind::Enum(&["item_current_period_start", "none", "now"])).required()]);

pub(super) const PAUSE: &[Field] = &[
    field("type", Kind::Enum(&["subscription"])),
    field(
        "bill_for",
        Kind::Object(&[field("outstanding_usage_through", USAGE), field("unused_time_from", UNUSED)]),
    ),
    field("invoicing_behavior", Kind::Enum(&["invoice", "pending_invoice_item"])),
    EXPAND,
];

pub(super) const RESUME: &[Field] = &[
    BILLING_CYCLE_ANCHOR,
    PRORATION,
    field("payment_behavior", Kind::Enum(&["resume_on_payment_attempt", "resume_on_payment_success"])),
    field("proration_date", Kind::Unmodelled),
    EXPAND,
];

/// What a subscription's `status_details` say while it is paused for this reason.
pub(super) fn details(state: &State, reason: &str) -> Value {
    json!({"paused": {"subscription": {"type": reason}, "transitioned_at": state.now, "type": "subscription"}})
}

fn refuse(words: &str) -> Result<(), ApiError> {
    Err(ApiError::invalid(words))
}

/// What Stripe does not pause.
fn check(subscription: &Record) -> Result<(), ApiError> {
    if subscription.inner("billing_mode").text("type") != Some("flexible") {
        return refuse("Pausing is only available for subscriptions whose billing_mode is `flexible`.");
    }
    if !matches!(subscription.text("status"), Some("active" | "past_due")) {
        return refuse("Only subscriptions whose status is `active` or `past_due` can be paused.");
    }
    if subscription.is_set("schedule") {
        return refuse("Subscriptions with an attached schedule cannot be paused.");
    }
    if subscription.text("collection_method") != Some("charge_automatically") {
        return refuse("Only subscriptions that are charged automatically can be paused.");
    }
    if subscription.is_set("pause_collection") || subscription.is_set("pending_update") {
        return refuse("A subscription with paused collection or a pending update cannot be paused.");
    }
    Ok(())
}

pub(super) fn pause(state: &mut State, input: &Input) -> Outcome {
    let (id, params) = (input.id(), &input.params);
    let subscription = state.get(ObjectKind::Subscription, id)?;
    check(&subscription)?;
    let before = render::object(state, ObjectKind::Subscription, id);
    let unused = params.inner("bill_for").inner("unused_time_from");
    for item in subscription.texts("_items") {
        match unused.text("type").unwrap_or("now") {
            "now" => prorations::credit(state, &item),
            "item_current_period_start" => prorations::credit_whole(state, &item),
            _ => {}
        }
    }
    let owed = !state.get(ObjectKind::Subscription, id)?.list("_prorations").is_empty();
    if owed && params.text("invoicing_behavior") == Some("invoice") {
        issuing::issue(state, id, Vec::new(), "subscription_update");
    }
    let details = details(state, "pause_requested");
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("status", "paused");
        s.set("status_details", details);
    });
    touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    events::emit(state, "customer.subscription.paused", ObjectKind::Subscription, id, None);
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// Only a subscription whose *status* is paused resumes here; paused collection is unset by an update.
pub(super) fn resume(state: &mut State, input: &Input) -> Outcome {
    let (id, params) = (input.id(), &input.params);
    let subscription = state.get(ObjectKind::Subscription, id)?;
    if subscription.text("status") != Some("paused") {
        return Err(ApiError::invalid(
            "Resuming subscriptions can only be performed on subscriptions with a `paused` status.",
        ));
    }
    if subscription.text("collection_method") != Some("charge_automatically") {
        return Err(ApiError::invalid("Only subscriptions that are charged automatically can be resumed."));
    }
    withdraw(state, &subscription);
    let now = state.now;
    let unchanged = params.inner("billing_cycle_anchor").text("type") == Some("unchanged");
    if !unchanged {
        state.edit(ObjectKind::Subscription, id, |s| s.set("billing_cycle_anchor", now));
    }
    items::restart_periods(state, id);
    let mut lines = Vec::new();
    if !unchanged {
        lines = current_lines(state, &state.get(ObjectKind::Subscription, id)?, false);
    } else if params.text("proration_behavior") != Some("none") {
        for item in subscription.texts("_items") {
            prorations::charge_rest(state, &item);
        }
    }
    let bills = !unchanged || params.text("proration_behavior") == Some("always_invoice");
    if !bills {
        resumed(state, id, "active");
        return Ok(render::object(state, ObjectKind::Subscription, id));
    }
    let invoice = issuing::draft(state, id, lines, "subscription_update");
    let at_once = params.text("payment_behavior") == Some("resume_on_payment_success");
    state.edit(ObjectKind::Invoice, &invoice, |i| i.set("auto_advance", at_once));
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("_resumption", json!({"invoice": invoice, "at_once": at_once, "expires": now + EXPIRES}));
    });
    collection::finalize(state, &invoice);
    let open = state.get(ObjectKind::Invoice, &invoice)?.text("status") == Some("open");
    if open && at_once {
        collection::attempt(state, &invoice, None);
    }
    follow(state, &state.get(ObjectKind::Invoice, &invoice)?);
    passage::expect(state, id);
    Ok(render::object(state, ObjectKind::Subscription, id))
}

/// How long a resumption waits for an attempt to pay, in seconds.
const EXPIRES: i64 = 23 * 3_600;

/// A resumption that nobody paid makes room for the next one.
fn withdraw(state: &mut State, subscription: &Record) {
    let open = subscription.inner("_resumption").text_or_empty("invoice");
    if state.any(ObjectKind::Invoice, &open).and_then(|i| i.text("status")) == Some("open") {
        collection::void(state, &open);
    }
}

/// The status that ends the pause, told.
fn resumed(state: &mut State, id: &str, status: &str) {
    let before = render::object(state, ObjectKind::Subscription, id);
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("status", status);
        s.set("status_details", Value::Null);
        s.set("_resumption", Value::Null);
    });
    touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    events::emit(state, "customer.subscription.resumed", ObjectKind::Subscription, id, None);
}

/// What became of the invoice of a resumption decides whether the subscription resumes.
pub(super) fn follow(state: &mut State, invoice: &Record) {
    let id = invoice.text_or_empty("_subscription");
    let Some(subscription) = state.any(ObjectKind::Subscription, &id).cloned() else {
        return;
    };
    let resumption = subscription.inner("_resumption");
    if subscription.text("status") != Some("paused") || resumption.text("invoice") != invoice.text("id") {
        return;
    }
    let now = state.any(ObjectKind::Invoice, invoice.text("id").unwrap_or_default()).cloned();
    let now = now.unwrap_or_default();
    match now.text("status") {
        Some("paid" | "uncollectible") => resumed(state, &id, "active"),
        Some("void") => state.edit(ObjectKind::Subscription, &id, |s| s.set("_resumption", Value::Null)),
        Some("open") if now.flag("attempted") && !resumption.flag("at_once") => {
            resumed(state, &id, "past_due");
        }
        _ => {}
    }
}

/// When a resumption that nobody tried to pay is given up.
pub(super) fn expiry(state: &State, subscription: &Record) -> Option<i64> {
    let resumption = subscription.inner("_resumption");
    let invoice = state.any(ObjectKind::Invoice, resumption.text("invoice")?)?;
    if invoice.flag("attempted") { None } else { resumption.int("expires") }
}

/// Gives up a resumption: the subscription stays paused.
pub(super) fn expire(state: &mut State, id: &str) {
    let Some(subscription) = state.any(ObjectKind::Subscription, id).cloned() else {
        return;
    };
    withdraw(state, &subscription);
    state.edit(ObjectKind::Subscription, id, |s| s.set("_resumption", Value::Null));
}
