use counteroffer::domain::experiment::{Assignment, Exposure, Share};
use counteroffer::domain::facts::Value;
use counteroffer::domain::ids::ApiKeyId;
use counteroffer::domain::offer::OfferType;
use counteroffer::domain::session::{Answers, Session, Status};
use counteroffer::store::{
    Account, ApiKeyRecord, Begin, Change, CustomerProfile, SessionFilter, Store, StoreError,
};
use futures_util::future::join_all;

use super::fixtures::{begin, cancellation, key, later, now, session, subscription};
use crate::support::database::databases;

async fn write(store: &Store, customer: &str, id: &str, edit: impl FnOnce(&mut Session)) -> Session {
    let mut one = session(customer, id);
    store.begin(begin(&one)).await.unwrap();
    edit(&mut one);
    store.change(Change { session: Some((one.clone(), 1)), ..Change::new(now()) }).await.unwrap();
    one
}

fn because(one: &mut Session, reason: &str) {
    one.answer(Answers { reason: Some(key(reason)), ..Answers::default() }, now()).unwrap();
}

#[tokio::test]
async fn whoever_asks_for_a_session_gets_this_one() {
    for database in databases() {
        let store = database.store().await;
        let mut sessions = Vec::new();
        for number in 0..30 {
            let one = session("ada", &format!("sub_{number}"));
            store.begin(begin(&one)).await.unwrap();
            sessions.push(one);
        }
        let unknown = session("ada", "sub_none");
        let asked = sessions.iter().chain([&unknown]).chain(sessions.iter().rev());
        let found = join_all(asked.clone().map(|one| store.session(one.id))).await;
        for (one, found) in asked.zip(found) {
            let found = found.unwrap().map(|stored| stored.session.subscription);
            let wanted = (one.id != unknown.id).then(|| one.subscription.clone());
            assert_eq!(found, wanted, "{}", database.name);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn sessions_are_filtered_and_paged() {
    for database in databases() {
        let store = database.store().await;
        let saved = write(&store, "ada", "sub_1", |one| one.keep(now()).unwrap()).await;
        let dear = write(&store, "bob", "sub_2", |one| because(one, "too_expensive")).await;
        write(&store, "ada", "sub_3", |_| {}).await;
        let ids = async |filter: SessionFilter| -> Vec<_> {
            let page = store.sessions(filter, None, 10).await.unwrap();
            page.sessions.iter().map(|stored| stored.session.id).collect()
        };
        let all = SessionFilter::default;
        assert_eq!(
            ids(SessionFilter { status: Some(Status::Saved), ..all() }).await,
            [saved.id],
            "{}",
            database.name
        );
        assert_eq!(ids(SessionFilter { reason: Some(key("too_expensive")), ..all() }).await, [dear.id]);
        assert_eq!(ids(SessionFilter { customer: Some("bob".parse().unwrap()), ..all() }).await, [dear.id]);
        assert_eq!(
            ids(SessionFilter { subscription: Some("sub_2".parse().unwrap()), ..all() }).await,
            [dear.id]
        );
        for (filter, count) in [
            (SessionFilter { segment: Some(key("big_spender")), ..all() }, 3),
            (SessionFilter { segment: Some(key("bigxspender")), ..all() }, 0),
            (SessionFilter { segment: Some(key("spender")), ..all() }, 0),
            (SessionFilter { offer: Some(key("gift")), ..all() }, 3),
            (SessionFilter { offer: Some(key("other")), ..all() }, 0),
            (SessionFilter { offer_type: Some(OfferType::Custom), ..all() }, 3),
            (SessionFilter { offer_type: Some(OfferType::Pause), ..all() }, 0),
            (SessionFilter { flow: Some(key("default")), livemode: Some(false), ..all() }, 3),
            (SessionFilter { livemode: Some(true), ..all() }, 0),
            (SessionFilter { created_from: Some(now()), created_to: Some(later(1)), ..all() }, 3),
            (SessionFilter { created_from: Some(later(1)), ..all() }, 0),
            (SessionFilter { created_to: Some(now()), ..all() }, 0),
        ] {
            assert_eq!(ids(filter.clone()).await.len(), count, "{}: {filter:?}", database.name);
            let counted: u64 =
                store.summary(filter, now()).await.unwrap().by_status.iter().map(|(_, n)| n).sum();
            assert_eq!(usize::try_from(counted).unwrap(), count);
        }
        let first = store.sessions(all(), None, 2).await.unwrap();
        let second = store.sessions(all(), first.next, 2).await.unwrap();
        assert_eq!((first.sessions.len(), second.sessions.len(), second.next), (2, 1, None));
        assert!(first.sessions.iter().all(|stored| stored.session.id > second.sessions[0].session.id));
        store.close().await;
    }
}

#[tokio::test]
async fn figures_add_up() {
    for database in databases() {
        let store = database.store().await;
        for number in 0..3 {
            write(&store, "ada", &format!("sub_{number}"), |one| {
                let operation = cancellation(one).id;
                because(one, "too_expensive");
                one.accept(one.offers[0].id, None, &Default::default(), operation, now()).unwrap();
            })
            .await;
        }
        write(&store, "bob", "sub_9", |_| {}).await;
        let summary = store
            .summary(SessionFilter { offer: Some(key("gift")), ..Default::default() }, now())
            .await
            .unwrap();
        assert_eq!(summary.by_status, [(Status::InProgress, 1), (Status::Saved, 3)], "{}", database.name);
        assert!(summary.by_reason.contains(&(Some(key("too_expensive")), Status::Saved, 3)));
        assert!(summary.by_reason.contains(&(None, Status::InProgress, 1)));
        let mrr: Vec<_> = summary.mrr.iter().map(|mrr| (mrr.status, mrr.sum.amount)).collect();
        assert_eq!(mrr, [(Status::InProgress, 4900), (Status::Saved, 3 * 4900)]);
        assert_eq!((summary.costs.len(), summary.costs[0].sum.amount), (1, 300));
        assert_eq!(summary.offers.iter().map(|offers| offers.count).sum::<u64>(), 8);
        store.close().await;
    }
}

#[tokio::test]
async fn what_waits_for_something_is_found() {
    for database in databases() {
        let store = database.store().await;
        let waiting = write(&store, "ada", "sub_1", |one| {
            let operation = cancellation(one).id;
            one.cancel(counteroffer::domain::operation::CancelWhen::PeriodEnd, operation, now()).unwrap();
        })
        .await;
        let open = write(&store, "ada", "sub_2", |_| {}).await;
        let operation = waiting.awaited_operation().unwrap();
        assert_eq!(store.sessions_awaiting(operation).await.unwrap()[0].session.id, waiting.id);
        assert!(store.sessions_to_expire(now(), 10).await.unwrap().is_empty());
        let over = store.sessions_to_expire(later(3600), 10).await.unwrap();
        assert_eq!((over.len(), over[0].session.id), (1, open.id), "{}", database.name);
        store.close().await;
    }
}

#[tokio::test]
async fn subscribers_are_read_at_once() {
    for database in databases() {
        let store = database.store().await;
        let one = write(&store, "ada", "sub_1", |_| {}).await;
        let profile = CustomerProfile {
            id: one.customer.clone(),
            stripe_customer: Some("cus_payer".parse().unwrap()),
            attributes: [("customer.industry".to_owned(), Value::Text("travel".to_owned()))].into(),
            updated_at: now(),
        };
        store.put_customer(&profile).await.unwrap();
        store.put_customer(&profile).await.unwrap();
        assert!(store.put_snapshot(&subscription("sub_1"), later(9)).await.unwrap());
        assert!(!store.put_snapshot(&subscription("sub_1"), later(5)).await.unwrap(), "{}", database.name);
        let known = store
            .subscriber(
                &one.customer,
                &one.subscription,
                vec![Account { name: "b".to_owned(), since: None }],
                None,
                Vec::new(),
                false,
            )
            .await
            .unwrap();
        assert_eq!(known.profile, Some(profile.clone()));
        assert_eq!(known.snapshot, Some((subscription("sub_1"), later(9))));
        assert_eq!((known.history.sessions, known.spent.len()), (1, 0));
        assert_eq!(store.customer(&one.customer).await.unwrap(), Some(profile));
        assert_eq!(store.snapshot(&one.subscription).await.unwrap().unwrap().1, later(9));
        store.close().await;
    }
}

#[tokio::test]
async fn subscribers_asked_for_at_once_are_not_mixed_up() {
    for database in databases() {
        let store = database.store().await;
        let one = write(&store, "known", "sub_7", |_| {}).await;
        for number in (0..60).step_by(3) {
            let snapshot = subscription(&format!("sub_{number}"));
            assert!(store.put_snapshot(&snapshot, later(number)).await.unwrap());
        }
        let ask = async |number: i64| {
            let customer =
                if number == 7 { one.customer.clone() } else { format!("c{number}").parse().unwrap() };
            let wanted = format!("sub_{number}").parse().unwrap();
            let known =
                store.subscriber(&customer, &wanted, Vec::new(), None, Vec::new(), false).await.unwrap();
            let expected = (number % 3 == 0).then(|| (subscription(&format!("sub_{number}")), later(number)));
            assert_eq!(known.snapshot, expected, "{}", database.name);
            assert_eq!((known.history.sessions, known.profile), (u32::from(number == 7), None));
        };
        futures_util::future::join_all((0..60).map(ask)).await;
        store.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_of_one_subscriber_does_not_fail_the_others() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        let assignment = Assignment { experiment: key("depth"), arm: key("deep"), propensity: Share::ALL };
        let exposure = Exposure { assignment, shares: [(key("deep"), Share::ALL)].into() };
        store.begin(Begin { exposures: vec![exposure], ..begin(&one) }).await.unwrap();
        database.execute("UPDATE session_experiments SET shares = 'torn'");
        let ask = async |customer: String| {
            let (customer, flow) = (customer.parse().unwrap(), Some(one.flow.key.clone()));
            store.subscriber(&customer, &one.subscription, Vec::new(), flow, Vec::new(), false).await
        };
        // In the middle, so that she is read together with others.
        let customers =
            (0..20).map(|number| if number == 10 { "ada".to_owned() } else { format!("c{number}") });
        let mut known = futures_util::future::join_all(customers.map(ask)).await;
        let torn = known.remove(10);
        assert!(matches!(torn, Err(StoreError::Corrupt(_))), "{}", database.name);
        assert!(known.iter().all(Result::is_ok), "{}", database.name);
        store.close().await;
    }
}

#[tokio::test]
async fn api_keys_are_found_by_hash_and_revoked() {
    for database in databases() {
        let store = database.store().await;
        let record = ApiKeyRecord {
            id: ApiKeyId::generate(now()),
            name: "back end".to_owned(),
            role: "server".to_owned(),
            hash: [9; 32],
            prefix: "co_abc".to_owned(),
            created_at: now(),
            last_used_at: None,
            revoked_at: None,
        };
        store.insert_api_key(record.clone()).await.unwrap();
        assert_eq!(store.api_key_by_hash([9; 32]).await.unwrap(), Some(record.clone()), "{}", database.name);
        assert_eq!(store.api_key_by_hash([8; 32]).await.unwrap(), None);
        store.note_api_key_used(record.id, later(1)).await.unwrap();
        assert!(store.revoke_api_key(record.id, later(2)).await.unwrap());
        assert!(!store.revoke_api_key(record.id, later(3)).await.unwrap());
        let expected = ApiKeyRecord { last_used_at: Some(later(1)), revoked_at: Some(later(2)), ..record };
        assert_eq!(store.api_keys().await.unwrap(), [expected]);
        store.close().await;
    }
}
