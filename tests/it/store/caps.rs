//! Caps on what one customer accepts.

use counteroffer::domain::offer::OfferType;
use counteroffer::domain::session::Session;
use counteroffer::store::{Change, Changed, CustomerCap, Store};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::fixtures::{begin, cancellation, later, now, session};
use crate::support::database::databases;

/// That `customer` has accepted fewer than `max` since an instant: of these types, or of all.
fn cap(customer: &str, offer_types: &[OfferType], since: Option<Timestamp>, max: u32) -> CustomerCap {
    CustomerCap { customer: customer.parse().unwrap(), offer_types: offer_types.to_vec(), since, max }
}

async fn begun(store: &Store, customer: &str, id: &str) -> Session {
    let one = session(customer, id);
    store.begin(begin(&one)).await.unwrap();
    one
}

/// Accepts the first offer of a session, a `custom` one, below these caps.
fn accept(one: &Session, customer_caps: Vec<CustomerCap>) -> Change {
    let mut one = one.clone();
    one.accept(one.offers[0].id, None, &Default::default(), cancellation(&one).id, now()).unwrap();
    Change { session: Some((one, 1)), customer_caps, ..Change::new(now()) }
}

#[tokio::test]
async fn what_counts_is_what_was_accepted_of_these_types_in_this_time() {
    for database in databases() {
        let store = database.store().await;
        let one = begun(&store, "ada", "sub_1").await;
        assert_eq!(store.change(accept(&one, vec![cap("ada", &[], None, 1)])).await.unwrap(), Changed::Done);
        let before = now() - SignedDuration::from_secs(1);
        for (allowed, cap) in [
            (false, cap("ada", &[], None, 1)),
            (false, cap("ada", &[OfferType::Pause, OfferType::Custom], Some(before), 1)),
            (true, cap("ada", &[], None, 2)),
            (true, cap("ada", &[OfferType::Pause], None, 1)),
            (true, cap("ada", &[], Some(now()), 1)),
            (true, cap("bob", &[], None, 1)),
        ] {
            let wanted = if allowed { Changed::Done } else { Changed::CapReached };
            let asked = Change { customer_caps: vec![cap.clone()], ..Change::new(now()) };
            assert_eq!(store.change(asked).await.unwrap(), wanted, "{}: {cap:?}", database.name);
        }
        let below = vec![cap("ada", &[], None, 9), cap("ada", &[], None, 1)];
        let other = begun(&store, "ada", "sub_2").await;
        assert_eq!(store.change(accept(&other, below)).await.unwrap(), Changed::CapReached, "each must hold");
        assert_eq!(store.session(other.id).await.unwrap().unwrap().version, 1, "nothing is written");
        store.close().await;
    }
}

#[tokio::test]
async fn of_many_at_once_a_cap_lets_through_as_many_as_it_allows() {
    for database in databases() {
        let store = database.store().await;
        let other = if database.name == "postgres" { database.store().await } else { store.clone() };
        let (mut wanted, mut sessions) = (Vec::new(), Vec::new());
        for number in 0..24 {
            // One customer with many subscriptions, and others with one each.
            let customer = if number % 2 == 0 { "ada".to_owned() } else { format!("customer_{number}") };
            sessions.push((begun(&store, &customer, &format!("sub_{number}")).await, customer));
        }
        for (number, (one, customer)) in sessions.iter().enumerate() {
            let by = if number % 3 == 0 { &store } else { &other };
            wanted
                .push(by.change(accept(one, vec![cap(customer, &[OfferType::Custom], Some(later(-60)), 5)])));
        }
        let changed: Vec<_> = join_all(wanted).await.into_iter().map(Result::unwrap).collect();
        let (of_ada, of_others): (Vec<_>, Vec<_>) =
            changed.iter().enumerate().partition(|(number, _)| number % 2 == 0);
        assert!(of_others.iter().all(|(_, changed)| **changed == Changed::Done), "{changed:?}");
        let done = of_ada.iter().filter(|(_, changed)| **changed == Changed::Done).count();
        let refused = of_ada.iter().filter(|(_, changed)| **changed == Changed::CapReached).count();
        assert_eq!((done, refused), (5, 7), "{}", database.name);
        store.close().await;
        other.close().await;
    }
}
