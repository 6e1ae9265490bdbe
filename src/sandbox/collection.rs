//! What happens to an invoice after it was drafted: finalized, paid, tried again, voided, written off; and what that
//! does to the subscription behind it. These are the deeds; the calls are in `invoice_actions`.
use super::balance;
use super::calendar::plus_days;
use super::events;
use super::invoicing::{self, Line};
use super::issuing;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::{discounts, passage, pending_updates, subscription_ends, subscription_pause, subscriptions};
use serde_json::{Value, json};

/// How often Stripe tries to collect an invoice by itself before it gives up.
const ATTEMPTS: i64 = 4;
/// Days between two attempts.
const RETRY_DAYS: i64 = 3;

/// What becomes of a subscription when the last automatic attempt to collect its latest invoice failed: a setting of
/// the account at Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterRetries {
    /// It stays past due.
    #[default]
    PastDue,
    /// It becomes unpaid: further invoices stay drafts.
    Unpaid,
    /// It is canceled.
    Cancel,
}

/// Counts a draft again: its kept lines, its discounts, the balance of now.
pub(super) fn recount(state: &mut State, id: &str) {
    let Some(mut invoice) = state.any(ObjectKind::Invoice, id).cloned() else {
        return;
    };
    let lines = invoice.records("_lines").iter().map(Line::of).collect();
    let reductions = discounts::recorded(state, &invoice.texts("discounts"));
    let at = invoice.int("created").unwrap_or(state.now);
    invoicing::recount(state, &mut invoice, lines, &reductions, at);
    state.put(ObjectKind::Invoice, invoice);
}

/// Makes a draft final: it gets its number and takes the balance; when nothing is left to pay it is paid.
pub(super) fn finalize(state: &mut State, id: &str) {
    recount(state, id);
    let Some(mut invoice) = state.any(ObjectKind::Invoice, id).cloned() else {
        return;
    };
    let now = state.now;
    let number = state.all(ObjectKind::Invoice).filter(|i| i.is_set("number")).count().saturating_add(1);
    invoice.set("number", format!("SANDBOX-{number:04}"));
    invoice.set("status", "open");
    invoice.set("effective_at", now);
    invoice.set("automatically_finalizes_at", Value::Null);
    moment(&mut invoice, "finalized_at", now);
    balance::settle(state, &mut invoice);
    let by_mail = invoice.text("collection_method") == Some("send_invoice");
    if by_mail && !invoice.is_set("due_date") {
        invoice.set("due_date", plus_days(now, invoice.int("_days_until_due").unwrap_or(30)));
    }
    let nothing_due = invoice.int("amount_due") == Some(0);
    state.put(ObjectKind::Invoice, invoice);
    events::emit(state, "invoice.finalized", ObjectKind::Invoice, id, None);
    if nothing_due {
        settle_paid(state, id);
    }
    passage::expect_invoice(state, id);
}

/// Notes when an invoice changed its status.
fn moment(invoice: &mut Record, name: &str, now: i64) {
    let mut moments = invoice.inner("status_transitions");
    moments.set(name, now);
    invoice.set("status_transitions", moments.public());
}

/// Tries to collect an open invoice with this payment method, or with the one in force. Answers whether it was paid.
pub(super) fn attempt(state: &mut State, id: &str, method: Option<&str>) -> bool {
    let invoice = state.any(ObjectKind::Invoice, id).cloned().unwrap_or_default();
    let fails = match method {
        Some(method) => issuing::declines(method),
        None => issuing::payment_fails(state, &invoice),
    };
    let (now, tried) = (state.now, invoice.int("attempt_count").unwrap_or(0).saturating_add(1));
    state.edit(ObjectKind::Invoice, id, |i| {
        i.set("attempted", true);
        i.set("attempt_count", tried);
    });
    if !fails {
        settle_paid(state, id);
        return true;
    }
    let again = (invoice.flag("auto_advance") && tried < ATTEMPTS).then(|| plus_days(now, RETRY_DAYS));
    state.edit(ObjectKind::Invoice, id, |i| i.set("next_payment_attempt", again));
    events::emit(state, "invoice.payment_failed", ObjectKind::Invoice, id, None);
    passage::expect_invoice(state, id);
    false
}

/// An invoice that was finalized by a call and advances by itself is tried within the hour.
pub(super) fn first_attempt_later(state: &mut State, id: &str) {
    let at = state.now.saturating_add(3_600);
    state.edit(ObjectKind::Invoice, id, |i| {
        let charges = i.text("collection_method") == Some("charge_automatically");
        if i.text("status") == Some("open") && charges && i.flag("auto_advance") {
            i.set("next_payment_attempt", at);
        }
    });
    passage::expect_invoice(state, id);
}

/// A draft whose time has come: finalized, and tried at once when it charges.
pub(super) fn advance(state: &mut State, id: &str) {
    finalize(state, id);
    let invoice = state.any(ObjectKind::Invoice, id).cloned().unwrap_or_default();
    let charges = invoice.text("collection_method") == Some("charge_automatically");
    if invoice.text("status") == Some("open") && charges && invoice.flag("auto_advance") {
        attempt(state, id, None);
    }
    follow(state, &invoice);
}

/// An automatic attempt whose time has come; the last one that fails decides over the subscription.
pub(super) fn retry(state: &mut State, id: &str) {
    let paid = attempt(state, id, None);
    let invoice = state.any(ObjectKind::Invoice, id).cloned().unwrap_or_default();
    if paid {
        follow(state, &invoice);
    } else if !invoice.is_set("next_payment_attempt") {
        give_up(state, &invoice);
    }
}

