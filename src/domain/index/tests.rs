use proptest::prelude::*;

use super::*;
use crate::domain::condition::arbitrary::{condition, facts, now};
use crate::domain::condition::{Order, TextTest};
use crate::domain::facts::Source;

fn holding(conditions: &[Condition], facts: &Facts) -> Vec<usize> {
    Index::build(conditions.iter()).matching(conditions.iter(), facts, now()).iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_index_says_what_the_trees_say(
        conditions in prop::collection::vec(condition(), 0..90),
        facts in prop::collection::vec(facts(), 1..6),
    ) {
        let index = Index::build(conditions.iter());
        for facts in &facts {
            let trees: Vec<usize> = conditions.iter().enumerate()
                .filter(|(_, condition)| condition.holds(facts, now())).map(|(at, _)| at).collect();
            let found: Vec<usize> = index.matching(conditions.iter(), facts, now()).iter().collect();
            prop_assert_eq!(found, trees);
        }
    }
}

fn compare(attribute: &str, test: Test) -> Condition {
    Condition::Compare(Comparison { attribute: attribute.to_owned(), test })
}

#[test]
fn too_many_alternatives_are_left_to_the_tree() {
    let pair = |n: i64| {
        Condition::Any(vec![
            compare("plan.amount", Test::Number(Order::Eq(n.into()))),
            compare("plan.name", Test::Text(TextTest::Eq(n.to_string()))),
        ])
    };
    let wide = Condition::All((0..10).map(pair).collect());
    let conditions = [compare("plan.name", Test::Exists(true)), wide];
    let index = Index::build(conditions.iter());
    assert_eq!(index.trees, [1]);
    let mut facts = Facts::default();
    facts.state("plan.name", Value::Text("3".into()), Source::Stripe, now());
    assert_eq!(holding(&conditions, &facts), [0]);
}

#[test]
fn ten_thousand_segments_with_constants_of_their_own_are_built_and_found() {
    let segment = |n: i64| {
        Condition::All(vec![
            compare("plan.amount", Test::Number(Order::Gte(n.into()))),
            compare("plan.name", Test::Text(TextTest::Eq(format!("plan {n}")))),
        ])
    };
    let conditions: Vec<_> = (0..10_000).map(segment).collect();
    let mut facts = Facts::default();
    facts.state("plan.amount", Value::Number(5_000.into()), Source::Stripe, now());
    facts.state("plan.name", Value::Text("plan 4321".into()), Source::Stripe, now());
    assert_eq!(holding(&conditions, &facts), [4321]);
}
