//! How an invoice comes to its numbers: lines, discounts, totals.
use super::balance;
use super::discounts::{self, Reduction};
use super::prorations::{full_amount, share};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use serde_json::{Value, json};

/// One line before discounts. It belongs to a subscription's item or to an invoice item.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) item: String,
    pub(super) invoice_item: String,
    pub(super) price: String,
    /// Minor units; negative for credits.
    pub(super) amount: i64,
    pub(super) quantity: i64,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) proration: bool,
    pub(super) discountable: bool,
    pub(super) description: String,
}

impl Line {
    /// As it is kept in a draft, so that the draft's numbers can be counted again.
    pub(super) fn kept(&self) -> Value {
        json!({
            "id": self.id, "item": self.item, "invoice_item": self.invoice_item, "price": self.price,
            "amount": self.amount, "quantity": self.quantity, "start": self.start, "end": self.end,
            "proration": self.proration, "discountable": self.discountable, "description": self.description,
        })
    }

    /// The line that was kept so; a proration that waits on a subscription has the same form.
    pub(super) fn of(kept: &Record) -> Self {
        Self {
            id: kept.text("id").map_or_else(|| new_id("il"), str::to_owned),
            item: kept.text_or_empty("item"),
            invoice_item: kept.text_or_empty("invoice_item"),
            price: kept.text_or_empty("price"),
            amount: kept.int("amount").unwrap_or(0),
            quantity: kept.int("quantity").unwrap_or(0),
            start: kept.int("start").unwrap_or(0),
            end: kept.int("end").unwrap_or(0),
            proration: kept.flag("proration"),
            discountable: kept.flag("discountable"),
            description: kept.text_or_empty("description"),
        }
    }
}

/// A line with what each discount takes off it.
struct Reduced {
    line: Line,
    off: Vec<(String, i64)>,
}

/// A line for one whole period of an item, from `start` to `end`. Free while in trial.
pub(super) fn whole_period(state: &State, item: &Record, start: i64, end: i64, free: bool) -> Line {
    let price = item.text_or_empty("_price");
    let product =
        state.any(ObjectKind::Price, &price).map(|p| p.text_or_empty("product")).unwrap_or_default();
    let name = state.any(ObjectKind::Product, &product).map(|p| p.text_or_empty("name")).unwrap_or_default();
    let quantity = item.int("quantity").unwrap_or(0);
    Line {
        id: new_id("il"),
        item: item.text_or_empty("id"),
        invoice_item: String::new(),
        price,
        amount: if free { 0 } else { full_amount(state, item) },
        quantity,
        start,
        end,
        proration: false,
        discountable: true,
        description: if free { format!("Trial period for {name}") } else { format!("{quantity} × {name}") },
    }
}

/// The prorations that wait on a subscription, as lines.
pub(super) fn waiting(subscription: &Record) -> Vec<Line> {
    subscription.records("_prorations").iter().map(Line::of).collect()
}

/// The discounts that an invoice of this subscription gets: the subscription's own, and only when it has none the
/// customer's.
pub(super) fn discounts_for(state: &State, subscription: &Record, at: i64) -> Vec<Reduction> {
    let own = discounts::reductions(state, &subscription.texts("discounts"), at);
    if !own.is_empty() {
        return own;
    }
    let theirs = customers_discount(state, subscription.text("customer").unwrap_or_default());
    discounts::reductions(state, &theirs, at)
}

/// The discount of the customer's own, for invoices that inherit it.
pub(super) fn customers_discount(state: &State, customer: &str) -> Vec<String> {
    let customer = state.any(ObjectKind::Customer, customer);
    customer.and_then(|c| c.text("_discount")).map(str::to_owned).into_iter().collect()
}

