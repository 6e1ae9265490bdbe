//! Invoices as callers make and read them: one-off drafts, updates, lists. What ends a draft is in `invoice_actions`.
use super::calendar::plus_days;
use super::call::{Input, Outcome};
use super::collection;
use super::discounts::{self, DISCOUNTS, Owner};
use super::errors::ApiError;
use super::events;
use super::invoice_items;
use super::invoicing;
use super::params::{
    AFTER, BEFORE, COLLECTION_METHOD, EXPAND, Field, ID, Kind, LIMIT, METADATA, TEXT, field,
};
use super::passage;
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use serde_json::{Value, json};

/// How long a draft waits before it is finalized by itself, in seconds.
const DRAFT: i64 = 3_600;

pub(super) const LIST: &[Field] = &[
    field("customer", ID),
    field("subscription", ID),
    field("status", Kind::Enum(&["draft", "open", "paid", "uncollectible", "void"])),
    COLLECTION_METHOD,
    field("created", Kind::TimeRange),
    field("due_date", Kind::TimeRange),
    field("customer_account", Kind::Unmodelled),
    LIMIT,
    AFTER,
    BEFORE,
    EXPAND,
];

pub(super) const CREATE: &[Field] = &[
    field("customer", ID),
    field("auto_advance", Kind::Boolean),
    field("automatically_finalizes_at", Kind::Time),
    COLLECTION_METHOD,
    field("currency", Kind::Currency),
    field("days_until_due", Kind::Integer(0, 365)),
    field("default_payment_method", ID),
    field("description", TEXT),
    DISCOUNTS,
    field("due_date", Kind::Time),
    field("footer", TEXT),
    METADATA,
    field("pending_invoice_items_behavior", Kind::Enum(&["exclude", "include"])),
    field("subscription", ID),
    field("account_tax_ids", Kind::Unmodelled),
    field("application_fee_amount", Kind::Unmodelled),
    field("automatic_tax", Kind::Unmodelled),
    field("custom_fields", Kind::Unmodelled),
    field("customer_account", Kind::Unmodelled),
    field("default_source", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
    field("effective_at", Kind::Unmodelled),
    field("from_invoice", Kind::Unmodelled),
    field("issuer", Kind::Unmodelled),
    field("number", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("payment_settings", Kind::Unmodelled),
    field("rendering", Kind::Unmodelled),
    field("shipping_cost", Kind::Unmodelled),
    field("shipping_details", Kind::Unmodelled),
    field("statement_descriptor", Kind::Unmodelled),
    field("transfer_data", Kind::Unmodelled),
    EXPAND,
];

pub(super) const UPDATE: &[Field] = &[
    field("auto_advance", Kind::Boolean),
    field("automatically_finalizes_at", Kind::Time),
    COLLECTION_METHOD,
    field("days_until_due", Kind::Integer(0, 365)),
    field("default_payment_method", ID),
    field("description", TEXT),
    DISCOUNTS,
    field("due_date", Kind::Time),
    field("footer", TEXT),
    METADATA,
    field("account_tax_ids", Kind::Unmodelled),
    field("application_fee_amount", Kind::Unmodelled),
    field("automatic_tax", Kind::Unmodelled),
    field("custom_fields", Kind::Unmodelled),
    field("default_source", Kind::Unmodelled),
    field("default_tax_rates", Kind::Unmodelled),
    field("effective_at", Kind::Unmodelled),
    field("issuer", Kind::Unmodelled),
    field("number", Kind::Unmodelled),
    field("on_behalf_of", Kind::Unmodelled),
    field("payment_settings", Kind::Unmodelled),
    field("rendering", Kind::Unmodelled),
    field("shipping_cost", Kind::Unmodelled),
    field("shipping_details", Kind::Unmodelled),
    field("statement_descriptor", Kind::Unmodelled),
    field("transfer_data", Kind::Unmodelled),
    EXPAND,
];

pub(super) fn create(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    let owner = owner(state, params)?;
    let method = owner.text_or_empty("collection_method");
    check_due(state, params, &method)?;
    let id = State::id_for(ObjectKind::Invoice);
    let swept = if owner.is_set("id") || params.text("pending_invoice_items_behavior") == Some("include") {
        invoice_items::sweep_for_one_off(state, &owner, &id)
    } else {
        Vec::new()
    };
    let given = params.text("pending_invoice_items_behavior").is_some() || owner.is_set("id");
    if given && swept.is_empty() && params.text("pending_invoice_items_behavior") != Some("exclude") {
        let (code, what) = if owner.is_set("id") {
            ("invoice_no_subscription_line_items", "subscription")
        } else {
            ("invoice_no_customer_line_items", "customer")
        };
        return Err(ApiError::invalid(format!("Nothing to invoice for {what}")).code(code));
    }
    let customer = owner.text_or_empty("customer");
    let applied = discounts_of(state, params, &owner, &id)?
        .unwrap_or_else(|| invoicing::customers_discount(state, &customer));
    let reductions = discounts::recorded(state, &applied);
    let mut invoice = invoicing::invoice(state, &id, &owner, swept, &reductions, state.now);
    invoice.set("billing_reason", "manual");
    invoice.set("_one_off", true);
    write(state, &mut invoice, params);
    state.put(ObjectKind::Invoice, invoice);
    events::emit(state, "invoice.created", ObjectKind::Invoice, &id, None);
    passage::expect_invoice(state, &id);
    Ok(render::object(state, ObjectKind::Invoice, &id))
}

/// Whom it bills, in the form of a subscription.
fn owner(state: &State, params: &Record) -> Result<Record, ApiError> {
    let mut owner = Record::default();
    if let Some(id) = params.text("subscription") {
        let subscription = state.get_for(ObjectKind::Subscription, id, "subscription")?;
        owner.take_given(&subscription, &["id", "customer", "currency", "metadata"]);
    }
    let customer = params.text("customer").or(owner.text("customer")).map(str::to_owned);
    let customer = customer.ok_or_else(|| ApiError::missing("customer"))?;
    let payer = state.get_for(ObjectKind::Customer, &customer, "customer")?;
    if owner.text("customer").is_some_and(|own| own != customer) {
        let subscription = owner.text_or_empty("id");
        return Err(ApiError::no_such_in("subscription", &subscription, "subscription"));
    }
    owner.set("customer", customer);
    if let Some(currency) = params.text("currency").or(owner.text("currency")).or(payer.text("currency")) {
        let currency = currency.to_owned();
        owner.set("currency", currency);
    } else {
        owner.set("currency", "usd");
    }
    owner.set("collection_method", params.text("collection_method").unwrap_or("charge_automatically"));
    Ok(owner)
}

fn check_due(state: &State, params: &Record, method: &str) -> Result<(), ApiError> {
    for name in ["days_until_due", "due_date"] {
        if params.has(name) && method != "send_invoice" {
            return Err(ApiError::invalid(format!(
                "You cannot pass `{name}` unless collection_method is `send_invoice`."
            ))
            .param(name));
        }
    }
    if params.has("days_until_due") && params.has("due_date") {
        return Err(ApiError::exclusive("days_until_due", "due_date"));
    }
    for name in ["due_date", "automatically_finalizes_at"] {
        if params.int(name).is_some_and(|at| at <= state.now) {
            return Err(ApiError::invalid("Invalid timestamp: must be in the future.").param(name));
        }
    }
    Ok(())
}

/// The ids of the discounts that a call asks for, if it asks.
fn discounts_of(
    state: &mut State,
    params: &Record,
    invoice: &Record,
    id: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    if !params.has("discounts") {
        return Ok(None);
    }
    let (customer, currency) = (invoice.text_or_empty("customer"), invoice.text_or_empty("currency"));
    let existing: Vec<String> = invoice.texts("discounts");
    let own: Vec<String> = existing.into_iter().filter(|d| belongs_to(state, d, id)).collect();
    let owner =
        Owner { customer: &customer, subscription: None, item: None, currency: &currency, existing: &own };
    let ids = discounts::overwrite(state, params, owner, "discounts")?;
    for discount in &ids {
        state.edit(ObjectKind::Discount, discount, |d| d.set("invoice", id));
    }
    Ok(Some(ids))
}

fn belongs_to(state: &State, discount: &str, invoice: &str) -> bool {
    state.any(ObjectKind::Discount, discount).and_then(|d| d.text("invoice")) == Some(invoice)
}

/// Copies what callers decide.
fn write(state: &State, invoice: &mut Record, params: &Record) {
    invoice.take_given(
        params,
        &[
            "auto_advance",
            "automatically_finalizes_at",
            "collection_method",
            "default_payment_method",
            "description",
            "due_date",
            "footer",
        ],
    );
    if let Some(days) = params.int("days_until_due") {
        invoice.set("_days_until_due", days);
        invoice.set("due_date", plus_days(state.now, days));
    }
    if invoice.text("status") == Some("draft") {
        if !invoice.flag("auto_advance") && !params.has("automatically_finalizes_at") {
            invoice.set("automatically_finalizes_at", Value::Null);
        } else if invoice.flag("auto_advance") && !invoice.is_set("automatically_finalizes_at") {
            invoice.set("automatically_finalizes_at", state.now.saturating_add(DRAFT));
        }
    }
    invoice.merge_metadata(params);
}

/// What a finalized invoice can still change.
const ALWAYS: &[&str] = &["auto_advance", "default_payment_method", "description", "expand", "metadata"];

pub(super) fn update(state: &mut State, input: &Input) -> Outcome {
    let (id, params) = (input.id(), &input.params);
    let mut invoice = state.get(ObjectKind::Invoice, id)?;
    if invoice.text("status") != Some("draft") {
        if let Some(name) = params.0.keys().find(|name| !ALWAYS.contains(&name.as_str())) {
            return Err(ApiError::invalid("Finalized invoices can't be updated in this way.")
                .code("invoice_not_editable")
                .param(name.as_str()));
        }
        if params.flag("auto_advance") && invoice.text("status") != Some("open") {
            return Err(ApiError::invalid("Only draft and open invoices advance automatically.")
                .param("auto_advance"));
        }
    }
    let before = render::object(state, ObjectKind::Invoice, id);
    let method = params.text("collection_method").or(invoice.text("collection_method"));
    check_due(state, params, method.unwrap_or_default())?;
    if let Some(ids) = discounts_of(state, params, &invoice, id)? {
        invoice.set("discounts", ids);
    }
    write(state, &mut invoice, params);
    if !invoice.flag("auto_advance") {
        invoice.set("next_payment_attempt", Value::Null);
    } else if params.has("auto_advance") && invoice.text("status") == Some("open") {
        invoice.set("next_payment_attempt", state.now.saturating_add(DRAFT));
    }
    let draft = invoice.text("status") == Some("draft");
    state.put(ObjectKind::Invoice, invoice);
    if draft {
        collection::recount(state, id);
    }
    passage::expect_invoice(state, id);
    events::emit(state, "invoice.updated", ObjectKind::Invoice, id, Some(&before));
    Ok(render::object(state, ObjectKind::Invoice, id))
}

/// Deletes a draft that no subscription made; its items go with it.
pub(super) fn delete(state: &mut State, input: &Input) -> Outcome {
    let id = input.id();
    let invoice = state.get(ObjectKind::Invoice, id)?;
    if invoice.text("status") != Some("draft") || !invoice.flag("_one_off") {
        return Err(ApiError::invalid(
            "You can only delete draft invoices that no subscription made; finalized ones are voided.",
        )
        .code("invoice_not_editable"));
    }
    let items: Vec<String> = state
        .all(ObjectKind::InvoiceItem)
        .filter(|i| i.text("invoice") == Some(id))
        .map(|i| i.text_or_empty("id"))
        .collect();
    for item in items {
        state.delete(ObjectKind::InvoiceItem, &item);
    }
    events::emit(state, "invoice.deleted", ObjectKind::Invoice, id, None);
    state.delete(ObjectKind::Invoice, id);
    Ok(json!({"id": id, "object": "invoice", "deleted": true}))
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Invoice, input.id())
}

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let params = &input.params;
    for (name, kind) in [("customer", ObjectKind::Customer), ("subscription", ObjectKind::Subscription)] {
        if let Some(id) = params.text(name) {
            state.get_for(kind, id, name)?;
        }
    }
    let same = |record: &Record, field: &str, wanted: &str| {
        params.text(wanted).is_none_or(|value| record.text(field) == Some(value))
    };
    render::page(state, ObjectKind::Invoice, params, "/v1/invoices", |invoice| {
        same(invoice, "customer", "customer")
            && same(invoice, "_subscription", "subscription")
            && same(invoice, "status", "status")
            && same(invoice, "collection_method", "collection_method")
            && (!params.has("due_date") || render::in_range(invoice, "due_date", &params.value("due_date")))
    })
}
