//! From what is known of a subscriber to facts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::attribute::qualified;
use super::facts::{Facts, Source, Value};
use super::history::History;
use super::money::Currency;
use super::offer::OfferType;
use super::subscription::Subscription;
use super::usage::{Day, Usage};

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

/// What is known of a subscriber, by where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The subscription, and when Stripe last showed it; none where it never has.
    pub subscription: Option<(&'a Subscription, Timestamp)>,
    /// What the app pushed.
    pub profile: Option<Given<'a>>,
    /// What the customer token says. It goes before the profile, being newer and signed.
    pub token: Option<Given<'a>>,
    /// What happened before.
    pub history: &'a History,
    /// On which days the customer was active; none where the app has told of none.
    pub usage: Option<&'a Usage>,
}

/// All facts about a subscriber at `now`.
#[must_use]
pub fn gather(sources: &Sources<'_>, now: Timestamp) -> Facts {
    let mut facts = Facts::with_room();
    if let Some((subscription, seen_at)) = sources.subscription {
        let mut from_stripe = stating(&mut facts, Source::Stripe, seen_at);
        subscription_facts(subscription, now, &mut from_stripe);
        plan_facts(subscription, &mut from_stripe);
    }
    let currency = sources.subscription.map(|(subscription, _)| subscription.currency);
    history_facts(sources.history, currency, now, &mut stating(&mut facts, Source::History, now));
    if let Some(usage) = sources.usage {
        usage_facts(usage, now, &mut stating(&mut facts, Source::Usage, usage.updated_at));
    }
    for (given, source) in [(sources.profile, Source::Profile), (sources.token, Source::Token)] {
        let Some(Given { attributes, as_of }) = given else { continue };
        for (name, value) in attributes {
            facts.state(qualified(name), value.clone(), source, as_of);
        }
    }
    facts
}

/// States facts of one source and age, where there is a value.
fn stating(facts: &mut Facts, source: Source, as_of: Timestamp) -> impl FnMut(&'static str, Option<Value>) {
    move |name, value| {
        if let Some(value) = value {
            facts.state(SmolStr::new_static(name), value, source, as_of);
        }
    }
}

