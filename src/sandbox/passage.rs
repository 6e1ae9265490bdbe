//! What the passing of time does: trials end, periods roll over, discounts run out, pauses resume, cancellations
//! take effect, drafts are finalized, failed payments are tried again.
use super::calendar::DAY;
use super::collection;
use super::events;
use super::invoicing;
use super::issuing::{self, Billed};
use super::items;
use super::prices;
use super::record::Record;
use super::render;
use super::schedule_phases;
use super::state::{ObjectKind, State};
use super::{pending_updates, subscription_ends, subscription_pause, subscriptions};
use serde_json::Value;

/// Stripe announces the end of a trial three days ahead.
const NOTICE: i64 = 3 * DAY;

/// How long a first invoice can be paid before its subscription expires, in seconds.
const FIRST_PAYMENT: i64 = 23 * 3_600;

/// More transitions than any honest advance needs; a guard against running for ever.
const MOST: usize = 100_000;

/// What is next for a subscription. Of things due at the same time, the first listed comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Cancel,
    Phase,
    Resume,
    DiscountEnds(String),
    TrialEnds,
    TrialNotice,
    Renew,
    Expire,
    ResumptionExpires,
    UpdateExpires,
}

/// What is next for an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextOfInvoice {
    Advance,
    Retry,
    Overdue,
}

/// Something that falls due.
#[derive(Debug, Clone)]
enum Due {
    Subscription(String, Next),
    Invoice(String, NextOfInvoice),
}

/// Brings everything up to `now`, step by step in the order of time.
pub(super) fn settle(state: &mut State, now: i64) {
    let mut left = MOST;
    while state.next_due <= now && left > 0 {
        left -= 1;
        match first_due(state) {
            Some((at, due)) if at <= now => {
                state.now = at.max(state.now);
                match due {
                    Due::Subscription(id, what) => happen(state, &id, &what),
                    Due::Invoice(id, NextOfInvoice::Advance) => collection::advance(state, &id),
                    Due::Invoice(id, NextOfInvoice::Retry) => collection::retry(state, &id),
                    Due::Invoice(id, NextOfInvoice::Overdue) => collection::overdue(state, &id),
                }
            }
            other => state.next_due = other.map_or(i64::MAX, |(at, _)| at),
        }
    }
    state.now = now.max(state.now);
}

/// The earliest thing that falls due; of several at the same time a subscription's, and of those the oldest one's.
fn first_due(state: &State) -> Option<(i64, Due)> {
    let subscriptions = state.all(ObjectKind::Subscription).filter_map(|s| {
        next(state, s).map(|(at, what)| (at, Due::Subscription(s.text_or_empty("id"), what)))
    });
    let invoices = state
        .all(ObjectKind::Invoice)
        .filter_map(|i| next_of_invoice(i).map(|(at, what)| (at, Due::Invoice(i.text_or_empty("id"), what))));
    subscriptions.chain(invoices).min_by_key(|(at, _)| *at)
}

fn next_of_invoice(invoice: &Record) -> Option<(i64, NextOfInvoice)> {
    let by_mail = invoice.text("collection_method") == Some("send_invoice");
    match invoice.text("status")? {
        "draft" => invoice.int("automatically_finalizes_at").map(|at| (at, NextOfInvoice::Advance)),
        "open" if by_mail && !invoice.flag("_overdue") => {
            invoice.int("due_date").map(|at| (at, NextOfInvoice::Overdue))
        }
        "open" if !by_mail && invoice.flag("auto_advance") => {
            invoice.int("next_payment_attempt").map(|at| (at, NextOfInvoice::Retry))
        }
        _ => None,
    }
}

/// Notes that this invoice may have something to do earlier than was thought.
pub(super) fn expect_invoice(state: &mut State, id: &str) {
    let due = state.any(ObjectKind::Invoice, id).and_then(next_of_invoice);
    if let Some((at, _)) = due {
        state.next_due = state.next_due.min(at);
    }
}

/// Notes that this subscription may have something to do earlier than was thought.
pub(super) fn expect(state: &mut State, id: &str) {
    let due = state.any(ObjectKind::Subscription, id).and_then(|s| next(state, s));
    if let Some((at, _)) = due {
        state.next_due = state.next_due.min(at);
    }
}

fn next(state: &State, subscription: &Record) -> Option<(i64, Next)> {
    if !subscriptions::is_live(subscription) {
        return None;
    }
    let mut due = Vec::new();
    due.extend(subscription.int("cancel_at").map(|at| (at, Next::Cancel)));
    due.extend(schedule_phases::ends_at(state, subscription).map(|at| (at, Next::Phase)));
    due.extend(subscription.inner("pause_collection").int("resumes_at").map(|at| (at, Next::Resume)));
    for id in subscription.texts("discounts") {
        let end = state.find(ObjectKind::Discount, &id).and_then(|d| d.int("end"));
        due.extend(end.map(|at| (at, Next::DiscountEnds(id))));
    }
    let pending = subscription.inner("pending_update");
    due.extend(pending.int("expires_at").map(|at| (at, Next::UpdateExpires)));
    due.extend(subscription_pause::expiry(state, subscription).map(|at| (at, Next::ResumptionExpires)));
    let status = subscription.text("status").unwrap_or_default();
    if let Some(end) = subscription.int("trial_end").filter(|_| status == "trialing") {
        due.push((end, Next::TrialEnds));
        let told = subscription.flag("_trial_notice");
        due.extend((!told).then_some((end.saturating_sub(NOTICE), Next::TrialNotice)));
    } else if status == "incomplete" {
        due.extend(subscription.int("created").map(|at| (at.saturating_add(FIRST_PAYMENT), Next::Expire)));
    } else if matches!(status, "active" | "past_due" | "unpaid") {
        due.extend(subscriptions::period_end(state, subscription).map(|at| (at, Next::Renew)));
    }
    due.into_iter().min_by_key(|(at, _)| *at)
}

