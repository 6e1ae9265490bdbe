use counteroffer::store::{Begin, Begun, StoreError};
use futures_util::future::join_all;

use super::fixtures::{begin, session};
use crate::support::database::databases;

#[tokio::test]
async fn a_full_queue_refuses_at_once_all_but_the_patient() {
    for database in databases() {
        let store = database.store_with(|options| options.queue_capacity = 1).await;
        let begins = (0..200).map(|number| {
            let one = session("ada", &format!("sub_{number}"));
            store.begin(Begin { patient: number % 2 == 0, ..begin(&one) })
        });
        let begun = join_all(begins).await;
        let busy = begun.iter().filter(|begun| matches!(begun, Err(StoreError::Busy))).count();
        assert!(busy > 0, "{}: nobody was refused", database.name);
        let patient = begun.iter().step_by(2).filter(|begun| matches!(begun, Ok(Begun::Created))).count();
        assert_eq!(patient, 100, "{}: {begun:?}", database.name);
        store.close().await;
    }
}

#[tokio::test]
async fn closing_carries_out_what_was_queued_and_refuses_what_comes_later() {
    for database in databases() {
        let store = database.store().await;
        let begins: Vec<_> = (0..50)
            .map(|number| {
                let (store, one) = (store.clone(), session("ada", &format!("sub_{number}")));
                tokio::spawn(async move { store.begin(begin(&one)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        store.close().await;
        let mut created = 0;
        for begin in begins {
            match begin.await.unwrap() {
                Ok(begun) => created += usize::from(begun == Begun::Created),
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
        }
        assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
        let reopened = database.store().await;
        let kept = reopened.sessions(Default::default(), None, 100).await.unwrap().sessions.len();
        assert_eq!(kept, created, "{}: what was answered is there", database.name);
        reopened.close().await;
    }
}
