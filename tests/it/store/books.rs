//! The books under whatever happens at once: random rounds of writes from several processes' worth of stores.

use std::sync::atomic::{AtomicU32, Ordering};

use counteroffer::domain::hold::BudgetHold;
use counteroffer::domain::ids::OperationId;
use counteroffer::domain::operation::CancelWhen;
use counteroffer::domain::session::Session;
use counteroffer::store::{Account, Begun, BudgetTake, Change, Changed, Store};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::fixtures::{begin, later, now, session};
use crate::support::database::{Database, databases};

const BUDGET: i64 = 100;
const CAP: i64 = 3;
const ACTORS: usize = 9;

/// How a session ends that has set something aside.
#[derive(Clone, Copy, Debug)]
enum End {
    Declined,
    Kept,
    Canceled,
    Elsewhere,
    Abandoned,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take(i64),
    GiveBack,
    Begin(i64),
    End(End),
    /// One of a cap over two days.
    Cap,
    CapBack,
}

fn step() -> impl Strategy<Value = Step> {
    let ends = [End::Declined, End::Kept, End::Canceled, End::Elsewhere, End::Abandoned];
    prop_oneof![
        3 => (0..40_i64).prop_map(Step::Take),
        2 => Just(Step::GiveBack),
        3 => (0..40_i64).prop_map(Step::Begin),
        3 => prop::sample::select(ends.to_vec()).prop_map(Step::End),
        3 => Just(Step::Cap),
        1 => Just(Step::CapBack),
    ]
}

/// One who takes and gives back, and what they believe to hold.
#[derive(Default)]
struct Actor {
    number: usize,
    held: i64,
    session: Option<(Session, i64)>,
    /// The days on which a use of the cap was taken.
    caps: Vec<usize>,
}

fn account(name: String, since: Option<String>) -> Account {
    Account { name, since }
}

fn take(budget: String, amount: i64, limit: i64) -> BudgetTake {
    BudgetTake { budget, amount, limit, since: None, is_cap: false }
}

fn hold(budget: String, amount: i64) -> BudgetHold {
    BudgetHold { budget, amount }
}

/// The names of one case's accounts.
struct Books(u32);

impl Books {
    fn budget(&self) -> String {
        format!("case/{}/budget", self.0)
    }

    fn day(&self, day: usize) -> String {
        format!("case/{}/cap/2/2026-11-{:02}", self.0, 10 + day)
    }

    fn window(&self, day: usize) -> Account {
        account(self.day(day), Some(self.day(day.saturating_sub(1))))
    }
}

async fn act(store: &Store, books: &Books, mut actor: Actor, step: Step, day: usize) -> Actor {
    let change = Change::new(now());
    match step {
        Step::Take(amount) => {
            let change = Change { budget: vec![take(books.budget(), amount, BUDGET)], ..change };
            match store.change(change).await.unwrap() {
                Changed::Done => actor.held += amount,
                refused => assert_eq!(refused, Changed::BudgetSpent(0)),
            }
        }
        Step::GiveBack => {
            let back = hold(books.budget(), std::mem::take(&mut actor.held));
            let change = Change { budget_return: vec![back], ..change };
            assert_eq!(store.change(change).await.unwrap(), Changed::Done);
        }
        Step::Begin(amount) if actor.session.is_none() => {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let mut new = session("ada", &format!("sub_{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
            new.offers[0].holds = vec![hold(books.budget(), amount)];
            let mut begin = begin(&new);
            begin.budget = vec![take(books.budget(), amount, BUDGET)];
            match store.begin(begin).await.unwrap() {
                Begun::Created => actor.session = Some((new, amount)),
                refused => assert_eq!(refused, Begun::BudgetSpent),
            }
        }
        Step::End(end) => {
            let Some((mut open, _)) = actor.session.take() else { return actor };
            let offer = open.offers[0].id;
            match end {
                End::Declined => open.decline(offer, now()).unwrap(),
                End::Kept => open.keep(now()).unwrap(),
                End::Canceled => {
                    open.cancel(CancelWhen::PeriodEnd, OperationId::generate(now()), now()).unwrap();
                }
                End::Elsewhere => assert!(open.ended_elsewhere(None, now())),
                End::Abandoned => assert!(open.expire(later(3600))),
            }
            let change = Change { session: Some((open, 1)), ..change };
            assert_eq!(store.change(change).await.unwrap(), Changed::Done);
        }
        Step::Cap => {
            let since = books.window(day).since;
            let one = BudgetTake { since, is_cap: true, ..take(books.day(day), 1, CAP) };
            match store.change(Change { budget: vec![one], ..change }).await.unwrap() {
                Changed::Done => actor.caps.push(day),
                refused => assert_eq!(refused, Changed::BudgetSpent(0)),
            }
        }
        Step::CapBack => {
            let Some(day) = actor.caps.pop() else { return actor };
            let change = Change { budget_return: vec![hold(books.day(day), 1)], ..change };
            assert_eq!(store.change(change).await.unwrap(), Changed::Done);
        }
        Step::Begin(_) => {}
    }
    actor
}

async fn play(database: &Database, stores: &[Store], books: &Books, rounds: Vec<Vec<Step>>) {
    let mut actors: Vec<_> = (0..ACTORS).map(|number| Actor { number, ..Actor::default() }).collect();
    for (round, steps) in rounds.into_iter().enumerate() {
        let day = round / 2;
        let acted = actors
            .into_iter()
            .zip(steps)
            .map(|(actor, step)| act(&stores[actor.number % stores.len()], books, actor, step, day));
        actors = join_all(acted).await;
        let asked = vec![account(books.budget(), None), books.window(day)];
        let spent = stores[0].budget_spent(asked).await.unwrap();
        let found = |name: String| spent.get(&name).copied().unwrap_or(0);
        let set_aside = |actor: &Actor| actor.session.as_ref().map_or(0, |(_, amount)| *amount);
        let held: i64 = actors.iter().map(|actor| actor.held + set_aside(actor)).sum();
        assert_eq!(found(books.budget()), held, "{}, round {round}", database.name);
        assert!(held <= BUDGET, "{}, round {round}: {held}", database.name);
        let in_window = |taken: &&usize| **taken == day || **taken + 1 == day;
        let used = actors.iter().flat_map(|actor| &actor.caps).filter(in_window).count();
        assert_eq!(found(books.day(day)), i64::try_from(used).unwrap(), "{}, round {round}", database.name);
        assert!(i64::try_from(used).unwrap() <= CAP, "{}, round {round}: {used}", database.name);
    }
}

#[test]
fn no_budget_and_no_cap_is_exceeded_whatever_happens_at_once() {
    for database in databases() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stores = runtime.block_on(async {
            let first = database.store().await;
            match database.name {
                "postgres" => vec![first, database.store().await, database.store().await],
                // One process holds the file.
                _ => vec![first],
            }
        });
        let mut runner =
            TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
        let rounds = prop::collection::vec(prop::collection::vec(step(), ACTORS), 1..10);
        let case = AtomicU32::new(0);
        let outcome = runner.run(&rounds, |rounds| {
            let books = Books(case.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(play(&database, &stores, &books, rounds));
            Ok(())
        });
        outcome.unwrap_or_else(|failed| panic!("{}: {failed}", database.name));
        runtime.block_on(join_all(stores.iter().map(Store::close)));
    }
}
