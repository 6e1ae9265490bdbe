use super::arbitrary::now;
use super::*;
use crate::domain::facts::Source;

fn text(text: &str) -> Test {
    Test::Text(TextTest::Eq(text.to_owned()))
}

fn compare(test: Test) -> Condition {
    Condition::Compare(Comparison { attribute: "customer.x".to_owned(), test })
}

fn with(value: Value) -> Facts {
    let mut facts = Facts::default();
    facts.state("customer.x", value, Source::Token, now());
    facts
}

#[test]
fn a_missing_attribute_makes_every_comparison_false_and_its_opposite_true() {
    let nothing = Facts::default();
    for test in [
        text("a"),
        Test::Text(TextTest::Ne("a".into())),
        Test::Text(TextTest::NotIn(vec!["a".into()])),
        Test::Exists(true),
    ] {
        let condition = compare(test);
        assert!(!condition.holds(&nothing, now(), &Names::NONE));
        assert!(Condition::Not(Box::new(condition)).holds(&nothing, now(), &Names::NONE));
    }
    assert!(compare(Test::Exists(false)).holds(&nothing, now(), &Names::NONE));
}

#[test]
fn another_type_counts_as_missing() {
    let Condition::Compare(comparison) = compare(text("5")) else { panic!() };
    assert_eq!(comparison.outcome(Some(&Value::Number(5.into())), now()), Outcome::Missing);
    assert!(compare(Test::Exists(true)).holds(&with(Value::Number(5.into())), now(), &Names::NONE));
}

#[test]
fn lists_are_asked_by_element() {
    let tags = with(Value::TextList(vec!["beta".into(), "vip".into()]));
    assert!(compare(Test::Text(TextTest::Contains("vip".into()))).holds(&tags, now(), &Names::NONE));
    assert!(!compare(Test::Text(TextTest::Contains("vi".into()))).holds(&tags, now(), &Names::NONE));
    assert!(compare(Test::Text(TextTest::In(vec!["vip".into(), "x".into()]))).holds(
        &tags,
        now(),
        &Names::NONE
    ));
    assert!(compare(Test::Text(TextTest::NotIn(vec!["x".into()]))).holds(&tags, now(), &Names::NONE));
}

#[test]
fn ages_are_exact_and_texts_pass_for_instants() {
    let older = compare(Test::Age(AgeTest::Older("30d".parse().unwrap())));
    let at = |hours: i64| now() - jiff::SignedDuration::from_hours(hours);
    assert!(!older.holds(&with(Value::Instant(at(30 * 24))), now(), &Names::NONE));
    assert!(older.holds(&with(Value::Instant(at(30 * 24 + 1))), now(), &Names::NONE));
    assert!(older.holds(&with(Value::Text(at(1000).to_string())), now(), &Names::NONE));
    assert!(!older.holds(&with(Value::Text("long ago".into())), now(), &Names::NONE));
    let newer = compare(Test::Age(AgeTest::Newer("1h".parse().unwrap())));
    assert!(newer.holds(&with(Value::Instant(at(-5))), now(), &Names::NONE));
}

#[test]
fn ages_read_strictly() {
    for good in ["0h", "36h", "30d", "99999w"] {
        assert_eq!(good.parse::<Age>().unwrap().to_string(), good);
    }
    for bad in ["", "d", "+3d", "-3d", "3", "3m", "100000d", "3 d", "3.5d", "ü", "99999999999999999999d"] {
        assert!(bad.parse::<Age>().is_err(), "{bad}");
    }
}
