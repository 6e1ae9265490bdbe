use std::collections::HashSet;

use counteroffer::domain::operation::{Operation, OperationState};
use counteroffer::domain::session::Session;
use counteroffer::store::{Change, Changed, OperationFilter, OperationUpdate, Store};
use futures_util::future::join_all;

use super::fixtures::{begin, cancellation, later, lease, now, session};
use crate::support::database::{databases, postgres};

async fn with_operations(store: &Store, id: &str, count: usize) -> (Session, Vec<Operation>) {
    let one = session("ada", id);
    store.begin(begin(&one)).await.unwrap();
    let operations: Vec<_> = (0..count).map(|_| cancellation(&one)).collect();
    let new_operations = operations.iter().map(|operation| (operation.clone(), None)).collect();
    store.change(Change { new_operations, ..Change::new(now()) }).await.unwrap();
    (one, operations)
}

async fn settle(store: &Store, operation: &Operation, state: OperationState, owner: &str) {
    let operation = Operation { state, ..operation.clone() };
    let update = OperationUpdate { operation, owner: owner.to_owned(), lease: None };
    let change = Change { operation: Some(update), ..Change::new(now()) };
    assert_eq!(store.change(change).await.unwrap(), Changed::Done);
}

#[tokio::test]
async fn operations_of_a_subscription_are_claimed_in_their_order() {
    for database in databases() {
        let store = database.store().await;
        let (_, operations) = with_operations(&store, "sub_1", 3).await;
        let claim = |at| store.claim_operations("a", at, later(60), 10);
        let claimed = claim(now()).await.unwrap();
        assert_eq!(claimed.len(), 1, "{}", database.name);
        assert_eq!((claimed[0].id, claimed[0].state), (operations[0].id, OperationState::Applying));
        assert!(claim(now()).await.unwrap().is_empty(), "it is held, and the others are behind it");
        let second = operations[1].id;
        assert_eq!(store.claim_operation(second, "b", now(), later(60)).await.unwrap(), None);

        settle(&store, &operations[0], OperationState::NeedsAttention, "a").await;
        let claimed = store.claim_operation(second, "b", now(), later(60)).await.unwrap().unwrap();
        assert_eq!(claimed.id, second);
        // A lease that ran out is free for anybody.
        let again = claim(later(61)).await.unwrap();
        assert_eq!(again[0].id, second);
        // One under way with its next try to come still goes before those behind it.
        let waiting = Operation { due_at: later(500), ..again[0].clone() };
        settle(&store, &waiting, OperationState::Applying, "a").await;
        assert!(claim(later(61)).await.unwrap().is_empty());
        assert_eq!(store.oldest_pending(later(61)).await.unwrap(), Some(now()));
        assert_eq!(claim(later(501)).await.unwrap()[0].id, second);
        store.close().await;
    }
}

/// The order in which operations were written, whatever their ids: all of one millisecond, one behind the other, together
/// in one change, and together with those of other subscriptions.
#[tokio::test]
async fn operations_made_in_one_millisecond_keep_the_order_in_which_they_were_written() {
    for database in databases() {
        let store = database.store().await;
        for number in 0..12 {
            let one = session("ada", &format!("sub_{number}"));
            store.begin(begin(&one)).await.unwrap();
            let mut operations: Vec<_> = (0..4).map(|_| cancellation(&one)).collect();
            // The worst case: every later id sorts before the earlier ones.
            operations.sort_by_key(|operation| std::cmp::Reverse(operation.id));
            let write = |some: &[Operation]| {
                let new_operations = some.iter().map(|operation| (operation.clone(), None)).collect();
                store.change(Change { new_operations, ..Change::new(now()) })
            };
            write(&operations[..1]).await.unwrap();
            write(&operations[1..3]).await.unwrap();
            write(&operations[3..]).await.unwrap();
            let listed = store.operations_on(&one.subscription).await.unwrap();
            let ids = |some: &[Operation]| some.iter().map(|one| one.id).collect::<Vec<_>>();
            assert_eq!(ids(&listed), ids(&operations), "{}", database.name);
            for operation in &operations {
                let claimed = store.claim_operations("a", now(), later(60), 10).await.unwrap();
                assert_eq!(ids(&claimed), [operation.id], "{}", database.name);
                settle(&store, operation, OperationState::Applied, "a").await;
            }
        }
        store.close().await;
    }
}

#[tokio::test]
async fn what_is_scheduled_for_later_holds_nobody_up() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        store.begin(begin(&one)).await.unwrap();
        let mut both = [cancellation(&one), cancellation(&one)];
        both[0].due_at = later(1000);
        let new_operations = both.iter().map(|operation| (operation.clone(), None)).collect();
        store.change(Change { new_operations, ..Change::new(now()) }).await.unwrap();
        let claimed = store.claim_operations("a", now(), later(60), 10).await.unwrap();
        assert_eq!(claimed.len(), 1, "{}", database.name);
        assert_eq!(claimed[0].id, both[1].id);
        store.close().await;
    }
}

#[tokio::test]
async fn two_processes_never_claim_the_same_operation() {
    let Some(database) = postgres() else { return };
    let (one, other) = (database.store().await, database.store().await);
    let mut all = HashSet::new();
    for number in 0..100 {
        let (_, operations) = with_operations(&one, &format!("sub_{number}"), 2).await;
        all.insert(operations[0].id);
    }
    let claims = (0..60).map(|number| {
        let (store, owner) = if number % 2 == 0 { (&one, "one") } else { (&other, "other") };
        store.claim_operations(owner, now(), later(60), 5)
    });
    let claimed: Vec<_> = join_all(claims).await.into_iter().flat_map(Result::unwrap).map(|o| o.id).collect();
    let distinct: HashSet<_> = claimed.iter().copied().collect();
    assert_eq!(claimed.len(), distinct.len(), "none is claimed twice");
    assert_eq!(distinct, all, "the first of each subscription, and only those");
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn an_operation_that_needs_attention_can_be_retried() {
    for database in databases() {
        let store = database.store().await;
        let (one, operations) = with_operations(&store, "sub_1", 1).await;
        let id = operations[0].id;
        assert_eq!(store.retry_operation(id, now()).await.unwrap(), None, "{}", database.name);
        store.claim_operation(id, "a", now(), later(60)).await.unwrap().unwrap();
        settle(&store, &operations[0], OperationState::NeedsAttention, "a").await;
        let filter = OperationFilter {
            state: Some(OperationState::NeedsAttention),
            subscription: Some(one.subscription.clone()),
            session: Some(one.id),
        };
        assert_eq!(store.operations(filter, None, 10).await.unwrap().len(), 1);
        let retried = store.retry_operation(id, later(5)).await.unwrap().unwrap();
        assert_eq!((retried.state, retried.due_at), (OperationState::Pending, later(5)));
        assert_eq!(store.claim_operations("b", later(5), later(60), 1).await.unwrap().len(), 1);
        let other =
            Change { new_operations: vec![(cancellation(&one), Some(lease("c")))], ..Change::new(now()) };
        store.change(other).await.unwrap();
        let page = store.operations(OperationFilter::default(), None, 1).await.unwrap();
        let next = store.operations(OperationFilter::default(), Some(page[0].id), 1).await.unwrap();
        assert_ne!(page[0].id, next[0].id);
        store.close().await;
    }
}
