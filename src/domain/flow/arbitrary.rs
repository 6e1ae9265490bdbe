//! Random documents for tests: the examples, changed here and there as hands, programs and attackers change them.

use proptest::prelude::*;
use serde_json::{Map, Number, Value as Json, json};

use super::node::{Kind, Node};
use super::yaml;

/// The examples, as they are written.
pub(in crate::domain) const EXAMPLES: [&str; 4] = [
    include_str!("../../../examples/flows/default.yaml"),
    include_str!("../../../examples/flows/experiments.yaml"),
    include_str!("../../../examples/flows/minimal.yaml"),
    EVERYTHING_ELSE,
];

/// What the examples leave out.
const EVERYTHING_ELSE: &str = r#"
key: rest
reasons: [{key: price, label: {en: Price}, stripe_feedback: too_expensive, follow_up: {en: "How much?"}}]
attributes: {customer.seats: number, customer.tags: text_list}
tiers: {attribute: subscription.mrr, bands: [{key: low, from: 0.5}, {key: high, from: 100}]}
segments:
  big: {condition: {all: [{attribute: customer.seats, between: [5, 50]}, {not: {tier: low}}]}, tags: [key-account]}
  some: {any: [{segment: big}, {attribute: customer.tags, contains: a}, {attribute: subscription.created, older_than: 30d}]}
offers:
  half: {type: discount, terms: {percent_off: 12.5, duration: repeating, duration_in_months: 3}, expires_after: {interval: day, count: 2}}
  rest: {type: pause, terms: {choices: [{interval: month, count: 1}], access: withdrawn}}
  gift: {type: custom, terms: {weight: 1.0, deep: [[{a: null}]]}}
signals: {losing: {when: {segments: [some]}, cooldown_days: 3}}
routes: [{when: {segment_tags: [key-account]}, flow: other}]
rules:
  - {when: {segments: [some], segment_tags: [key-account], reasons: [price]}, present: [half, gift]}
  - {otherwise: true, present: [rest]}
policy:
  max_offers: 3
  cancel_now: true
  cooldown_days: {discount: 180}
  budgets: [{offer_types: [discount], per: month, amount: 500000, currency: usd}]
  margin_floor_percent: 20
  jurisdictions:
    default: eu
    unknown_place: strictest
    places: {US-CA: california, CH: {key: own, version: 2, offers: with_permission, max_offer_screens: 1, retention: {years: 2}}}
"#;

/// What breaks readers more often than chance would have it.
fn oddity() -> impl Strategy<Value = Json> {
    let texts = [
        "",
        " ",
        "\0",
        "\u{feff}",
        "\u{202e}abc",
        "é",
        "{{ name }}",
        "{{ nobody }}",
        "{% for a in b %}",
        "{{",
        "true",
        "null",
        "1e400",
        "usd",
        "en",
        "half",
        "rest",
        "not a key",
        "2026-01-01T00:00:00Z",
        "36h",
        "https://example.com/",
        "US-CA",
    ];
    let numbers = [
        "0",
        "1",
        "-1",
        "0.5",
        "2",
        "3",
        "12",
        "100",
        "101",
        "365",
        "65536",
        "2147483648",
        "9223372036854775807",
        "18446744073709551615",
        "1e-10",
        "0.1234567890123456",
        "79228162514264337593543950335",
        "1e27",
        "-0.0",
    ];
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        prop::sample::select(numbers.to_vec()).prop_map(|text| serde_json::from_str(text).unwrap()),
        prop::sample::select(texts.to_vec()).prop_map(Json::from),
        "\\PC{0,30}".prop_map(Json::from),
        Just(Json::from("x".repeat(5_000))),
        Just(json!([])),
        Just(json!({})),
    ]
}

/// One change of a document.
#[derive(Clone, Debug)]
enum Change {
    /// Another value in its place.
    Put(Json),
    /// Another part of the document in its place.
    Swap(usize),
    /// Left out.
    Remove,
    /// As deep in lists, or in maps, as that.
    Nest(usize, bool),
    /// The elements of a list so many times over.
    Repeat(usize),
    /// A member more, or a member renamed.
    Name(String, bool),
}