fn give_up(state: &mut State, invoice: &Record) {
    let subscription = invoice.text_or_empty("_subscription");
    let owner = state.any(ObjectKind::Subscription, &subscription).cloned().unwrap_or_default();
    let latest = owner.text("latest_invoice") == invoice.text("id");
    if !latest || owner.text("status") != Some("past_due") {
        return;
    }
    match state.after_retries {
        AfterRetries::PastDue => {}
        AfterRetries::Unpaid => set_status(state, &subscription, "unpaid"),
        AfterRetries::Cancel => subscription_ends::end(state, &subscription, "payment_failed"),
    }
}

/// Makes an invoice paid, and tells.
pub(super) fn settle_paid(state: &mut State, id: &str) {
    let now = state.now;
    state.edit(ObjectKind::Invoice, id, |invoice| {
        moment(invoice, "paid_at", now);
        invoice.set("status", "paid");
        invoice.set("amount_paid", invoice.value("amount_due"));
        invoice.set("amount_remaining", 0);
        invoice.set("next_payment_attempt", Value::Null);
        invoice.set("auto_advance", false);
        invoice.0.remove("status_details");
    });
    events::emit(state, "invoice.paid", ObjectKind::Invoice, id, None);
}

/// Voids a final invoice; what it took from the balance goes back.
pub(super) fn void(state: &mut State, id: &str) {
    let Some(mut invoice) = state.any(ObjectKind::Invoice, id).cloned() else {
        return;
    };
    balance::give_back(state, &mut invoice);
    moment(&mut invoice, "voided_at", state.now);
    stop_collecting(&mut invoice);
    invoice.set("status", "void");
    invoice.0.remove("status_details");
    state.put(ObjectKind::Invoice, invoice);
    events::emit(state, "invoice.voided", ObjectKind::Invoice, id, None);
}

/// Marks a final invoice uncollectible; it can still be paid or voided.
pub(super) fn write_off(state: &mut State, id: &str, reason: &str) {
    let Some(mut invoice) = state.any(ObjectKind::Invoice, id).cloned() else {
        return;
    };
    moment(&mut invoice, "marked_uncollectible_at", state.now);
    stop_collecting(&mut invoice);
    invoice.set("status", "uncollectible");
    invoice.set("status_details", json!({"uncollectible": {"reason": reason}}));
    state.put(ObjectKind::Invoice, invoice);
    events::emit(state, "invoice.marked_uncollectible", ObjectKind::Invoice, id, None);
}

/// No further attempt happens by itself.
pub(super) fn stop_collecting(invoice: &mut Record) {
    invoice.set("auto_advance", false);
    invoice.set("next_payment_attempt", Value::Null);
}

/// Brings the subscription behind an invoice in line with what its latest invoice that is not void has become. An
/// unfinished first invoice that is voided leaves nothing to wait for.
pub(super) fn follow(state: &mut State, invoice: &Record) {
    pending_updates::follow(state, invoice);
    subscription_pause::follow(state, invoice);
    let subscription = invoice.text_or_empty("_subscription");
    let Some(status) = state.any(ObjectKind::Subscription, &subscription).map(|s| s.text_or_empty("status"))
    else {
        return;
    };
    if !matches!(status.as_str(), "past_due" | "unpaid" | "incomplete") || invoice.flag("_one_off") {
        return;
    }
    let theirs = state.all(ObjectKind::Invoice).rev();
    let counted = theirs
        .filter(|i| i.text("_subscription") == Some(&subscription) && !i.flag("_one_off"))
        .find(|i| i.text("status") != Some("void"))
        .map(|i| i.text_or_empty("status"));
    match counted.as_deref() {
        Some("paid" | "uncollectible") => set_status(state, &subscription, "active"),
        None if status == "incomplete" => set_status(state, &subscription, "incomplete_expired"),
        None => set_status(state, &subscription, "active"),
        Some(_) => {}
    }
}

/// Nobody paid the first invoice in time: the subscription never began.
pub(super) fn expire(state: &mut State, subscription: &str) {
    let latest = state.any(ObjectKind::Subscription, subscription).map(|s| s.text_or_empty("latest_invoice"));
    let latest = latest.unwrap_or_default();
    if state.any(ObjectKind::Invoice, &latest).and_then(|i| i.text("status")) == Some("open") {
        void(state, &latest);
    }
    set_status(state, subscription, "incomplete_expired");
}

/// Changes a subscription's status, and tells.
pub(super) fn set_status(state: &mut State, subscription: &str, status: &str) {
    let before = render::object(state, ObjectKind::Subscription, subscription);
    let now = state.now;
    state.edit(ObjectKind::Subscription, subscription, |s| {
        s.set("status", status);
        if status == "incomplete_expired" {
            s.set("ended_at", now);
        }
    });
    subscriptions::touched(state, subscription);
    let name = "customer.subscription.updated";
    events::emit(state, name, ObjectKind::Subscription, subscription, Some(&before));
}

/// An invoice sent by mail that is open past its due date makes its subscription past due.
pub(super) fn overdue(state: &mut State, id: &str) {
    state.edit(ObjectKind::Invoice, id, |i| i.set("_overdue", true));
    events::emit(state, "invoice.overdue", ObjectKind::Invoice, id, None);
    let subscription = state.any(ObjectKind::Invoice, id).map(|i| i.text_or_empty("_subscription"));
    let subscription = subscription.unwrap_or_default();
    let active =
        state.any(ObjectKind::Subscription, &subscription).and_then(|s| s.text("status")) == Some("active");
    if active {
        set_status(state, &subscription, "past_due");
    }
}
