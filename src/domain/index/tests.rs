use proptest::prelude::*;

use super::masks::{Masks, narrow};
use super::*;
use crate::domain::condition::arbitrary::{facts, now, segment_key, segments, tiers};
use crate::domain::condition::{Order, TextTest, holds};
use crate::domain::facts::Source;

fn named(conditions: impl IntoIterator<Item = Condition>) -> BTreeMap<Key, Segment> {
    let tags = std::collections::BTreeSet::new();
    let segment = |(place, condition)| (segment_key(place), Segment { condition, tags: tags.clone() });
    conditions.into_iter().enumerate().map(segment).collect()
}

fn holding(index: &Index, facts: &Facts) -> Vec<Key> {
    index.matching(facts, now()).iter().map(|place| index.keys()[place].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_index_says_what_the_trees_say(
        segments in segments(90),
        facts in prop::collection::vec(facts(), 1..6),
    ) {
        let tiers = tiers();
        let index = Index::build(&segments, Some(&tiers));
        for facts in &facts {
            let holds = |segment: &Segment| holds(&segment.condition, &segments, Some(&tiers), facts, now());
            let trees: Vec<Key> =
                segments.iter().filter(|(_, segment)| holds(segment)).map(|(key, _)| key.clone()).collect();
            prop_assert_eq!(holding(&index, facts), trees);
        }
    }
}

proptest! {
    #[test]
    fn neighbours_that_share_a_mask_leave_what_each_leaves(
        masks in prop::collection::vec(prop::collection::vec(0_usize..700, 0..20), 1..70),
        // Few clauses on many ranks share masks, many clauses do not.
        hanging in prop::sample::select(vec![1_usize, 1_000]),
    ) {
        let mask = |taken: &Vec<usize>| {
            let mut mask = Bits::all(700);
            taken.iter().for_each(|clause| mask.clear(*clause));
            mask
        };
        let masks: Vec<Bits> = masks.iter().map(mask).collect();
        let kept = Masks::of_ranks(masks.len(), hanging, 700, masks.iter().cloned());
        for (rank, mask) in masks.iter().enumerate() {
            let mut left = Bits::all(700);
            narrow(&[kept.at(rank).unwrap()], &mut left);
            prop_assert_eq!(&left, mask);
        }
        // Behind the last there may be room in a mask that is shared, but no rank.
        prop_assert!(kept.at(masks.len()).is_none());
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
    let again =
        Condition::Any(vec![Condition::Segment(segment_key(1)), compare("plan.name", Test::Exists(true))]);
    let segments = named([compare("plan.name", Test::Exists(true)), wide, again]);
    let index = Index::build(&segments, None);
    assert_eq!(index.trees.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1, 2]);
    let mut facts = Facts::default();
    facts.state("plan.name", Value::Text("3".into()), Source::Stripe, now());
    assert_eq!(holding(&index, &facts), [segment_key(0), segment_key(2)]);
}

#[test]
fn ten_thousand_segments_with_constants_of_their_own_are_built_and_found() {
    let segment = |n: i64| {
        Condition::All(vec![
            compare("plan.amount", Test::Number(Order::Gte(n.into()))),
            compare("plan.name", Test::Text(TextTest::Eq(format!("plan {n}")))),
        ])
    };
    let index = Index::build(&named((0..10_000).map(segment)), None);
    let mut facts = Facts::default();
    facts.state("plan.amount", Value::Number(5_000.into()), Source::Stripe, now());
    facts.state("plan.name", Value::Text("plan 4321".into()), Source::Stripe, now());
    assert_eq!(holding(&index, &facts), [segment_key(4321)]);
}

#[test]
fn where_memory_runs_short_comparisons_are_made_one_by_one() {
    let segment = |n: i64| {
        Condition::Any(vec![
            compare(&format!("customer.a{n}"), Test::Number(Order::Gt(n.into()))),
            compare(&format!("customer.b{n}"), Test::Text(TextTest::Eq("x".to_owned()))),
        ])
    };
    let index = Index::build_with(Means::of_words(60), &named((0..40).map(segment)), None);
    let groups: Vec<&Group> = index.attributes.iter().flat_map(|(_, groups)| groups).collect();
    let alone = groups.iter().filter(|group| group.absent.is_none()).count();
    assert!((1..groups.len()).contains(&alone), "{alone} of {}", groups.len());
    let mut facts = Facts::default();
    facts.state("customer.b39", Value::Text("x".into()), Source::Profile, now());
    facts.state("customer.a38", Value::Number(39.into()), Source::Profile, now());
    assert_eq!(holding(&index, &facts), [segment_key(38), segment_key(39)]);
}

#[test]
fn plain_conjunctions_are_their_own_segments() {
    let is = |name: &str| compare("customer.name", Test::Text(TextTest::Eq(name.to_owned())));
    let plain = named([is("a"), is("b"), is("c")]);
    assert!(Index::build(&plain, None).owners.is_none());
    let either = named([Condition::Any(vec![is("a"), is("b")]), is("c")]);
    assert_eq!(Index::build(&either, None).owners, Some(vec![0, 0, 1]));
}
