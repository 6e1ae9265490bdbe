//! Random conditions and facts, for property tests. Few attributes and constants, so that they meet often.

use jiff::Timestamp;
use proptest::prelude::*;
use rust_decimal::Decimal;

use std::collections::BTreeMap;

use super::{
    AgeTest, Band, Comparison, Condition, Order, Segment, Test, TextTest, TierBound, TierTest, Tiers,
};
use crate::domain::facts::{Facts, Source, Value};
use crate::domain::offer::Key;

/// The present of all property tests.
pub(crate) fn now() -> Timestamp {
    "2027-03-04T12:00:00Z".parse().unwrap()
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["customer.a", "customer.b", "plan.c", "plan.d"]).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = Decimal> {
    (-3_i64..4, 0_u32..2).prop_map(|(number, scale)| Decimal::new(number, scale))
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (-6_i64..4).prop_map(|half_days| now() + jiff::SignedDuration::from_hours(half_days * 12))
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "ab", "aba", "2027-03-04T12:00:00Z"]).prop_map(str::to_owned)
}

fn order<T: Clone + std::fmt::Debug + 'static>(
    one: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Order<T>> {
    let many = prop::collection::vec(one.clone(), 1..4);
    prop_oneof![
        one.clone().prop_map(Order::Eq),
        one.clone().prop_map(Order::Ne),
        many.clone().prop_map(Order::In),
        many.prop_map(Order::NotIn),
        one.clone().prop_map(Order::Gt),
        one.clone().prop_map(Order::Gte),
        one.clone().prop_map(Order::Lt),
        one.clone().prop_map(Order::Lte),
        (one.clone(), one).prop_map(|(low, high)| Order::Between(low, high)),
    ]
    .boxed()
}

fn test() -> impl Strategy<Value = Test> {
    let age = prop::sample::select(vec!["0h", "12h", "1d", "1w"]).prop_map(|text| text.parse().unwrap());
    prop_oneof![
        any::<bool>().prop_map(Test::Exists),
        (any::<bool>(), any::<bool>()).prop_map(|(equal, to)| Test::Boolean { equal, to }),
        order((-3_i64..4).prop_map(Decimal::from)).prop_map(Test::Number),
        order((-3_i64..2).prop_map(|days| now() + jiff::SignedDuration::from_hours(days * 24)))
            .prop_map(Test::Instant),
        (any::<bool>(), age).prop_map(|(older, age)| {
            Test::Age(if older { AgeTest::Older(age) } else { AgeTest::Newer(age) })
        }),
        word().prop_map(|text| Test::Text(TextTest::Eq(text))),
        word().prop_map(|text| Test::Text(TextTest::Ne(text))),
        prop::collection::vec(word(), 1..4).prop_map(|texts| Test::Text(TextTest::In(texts))),
        prop::collection::vec(word(), 1..4).prop_map(|texts| Test::Text(TextTest::NotIn(texts))),
        word().prop_map(|text| Test::Text(TextTest::Contains(text))),
        word().prop_map(|text| Test::Text(TextTest::StartsWith(text))),
        word().prop_map(|text| Test::Text(TextTest::EndsWith(text))),
    ]
}

/// Conditions of any shape, a few levels deep.
pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    let leaf =
        (name(), test()).prop_map(|(attribute, test)| Condition::Compare(Comparison { attribute, test }));
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..6).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

/// The name of the segment at a place.
pub(crate) fn segment_key(place: usize) -> Key {
    format!("s{place}").parse().unwrap()
}

/// Tiers over a number that conditions ask about as well.
pub(crate) fn tiers() -> Tiers {
    let band = |(key, from): (&str, i64)| Band { key: key.parse().unwrap(), from: from.into() };
    Tiers {
        attribute: "customer.a".to_owned(),
        bands: [("low", -2), ("mid", 0), ("high", 2)].into_iter().map(band).collect(),
    }
}

/// Up to so many segments; each may name those before it, and tiers.
pub(crate) fn segments(most: usize) -> impl Strategy<Value = BTreeMap<Key, Segment>> {
    let tier = (
        prop::sample::select(vec!["low", "mid", "high"]),
        prop::sample::select(vec![TierBound::Is, TierBound::AtLeast, TierBound::AtMost]),
    );
    let tier =
        tier.prop_map(|(tier, bound)| Condition::Tier(TierTest { bound, tier: tier.parse().unwrap() }));
    let part = prop_oneof![
        3 => condition(),
        1 => tier,
        2 => any::<prop::sample::Index>().prop_map(|place| Condition::Segment(segment_key(place.index(1_000)))),
    ];
    let whole = prop_oneof![
        3 => part.clone(),
        1 => prop::collection::vec(part.clone(), 0..4).prop_map(Condition::All),
        1 => prop::collection::vec(part.clone(), 0..4).prop_map(Condition::Any),
        1 => part.prop_map(|part| Condition::Not(Box::new(part))),
    ];
    prop::collection::vec(whole, 0..most).prop_map(|conditions| {
        let named = |(place, condition)| {
            let condition = backwards(condition, place);
            (segment_key(place), Segment { condition, tags: std::collections::BTreeSet::new() })
        };
        conditions.into_iter().enumerate().map(named).collect()
    })
}

/// The condition with every segment it names among the first `place`.
fn backwards(condition: Condition, place: usize) -> Condition {
    let all = |parts: Vec<Condition>| parts.into_iter().map(|part| backwards(part, place)).collect();
    match condition {
        Condition::All(parts) => Condition::All(all(parts)),
        Condition::Any(parts) => Condition::Any(all(parts)),
        Condition::Not(part) => Condition::Not(Box::new(backwards(*part, place))),
        Condition::Segment(key) => {
            let wanted: usize = key.as_str()[1..].parse().unwrap();
            if place == 0 {
                Condition::All(Vec::new())
            } else {
                Condition::Segment(segment_key(wanted % place))
            }
        }
        other => other,
    }
}

/// Facts of any types, some missing.
pub(crate) fn facts() -> impl Strategy<Value = Facts> {
    let value = prop_oneof![
        word().prop_map(Value::Text),
        number().prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        instant().prop_map(Value::Instant),
        prop::collection::vec(word(), 0..3).prop_map(Value::TextList),
    ];
    prop::collection::vec((name(), value), 0..5).prop_map(|stated| {
        let mut facts = Facts::default();
        for (name, value) in stated {
            facts.state(name, value, Source::Profile, now());
        }
        facts
    })
}
