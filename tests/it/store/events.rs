use counteroffer::domain::event::{EventData, NewEvent};
use counteroffer::store::{Change, Changed, EventFilter};
use futures_util::future::join_all;
use serde_json::json;

use super::fixtures::{begin, later, now, session};
use crate::support::database::databases;

fn told(customer: &str, once: Option<&str>) -> NewEvent {
    let data: EventData = serde_json::from_value(json!({
        "type": "features.ended",
        "data": {"price": "price_free", "features": ["Export"], "ended_at": now(), "how": "removed",
                 "operation": "bop_01JAF5XT9Z4M2K7Q8W3E6R5T1Y"},
    }))
    .unwrap();
    NewEvent {
        livemode: false,
        customer: Some(customer.parse().unwrap()),
        subscription: "sub_1".parse().unwrap(),
        session: None,
        once: once.map(str::to_owned),
        data,
    }
}

#[tokio::test]
async fn an_event_is_written_with_its_change_or_not_at_all() {
    for database in databases() {
        let store = database.store().await;
        let one = session("ada", "sub_1");
        store.begin(begin(&one)).await.unwrap();
        let change = |version| Change {
            session: Some((one.clone(), version)),
            events: vec![told("ada", None), told("ada", None)],
            ..Change::new(now())
        };
        let both = join_all([store.change(change(1)), store.change(change(7))]).await;
        let both: Vec<_> = both.into_iter().map(Result::unwrap).collect();
        assert_eq!(both, [Changed::Done, Changed::Stale], "{}", database.name);
        let events = store.events(EventFilter::default(), None, 10).await.unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!((&events[0].data, events[0].created_at), (&told("ada", None).data, now()));
        store.close().await;
    }
}

#[tokio::test]
async fn what_may_be_told_once_is_told_once() {
    for database in databases() {
        let store = database.store().await;
        let other = if database.name == "postgres" { database.store().await } else { store.clone() };
        let change = |customer: &str| Change {
            events: vec![told(customer, Some("features.ended/1")), told(customer, None)],
            ..Change::new(now())
        };
        let all = (0..20)
            .map(|n| if n % 2 == 0 { store.change(change("ada")) } else { other.change(change("bob")) });
        for changed in join_all(all).await {
            assert_eq!(changed.unwrap(), Changed::Done, "{}", database.name);
        }
        let events = store.events(EventFilter::default(), None, 100).await.unwrap();
        assert_eq!(events.len(), 21);
        let of_bob = EventFilter { customer: Some("bob".parse().unwrap()), ..EventFilter::default() };
        assert!(store.events(of_bob, None, 100).await.unwrap().len() >= 10);
        assert_eq!(store.purge_events(later(-1)).await.unwrap(), 0);
        assert_eq!(store.purge_events(later(1)).await.unwrap(), 21);
        store.close().await;
        other.close().await;
    }
}
