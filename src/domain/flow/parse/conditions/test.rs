//! An operator and its constant, typed against the attribute.

use jiff::Timestamp;

use crate::domain::attribute::{TypeSet, find};
use crate::domain::condition::{Age, AgeTest, Order, Test, TextTest};
use crate::domain::facts::AttributeType::{Boolean, Instant, Number, Text, TextList};
use crate::domain::flow::limits::{MAX_CONSTANT_CHARS, MAX_CONSTANTS};
use crate::domain::flow::node::{At, Kind};
use crate::domain::flow::parse::values;
use crate::domain::flow::problem::Problems;

/// Every operator's word.
pub(super) const OPERATORS: [&str; 15] = [
    "eq",
    "ne",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "exists",
    "older_than",
    "newer_than",
];

/// The attribute types that an operator is for.
fn types_of(operator: &str) -> TypeSet {
    match operator {
        "eq" | "ne" => TypeSet::of(&[Text, Number, Boolean, Instant]),
        "in" | "not_in" => TypeSet::of(&[Text, Number, Instant, TextList]),
        "contains" => TypeSet::of(&[Text, TextList]),
        "starts_with" | "ends_with" => TypeSet::of(&[Text]),
        "gt" | "gte" | "lt" | "lte" | "between" => TypeSet::of(&[Number, Instant]),
        "older_than" | "newer_than" => TypeSet::of(&[Instant]),
        _ => TypeSet::ALL,
    }
}

/// Reads the constant of `operator` for an attribute of one of the `allowed` types. Answers the test and the types it
/// takes the attribute for.
pub(super) fn test(
    operator: &str,
    constant: &At<'_>,
    name: &str,
    allowed: TypeSet,
    problems: &mut Problems,
) -> Option<(Test, TypeSet)> {
    if operator == "exists" {
        return values::flag(constant, problems).map(|wanted| (Test::Exists(wanted), TypeSet::ALL));
    }
    let possible = types_of(operator).and(allowed);
    if possible.is_empty() {
        let detail = format!(
            "`{operator}` is for {}, and `{name}` is {allowed}; for that there are `{}`",
            types_of(operator),
            fitting(allowed).join("`, `")
        );
        problems.add(constant, "wrong_operator", detail);
        return None;
    }
    match operator {
        "older_than" => age(constant, problems).map(|age| (Test::Age(AgeTest::Older(age)), possible)),
        "newer_than" => age(constant, problems).map(|age| (Test::Age(AgeTest::Newer(age)), possible)),
        "in" | "not_in" => many(operator == "in", constant, name, possible, problems),
        "between" => between(constant, possible, problems),
        _ => one(operator, constant, name, possible, problems),
    }
}

fn fitting(allowed: TypeSet) -> Vec<&'static str> {
    OPERATORS.into_iter().filter(|operator| !types_of(operator).and(allowed).is_empty()).collect()
}

fn one(
    operator: &str,
    constant: &At<'_>,
    name: &str,
    possible: TypeSet,
    problems: &mut Problems,
) -> Option<(Test, TypeSet)> {
    match &constant.node.kind {
        Kind::Bool(flag) if possible.has(Boolean) => {
            Some((Test::Boolean { equal: operator == "eq", to: *flag }, TypeSet::of(&[Boolean])))
        }
        Kind::Number(_) if possible.has(Number) => {
            let number = values::exact(constant, problems)?;
            Some((Test::Number(order(operator, number)?), TypeSet::of(&[Number])))
        }
        Kind::Text(_) if possible.has(Text) || possible.has(TextList) => {
            let text = text(constant, problems)?;
            if matches!(operator, "eq" | "ne") {
                known_value(constant, name, &text, problems);
            }
            let types = possible.and(TypeSet::of(&[Text, TextList]));
            Some((Test::Text(text_test(operator, text)?), types))
        }
        Kind::Text(_) if possible.has(Instant) => {
            let at = instant(constant, problems)?;
            Some((Test::Instant(order(operator, at)?), TypeSet::of(&[Instant])))
        }
        _ => {
            mistyped(constant, possible, problems);
            None
        }
    }
}