/// Everything an invoice says, as a record without payment state. `owner` is the subscription, or a record with a
/// one-off invoice's `customer`, `currency` and `collection_method`. `reductions` are those on the whole invoice;
/// items bring their own, which go first.
pub(super) fn invoice(
    state: &State,
    id: &str,
    owner: &Record,
    lines: Vec<Line>,
    reductions: &[Reduction],
    at: i64,
) -> Record {
    let payer = owner.text("customer").and_then(|c| state.any(ObjectKind::Customer, c));
    let payer = payer.cloned().unwrap_or_default();
    let (start, end) = lines.first().map_or((at, at), |line| (line.start, line.end));
    let all: Vec<&str> = reductions.iter().map(|r| r.discount.as_str()).collect();
    let parent = owner.text("id").map_or(Value::Null, |subscription| {
        json!({"type": "subscription_details", "quote_details": null, "subscription_details": {
            "metadata": owner.value("metadata"), "subscription": subscription}})
    });
    let mut record = Record::of(json!({
        "id": id, "object": "invoice", "billing_reason": "upcoming", "created": at, "discounts": all,
        "collection_method": owner.value("collection_method"),
        "currency": owner.value("currency"), "customer": owner.value("customer"),
        "customer_address": payer.value("address"), "customer_email": payer.value("email"),
        "customer_name": payer.value("name"), "customer_phone": payer.value("phone"),
        "customer_tax_exempt": payer.value("tax_exempt"),
        "parent": parent,
        "period_end": end, "period_start": start, "status": "draft", "webhooks_delivered_at": at,
        "_subscription": owner.value("id"),
    }));
    record.0.extend(unused_fields().0);
    record.set("test_clock", payer.value("test_clock"));
    recount(state, &mut record, lines, reductions, at);
    record
}

/// Counts a draft's lines and totals anew, with the balance that its customer has now.
pub(super) fn recount(
    state: &State,
    invoice: &mut Record,
    lines: Vec<Line>,
    reductions: &[Reduction],
    at: i64,
) {
    let id = invoice.text_or_empty("id");
    invoice.set("_lines", lines.iter().map(Line::kept).collect::<Vec<Value>>());
    let reduced = reduce(state, lines, reductions, at);
    let shown = reduced.iter().map(|r| line_json(state, invoice, r)).collect();
    invoice.set("lines", render::list_of(shown, false, &format!("/v1/invoices/{id}/lines")));
    let balance = balance::usable(state, invoice);
    invoice.0.extend(money(&reduced, balance).0);
}

/// The totals: what the lines come to, what the discounts take off, what the balance leaves to pay.
fn money(reduced: &[Reduced], balance: i64) -> Record {
    let subtotal = reduced.iter().fold(0_i64, |sum, r| sum.saturating_add(r.line.amount));
    let mut off: Vec<(String, i64)> = Vec::new();
    for (discount, amount) in reduced.iter().flat_map(|r| &r.off) {
        match off.iter_mut().find(|(d, _)| d == discount) {
            Some((_, sum)) => *sum = sum.saturating_add(*amount),
            None => off.push((discount.clone(), *amount)),
        }
    }
    let total = off.iter().fold(subtotal, |rest, (_, amount)| rest.saturating_sub(*amount));
    let due = total.saturating_add(balance).max(0);
    Record::of(json!({
        "amount_due": due, "amount_overpaid": 0, "amount_paid": 0, "amount_remaining": due,
        "amount_shipping": 0, "ending_balance": null, "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0, "starting_balance": balance, "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal, "total": total,
        "total_discount_amounts": off.iter().map(discount_amount).collect::<Vec<Value>>(),
        "total_excluding_tax": total, "total_pretax_credit_amounts": [], "total_taxes": [],
    }))
}

/// What every invoice of Stripe's has and none of the sandbox's uses.
fn unused_fields() -> Record {
    Record::of(json!({
        "account_country": "US", "account_name": "Sandbox", "account_tax_ids": null, "application": null,
        "attempt_count": 0, "attempted": false, "auto_advance": false,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null,
            "status": null},
        "automatically_finalizes_at": null, "custom_fields": null, "customer_shipping": null,
        "customer_tax_ids": [], "default_payment_method": null, "default_source": null,
        "default_tax_rates": [], "description": null, "due_date": null, "effective_at": null, "footer": null,
        "from_invoice": null, "hosted_invoice_url": null, "invoice_pdf": null, "issuer": {"type": "self"},
        "last_finalization_error": null, "latest_revision": null, "livemode": false, "metadata": {},
        "next_payment_attempt": null, "number": null, "on_behalf_of": null,
        "payment_settings": {"default_mandate": null, "payment_method_options": null,
            "payment_method_types": null},
        "receipt_number": null, "rendering": null, "shipping_cost": null, "shipping_details": null,
        "statement_descriptor": null,
        "status_transitions": {"finalized_at": null, "marked_uncollectible_at": null, "paid_at": null,
            "voided_at": null},
        "test_clock": null,
    }))
}