fn change() -> impl Strategy<Value = Change> {
    let names =
        ["present", "when", "any", "not", "attribute", "terms", "half", "customer.x", "__proto__", "", "Ä b"];
    let name = prop::sample::select(names.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        6 => oddity().prop_map(Change::Put),
        3 => any::<usize>().prop_map(Change::Swap),
        4 => Just(Change::Remove),
        1 => (prop::sample::select(vec![1_usize, 3, 20, 70, 120]), any::<bool>()).prop_map(|(depth, list)| Change::Nest(depth, list)),
        1 => prop::sample::select(vec![2_usize, 30, 1_500]).prop_map(Change::Repeat),
        2 => (name, any::<bool>()).prop_map(|(name, more)| Change::Name(name, more)),
    ]
}

/// A document: an example with up to five changes, each at a random place.
pub(in crate::domain) fn documents() -> impl Strategy<Value = Json> {
    let changes = prop::collection::vec((any::<usize>(), change()), 0..6);
    (0..EXAMPLES.len(), changes).prop_map(|(example, changes)| {
        let mut document = as_json(EXAMPLES[example]);
        for (place, change) in changes {
            let places = places(&document);
            let place = &places[place % places.len()];
            apply(&mut document, place, &change, &places);
        }
        document
    })
}

/// What is written in YAML, as JSON.
pub(in crate::domain) fn as_json(text: &str) -> Json {
    plain(&yaml::read(text).unwrap())
}

fn plain(node: &Node) -> Json {
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(flag) => Json::Bool(*flag),
        Kind::Number(number) => Json::Number(number.normalize().to_string().parse::<Number>().unwrap()),
        Kind::Text(text) => Json::from(text.as_str()),
        Kind::List(items) => items.iter().map(plain).collect(),
        Kind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect::<Map<_, _>>().into()
        }
    }
}

/// The JSON pointers of all values but the whole.
fn places(document: &Json) -> Vec<String> {
    fn walk(value: &Json, at: &str, found: &mut Vec<String>) {
        let members: Vec<(String, &Json)> = match value {
            Json::Object(members) => members
                .iter()
                .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
                .collect(),
            Json::Array(items) => {
                items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
            }
            _ => Vec::new(),
        };
        for (name, value) in members {
            let at = format!("{at}/{name}");
            walk(value, &at, found);
            found.push(at);
        }
    }
    let mut found = vec![String::new()];
    walk(document, "", &mut found);
    found
}

fn apply(document: &mut Json, place: &str, change: &Change, places: &[String]) {
    let other = match change {
        Change::Swap(other) => document.pointer(&places[other % places.len()]).cloned(),
        _ => None,
    };
    if let Change::Remove = change {
        let Some((parent, name)) = place.rsplit_once('/') else { return };
        let name = name.replace("~1", "/").replace("~0", "~");
        match document.pointer_mut(parent) {
            Some(Json::Object(members)) => drop(members.shift_remove(&name)),
            Some(Json::Array(items)) => drop(items.remove(name.parse().unwrap())),
            _ => {}
        }
        return;
    }
    let Some(value) = document.pointer_mut(place) else { return };
    match (change, &mut *value) {
        (Change::Put(with), _) => *value = with.clone(),
        (Change::Swap(_), _) => *value = other.unwrap_or_default(),
        (Change::Nest(depth, list), _) => {
            for _ in 0..*depth {
                let inner = value.take();
                *value = if *list { json!([inner]) } else { json!({"any": inner}) };
            }
        }
        (Change::Repeat(times), Json::Array(items)) => {
            let all = items.iter().cycle().take(items.len() * times);
            *items = all.cloned().collect();
        }
        (Change::Name(name, more), Json::Object(members)) => {
            let first = members.keys().next().cloned();
            let moved = if *more { None } else { first.and_then(|first| members.shift_remove(&first)) };
            members.insert(name.clone(), moved.unwrap_or(Json::Bool(true)));
        }
        _ => {}
    }
}
