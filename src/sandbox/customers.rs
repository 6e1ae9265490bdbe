//! Customers.
use super::balance::{self, Change};
use super::call::{Input, Outcome};
use super::discounts;
use super::errors::ApiError;
use super::events;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, Kind, LIMIT, METADATA, TEXT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::{subscription_ends, subscriptions};
use serde_json::{Value, json};

const ADDRESS: Kind = Kind::Object(&[
    field("city", TEXT),
    field("country", TEXT),
    field("line1", TEXT),
    field("line2", TEXT),
    field("postal_code", TEXT),
    field("state", TEXT),
]);
const INVOICE_SETTINGS: Kind = Kind::Object(&[
    field("default_payment_method", ID),
    field("footer", TEXT),
    field("custom_fields", Kind::Unmodelled),
    field("rendering_options", Kind::Unmodelled),
]);
const TAX_EXEMPT: Kind = Kind::Enum(&["exempt", "none", "reverse"]);

/// The longest email Stripe takes.
const EMAIL: Kind = Kind::Text(512);

pub(super) const CREATE: &[Field] = &[
    field("address", ADDRESS).clearable(),
    field("balance", Kind::Integer(-99_999_999, 99_999_999)),
    field("business_name", TEXT).clearable(),
    field("description", TEXT),
    field("email", EMAIL),
    field("individual_name", TEXT).clearable(),
    field("invoice_settings", INVOICE_SETTINGS),
    METADATA,
    field("name", Kind::Text(256)),
    field("payment_method", ID),
    field("phone", Kind::Text(20)),
    field("preferred_locales", Kind::List(&TEXT)),
    field("tax_exempt", TAX_EXEMPT).clearable(),
    field("cash_balance", Kind::Unmodelled),
    field("invoice_prefix", Kind::Unmodelled),
    field("next_invoice_sequence", Kind::Unmodelled),
    field("shipping", Kind::Unmodelled),
    field("source", Kind::Unmodelled),
    field("tax", Kind::Unmodelled),
    field("tax_id_data", Kind::Unmodelled),
    field("test_clock", ID),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("address", ADDRESS).clearable(),
    field("balance", Kind::Integer(-99_999_999, 99_999_999)),
    field("business_name", TEXT).clearable(),
    field("default_source", Kind::Unmodelled),
    field("description", TEXT),
    field("email", EMAIL),
    field("individual_name", TEXT).clearable(),
    field("invoice_settings", INVOICE_SETTINGS),
    METADATA,
    field("name", Kind::Text(256)),
    field("phone", Kind::Text(20)),
    field("preferred_locales", Kind::List(&TEXT)),
    field("tax_exempt", TAX_EXEMPT).clearable(),
    field("shipping", Kind::Unmodelled),
    field("source", Kind::Unmodelled),
    field("tax", Kind::Unmodelled),
    EXPAND,
];

pub(super) const LIST: &[Field] = &[
    field("email", TEXT),
    field("created", Kind::TimeRange),
    field("test_clock", ID),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

const COPIED: &[&str] = &[
    "address",
    "business_name",
    "description",
    "email",
    "individual_name",
    "name",
    "phone",
    "preferred_locales",
    "tax_exempt",
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let id = State::id_for(ObjectKind::Customer);
    let mut customer = Record::of(json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": state.now, "currency": null,
        "customer_account": null, "default_source": null, "delinquent": false, "description": null,
        "discount": null, "email": null, "invoice_prefix": "SANDBOX",
        "invoice_settings": {"custom_fields": null, "default_payment_method": null, "footer": null,
            "rendering_options": null},
        "livemode": false, "metadata": {}, "name": null, "next_invoice_sequence": 1, "phone": null,
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null,
    }));
    if let Some(method) = input.params.text("payment_method") {
        customer.set("_payment_method", method);
    }
    if let Some(clock) = input.params.text("test_clock") {
        state.get_for(ObjectKind::TestClock, clock, "test_clock")?;
        customer.set("test_clock", clock);
    }
    write(&mut customer, &input.params);
    state.put(ObjectKind::Customer, customer);
    set_balance(state, &id, &input.params, "initial");
    events::emit(state, "customer.created", ObjectKind::Customer, &id, None);
    Ok(render::object(state, ObjectKind::Customer, &id))
}

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let mut customer = state.get(ObjectKind::Customer, id)?;
    let before = render::object(state, ObjectKind::Customer, id);
    write(&mut customer, &input.params);
    state.put(ObjectKind::Customer, customer);
    set_balance(state, id, &input.params, "adjustment");
    events::emit(state, "customer.updated", ObjectKind::Customer, id, Some(&before));
    Ok(render::object(state, ObjectKind::Customer, id))
}

