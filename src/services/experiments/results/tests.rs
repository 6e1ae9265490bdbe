use super::arms::{Results, Verdict};
use super::ratio::ratio;
use crate::domain::experiment::CONTROL;
use crate::domain::session::Status;
use crate::domain::statistics::{Found, Outcome};

fn told(arm: &str, shares: &str, customers: u64, held: bool) -> Outcome {
    let found = if held { Found::Held(4_900) } else { Found::Lost };
    Outcome {
        arm: arm.parse().unwrap(),
        shares: serde_json::from_str(shares).unwrap(),
        customers,
        status: Status::Saved,
        over: true,
        reached: 1,
        found: [found, Found::Waiting, Found::Waiting],
        cost: 0,
        currency: None,
    }
}

fn verdict(outcomes: &[Outcome]) -> (bool, Option<Verdict>) {
    let arms = outcomes.iter().map(|outcome| outcome.arm.clone()).collect();
    let mismatch = ratio(outcomes).mismatch;
    let found = Results { outcomes, arms: &arms, mismatch }.arms();
    assert!(found.iter().all(|arm| (arm.arm.as_str() == CONTROL) == arm.verdict.is_none()));
    (mismatch, found.iter().find_map(|arm| arm.verdict))
}

#[test]
fn a_verdict_is_a_clear_difference_between_arms_of_the_right_size() {
    let even = r#"{"control": 0.5, "less": 0.5}"#;
    let of = |control: [u64; 2], less: [u64; 2]| {
        let arm = |arm, [held, lost]: [u64; 2]| [told(arm, even, held, true), told(arm, even, lost, false)];
        verdict(&[arm("control", control), arm("less", less)].concat())
    };
    assert_eq!(of([200, 800], [205, 795]), (false, Some(Verdict::Undecided)));
    assert_eq!(of([200, 800], [300, 700]), (false, Some(Verdict::Better)));
    assert_eq!(of([300, 700], [200, 800]), (false, Some(Verdict::Worse)));
    assert_eq!(of([300, 900], [500, 300]), (true, Some(Verdict::SampleRatioMismatch)));
}

#[test]
fn shares_that_changed_meanwhile_neither_mislead_nor_look_like_a_mismatch() {
    // Early customers are saved more often, and most of them were in control; the arms do the same.
    let (early, late) = (r#"{"control": 0.9, "less": 0.1}"#, r#"{"control": 0.1, "less": 0.9}"#);
    let stretch = |shares: &str, sizes: [u64; 2], percent: u64| -> Vec<Outcome> {
        let arms = [("control", sizes[0]), ("less", sizes[1])];
        let both = arms.map(|(arm, size)| {
            let held = size * percent / 100;
            [told(arm, shares, held, true), told(arm, shares, size - held, false)]
        });
        both.concat()
    };
    let outcomes = [stretch(early, [900, 100], 60), stretch(late, [100, 900], 20)].concat();
    assert_eq!(verdict(&outcomes), (false, Some(Verdict::Undecided)));
    let arms = outcomes.iter().map(|outcome| outcome.arm.clone()).collect();
    let found = Results { outcomes: &outcomes, arms: &arms, mismatch: false }.arms();
    let [control, less] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!([control.validated[0].rate.value, less.validated[0].rate.value], [Some(0.56), Some(0.24)]);
    for arm in [control, less] {
        assert_eq!(arm.validated[0].estimate.value, Some(0.4));
        assert!((arm.expected - 1_000.0).abs() < 1e-6);
    }
}
