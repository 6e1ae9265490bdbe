use proptest::prelude::*;

use super::*;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn customer(number: u32) -> CustomerId {
    format!("customer-{number}").parse().unwrap()
}

fn arms(weights: &[u16]) -> BTreeMap<Key, Arm> {
    let arm = |weight| Arm { weight, replace: BTreeMap::new(), order: Vec::new() };
    weights.iter().enumerate().map(|(index, weight)| (key(&format!("arm-{index}")), arm(*weight))).collect()
}

/// Six standard deviations of a share among so many; passed by less than one in a billion.
fn margin(share: f64, of: u32) -> f64 {
    6.0 * (share * (1.0 - share) / f64::from(of)).sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn arms_get_customers_by_their_weights(weights in prop::collection::vec(0_u16..50, 2..6), name in "[a-z]{1,12}") {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        const MANY: u32 = 4_000;
        let shares = shares_of_weights(&arms(&weights));
        prop_assert_eq!(shares.values().map(|share| share.millionths()).sum::<u32>(), 1_000_000);
        let mut counts: BTreeMap<Key, u32> = BTreeMap::new();
        for number in 0..MANY {
            *counts.entry(drawn(&key(&name), &shares, &customer(number)).unwrap().clone()).or_default() += 1;
        }
        for (arm, share) in &shares {
            let found = f64::from(counts.get(arm).copied().unwrap_or(0)) / f64::from(MANY);
            let wanted = share.fraction();
            prop_assert!((found - wanted).abs() <= margin(wanted, MANY), "{arm}: {found} instead of {wanted}");
        }
    }

    #[test]
    fn an_arm_that_grows_keeps_its_own_and_moves_nobody_among_the_others(
        weights in prop::collection::vec(1_u16..50, 2..6), more in 1_u16..200, grown in any::<prop::sample::Index>(),
    ) {
        let grown = grown.index(weights.len());
        let mut after = weights.clone();
        after[grown] += more;
        let (before, after) = (shares_of_weights(&arms(&weights)), shares_of_weights(&arms(&after)));
        let grown = key(&format!("arm-{grown}"));
        for number in 0..400 {
            let (old, new) = (drawn(&key("e"), &before, &customer(number)), drawn(&key("e"), &after, &customer(number)));
            prop_assert!(new == old || new == Some(&grown), "{old:?} became {new:?}");
        }
    }
}

#[test]
fn a_draw_stays_the_same_from_release_to_release() {
    let shares = shares_of_weights(&arms(&[1, 1, 2]));
    let drawn: Vec<String> =
        (0..12).map(|number| drawn(&key("price"), &shares, &customer(number)).unwrap().to_string()).collect();
    let again: Vec<u32> =
        (0..3).map(|number| position(&key("price"), &customer(number)).millionths()).collect();
    assert_eq!((drawn.join(" "), again), (DRAWN.to_owned(), POSITIONS.to_vec()));
}

/// Reckoned apart from this program, from what is written of hash and race.
const DRAWN: &str = "arm-0 arm-1 arm-1 arm-2 arm-2 arm-2 arm-0 arm-2 arm-2 arm-0 arm-2 arm-0";
const POSITIONS: [u32; 3] = [232_983, 940_011, 379_184];

#[test]
fn layers_do_not_know_of_each_other_and_the_holdout_keeps_its_own() {
    const MANY: u32 = 4_000;
    let low = |layer: &str, number| position(&key(layer), &customer(number)) < Share::of_percent(50);
    let both = (0..MANY).filter(|number| low("a", *number) && low("b", *number)).count();
    let both = f64::from(u32::try_from(both).unwrap()) / f64::from(MANY);
    assert!((both - 0.25).abs() <= margin(0.25, MANY), "{both}");
    let held = |percent, number| held_out(&key("default"), Share::of_percent(percent), &customer(number));
    let count = |percent| (0..MANY).filter(|number| held(percent, *number)).count();
    assert!((0..MANY).all(|number| !held(5, number) || held(10, number)), "who is in stays in");
    let tenth = f64::from(u32::try_from(count(10)).unwrap()) / f64::from(MANY);
    assert!((tenth - 0.1).abs() <= margin(0.1, MANY), "{tenth}");
}

#[test]
fn the_holdout_takes_its_share_from_all_arms_alike() {
    let shares = shares_of_weights(&arms(&[3, 1]));
    let all = with_holdout(&shares, Share::of_percent(20));
    let parts: Vec<_> = all.values().map(|share| share.millionths()).collect();
    assert_eq!(parts, [600_000, 200_000, 200_000]);
    assert_eq!(with_holdout(&shares, Share::default()), shares);
    let thirds = shares_of_weights(&arms(&[1, 1, 1]));
    assert_eq!(
        thirds.values().map(|share| share.millionths()).collect::<Vec<_>>(),
        [333_334, 333_333, 333_333]
    );
}

#[test]
fn an_arm_replaces_and_reorders_and_shows_no_offer_twice() {
    let keys = |texts: &[&str]| texts.iter().copied().map(key).collect::<Vec<_>>();
    let arm =
        Arm { weight: 1, replace: [(key("half"), key("third"))].into(), order: keys(&["rest", "third"]) };
    assert_eq!(rearranged(&arm, &keys(&["half", "talk", "rest"])), keys(&["rest", "third", "talk"]));
    assert_eq!(rearranged(&arm, &keys(&["third", "half"])), keys(&["third"]));
    assert!(!changes(&key("x"), &arm, &keys(&["talk"])));
    assert!(changes(&key(HOLDOUT), &arm, &keys(&["talk"])) && !changes(&key(HOLDOUT), &arm, &[]));
}
