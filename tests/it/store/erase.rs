use counteroffer::domain::operation::Effect;
use counteroffer::domain::session::Answers;
use counteroffer::store::{Begin, Change, CustomerProfile, SessionFilter};

use super::fixtures::{begin, cancellation, later, now, saved, session};
use crate::support::database::databases;

#[tokio::test]
async fn erasing_takes_the_person_and_leaves_the_figures() {
    for database in databases() {
        let store = database.store().await;
        let mut one = session("ada@example.com", "sub_1");
        one.context = Some(serde_json::Map::new());
        store.begin(Begin { saved: Some(saved("k", "{}")), ..begin(&one) }).await.unwrap();
        let other = session("bob", "sub_2");
        store.begin(begin(&other)).await.unwrap();
        one.answer(Answers { comment: Some("I am Ada".to_owned()), ..Answers::default() }, now()).unwrap();
        let operation = cancellation(&one);
        let change = Change {
            session: Some((one.clone(), 1)),
            new_operations: vec![(operation.clone(), None)],
            ..Change::new(now())
        };
        store.change(change).await.unwrap();
        let profile = CustomerProfile {
            id: one.customer.clone(),
            stripe_customer: None,
            attributes: Default::default(),
            updated_at: now(),
        };
        store.put_customer(&profile).await.unwrap();
        let before = store.summary(SessionFilter::default(), now()).await.unwrap();

        let count = store.erase_customer(&one.customer, "customer:1", later(1)).await.unwrap();
        assert_eq!(count, 1, "{}", database.name);
        assert_eq!(store.customer(&one.customer).await.unwrap(), None);
        assert_eq!(store.saved_answer("customer:1", "k").await.unwrap(), None);
        assert!(store.decisions(one.id).await.unwrap().is_empty());
        let stored = store.session(one.id).await.unwrap().unwrap();
        assert_eq!(stored.version, 3);
        assert!(stored.session.customer.as_str().starts_with("erased_"));
        assert_eq!((stored.session.answers.comment, stored.session.context), (None, None));
        let operation = store.operation(operation.id).await.unwrap().unwrap();
        assert!(matches!(operation.effect, Effect::Cancel { comment: None, .. }));
        assert_eq!(store.summary(SessionFilter::default(), now()).await.unwrap(), before);
        assert_eq!(store.session(other.id).await.unwrap().unwrap().session, other);
        assert_eq!(store.erase_customer(&one.customer, "customer:1", later(2)).await.unwrap(), 0);
        store.close().await;
    }
}