fn many(
    inside: bool,
    constant: &At<'_>,
    name: &str,
    possible: TypeSet,
    problems: &mut Problems,
) -> Option<(Test, TypeSet)> {
    let items = values::list(constant, 1, MAX_CONSTANTS, problems)?;
    let places: Vec<_> =
        items.iter().enumerate().map(|(index, item)| constant.element(index, item)).collect();
    let numbers =
        possible.has(Number) && matches!(items.first().map(|item| &item.kind), Some(Kind::Number(_)));
    let texts = TypeSet::of(&[Text, TextList]).and(possible);
    if numbers {
        let numbers = collect(&places, values::exact, problems)?;
        let order = if inside { Order::In(numbers) } else { Order::NotIn(numbers) };
        return Some((Test::Number(order), TypeSet::of(&[Number])));
    }
    if !texts.is_empty() {
        let found = collect(&places, text, problems)?;
        for (at, text) in places.iter().zip(&found) {
            known_value(at, name, text, problems);
        }
        let test = if inside { TextTest::In(found) } else { TextTest::NotIn(found) };
        return Some((Test::Text(test), texts));
    }
    if possible.has(Instant) {
        let instants = collect(&places, instant, problems)?;
        let order = if inside { Order::In(instants) } else { Order::NotIn(instants) };
        return Some((Test::Instant(order), TypeSet::of(&[Instant])));
    }
    mistyped(places.first().unwrap_or(constant), possible, problems);
    None
}

fn between(constant: &At<'_>, possible: TypeSet, problems: &mut Problems) -> Option<(Test, TypeSet)> {
    let [low, high] = values::list(constant, 2, 2, problems)? else {
        return None;
    };
    let (low, high) = (constant.element(0, low), constant.element(1, high));
    let numbers =
        possible.has(Number) && (matches!(low.node.kind, Kind::Number(_)) || !possible.has(Instant));
    let (test, types, empty) = if numbers {
        let (low, high) = (values::exact(&low, problems), values::exact(&high, problems));
        let (low, high) = (low?, high?);
        (Test::Number(Order::Between(low, high)), TypeSet::of(&[Number]), low > high)
    } else {
        let (low, high) = (instant(&low, problems), instant(&high, problems));
        let (low, high) = (low?, high?);
        (Test::Instant(Order::Between(low, high)), TypeSet::of(&[Instant]), low > high)
    };
    if empty {
        problems.add(
            constant,
            "empty_range",
            "the first is greater than the second, so nothing lies between; swap them",
        );
        return None;
    }
    Some((test, types))
}

/// Reads all, so that every problem is noted; none when any is broken.
fn collect<T>(
    places: &[At<'_>],
    read: impl Fn(&At<'_>, &mut Problems) -> Option<T>,
    problems: &mut Problems,
) -> Option<Vec<T>> {
    let read: Vec<_> = places.iter().map(|at| read(at, problems)).collect();
    read.into_iter().collect()
}

fn order<T>(operator: &str, constant: T) -> Option<Order<T>> {
    Some(match operator {
        "eq" => Order::Eq(constant),
        "ne" => Order::Ne(constant),
        "gt" => Order::Gt(constant),
        "gte" => Order::Gte(constant),
        "lt" => Order::Lt(constant),
        "lte" => Order::Lte(constant),
        _ => return None,
    })
}

fn text_test(operator: &str, constant: String) -> Option<TextTest> {
    Some(match operator {
        "eq" => TextTest::Eq(constant),
        "ne" => TextTest::Ne(constant),
        "contains" => TextTest::Contains(constant),
        "starts_with" => TextTest::StartsWith(constant),
        "ends_with" => TextTest::EndsWith(constant),
        _ => return None,
    })
}

fn text(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let text = values::string(at, problems)?;
    if text.chars().count() > MAX_CONSTANT_CHARS {
        problems.add(at, "invalid_length", format!("expected at most {MAX_CONSTANT_CHARS} characters"));
        return None;
    }
    Some(text.to_owned())
}

fn instant(at: &At<'_>, problems: &mut Problems) -> Option<Timestamp> {
    let text = values::string(at, problems)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let detail = "expected an instant as RFC 3339 writes it, such as `2027-03-04T00:00:00Z`";
        problems.add(at, "invalid_instant", detail);
    }
    parsed
}

fn age(at: &At<'_>, problems: &mut Problems) -> Option<Age> {
    let parsed = match &at.node.kind {
        Kind::Text(text) => text.parse().ok(),
        _ => None,
    };
    if parsed.is_none() {
        let detail = "expected hours, days or weeks such as `36h`, `30d` or `2w`, at most 99999 of them";
        problems.add(at, "invalid_age", detail);
    }
    parsed
}

fn mistyped(at: &At<'_>, possible: TypeSet, problems: &mut Problems) {
    let hint = if possible.has(Text) { " (put a text in quotes)" } else { "" };
    let detail = format!("expected {possible}, found {}{hint}", at.node.kind.word());
    problems.add(at, "invalid_type", detail);
}

/// Notes a constant that the attribute can never have.
fn known_value(at: &At<'_>, name: &str, text: &str, problems: &mut Problems) {
    let Some(attribute) = find(name).filter(|attribute| !attribute.values.is_empty()) else {
        return;
    };
    if !attribute.values.contains(&text) {
        let detail = format!("`{name}` is never `{text}`; it is one of `{}`", attribute.values.join("`, `"));
        problems.add(at, "unknown_value", detail);
    }
}
