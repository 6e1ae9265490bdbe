//! Invoice items: single amounts that wait for the customer's next invoice, or stand on a draft.
use super::call::{Input, Outcome};
use super::collection;
use super::errors::ApiError;
use super::events;
use super::invoicing::Line;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, METADATA, QUANTITY, TEXT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State, new_id};
use serde_json::{Value, json};

const SIGNED: Kind = Kind::Integer(-99_999_999, 99_999_999);
const PERIOD: Kind =
    Kind::Object(&[field("start", Kind::Time).required(), field("end", Kind::Time).required()]);
const PRICING: Kind = Kind::Object(&[field("price", ID)]);

pub(super) const CREATE: &[Field] = &[
    field("customer", ID),
    field("amount", SIGNED),
    field("currency", Kind::Currency),
    field("description", TEXT),
    field("discountable", Kind::Boolean),
    field("invoice", ID),
    METADATA,
    field("period", PERIOD),
    field("pricing", PRICING),
    field("quantity", QUANTITY),
    field("subscription", ID),
    field("customer_account", Kind::Unmodelled),
    field("discounts", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("quantity_decimal", Kind::Unmodelled),
    field("tax_behavior", Kind::Unmodelled),
    field("tax_code", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
    field("unit_amount_decimal", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("amount", SIGNED),
    field("description", TEXT),
    field("discountable", Kind::Boolean),
    METADATA,
    field("period", PERIOD),
    field("discounts", Kind::Unmodelled),
    field("price_data", Kind::Unmodelled),
    field("pricing", Kind::Unmodelled),
    field("quantity", Kind::Unmodelled),
    field("tax_rates", Kind::Unmodelled),
    field("unit_amount_decimal", Kind::Unmodelled),
    EXPAND,
];

pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("invoice", ID),
    field("pending", Kind::Boolean),
    field("created", Kind::TimeRange),
    field("customer_account", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let target = target(state, params)?;
    let (amount, unit, quantity, price) = amount(state, params, &target)?;
    let id = State::id_for(ObjectKind::InvoiceItem);
    let now = state.now;
    let period =
        if params.has("period") { params.value("period") } else { json!({"start": now, "end": now}) };
    let parent = target.text("subscription").map(|subscription| {
        json!({"type": "subscription_details",
            "subscription_details": {"subscription": subscription, "subscription_item": null}})
    });
    let pricing = json!({
        "type": "price_details", "unit_amount_decimal": unit.to_string(),
        "price_details": price.text("id").map(|id| json!({"price": id, "product": price.value("product")})),
    });
    let mut item = Record::of(json!({
        "id": id, "object": "invoiceitem", "amount": amount, "created": now,
        "currency": target.value("currency"), "customer": target.value("customer"), "customer_account": null,
        "date": now, "description": params.value("description"), "discountable": amount >= 0, "discounts": [],
        "invoice": target.value("invoice"), "livemode": false, "metadata": {}, "net_amount": amount,
        "parent": parent, "period": period, "pricing": pricing, "proration": false, "proration_details": null,
        "quantity": quantity, "quantity_decimal": quantity.to_string(), "tax_rates": [], "test_clock": null,
        "_subscription": target.value("subscription"), "_price": price.value("id"),
    }));
    item.take_given(params, &["discountable"]);
    item.merge_metadata(params);
    state.put(ObjectKind::InvoiceItem, item);
    if let Some(invoice) = target.text("invoice") {
        let line = line(state, &id);
        change_lines(state, invoice, |lines| lines.extend(line.map(|l| l.kept())));
    }
    events::emit(state, "invoiceitem.created", ObjectKind::InvoiceItem, &id, None);
    Ok(render::object(state, ObjectKind::InvoiceItem, &id))
}

/// Whose it is, in which currency, and on which draft or for which subscription.
fn target(state: &State, params: &Record) -> Result<Record, ApiError> {
    let mut target = Record::default();
    target.take_given(params, &["customer", "currency", "subscription", "invoice"]);
    if let Some(id) = params.text("invoice") {
        let invoice = state.get_for(ObjectKind::Invoice, id, "invoice")?;
        editable(&invoice)?;
        let differs = params.text("customer").is_some_and(|c| invoice.text("customer") != Some(c))
            || params.text("currency").is_some_and(|c| invoice.text("currency") != Some(c));
        if differs {
            return Err(ApiError::invalid(
                "The invoice belongs to another customer or is in another currency than this item.",
            )
            .param("invoice"));
        }
        target.set("customer", invoice.value("customer"));
        target.set("currency", invoice.value("currency"));
        if invoice.is_set("_subscription") {
            target.set("subscription", invoice.value("_subscription"));
        }
    }
    let customer = target.text("customer").ok_or_else(|| ApiError::missing("customer"))?.to_owned();
    let owner = state.get_for(ObjectKind::Customer, &customer, "customer")?;
    if let Some(id) = params.text("subscription") {
        let subscription = state.get_for(ObjectKind::Subscription, id, "subscription")?;
        if subscription.text("customer") != Some(&customer) {
            return Err(ApiError::no_such_in("subscription", id, "subscription"));
        }
        if !target.is_set("currency") {
            target.set("currency", subscription.value("currency"));
        }
    }
    if !target.is_set("currency") {
        target.set("currency", owner.text("currency").unwrap_or("usd"));
    }
    Ok(target)
}

/// The amount in minor units, the unit's, the quantity, and the price if there is one.
fn amount(state: &State, params: &Record, target: &Record) -> Result<(i64, i64, i64, Record), ApiError> {
    let quantity = params.int("quantity").unwrap_or(1);
    let pricing = params.inner("pricing");
    match (params.int("amount"), pricing.text("price")) {
        (Some(_), Some(_)) => Err(ApiError::exclusive("amount", "pricing")),
        (Some(_), None) if params.has("quantity") => Err(ApiError::exclusive("amount", "quantity")),
        (Some(amount), None) => Ok((amount, amount, 1, Record::default())),
        (None, Some(id)) => {
            let price = state.get_for(ObjectKind::Price, id, "pricing[price]")?;
            if price.text("type") != Some("one_time") || price.text("currency") != target.text("currency") {
                return Err(ApiError::invalid(
                    "The price of an invoice item is `type=one_time` and in the invoice's currency.",
                )
                .param("pricing[price]"));
            }
            let unit = price.int("unit_amount").unwrap_or(0);
            Ok((unit.saturating_mul(quantity), unit, quantity, price))
        }
        (None, None) => Err(ApiError::missing("amount")),
    }
}

/// Only drafts can be changed.
pub(super) fn editable(invoice: &Record) -> Result<(), ApiError> {
    if invoice.text("status") == Some("draft") {
        return Ok(());
    }
    Err(ApiError::invalid("Finalized invoices can't be updated in this way.").code("invoice_not_editable"))
}

/// Changes a draft's kept lines, then counts it again.
fn change_lines(state: &mut State, invoice: &str, change: impl FnOnce(&mut Vec<Value>)) {
    state.edit(ObjectKind::Invoice, invoice, |i| {
        let mut lines = i.list("_lines").to_vec();
        change(&mut lines);
        i.set("_lines", Value::Array(lines));
    });
    collection::recount(state, invoice);
}

/// The item as a line of an invoice.
fn line(state: &State, id: &str) -> Option<Line> {
    let item = state.find(ObjectKind::InvoiceItem, id)?;
    let period = item.inner("period");
    Some(Line {
        id: item.text("_line").map_or_else(|| new_id("il"), str::to_owned),
        invoice_item: id.to_owned(),
        price: item.text_or_empty("_price"),
        amount: item.int("amount").unwrap_or(0),
        quantity: item.int("quantity").unwrap_or(1),
        start: period.int("start").unwrap_or(state.now),
        end: period.int("end").unwrap_or(state.now),
        discountable: item.flag("discountable"),
        description: item.text_or_empty("description"),
        ..Line::default()
    })
}

/// Takes the items that wait for an invoice like this one, as its lines.
fn sweep(state: &mut State, invoice: &str, waits: impl Fn(&Record) -> bool) -> Vec<Line> {
    let pending = state.all(ObjectKind::InvoiceItem).filter(|i| !i.is_set("invoice") && waits(i));
    let ids: Vec<String> = pending.map(|i| i.text_or_empty("id")).collect();
    for id in &ids {
        state.edit(ObjectKind::InvoiceItem, id, |i| i.set("invoice", invoice));
    }
    ids.iter().filter_map(|id| line(state, id)).collect()
}

/// A subscription's invoice takes what waits for it and what waits for any invoice of its customer.
pub(super) fn sweep_for_subscription(state: &mut State, owner: &Record, invoice: &str) -> Vec<Line> {
    let (customer, id) = (owner.text_or_empty("customer"), owner.text_or_empty("id"));
    let currency = owner.text_or_empty("currency");
    sweep(state, invoice, |item| {
        item.text("customer") == Some(&customer)
            && item.text("currency") == Some(&currency)
            && item.text("_subscription").is_none_or(|s| s == id)
    })
}

/// A one-off invoice takes what waits for its subscription, or, without one, what waits for none.
pub(super) fn sweep_for_one_off(state: &mut State, owner: &Record, invoice: &str) -> Vec<Line> {
    let (customer, subscription) = (owner.text_or_empty("customer"), owner.value("id"));
    let currency = owner.text_or_empty("currency");
    sweep(state, invoice, |item| {
        item.text("customer") == Some(&customer)
            && item.text("currency") == Some(&currency)
            && item.value("_subscription") == subscription
    })
}

/// The items that wait for a subscription's next invoice, as lines of its preview.
pub(super) fn waiting(state: &State, owner: &Record) -> Vec<Line> {
    let (customer, id) = (owner.text("customer"), owner.text_or_empty("id"));
    let pending = state.all(ObjectKind::InvoiceItem).filter(|item| {
        !item.is_set("invoice")
            && item.text("customer") == customer
            && item.text("currency") == owner.text("currency")
            && item.text("_subscription").is_none_or(|s| s == id)
    });
    pending.filter_map(|item| line(state, item.text("id")?)).collect()
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::InvoiceItem, input.id())
}

/// The item of a call that changes it, if the invoice it stands on is still a draft.
fn changeable(state: &State, id: &str) -> Result<Record, ApiError> {
    let item = state.get(ObjectKind::InvoiceItem, id)?;
    if let Some(invoice) = item.text("invoice") {
        editable(&state.get(ObjectKind::Invoice, invoice)?)?;
    }
    Ok(item)
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut item = changeable(state, id)?;
    item.take_given(&input.params, &["amount", "description", "discountable", "period"]);
    item.set("net_amount", item.value("amount"));
    item.merge_metadata(&input.params);
    let invoice = item.text("invoice").map(str::to_owned);
    state.put(ObjectKind::InvoiceItem, item);
    if let Some(invoice) = invoice {
        let new = line(state, id).map(|l| l.kept());
        change_lines(state, &invoice, |lines| {
            lines.retain(|l| l.get("invoice_item").and_then(Value::as_str) != Some(id));
            lines.extend(new);
        });
    }
    Ok(render::object(state, ObjectKind::InvoiceItem, id))
}

pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let item = changeable(state, id)?;
    if let Some(invoice) = item.text("invoice") {
        change_lines(state, invoice, |lines| {
            lines.retain(|l| l.get("invoice_item").and_then(Value::as_str) != Some(id));
        });
    }
    events::emit(state, "invoiceitem.deleted", ObjectKind::InvoiceItem, id, None);
    state.delete(ObjectKind::InvoiceItem, id);
    Ok(json!({"id": id, "object": "invoiceitem", "deleted": true}))
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    for (name, kind) in [("customer", ObjectKind::Customer), ("invoice", ObjectKind::Invoice)] {
        if let Some(id) = params.text(name) {
            state.get_for(kind, id, name)?;
        }
    }
    let pending = params.has("pending").then(|| params.flag("pending"));
    render::page(state, ObjectKind::InvoiceItem, params, "/v1/invoiceitems", |item| {
        ["customer", "invoice"].iter().all(|f| params.text(f).is_none_or(|v| item.text(f) == Some(v)))
            && pending.is_none_or(|wanted| item.is_set("invoice") != wanted)
    })
}
