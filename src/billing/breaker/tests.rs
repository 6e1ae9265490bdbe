use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn call(breaker: &mut Breaker, outcome: Outcome, now: Timestamp) {
    let pass = breaker.admit(now).unwrap();
    breaker.report(pass, outcome, now);
}

fn opened(now: Timestamp) -> Breaker {
    let mut breaker = Breaker::new(Rules::default(), now);
    for _ in 0..5 {
        call(&mut breaker, Outcome::Failed, now);
    }
    assert_eq!(breaker.state(now), BreakerState::Open);
    breaker
}

#[test]
fn failures_in_a_row_open_it_and_an_answer_breaks_the_row() {
    let mut breaker = Breaker::new(Rules::default(), at(0));
    for _ in 0..4 {
        call(&mut breaker, Outcome::Failed, at(0));
    }
    call(&mut breaker, Outcome::Answered, at(0));
    for _ in 0..4 {
        call(&mut breaker, Outcome::Failed, at(0));
    }
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    call(&mut breaker, Outcome::Failed, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Open);
    assert_eq!(breaker.admit(at(1)).unwrap_err(), SignedDuration::from_secs(4));
}

#[test]
fn half_of_many_calls_open_it_and_old_ones_do_not_count() {
    let mut breaker = Breaker::new(Rules::default(), at(0));
    let alternate = |breaker: &mut Breaker, pairs: i64, now| {
        for _ in 0..pairs {
            call(breaker, Outcome::Answered, now);
            call(breaker, Outcome::Failed, now);
        }
    };
    alternate(&mut breaker, 9, at(0));
    alternate(&mut breaker, 9, at(25));
    assert_eq!(breaker.state(at(25)), BreakerState::Closed);
    alternate(&mut breaker, 1, at(36));
    assert_eq!(breaker.state(at(36)), BreakerState::Open);
}

#[test]
fn one_probe_at_a_time_and_two_good_ones_close_it() {
    let mut breaker = opened(at(0));
    assert_eq!(breaker.state(at(5)), BreakerState::HalfOpen);
    let probe = breaker.admit(at(5)).unwrap();
    assert!(breaker.admit(at(5)).is_err());
    assert!(!breaker.report(probe, Outcome::Answered, at(5)));
    let probe = breaker.admit(at(5)).unwrap();
    assert!(breaker.report(probe, Outcome::Answered, at(5)));
    assert_eq!(breaker.state(at(5)), BreakerState::Closed);
    call(&mut breaker, Outcome::Failed, at(5));
    assert_eq!(breaker.state(at(5)), BreakerState::Closed);
}

#[test]
fn a_failed_probe_doubles_the_rest_up_to_a_minute() {
    let mut breaker = opened(at(0));
    let mut now = 0;
    for rest in [5, 10, 20, 40, 60, 60] {
        assert_eq!(breaker.state(at(now + rest - 1)), BreakerState::Open);
        now += rest;
        call(&mut breaker, Outcome::Failed, at(now));
    }
    assert_eq!(breaker.state(at(now)), BreakerState::Open);
}

#[test]
fn a_probe_that_nobody_saw_the_end_of_makes_room_for_the_next() {
    let mut breaker = opened(at(0));
    call(&mut breaker, Outcome::Unseen, at(5));
    call(&mut breaker, Outcome::Answered, at(5));
    call(&mut breaker, Outcome::Answered, at(5));
    assert_eq!(breaker.state(at(5)), BreakerState::Closed);
}

#[test]
fn late_news_from_before_it_opened_change_nothing() {
    let mut breaker = Breaker::new(Rules::default(), at(0));
    let old = breaker.admit(at(0)).unwrap();
    let older = breaker.admit(at(0)).unwrap();
    for _ in 0..5 {
        call(&mut breaker, Outcome::Failed, at(0));
    }
    assert!(!breaker.report(old, Outcome::Answered, at(6)));
    let probe = breaker.admit(at(6)).unwrap();
    assert!(!breaker.report(older, Outcome::Failed, at(6)));
    breaker.report(probe, Outcome::Answered, at(6));
    assert_eq!(breaker.state(at(6)), BreakerState::HalfOpen);
}

#[test]
fn a_clock_that_was_set_back_does_not_lock_stripe_out() {
    let breaker = opened(at(0));
    assert_eq!(breaker.state(at(-3600)), BreakerState::HalfOpen);
}

#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    Admit,
    Report(usize, Outcome),
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Failed), 2 => Just(Outcome::Answered), 1 => Just(Outcome::Unseen)
    ];
    prop_oneof![
        1 => (0..90_i64).prop_map(Event::Wait),
        4 => Just(Event::Admit),
        4 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Event::Report(which, outcome)),
    ]
}

proptest! {
    #[test]
    fn it_never_locks_up_and_never_floods(events in prop::collection::vec(event(), 0..400)) {
        let mut breaker = Breaker::new(Rules::default(), at(0));
        let mut out: Vec<Pass> = Vec::new();
        let mut now = 0;
        for event in events {
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Admit => {
                    let before = breaker.state(at(now));
                    let probing = out.iter().any(|pass| pass.era == breaker.era);
                    match (before, breaker.admit(at(now))) {
                        (BreakerState::Closed, admitted) => out.push(admitted.unwrap()),
                        (BreakerState::Open, admitted) => prop_assert!(admitted.is_err()),
                        // A probe at a time, and whenever none is out.
                        (BreakerState::HalfOpen, Ok(pass)) => {
                            prop_assert!(!out.iter().any(|other| other.era == pass.era));
                            out.push(pass);
                        }
                        (BreakerState::HalfOpen, Err(wait)) => {
                            prop_assert!(probing);
                            prop_assert!(wait <= SignedDuration::from_secs(60));
                        }
                    }
                }
                Event::Report(which, outcome) if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    let before = breaker.state(at(now));
                    let changed = breaker.report(pass, outcome, at(now));
                    let after = breaker.state(at(now));
                    prop_assert!(changed || before == after);
                    if after == BreakerState::Open && before != BreakerState::Open {
                        prop_assert_eq!(outcome, Outcome::Failed);
                    }
                    if after == BreakerState::Closed && before != BreakerState::Closed {
                        prop_assert_eq!(outcome, Outcome::Answered);
                    }
                }
                Event::Report(..) => {}
            }
        }
        // Whatever happened: once all calls are over and Stripe answers, it closes.
        for pass in out {
            breaker.report(pass, Outcome::Unseen, at(now));
        }
        let later = at(now + 60);
        for _ in 0..2 {
            call(&mut breaker, Outcome::Answered, later);
        }
        prop_assert_eq!(breaker.state(later), BreakerState::Closed);
    }
}