fn discount_amount(off: &(String, i64)) -> Value {
    json!({"discount": off.0, "amount": off.1})
}

/// Takes the discounts off line by line, in their order, each from what the ones before it left. Credits and free
/// lines get none.
fn reduce(state: &State, lines: Vec<Line>, reductions: &[Reduction], at: i64) -> Vec<Reduced> {
    let mut left_of_fixed: Vec<(String, i64)> = Vec::new();
    let mut out = Vec::new();
    for line in lines {
        let item = state.any(ObjectKind::SubscriptionItem, &line.item).cloned().unwrap_or_default();
        let mut applied = discounts::reductions(state, &item.texts("discounts"), at);
        applied.extend(reductions.iter().cloned());
        let product = state.any(ObjectKind::Price, &line.price).map(|p| p.text_or_empty("product"));
        let mut rest = if line.discountable { line.amount.max(0) } else { 0 };
        let mut off = Vec::new();
        for reduction in applied {
            let fits = reduction.products.is_empty()
                || product.as_ref().is_some_and(|p| reduction.products.contains(p));
            if !fits || rest == 0 {
                continue;
            }
            let amount = match reduction.hundredths {
                Some(hundredths) => share(rest, hundredths, 10_000),
                None => take_fixed(&mut left_of_fixed, &reduction, rest),
            };
            rest = rest.saturating_sub(amount);
            off.push((reduction.discount, amount));
        }
        out.push(Reduced { line, off });
    }
    out
}

/// What is left of a fixed amount goes to this line, as far as the line reaches.
fn take_fixed(left: &mut Vec<(String, i64)>, reduction: &Reduction, rest: i64) -> i64 {
    if !left.iter().any(|(discount, _)| *discount == reduction.discount) {
        left.push((reduction.discount.clone(), reduction.amount));
    }
    let Some((_, remaining)) = left.iter_mut().find(|(discount, _)| *discount == reduction.discount) else {
        return 0;
    };
    let amount = rest.min(*remaining);
    *remaining = remaining.saturating_sub(amount);
    amount
}

fn line_json(state: &State, invoice: &Record, reduced: &Reduced) -> Value {
    let line = &reduced.line;
    let price = state.any(ObjectKind::Price, &line.price).cloned().unwrap_or_default();
    let parent = if line.invoice_item.is_empty() {
        json!({"type": "subscription_item_details", "invoice_item_details": null,
            "subscription_item_details": {"invoice_item": null, "proration": line.proration,
                "proration_details": {"credited_items": null}, "subscription": invoice.value("_subscription"),
                "subscription_item": line.item}})
    } else {
        json!({"type": "invoice_item_details", "subscription_item_details": null,
            "invoice_item_details": {"invoice_item": line.invoice_item, "proration": line.proration,
                "proration_details": {"credited_items": null},
                "subscription": invoice.value("_subscription")}})
    };
    let pricing = price.text("id").map_or(Value::Null, |id| {
        json!({"price_details": {"price": id, "product": price.value("product")}, "type": "price_details",
            "unit_amount_decimal": price.value("unit_amount_decimal")})
    });
    json!({
        "id": line.id, "object": "line_item", "amount": line.amount,
        "currency": invoice.value("currency"), "description": line.description,
        "discount_amounts": reduced.off.iter().map(discount_amount).collect::<Vec<Value>>(),
        "discountable": line.discountable, "discounts": [], "invoice": invoice.value("id"),
        "livemode": state.livemode, "metadata": {}, "parent": parent,
        "period": {"end": line.end, "start": line.start}, "pretax_credit_amounts": [], "pricing": pricing,
        "quantity": line.quantity, "subtotal": line.amount, "taxes": [],
    })
}
