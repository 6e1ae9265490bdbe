//! Pending updates: changes of a subscription that wait until their invoice is paid.
use super::collection;
use super::errors::ApiError;
use super::events;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

/// What a pending update can change.
const SUPPORTED: &[&str] = &[
    "billing_cycle_anchor",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "trial_end",
];
/// How long a pending update waits, in seconds.
const EXPIRES: i64 = 23 * 3_600;

/// Whether a call asks for its changes to wait until they are paid.
pub(super) fn wanted(params: &Record) -> bool {
    params.text("payment_behavior") == Some("pending_if_incomplete")
}

/// What Stripe does not let wait.
pub(super) fn check(subscription: &Record, params: &Record) -> Result<(), ApiError> {
    if subscription.text("collection_method") == Some("send_invoice") {
        return Err(ApiError::invalid(
            "payment_behavior `pending_if_incomplete` is not supported for collection_method `send_invoice`.",
        )
        .param("payment_behavior"));
    }
    match params.0.keys().find(|name| !SUPPORTED.contains(&name.as_str())) {
        Some(name) => Err(ApiError::invalid(format!(
            "When passing payment_behavior as `pending_if_incomplete`, `{name}` cannot be passed."
        ))
        .param(name.as_str())),
        None => Ok(()),
    }
}

/// A subscription with its items, to be put back.
#[derive(Debug)]
pub(super) struct Before {
    subscription: Record,
    items: Vec<Record>,
}

impl Before {
    pub(super) fn of(state: &State, subscription: &Record) -> Self {
        Self { items: items_of(state, subscription), subscription: subscription.clone() }
    }
}

fn items_of(state: &State, subscription: &Record) -> Vec<Record> {
    let items = subscription.texts("_items");
    items.iter().filter_map(|id| state.any(ObjectKind::SubscriptionItem, id)).cloned().collect()
}

fn values(records: &[Record]) -> Vec<Value> {
    records.iter().map(|r| Value::Object(r.0.clone())).collect()
}

/// Puts a subscription back as it was, and notes what it is to become when its latest invoice is paid.
pub(super) fn hold(state: &mut State, before: Before) {
    let id = before.subscription.text_or_empty("id");
    let Some(changed) = state.any(ObjectKind::Subscription, &id).cloned() else {
        return;
    };
    let items = items_of(state, &changed);
    let shown = changed.texts("_items");
    let shown: Vec<Value> =
        shown.iter().map(|item| render::object(state, ObjectKind::SubscriptionItem, item)).collect();
    let differs = |field: &str| {
        if changed.value(field) == before.subscription.value(field) {
            Value::Null
        } else {
            changed.value(field)
        }
    };
    let pending = json!({
        "billing_cycle_anchor": differs("billing_cycle_anchor"), "cancel_at_period_end": null,
        "discount": null, "discounts": null, "expires_at": state.now.saturating_add(EXPIRES),
        "metadata": null, "subscription_items": shown, "trial_end": differs("trial_end"), "trial_from_plan": null,
    });
    let invoice = changed.text_or_empty("latest_invoice");
    for item in &items {
        state.delete(ObjectKind::SubscriptionItem, &item.text_or_empty("id"));
    }
    for item in before.items {
        state.put(ObjectKind::SubscriptionItem, item);
    }
    let mut subscription = before.subscription;
    subscription.set("latest_invoice", invoice);
    subscription.set("pending_update", pending);
    subscription.set("_pending", json!({"subscription": changed.0, "items": values(&items)}));
    state.put(ObjectKind::Subscription, subscription);
}

/// Whether this call changes what a pending update would: that one is then given up first.
pub(super) fn supersedes(subscription: &Record, params: &Record) -> bool {
    subscription.is_set("pending_update")
        && ["items", "trial_end", "billing_cycle_anchor"].iter().any(|name| params.has(name))
}

/// Gives up a pending update; its invoice is voided.
pub(super) fn discard(state: &mut State, id: &str) {
    let invoice = state.any(ObjectKind::Subscription, id).map(|s| s.text_or_empty("latest_invoice"));
    let invoice = invoice.unwrap_or_default();
    if state.any(ObjectKind::Invoice, &invoice).and_then(|i| i.text("status")) == Some("open") {
        collection::void(state, &invoice);
    }
    clear(state, id);
}

fn clear(state: &mut State, id: &str) {
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("pending_update", Value::Null);
        s.set("_pending", Value::Null);
    });
}

/// Nobody paid in time.
pub(super) fn expire(state: &mut State, id: &str) {
    discard(state, id);
    let name = "customer.subscription.pending_update_expired";
    events::emit(state, name, ObjectKind::Subscription, id, None);
}

/// What became of the invoice of a pending update decides over the update.
pub(super) fn follow(state: &mut State, invoice: &Record) {
    let id = invoice.text_or_empty("_subscription");
    let Some(subscription) = state.any(ObjectKind::Subscription, &id).cloned() else {
        return;
    };
    if !subscription.is_set("pending_update") || subscription.text("latest_invoice") != invoice.text("id") {
        return;
    }
    let status = state.any(ObjectKind::Invoice, invoice.text("id").unwrap_or_default());
    match status.and_then(|i| i.text("status")) {
        Some("paid") => apply(state, &id, &subscription),
        Some("void" | "uncollectible") => clear(state, &id),
        _ => {}
    }
}

fn apply(state: &mut State, id: &str, subscription: &Record) {
    let before = render::object(state, ObjectKind::Subscription, id);
    let pending = subscription.inner("_pending");
    for item in subscription.texts("_items") {
        state.delete(ObjectKind::SubscriptionItem, &item);
    }
    for item in pending.records("items") {
        state.put(ObjectKind::SubscriptionItem, item);
    }
    let wanted = pending.inner("subscription");
    state.edit(ObjectKind::Subscription, id, |s| {
        s.take_given(&wanted, &["_items", "billing_cycle_anchor", "trial_end", "trial_start"]);
    });
    clear(state, id);
    super::subscriptions::touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
    let name = "customer.subscription.pending_update_applied";
    events::emit(state, name, ObjectKind::Subscription, id, None);
}
