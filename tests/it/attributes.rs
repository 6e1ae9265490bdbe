//! The published catalogue of attributes is the one that the code goes by.

use counteroffer::domain::attribute::markdown;
use counteroffer::services::keys::Role;
use jiff::SignedDuration;

use crate::support::app::on_every_database;

#[test]
fn the_page_is_the_generated_one() {
    let generated = markdown();
    let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/attributes.md");
    std::fs::create_dir_all(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(fresh, &generated).unwrap();
    let page = include_str!("../../openapi/attributes.md");
    assert!(page == generated, "put the generated page in place: cp {fresh} openapi/attributes.md");
}

#[tokio::test]
async fn what_discounts_have_given_is_a_fact_of_the_next_session() {
    on_every_database(async |test| {
        let (who, staff) = (test.subscriber(), test.key(Role::Analyst).await);
        let session = test.begin(&who, Some("too_expensive")).await.expect(201);
        test.accept(&who, &session, "half-off").await.expect(200);
        for (days, received) in [(1, 4_900), (365, 0)] {
            test.advance(SignedDuration::from_hours(24 * days));
            let next = test.begin(&who, None).await.expect(201);
            let path = format!("/v1/sessions/{}/explanation", next.text_at("/id"));
            let explained = test.get(&path, &staff).await.expect(200);
            let facts = explained.body["decisions"][0]["trace"]["facts"].as_array().unwrap();
            let fact = facts.iter().find(|fact| fact["attribute"] == "history.discount_received").unwrap();
            assert_eq!((&fact["value"], &fact["source"]), (&received.into(), &"history".into()), "{fact}");
            test.act(&who, &next, "keep", serde_json::json!({})).await.expect(200);
        }
        test
    })
    .await;
}
