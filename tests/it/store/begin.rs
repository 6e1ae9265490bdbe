use counteroffer::domain::experiment::{Assignment, Exposure, Share};
use counteroffer::domain::session::Session;
use counteroffer::store::{Begin, Begun, Change, StoreError, Stored};
use futures_util::future::join_all;

use super::fixtures::{begin, cancellation, key, now, saved, session};
use crate::support::database::databases;

#[tokio::test]
async fn a_session_reads_back_as_it_was_written() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        assert_eq!(store.begin(begin(&one)).await.unwrap(), Begun::Created, "{}", database.name);
        let stored = Stored { session: one.clone(), version: 1 };
        assert_eq!(store.session(one.id).await.unwrap(), Some(stored.clone()));
        assert_eq!(store.open_session(&one.subscription).await.unwrap(), Some(stored));
        assert_eq!(store.decisions(one.id).await.unwrap().len(), 1);
        store.close().await;
    }
}

#[tokio::test]
async fn a_begin_whose_answer_was_lost_finds_itself_and_writes_nothing_twice() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        for time in ["first", "again"] {
            assert_eq!(store.begin(begin(&one)).await.unwrap(), Begun::Created, "{} {time}", database.name);
        }
        // Among others it is the same.
        let others: Vec<_> = (2..30).map(|number| session("ada", &format!("sub_{number}"))).collect();
        let all = others.iter().chain([&one]).chain(&others);
        let begun = join_all(all.map(|one| store.begin(begin(one)))).await;
        assert!(begun.iter().all(|begun| matches!(begun, Ok(Begun::Created))), "{}", database.name);
        assert_eq!(store.decisions(one.id).await.unwrap().len(), 1);
        assert_eq!(store.sessions(Default::default(), None, 1000).await.unwrap().sessions.len(), 29);
        store.close().await;
    }
}

#[tokio::test]
async fn of_many_begins_of_one_subscription_one_wins() {
    for database in databases() {
        let store = database.store().await;
        let sessions: Vec<_> = (0..64).map(|_| session("ada", "sub_1")).collect();
        let begun = join_all(sessions.iter().map(|one| store.begin(begin(one)))).await;
        let open = store.open_session(&sessions[0].subscription).await.unwrap().unwrap().session.id;
        let created = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Created))).count();
        let told = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Open(id)) if *id == open)).count();
        assert_eq!((created, told), (1, 63), "{}", database.name);
        store.close().await;
    }
}

#[tokio::test]
async fn a_replayed_token_gets_the_same_session_even_when_it_is_closed() {
    for database in databases() {
        let store = database.store().await;
        let mut one = session("ada", "sub_1");
        let with_token = |one: &Session| Begin { token_id: Some("digest".to_owned()), ..begin(one) };
        assert_eq!(store.begin(with_token(&one)).await.unwrap(), Begun::Created);
        one.keep(now()).unwrap();
        let change = Change { session: Some((one.clone(), 1)), ..Change::new(now()) };
        store.change(change).await.unwrap();
        let again = session("ada", "sub_1");
        assert_eq!(
            store.begin(with_token(&again)).await.unwrap(),
            Begun::SameToken(one.id),
            "{}",
            database.name
        );
        let other = session("ada", "sub_2");
        assert_eq!(store.begin(with_token(&other)).await.unwrap(), Begun::Created);
        store.close().await;
    }
}

#[tokio::test]
async fn one_key_is_answered_once_whatever_comes_at_the_same_time() {
    for database in databases() {
        let store = database.store().await;
        let begins = (0..32).map(|number| {
            let one = session("ada", &format!("sub_{number}"));
            store.begin(Begin { saved: Some(saved("k", &format!("{number}"))), ..begin(&one) })
        });
        let begun: Vec<_> = join_all(begins).await.into_iter().map(Result::unwrap).collect();
        let kept = store.saved_answer("customer:1", "k").await.unwrap().unwrap();
        assert_eq!(begun.iter().filter(|begun| **begun == Begun::Created).count(), 1, "{}", database.name);
        assert_eq!(begun.iter().filter(|begun| **begun == Begun::Replayed(kept.clone())).count(), 31);
        let page = store.sessions(Default::default(), None, 100).await.unwrap();
        assert_eq!(page.sessions.len(), 1, "those replayed wrote nothing");
        store.close().await;
    }
}