fn happen(state: &mut State, id: &str, what: &Next) {
    let before = render::object(state, ObjectKind::Subscription, id);
    match what {
        Next::Cancel => {
            subscription_ends::end(state, id, "cancellation_requested");
            return;
        }
        Next::Phase => schedule_phases::advance(state, id),
        Next::Resume => state.edit(ObjectKind::Subscription, id, |s| s.set("pause_collection", Value::Null)),
        Next::DiscountEnds(discount) => issuing::drop_discount(state, id, discount),
        Next::TrialEnds => end_trial(state, id),
        Next::TrialNotice => {
            state.edit(ObjectKind::Subscription, id, |s| s.set("_trial_notice", true));
            let name = "customer.subscription.trial_will_end";
            events::emit(state, name, ObjectKind::Subscription, id, None);
        }
        Next::Renew => renew(state, id),
        Next::Expire => return collection::expire(state, id),
        Next::ResumptionExpires => subscription_pause::expire(state, id),
        Next::UpdateExpires => pending_updates::expire(state, id),
    }
    subscriptions::touched(state, id);
    events::emit(state, "customer.subscription.updated", ObjectKind::Subscription, id, Some(&before));
}

/// The trial is over: the first paid period begins, unless the trial's settings say otherwise for a customer without
/// a payment method.
pub(super) fn end_trial(state: &mut State, id: &str) {
    let Some(subscription) = state.any(ObjectKind::Subscription, id).cloned() else {
        return;
    };
    let without = issuing::payment_method(state, &subscription).is_none();
    let behavior = subscription.inner("trial_settings").inner("end_behavior");
    let now = state.now;
    match behavior.text("missing_payment_method").filter(|_| without) {
        Some("cancel") => return subscription_ends::end(state, id, "payment_failed"),
        Some("pause") => {
            let details = subscription_pause::details(state, "trial_end_without_payment_method");
            state.edit(ObjectKind::Subscription, id, |s| {
                s.set("status", "paused");
                s.set("status_details", details);
            });
            events::emit(state, "customer.subscription.paused", ObjectKind::Subscription, id, None);
            return;
        }
        _ => {}
    }
    state.edit(ObjectKind::Subscription, id, |s| {
        s.set("status", "active");
        s.set("trial_end", now);
        s.set("billing_cycle_anchor", now);
    });
    items::restart_periods(state, id);
    let lines = state
        .any(ObjectKind::Subscription, id)
        .map(|s| subscriptions::current_lines(state, s, false))
        .unwrap_or_default();
    bill(state, id, lines);
}

/// The items whose period is over begin the next one, with the features their products carry now.
fn renew(state: &mut State, id: &str) {
    let Some(subscription) = state.any(ObjectKind::Subscription, id).cloned() else {
        return;
    };
    let mut lines = Vec::new();
    for (item, end) in ending(state, &subscription, state.now) {
        let item_id = item.text_or_empty("id");
        let start = item.int("current_period_end").unwrap_or(state.now);
        let price =
            state.any(ObjectKind::Price, &items::price_of(state, &item_id)).cloned().unwrap_or_default();
        let features = super::features::features_of(state, &price.text_or_empty("product"));
        lines.push(invoicing::whole_period(state, &item, start, end, false));
        state.edit(ObjectKind::SubscriptionItem, &item_id, |i| {
            i.set("current_period_start", start);
            i.set("current_period_end", end);
            i.set("_features", features);
        });
    }
    bill(state, id, lines);
}

/// The items whose period ends by this time, each with the end of its next period.
pub(super) fn ending(state: &State, subscription: &Record, by: i64) -> Vec<(Record, i64)> {
    let anchor = subscription.int("billing_cycle_anchor").unwrap_or(by);
    let items = subscription.texts("_items");
    let found = items.iter().filter_map(|i| state.any(ObjectKind::SubscriptionItem, i));
    found
        .filter_map(|item| {
            let end = item.int("current_period_end").filter(|end| *end <= by)?;
            let price = state.any(ObjectKind::Price, item.text("_price")?)?;
            Some((item.clone(), prices::interval(price)?.next_after(anchor, end)))
        })
        .collect()
}

fn bill(state: &mut State, id: &str, lines: Vec<invoicing::Line>) {
    let status = match issuing::issue(state, id, lines, "subscription_cycle") {
        Billed::Paid => "active",
        Billed::Failed => "past_due",
        Billed::NotTried => return,
    };
    state.edit(ObjectKind::Subscription, id, |s| s.set("status", status));
}
