//! From what is known of a subscriber to facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::attribute::qualified;
use super::facts::{Facts, Source, Value};
use super::history::History;
use super::offer::OfferType;
use super::subscription::{Subscription, SubscriptionStatus};

/// Characters of a text attribute.
pub const MAX_TEXT_CHARS: usize = 1_000;
/// Elements of a text list.
pub const MAX_LIST_ITEMS: usize = 200;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Attributes that the app gave, by name with or without `customer.`, and when.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The values.
    pub attributes: &'a BTreeMap<String, Value>,
    /// When they were given.
    pub as_of: Timestamp,
}

/// Why a JSON value is no attribute's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// Not one of the types.
    #[error("expected a text, a number, true or false, or a list of texts")]
    Type,
    /// A number that cannot be kept exactly.
    #[error("expected a number of at most 28 digits")]
    Number,
    /// A text or list beyond its bounds.
    #[error("expected at most 1000 characters, and at most 200 elements in a list")]
    TooLong,
}

/// The value of an attribute from JSON, as profiles and tokens carry it. An instant comes as a text, and is taken for
/// one where a flow says so.
///
/// # Errors
/// When it is none.
pub fn attribute_value(json: &Json) -> Result<Value, InvalidValue> {
    match json {
        Json::String(_) => text(json).map(Value::Text),
        Json::Bool(flag) => Ok(Value::Boolean(*flag)),
        Json::Number(number) => {
            let whole = number.as_i64().map(Decimal::from).or_else(|| number.as_u64().map(Decimal::from));
            let any = whole.or_else(|| number.as_f64().and_then(|double| Decimal::try_from(double).ok()));
            any.map(Value::Number).ok_or(InvalidValue::Number)
        }
        Json::Array(items) if items.len() > MAX_LIST_ITEMS => Err(InvalidValue::TooLong),
        Json::Array(items) => items.iter().map(text).collect::<Result<_, _>>().map(Value::TextList),
        Json::Null | Json::Object(_) => Err(InvalidValue::Type),
    }
}

fn text(json: &Json) -> Result<String, InvalidValue> {
    let text = json.as_str().ok_or(InvalidValue::Type)?;
    if text.chars().count() > MAX_TEXT_CHARS { Err(InvalidValue::TooLong) } else { Ok(text.to_owned()) }
}

/// All facts about a subscriber at `now`. `snapshot_at` is when Stripe last showed the subscription. What the token
/// says of an attribute goes before what the profile says, being newer and signed.
#[must_use]
pub fn gather(
    subscription: &Subscription,
    snapshot_at: Timestamp,
    profile: Option<Given<'_>>,
    token: Option<Given<'_>>,
    history: &History,
    now: Timestamp,
) -> Facts {
    let mut facts = Facts::default();
    let mut from_stripe = |name: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            facts.state(name, value, Source::Stripe, snapshot_at);
        }
    };
    subscription_facts(subscription, now, &mut from_stripe);
    plan_facts(subscription, &mut from_stripe);
    told(&mut facts, [(profile, Source::Profile), (token, Source::Token)], history, now);
    facts
}

/// The facts that need no billing: what the app and the token say, and what happened before.
#[must_use]
pub fn gather_without_billing(
    profile: Option<Given<'_>>,
    token: Option<Given<'_>>,
    history: &History,
    now: Timestamp,
) -> Facts {
    let mut facts = Facts::default();
    told(&mut facts, [(profile, Source::Profile), (token, Source::Token)], history, now);
    facts
}

fn told(facts: &mut Facts, given: [(Option<Given<'_>>, Source); 2], history: &History, now: Timestamp) {
    let mut from_history = |name: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            facts.state(name, value, Source::History, now);
        }
    };
    history_facts(history, now, &mut from_history);
    for (given, source) in given {
        for (name, value) in given.into_iter().flat_map(|given| given.attributes) {
            let as_of = given.map_or(now, |given| given.as_of);
            facts.state(qualified(name), value.clone(), source, as_of);
        }
    }
}

