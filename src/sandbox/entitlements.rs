//! Active entitlements: which features a customer has through what they subscribe to.
use super::call::{Input, Outcome};
use super::events;
use super::params::{AFTER, BEFORE, EXPAND, Field, ID, LIMIT, field};
use super::record::Record;
use super::render;
use super::state::{ObjectKind, State};
use super::subscriptions;
use serde_json::{Value, json};

pub(super) const LIST: &[Field] = &[field("customer", ID).required(), LIMIT, AFTER, BEFORE, EXPAND];

const URL: &str = "/v1/entitlements/active_entitlements";

pub(super) fn list(state: &mut State, input: &Input) -> Outcome {
    let customer = input.params.text_or_empty("customer");
    state.get_for(ObjectKind::Customer, &customer, "customer")?;
    render::page(state, ObjectKind::Entitlement, &input.params, URL, |e| {
        e.text("_customer") == Some(&customer)
    })
}

pub(super) fn retrieve(state: &mut State, input: &Input) -> Outcome {
    render::found(state, ObjectKind::Entitlement, input.id())
}

/// Brings a customer's entitlements in line with their subscriptions, and tells when that changed them.
pub(super) fn sync(state: &mut State, customer: &str) {
    let Some(record) = state.any(ObjectKind::Customer, customer) else {
        return;
    };
    let (subscriptions, had) = (record.texts("_subscriptions"), record.texts("_entitlements"));
    let wanted = features_due(state, &subscriptions);
    let before = summary(state, customer, &had);
    let mut has: Vec<String> = Vec::new();
    for id in &had {
        let kept = state
            .find(ObjectKind::Entitlement, id)
            .is_some_and(|e| wanted.contains(&e.text_or_empty("feature")));
        if kept {
            has.push(id.clone());
        } else {
            state.delete(ObjectKind::Entitlement, id);
        }
    }
    for feature in wanted {
        let given = has.iter().any(|id| {
            state.find(ObjectKind::Entitlement, id).and_then(|e| e.text("feature")) == Some(feature.as_str())
        });
        if !given {
            has.push(grant(state, customer, &feature));
        }
    }
    if has != had {
        let after = summary(state, customer, &has);
        state.edit(ObjectKind::Customer, customer, |c| c.set("_entitlements", has));
        events::emit_value(state, "entitlements.active_entitlement_summary.updated", after, Some(&before));
    }
}

/// The features that these subscriptions' items brought in their current period.
fn features_due(state: &State, subscriptions: &[String]) -> Vec<String> {
    let live = subscriptions.iter().filter_map(|id| state.any(ObjectKind::Subscription, id));
    let items = live.filter(|s| subscriptions::entitles(s)).flat_map(|s| s.texts("_items"));
    let mut wanted: Vec<String> = items
        .filter_map(|id| state.any(ObjectKind::SubscriptionItem, &id).map(|item| item.texts("_features")))
        .flatten()
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

fn grant(state: &mut State, customer: &str, feature: &str) -> String {
    let id = State::id_for(ObjectKind::Entitlement);
    let key = state.any(ObjectKind::Feature, feature).map(|f| f.value("lookup_key")).unwrap_or_default();
    state.put(
        ObjectKind::Entitlement,
        Record::of(json!({
            "id": id, "object": "entitlements.active_entitlement", "feature": feature, "livemode": false,
            "lookup_key": key, "_customer": customer,
        })),
    );
    id
}

fn summary(state: &State, customer: &str, ids: &[String]) -> Value {
    let data = ids.iter().map(|id| render::object(state, ObjectKind::Entitlement, id)).collect();
    json!({
        "object": "entitlements.active_entitlement_summary",
        "customer": customer,
        "entitlements": render::list_of(data, false, &format!("/v1/customer/{customer}/entitlements")),
        "livemode": false,
    })
}