#[tokio::test]
async fn a_begin_that_meets_an_open_session_leaves_its_key_free() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        store.begin(begin(&one)).await.unwrap();
        let other = Begin { saved: Some(saved("k", "{}")), ..begin(&session("ada", "sub_1")) };
        assert_eq!(store.begin(other).await.unwrap(), Begun::Open(one.id));
        assert_eq!(store.saved_answer("customer:1", "k").await.unwrap(), None, "{}", database.name);
        store.close().await;
    }
}

#[tokio::test]
async fn poisoned_commands_harm_no_other() {
    for database in databases() {
        let store = database.store().await;
        let mut sent = Vec::new();
        for number in 0..400 {
            let one = session("ada", &format!("sub_{number}"));
            // The session of this operation was never begun: only the database sees that this cannot be.
            let orphan = (number % 40 == 0).then(|| vec![(cancellation(&one), None)]);
            let store = &store;
            sent.push(async move {
                match orphan {
                    Some(new_operations) => {
                        let poison = Change { new_operations, ..Change::new(now()) };
                        matches!(store.change(poison).await, Err(StoreError::Refused(_)))
                    }
                    None => matches!(store.begin(begin(&one)).await, Ok(Begun::Created)),
                }
            });
        }
        assert!(join_all(sent).await.into_iter().all(|as_expected| as_expected), "{}", database.name);
        assert_eq!(store.sessions(Default::default(), None, 1000).await.unwrap().sessions.len(), 390);
        store.close().await;
    }
}

#[tokio::test]
async fn a_begin_that_one_statement_cannot_write_harms_no_other() {
    for database in databases() {
        let store = database.store().await;
        let assignment = Assignment { experiment: key("depth"), arm: key("deep"), propensity: Share::ALL };
        let exposure = Exposure { assignment, shares: [(key("deep"), Share::ALL)].into() };
        // The same row twice, which only a statement for each row passes over.
        let twice = |one: &Session| Begin { exposures: vec![exposure.clone(); 2], ..begin(one) };
        let sessions: Vec<_> =
            (0..40).map(|number| session(&format!("c{number}"), &format!("sub_{number}"))).collect();
        let (alone, among) = sessions.split_first().unwrap();
        assert_eq!(store.begin(twice(alone)).await.unwrap(), Begun::Created, "{}", database.name);
        let one_in_ten = among.iter().enumerate().map(|(at, one)| match at % 10 {
            5 => store.begin(twice(one)),
            _ => store.begin(begin(one)),
        });
        let begun = join_all(one_in_ten).await;
        assert!(begun.iter().all(|begun| matches!(begun, Ok(Begun::Created))), "{}", database.name);
        for (one, exposed) in [(alone, true), (&among[4], false), (&among[5], true)] {
            let flow = Some(one.flow.key.clone());
            let known =
                store.subscriber(&one.customer, &one.subscription, Vec::new(), flow, Vec::new(), false);
            let expected: Vec<_> = exposed.then(|| exposure.clone()).into_iter().collect();
            assert_eq!(known.await.unwrap().exposures, expected, "{}", database.name);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn texts_that_a_database_cannot_keep_are_refused_before_they_queue() {
    for database in databases() {
        let store = database.store().await;
        let mut command = begin(&session("ada", "sub_1"));
        command.decision.body = "a\0b".to_owned();
        assert!(matches!(store.begin(command).await, Err(StoreError::Invalid(_))));
        // In a document JSON escapes it, and both databases keep it.
        let mut one = session("ada", "sub_1");
        one.answers.comment = Some("a\0b".to_owned());
        assert_eq!(store.begin(begin(&one)).await.unwrap(), Begun::Created, "{}", database.name);
        assert_eq!(store.session(one.id).await.unwrap().unwrap().session, one);
        store.close().await;
    }
}
