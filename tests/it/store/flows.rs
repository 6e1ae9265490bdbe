use counteroffer::store::NewVersion;
use futures_util::future::join_all;

use super::fixtures::{key, later, now};
use crate::support::database::databases;

fn version(note: &str) -> NewVersion {
    NewVersion {
        key: key("default"),
        document: "{}".to_owned(),
        source: "key: default".to_owned(),
        format: "yaml".to_owned(),
        note: Some(note.to_owned()),
        actor: "key_1".to_owned(),
    }
}

#[tokio::test]
async fn versions_are_numbered_one_by_one_whoever_publishes() {
    for database in databases() {
        let store = database.store().await;
        let other = if database.name == "postgres" { database.store().await } else { store.clone() };
        let by = |number: usize| if number.is_multiple_of(2) { &store } else { &other };
        let published = join_all((0..10).map(|number| by(number).publish(version("n"), now()))).await;
        let mut numbers: Vec<_> = published.into_iter().map(Result::unwrap).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>(), "{}", database.name);
        assert_eq!(store.active_flows().await.unwrap(), [(key("default"), 10)]);
        let third = store.flow_version(&key("default"), 3).await.unwrap().unwrap();
        assert_eq!((third.version, third.source.as_str()), (3, "key: default"));
        assert_eq!(store.flow_version(&key("default"), 11).await.unwrap(), None);
        assert_eq!(store.flow_versions(&key("default")).await.unwrap()[0].version, 10);
        store.close().await;
        other.close().await;
    }
}

#[tokio::test]
async fn a_draft_replaces_the_one_before() {
    for database in databases() {
        let store = database.store().await;
        let flow = key("spring");
        assert_eq!(store.put_draft(&flow, "a".to_owned(), "yaml", now()).await.unwrap(), 1);
        assert_eq!(store.put_draft(&flow, "b".to_owned(), "json", later(1)).await.unwrap(), 2);
        let draft = store.draft(&flow).await.unwrap().unwrap();
        assert_eq!((draft.document.as_str(), draft.format.as_str(), draft.revision), ("b", "json", 2));
        store.publish(version("first"), now()).await.unwrap();
        assert_eq!(store.flows().await.unwrap(), [key("default"), flow], "{}", database.name);
        store.close().await;
    }
}
