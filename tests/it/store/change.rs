use counteroffer::domain::hold::BudgetHold;
use counteroffer::domain::offer::OfferState;
use counteroffer::domain::session::{Answers, Session};
use counteroffer::store::{Account, AuditLine, BudgetTake, Change, Changed, OperationUpdate, Store};
use futures_util::future::join_all;

use super::fixtures::{
    begin, cancellation, decision, later, lease, now, offer, saved, session, subscription,
};
use crate::support::database::databases;

fn take(budget: &str, amount: i64, limit: i64) -> BudgetTake {
    BudgetTake { budget: budget.to_owned(), amount, limit, since: None, is_cap: false }
}

fn account(name: &str) -> Account {
    Account { name: name.to_owned(), since: None }
}

async fn begun(store: &Store, id: &str) -> Session {
    let one = session("ada", id);
    store.begin(begin(&one)).await.unwrap();
    one
}

fn comment(one: &Session, text: &str) -> Session {
    let mut one = one.clone();
    one.answer(Answers { comment: Some(text.to_owned()), ..Answers::default() }, now()).unwrap();
    one
}

#[tokio::test]
async fn of_many_changes_of_one_version_one_wins() {
    for database in databases() {
        // Two stores on PostgreSQL, so that changes come from several writers.
        let store = database.store().await;
        let other = if database.name == "postgres" { database.store().await } else { store.clone() };
        let one = begun(&store, "sub_1").await;
        for version in 1..=4 {
            let changes = (0..64).map(|number| {
                let session = comment(&one, &format!("{version} {number}"));
                let by = if number % 2 == 0 { &store } else { &other };
                by.change(Change { session: Some((session, version)), ..Change::new(now()) })
            });
            let changed: Vec<_> = join_all(changes).await.into_iter().map(Result::unwrap).collect();
            let done: Vec<_> = (0..64).filter(|index| changed[*index] == Changed::Done).collect();
            let stale = changed.iter().filter(|changed| **changed == Changed::Stale).count();
            assert_eq!((done.len(), stale), (1, 63), "{}", database.name);
            let stored = store.session(one.id).await.unwrap().unwrap();
            assert_eq!(stored.version, version + 1);
            let written = stored.session.answers.comment.unwrap();
            assert_eq!(written, format!("{version} {}", done[0]));
        }
        store.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn a_stale_change_writes_nothing_at_all() {
    for database in databases() {
        let store = database.store().await;
        let one = begun(&store, "sub_1").await;
        let change = |version, name: &str| Change {
            session: Some((comment(&one, "hello"), version)),
            decision: Some(decision(1)),
            new_operations: vec![(cancellation(&one), None)],
            budget: vec![take("b", 5, 10)],
            snapshot: Some((subscription("sub_1"), now())),
            webhook_event: Some(format!("evt_{name}")),
            audit: Some(AuditLine { actor: "customer".into(), action: "a".into(), detail: "{}".into() }),
            saved: Some(saved(name, "{}")),
            ..Change::new(now())
        };
        let both = join_all([store.change(change(1, "good")), store.change(change(7, "bad"))]).await;
        let both: Vec<_> = both.into_iter().map(Result::unwrap).collect();
        assert_eq!(both, [Changed::Done, Changed::Stale], "{}", database.name);
        assert!(store.saved_answer("customer:1", "good").await.unwrap().is_some());
        assert!(store.saved_answer("customer:1", "bad").await.unwrap().is_none());
        assert_eq!(store.operations(Default::default(), None, 10).await.unwrap().len(), 1);
        assert_eq!(
            store.budget_spent(vec![account("b"), account("c")]).await.unwrap(),
            [("b".into(), 5)].into()
        );
        assert_eq!(store.audit_trail(None, 10).await.unwrap().len(), 1);
        // The event of the refused change is not taken for handled.
        let again = Change { webhook_event: Some("evt_bad".to_owned()), ..Change::new(now()) };
        assert_eq!(store.change(again.clone()).await.unwrap(), Changed::Done);
        assert_eq!(store.change(again).await.unwrap(), Changed::DuplicateEvent);
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_refused_to_one_is_refused_to_no_other() {
    for database in databases() {
        let store = database.store_with(|options| options.writers = 1).await;
        let mut sessions = Vec::new();
        for number in 0..12 {
            sessions.push(begun(&store, &format!("sub_{number}")).await);
        }
        // One behind in every four, one that others have changed in the same breath in every six.
        let version = |number: usize| if number % 4 == 3 { 2 } else { 1 };
        let changes = sessions.iter().enumerate().flat_map(|(number, one)| {
            let change = Change {
                session: Some((comment(one, "first"), version(number))),
                new_operations: vec![(cancellation(one), None)],
                audit: Some(AuditLine {
                    actor: "customer".into(),
                    action: "a".into(),
                    detail: one.id.to_string(),
                }),
                ..Change::new(now())
            };
            let again = Change { session: Some((comment(one, "again"), 1)), ..Change::new(now()) };
            [Some(change), (number % 6 == 5).then_some(again)].into_iter().flatten()
        });
        let changed = join_all(changes.map(|change| store.change(change))).await;
        let changed: Vec<_> = changed.into_iter().map(Result::unwrap).collect();
        let mut answers = changed.iter();
        for (number, one) in sessions.iter().enumerate() {
            let good = version(number) == 1;
            let wanted = if good { &Changed::Done } else { &Changed::Stale };
            assert_eq!(answers.next(), Some(wanted), "{} {number}: {changed:?}", database.name);
            if number % 6 == 5 {
                let second = if good { &Changed::Stale } else { &Changed::Done };
                assert_eq!(answers.next(), Some(second), "{} {number}: {changed:?}", database.name);
            }
            let operations = store.unsettled_on(&one.subscription).await.unwrap();
            assert_eq!(operations.len(), usize::from(good), "{} {number}", database.name);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_budget_is_never_exceeded() {
    for database in databases() {
        let store = database.store().await;
        let other = if database.name == "postgres" { database.store().await } else { store.clone() };
        let take = |number: usize| Change {
            budget: vec![take("wide", 10, 100_000), take("tight", 10, 255)],
            saved: Some(saved(&format!("k{number}"), "{}")),
            ..Change::new(now())
        };
        let by = |number| if number % 2 == 0 { &store } else { &other };
        let changed = join_all((0..60).map(|number| by(number).change(take(number)))).await;
        let changed: Vec<_> = changed.into_iter().map(Result::unwrap).collect();
        let done = changed.iter().filter(|changed| **changed == Changed::Done).count();
        assert_eq!(done, 25, "{}", database.name);
        assert!(changed.iter().all(|changed| matches!(changed, Changed::Done | Changed::BudgetSpent(1))));
        let spent = store.budget_spent(vec![account("tight"), account("wide")]).await.unwrap();
        assert_eq!(spent, [("tight".into(), 250), ("wide".into(), 250)].into());
        let back = BudgetHold { budget: "tight".to_owned(), amount: 10 };
        store.change(Change { budget_return: vec![back], ..Change::new(now()) }).await.unwrap();
        assert_eq!(store.change(take(99)).await.unwrap(), Changed::Done);
        store.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn a_saved_answer_is_replayed_and_can_be_brought_up_to_date() {
    for database in databases() {
        let store = database.store().await;
        let one = begun(&store, "sub_1").await;
        let change = |version| Change {
            session: Some((comment(&one, "hello"), version)),
            saved: Some(saved("k", "202")),
            ..Change::new(now())
        };
        assert_eq!(store.change(change(1)).await.unwrap(), Changed::Done);
        let replayed = Changed::Replayed(saved("k", "202"));
        assert_eq!(store.change(change(2)).await.unwrap(), replayed, "{}", database.name);
        assert_eq!(store.session(one.id).await.unwrap().unwrap().version, 2);
        let update = Change { update_saved: Some(saved("k", "200")), ..Change::new(now()) };
        assert_eq!(store.change(update).await.unwrap(), Changed::Done);
        assert_eq!(store.saved_answer("customer:1", "k").await.unwrap().unwrap().body, "200");
        assert_eq!(store.save_answer(saved("k", "x")).await.unwrap().unwrap().body, "200");
        assert_eq!(store.purge_saved_answers(later(1)).await.unwrap(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn offers_follow_the_session() {
    for database in databases() {
        let store = database.store().await;
        let mut one = begun(&store, "sub_1").await;
        one.decline(one.offers[0].id, now()).unwrap();
        one.present(vec![offer("gift-2")], now()).unwrap();
        let change = Change {
            session: Some((one.clone(), 1)),
            decision: Some(decision(1)),
            costs: vec![(one.offers[1].id, 40)],
            ..Change::new(now())
        };
        assert_eq!(store.change(change).await.unwrap(), Changed::Done);
        let operation = cancellation(&one);
        one.accept(one.offers[1].id, None, &Default::default(), operation.id, now()).unwrap();
        let change = Change { session: Some((one.clone(), 2)), ..Change::new(now()) };
        assert_eq!(store.change(change).await.unwrap(), Changed::Done);
        let summary = store.summary(Default::default(), now()).await.unwrap();
        let offers: Vec<_> = summary.offers.iter().map(|o| (o.key.as_str(), o.state, o.count)).collect();
        let expected = [
            ("call_back", None, 1),
            ("gift", Some(OfferState::Declined), 1),
            ("gift-2", Some(OfferState::Accepted), 1),
        ];
        assert_eq!(offers, expected, "{}", database.name);
        assert_eq!(summary.costs[0].sum.amount, 40);
        let history = store.history(&one.customer).await.unwrap();
        assert_eq!((history.sessions, history.saves, history.last_save_at), (1, 1, Some(now())));
        assert_eq!((history.accepted[0].1.as_str(), history.declined[0].1.as_str()), ("gift-2", "gift"));
        assert_eq!(history.declined[0].2, now());
        assert_eq!(store.decisions(one.id).await.unwrap().len(), 2);
        store.close().await;
    }
}

#[tokio::test]
async fn an_operation_is_updated_by_its_holder_only() {
    for database in databases() {
        let store = database.store().await;
        let one = begun(&store, "sub_1").await;
        let mut operation = cancellation(&one);
        let new = vec![(operation.clone(), Some(lease("a")))];
        store.change(Change { new_operations: new, ..Change::new(now()) }).await.unwrap();
        operation.attempts = 1;
        let update = |owner: &str, keep: bool| Change {
            session: Some((comment(&one, owner), 1)),
            operation: Some(OperationUpdate {
                operation: operation.clone(),
                owner: owner.to_owned(),
                lease: keep.then(|| lease("a")),
            }),
            ..Change::new(now())
        };
        assert_eq!(store.change(update("b", true)).await.unwrap(), Changed::Stale, "{}", database.name);
        assert_eq!(store.session(one.id).await.unwrap().unwrap().version, 1);
        assert_eq!(store.change(update("a", false)).await.unwrap(), Changed::Done);
        assert_eq!(store.operation(operation.id).await.unwrap(), Some(operation.clone()));
        let after = Change { session: None, ..update("a", true) };
        assert_eq!(store.change(after).await.unwrap(), Changed::Stale, "the lease was given up");
        store.close().await;
    }
}