fn subscription_facts(
    subscription: &Subscription,
    now: Timestamp,
    state: &mut impl FnMut(&'static str, Option<Value>),
) {
    let overdue = matches!(subscription.status, SubscriptionStatus::PastDue | SubscriptionStatus::Unpaid);
    let discounted = !subscription.discounts.is_empty() || subscription.customer_discount.is_some();
    let trial_end = subscription.trial_end.filter(|_| subscription.is_trialing(now));
    let item = subscription.main_item();
    state("subscription.status", text_value(subscription.status.as_str()));
    state("subscription.created", Some(Value::Instant(subscription.created)));
    state("subscription.tenure_days", number(whole_days(subscription.created, now)));
    state("subscription.past_due", Some(Value::Boolean(overdue)));
    state("subscription.trialing", Some(Value::Boolean(subscription.is_trialing(now))));
    state("subscription.trial_end", subscription.trial_end.map(Value::Instant));
    state("subscription.trial_days_left", trial_end.and_then(|end| number(begun_days(now, end))));
    state("subscription.current_period_end", subscription.current_period_end().map(Value::Instant));
    state("subscription.currency", text_value(subscription.currency.as_str()));
    state("subscription.mrr", number(subscription.mrr().amount));
    state("subscription.quantity", item.and_then(|item| number(item.quantity)));
    state("subscription.cancel_scheduled", Some(Value::Boolean(subscription.is_canceling())));
    state("subscription.collection_paused", Some(Value::Boolean(subscription.pause_collection.is_some())));
    state("subscription.discounted", Some(Value::Boolean(discounted)));
    state("subscription.livemode", Some(Value::Boolean(subscription.livemode)));
    state("subscription.country", subscription.country.as_deref().and_then(text_value));
}

fn plan_facts(subscription: &Subscription, state: &mut impl FnMut(&'static str, Option<Value>)) {
    let Some(item) = subscription.main_item() else {
        return;
    };
    state("plan.price", text_value(item.price.as_str()));
    state("plan.product", text_value(item.product.as_str()));
    state("plan.name", text_value(&item.name));
    state("plan.amount", item.unit_amount.and_then(number));
    state("plan.interval", text_value(item.every.interval.as_str()));
    state("plan.interval_count", number(item.every.count));
}

fn history_facts(history: &History, now: Timestamp, state: &mut impl FnMut(&'static str, Option<Value>)) {
    let count = |len: usize| i64::try_from(len).ok().and_then(number);
    let discounts = history.accepted.iter().filter(|(of, _, _)| *of == OfferType::Discount).count();
    state("history.sessions", number(history.sessions));
    state("history.saves", number(history.saves));
    state("history.last_save_at", history.last_save_at.map(Value::Instant));
    state("history.days_since_last_save", history.last_save_at.and_then(|at| number(whole_days(at, now))));
    state("history.offers_accepted", count(history.accepted.len()));
    state("history.offers_declined", count(history.declined.len()));
    state("history.discounts_accepted", count(discounts));
}

/// A text that is there; Stripe has empty names.
fn text_value(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

fn number(number: impl Into<Decimal>) -> Option<Value> {
    Some(Value::Number(number.into()))
}

fn whole_days(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_microsecond().saturating_sub(from.as_microsecond()) / MICROS_PER_DAY).max(0)
}

fn begun_days(from: Timestamp, to: Timestamp) -> i64 {
    let micros = to.as_microsecond().saturating_sub(from.as_microsecond()).max(0);
    micros / MICROS_PER_DAY + i64::from(micros % MICROS_PER_DAY > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribute::CATALOGUE;
    use crate::domain::sample::{now, subscription};

    fn value(facts: &Facts, name: &str) -> Option<Value> {
        facts.get(name).map(|fact| fact.value.clone())
    }

    #[test]
    fn every_fact_is_in_the_catalogue_with_its_type_and_source_and_every_entry_can_be_stated() {
        let mut subscription = subscription();
        subscription.status = SubscriptionStatus::Trialing;
        subscription.trial_end = "2027-03-06T18:00:00Z".parse().ok();
        let history = History { last_save_at: Some(now()), ..History::default() };
        let facts = gather(&subscription, now(), None, None, &history, now());
        for (name, fact) in facts.iter() {
            let entry = CATALOGUE.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (fact.value.attribute_type(), fact.source),
                (entry.attribute_type, entry.source),
                "{name}"
            );
        }
        assert_eq!(facts.iter().count(), CATALOGUE.len());
        assert_eq!(value(&facts, "subscription.trial_days_left"), Some(Value::Number(3.into())));
        assert_eq!(value(&facts, "subscription.tenure_days"), Some(Value::Number(400.into())));
        assert_eq!(value(&facts, "subscription.mrr"), Some(Value::Number(9_800.into())));
    }

    #[test]
    fn what_is_not_known_is_not_stated() {
        let facts = gather(&subscription(), now(), None, None, &History::default(), now());
        for name in ["subscription.trial_days_left", "history.days_since_last_save", "customer.industry"] {
            assert_eq!(facts.get(name), None);
        }
    }

    #[test]
    fn the_token_goes_before_the_profile() {
        let profile = BTreeMap::from([
            ("industry".to_owned(), Value::Text("bank".into())),
            ("customer.seats".to_owned(), Value::Number(5.into())),
        ]);
        let token = BTreeMap::from([("customer.industry".to_owned(), Value::Text("travel".into()))]);
        let given = |attributes| Some(Given { attributes, as_of: now() });
        let facts =
            gather(&subscription(), now(), given(&profile), given(&token), &History::default(), now());
        assert_eq!(value(&facts, "customer.industry"), Some(Value::Text("travel".into())));
        assert_eq!(facts.get("customer.industry").map(|fact| fact.source), Some(Source::Token));
        assert_eq!(value(&facts, "customer.seats"), Some(Value::Number(5.into())));
    }

    #[test]
    fn values_are_scalars_and_lists_of_texts() {
        for (json, good) in [
            (serde_json::json!("x"), true),
            (serde_json::json!(1.5), true),
            (serde_json::json!(["a", "b"]), true),
            (serde_json::json!([1]), false),
            (serde_json::json!({}), false),
            (serde_json::json!(null), false),
            (serde_json::json!(1e300), false),
            (serde_json::json!("x".repeat(1_001)), false),
        ] {
            assert_eq!(attribute_value(&json).is_ok(), good, "{json}");
        }
    }
}