/// A balance given as a number is a transaction over the difference.
fn set_balance(state: &mut State, id: &str, params: &Record, kind: &str) {
    let customer = state.any(ObjectKind::Customer, id).cloned().unwrap_or_default();
    let wanted = params.int("balance").unwrap_or_else(|| customer.int("balance").unwrap_or(0));
    let amount = wanted.saturating_sub(customer.int("balance").unwrap_or(0));
    if amount != 0 {
        let currency = customer.text_or_empty("currency");
        balance::change(state, id, Change::plain(kind, amount, &currency));
    }
}

fn write(customer: &mut Record, params: &Record) {
    customer.take_given(params, COPIED);
    if customer.value("tax_exempt").is_null() {
        customer.set("tax_exempt", "none");
    }
    let given = params.inner("invoice_settings");
    let mut settings = customer.inner("invoice_settings");
    settings.take_given(&given, &["default_payment_method", "footer"]);
    customer.set("invoice_settings", settings.public());
    customer.merge_metadata(params);
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    match state.any(ObjectKind::Customer, id) {
        Some(gone) if gone.flag("_deleted") => Ok(deleted(id)),
        Some(_) => Ok(render::object(state, ObjectKind::Customer, id)),
        None => Err(ApiError::no_such("customer", id)),
    }
}

fn deleted(id: &str) -> Value {
    json!({"id": id, "object": "customer", "deleted": true})
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let (email, clock) = (input.params.text("email"), input.params.text("test_clock"));
    render::page(state, ObjectKind::Customer, &input.params, "/v1/customers", |customer| {
        email.is_none_or(|wanted| customer.text("email") == Some(wanted))
            && customer.text("test_clock") == clock
    })
}

/// Deleting a customer ends their subscriptions at once.
pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    state.get(ObjectKind::Customer, id)?;
    let theirs = state.all(ObjectKind::Subscription).filter(|s| s.text("customer") == Some(id));
    let ids: Vec<String> =
        theirs.filter(|s| subscriptions::is_live(s)).map(|s| s.text_or_empty("id")).collect();
    for subscription in ids {
        subscription_ends::end(state, &subscription, "cancellation_requested");
    }
    events::emit(state, "customer.deleted", ObjectKind::Customer, id, None);
    state.delete(ObjectKind::Customer, id);
    Ok(deleted(id))
}

pub(super) fn delete_discount(state: &mut State, input: &Input) -> Outcome {
    let mut customer = state.get(ObjectKind::Customer, input.id())?;
    let discount = customer
        .text("_discount")
        .map(str::to_owned)
        .ok_or_else(|| ApiError::no_such("discount", input.id()))?;
    customer.set("_discount", Value::Null);
    state.put(ObjectKind::Customer, customer);
    Ok(discounts::remove(state, &discount))
}

/// Puts a coupon on a customer. Stripe's API no longer can at this version; customers that got one earlier still
/// have it, and that is what a test needs.
pub(super) fn give_discount(state: &mut State, id: &str, coupon: &str) -> Result<String, ApiError> {
    let mut customer = state.get_for(ObjectKind::Customer, id, "customer")?;
    let discount = discounts::redeem(state, coupon, "coupon", id)?;
    customer.set("_discount", discount.clone());
    state.put(ObjectKind::Customer, customer);
    discounts::announce(state, &discount);
    Ok(discount)
}