fn subscription_facts(
    subscription: &Subscription,
    now: Timestamp,
    state: &mut impl FnMut(&'static str, Option<Value>),
) {
    let overdue_since = subscription.overdue_since();
    let discounted = !subscription.discounts.is_empty() || subscription.customer_discount.is_some();
    let trial_end = subscription.trial_end.filter(|_| subscription.is_trialing(now));
    let item = subscription.main_item();
    state("subscription.status", text_value(subscription.status.as_str()));
    state("subscription.created", Some(Value::Instant(subscription.created)));
    state("subscription.tenure_days", number(whole_days(subscription.created, now)));
    state("subscription.past_due", Some(Value::Boolean(subscription.is_overdue())));
    state("subscription.days_past_due", overdue_since.and_then(|since| number(whole_days(since, now))));
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
    discount_facts(subscription, now, state);
    state("subscription.livemode", Some(Value::Boolean(subscription.livemode)));
    state("subscription.country", subscription.country.as_deref().and_then(text_value));
    state("subscription.state", subscription.state.as_deref().and_then(text_value));
}

fn discount_facts(
    subscription: &Subscription,
    now: Timestamp,
    state: &mut impl FnMut(&'static str, Option<Value>),
) {
    let in_force = || subscription.discounts_in_force(now);
    // Stripe takes each off what the one before has left.
    let left = in_force()
        .filter_map(|discount| discount.percent_off)
        .map(|percent| (Decimal::ONE_HUNDRED - percent.as_decimal()) / Decimal::ONE_HUNDRED)
        .reduce(|all, one| all * one);
    let percent =
        left.map(|left| (Decimal::ONE_HUNDRED - left * Decimal::ONE_HUNDRED).round_dp(2).normalize());
    state("subscription.discount_count", count(in_force().count()));
    state("subscription.discount_percent", percent.and_then(number));
    state(
        "subscription.discount_ends",
        in_force().filter_map(|discount| discount.end).min().map(Value::Instant),
    );
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

fn history_facts(
    history: &History,
    currency: Option<Currency>,
    now: Timestamp,
    state: &mut impl FnMut(&'static str, Option<Value>),
) {
    let discounts = history.accepted.iter().filter(|(of, _, _)| *of == OfferType::Discount).count();
    state("history.sessions", number(history.sessions));
    state("history.saves", number(history.saves));
    state("history.last_save_at", history.last_save_at.map(Value::Instant));
    state("history.days_since_last_save", history.last_save_at.and_then(|at| number(whole_days(at, now))));
    state("history.offers_accepted", count(history.accepted.len()));
    state("history.offers_declined", count(history.declined.len()));
    state("history.discounts_accepted", count(discounts));
    let received = currency.and_then(|currency| number(history.discount_received(currency, now)));
    state("history.discount_received", received);
}

fn usage_facts(usage: &Usage, now: Timestamp, state: &mut impl FnMut(&'static str, Option<Value>)) {
    let today = Day::of(now);
    state("usage.active_days_7", number(usage.active_days(today, 7)));
    state("usage.active_days_30", number(usage.active_days(today, 30)));
    state("usage.active_days_90", number(usage.active_days(today, 90)));
    state("usage.stickiness", number(usage.stickiness(today)));
    state("usage.days_since_seen", number(usage.days_since_seen(today)));
    state("usage.trend", usage.trend(today).and_then(number));
}

/// A text that is there; Stripe has empty names.
fn text_value(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

fn count(count: usize) -> Option<Value> {
    i64::try_from(count).ok().and_then(number)
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
    use crate::domain::money::Money;
    use crate::domain::sample::{now, subscription};
    use crate::domain::subscription::{Discount, SubscriptionStatus};
    use serde_json::json;

    fn known<'a>(subscription: &'a Subscription, history: &'a History) -> Sources<'a> {
        Sources {
            subscription: Some((subscription, now())),
            profile: None,
            token: None,
            history,
            usage: None,
        }
    }

    fn value(facts: &Facts, name: &str) -> Option<Value> {
        facts.get(name).map(|fact| fact.value.clone())
    }

    /// One of which everything can be said that can be said of one at all, but what only another status has.
    fn discounted_trial() -> Subscription {
        let mut subscription = subscription();
        subscription.status = SubscriptionStatus::Trialing;
        subscription.trial_end = "2027-03-06T18:00:00Z".parse().ok();
        let half = json!({
            "id": "di_1", "coupon": "half", "percent_off": 50, "duration": "repeating", "end": "2027-05-04T12:00:00Z"
        });
        let tenth = json!({"id": "di_2", "coupon": "tenth", "percent_off": 10, "duration": "forever"});
        let over = json!({
            "id": "di_3", "coupon": "over", "percent_off": 90, "duration": "repeating", "end": "2027-03-04T12:00:00Z"
        });
        subscription.discounts = serde_json::from_value(json!([half, tenth, over])).unwrap();
        subscription
    }

    /// Active today and 40 and 60 days ago.
    fn months_of_usage() -> Usage {
        let ago = |days: i64| now() - jiff::SignedDuration::from_hours(24 * days);
        let mut usage = Usage::starting(Day::of(ago(60)), ago(60));
        usage.add(Day::of(ago(40)), ago(40));
        usage.add(Day::of(now()), ago(0));
        usage
    }

    fn overdue() -> Subscription {
        let mut subscription = subscription();
        subscription.status = SubscriptionStatus::PastDue;
        let invoice = |id: &str, created: &str, due: Option<&str>| {
            json!({
                "id": id, "amount_remaining": 1, "created": created, "due_date": due, "auto_advance": true
            })
        };
        subscription.open_invoices = serde_json::from_value(json!([
            invoice("in_2", "2027-03-04T00:00:00Z", None),
            invoice("in_1", "2027-02-01T00:00:00Z", Some("2027-02-22T12:00:00Z"))
        ]))
        .unwrap();
        subscription
    }

    #[test]
    fn every_fact_is_in_the_catalogue_with_its_type_and_source_and_every_entry_can_be_stated() {
        let history = History { last_save_at: Some(now()), ..History::default() };
        let mut stated = std::collections::BTreeSet::new();
        for subscription in [discounted_trial(), overdue()] {
            let usage = &months_of_usage();
            let known = Sources { usage: Some(usage), ..known(&subscription, &history) };
            for (name, fact) in gather(&known, now()).iter() {
                let entry = CATALOGUE.iter().find(|entry| entry.name == name);
                let entry = entry.unwrap_or_else(|| panic!("{name}"));
                let stands = (fact.value.attribute_type(), fact.source);
                assert_eq!(stands, (entry.attribute_type, entry.source), "{name}");
                stated.insert(entry.name);
            }
        }
        let missing: Vec<_> = CATALOGUE.iter().filter(|entry| !stated.contains(entry.name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn what_the_subscription_says() {
        let number = |number: i64| Some(Value::Number(number.into()));
        let history = History::default();
        let trial = gather(&known(&discounted_trial(), &history), now());
        assert_eq!(value(&trial, "subscription.trial_days_left"), number(3));
        assert_eq!(value(&trial, "subscription.tenure_days"), number(400));
        assert_eq!(value(&trial, "subscription.mrr"), number(9_800));
        assert_eq!(value(&trial, "subscription.discount_count"), number(2));
        assert_eq!(value(&trial, "subscription.discount_percent"), number(55));
        let ends = "2027-05-04T12:00:00Z".parse().unwrap();
        assert_eq!(value(&trial, "subscription.discount_ends"), Some(Value::Instant(ends)));
        let overdue = gather(&known(&overdue(), &history), now());
        assert_eq!(value(&overdue, "subscription.days_past_due"), number(10));
    }

    #[test]
    fn a_customers_discount_counts_where_the_subscription_has_none() {
        let mut subscription = subscription();
        subscription.customer_discount = discounted_trial().discounts.into_iter().next();
        let counted = |subscription: &Subscription| {
            let facts = gather(&known(subscription, &History::default()), now());
            value(&facts, "subscription.discount_percent")
        };
        assert_eq!(counted(&subscription), Some(Value::Number(50.into())));
        let tenth: Discount = discounted_trial().discounts.swap_remove(1);
        subscription.discounts = vec![tenth];
        assert_eq!(counted(&subscription), Some(Value::Number(10.into())));
    }

    #[test]
    fn discounts_of_the_last_year_in_the_subscriptions_currency_count() {
        let money = |amount, currency: &str| Money { amount, currency: currency.parse().unwrap() };
        let ago = |days: i64| now() - jiff::SignedDuration::from_hours(24 * days);
        let discounts = vec![
            (ago(0), money(100, "usd")),
            (ago(364), money(20, "usd")),
            (ago(365), money(3, "usd")),
            (ago(1), money(4_000, "eur")),
        ];
        let history = History { discounts, ..History::default() };
        let facts = gather(&known(&subscription(), &history), now());
        assert_eq!(value(&facts, "history.discount_received"), Some(Value::Number(120.into())));
    }

    #[test]
    fn what_is_not_known_is_not_stated() {
        let facts = gather(&known(&subscription(), &History::default()), now());
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
        let (subscription, history) = (subscription(), History::default());
        let known = known(&subscription, &history);
        let facts = gather(&Sources { profile: given(&profile), token: given(&token), ..known }, now());
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
