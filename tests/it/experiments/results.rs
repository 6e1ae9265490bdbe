//! What came of experiments, over HTTP.

use counteroffer::domain::offer::Key;
use counteroffer::services::keys::Role;
use counteroffer::services::{experiments, saves};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{all_in, begun, with};
use crate::support::app::{TestApp, on_every_database};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn rate(numerator: u64, denominator: u64) -> Value {
    let hundredths = |value: f64| (value * 10_000.0).round() / 10_000.0;
    let of = |number: u64| f64::from(u32::try_from(number).unwrap());
    let value =
        if denominator == 0 { Value::Null } else { json!(hundredths(of(numerator) / of(denominator))) };
    json!({"numerator": numerator, "denominator": denominator, "value": value})
}

async fn results(test: &TestApp, key: &str, experiment: &str) -> Value {
    test.get(&format!("/v1/experiments/{experiment}"), key).await.expect(200).body
}

fn arm<'a>(results: &'a Value, arm: &str) -> &'a Value {
    results["arms"].as_array().unwrap().iter().find(|one| one["arm"] == arm).unwrap()
}

#[tokio::test]
async fn results_count_each_customer_once_and_say_what_is_left_of_it() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        test.publish(&all_in("control")).await;
        let (saver, session) = begun(&test).await;
        test.accept(&saver, &session, "half-off").await.expect(200);
        let (leaver, leaving) = begun(&test).await;
        test.act(&leaver, &leaving, "cancel", json!({})).await.expect(200);
        test.publish(&all_in("less")).await;
        let (taker, taking) = begun(&test).await;
        test.accept(&taker, &taking, "third-off").await.expect(200);
        let (keeper, keeping) = begun(&test).await;
        test.act(&keeper, &keeping, "keep", json!({})).await.expect(200);
        test.publish(&all_in("holdout")).await;
        let (held, holding) = begun(&test).await;
        test.act(&held, &holding, "cancel", json!({})).await.expect(200);

        let early = results(&test, &key, "depth").await;
        assert_eq!(early["arms"][0]["arm"], "control");
        assert_eq!(arm(&early, "control")["share"], rate(2, 5));
        assert_eq!(arm(&early, "control")["saves"], rate(0, 0), "their sessions' time is not over");
        test.advance(DAY * 2);
        // Who comes again is not counted again.
        let again = test.begin(&keeper, Some("too_expensive")).await.expect(201);
        test.act(&keeper, &again, "cancel", json!({})).await.expect(200);
        test.advance(DAY * 28);
        saves::drain(&test.app).await.unwrap();
        let young = results(&test, &key, "depth").await;
        assert_eq!(arm(&young, "less")["validated"][0]["rate"], rate(0, 0), "slower ones are still to come");
        test.advance(DAY);

        let found = results(&test, &key, "depth").await;
        let [control, less, holdout] = ["control", "less", "holdout"].map(|word| arm(&found, word));
        assert_eq!((&control["saves"], &control["cancels"]), (&rate(1, 2), &rate(1, 2)));
        assert_eq!((&less["saves"], &less["cancels"]), (&rate(2, 2), &rate(0, 2)));
        assert_eq!((&holdout["saves"], &holdout["cancels"]), (&rate(0, 1), &rate(1, 1)));
        assert_eq!(control["validated"][0]["rate"], rate(1, 2));
        // The one who came again and canceled is there until the period ends, but set to end.
        assert_eq!(less["validated"][0]["rate"], rate(1, 2));
        assert_eq!(less["validated"][1]["rate"], rate(0, 0));
        // A month of 4,900, less half of the two invoices that the discount meets; of the other, a third of one.
        let total = |arm: &Value| arm["net_revenue"][0]["total"].clone();
        assert_eq!((total(control), total(less), total(holdout)), (json!(0), json!(3283), json!(0)));
        assert_eq!(less["net_revenue"][0]["estimate"]["value"], 1641.5);
        assert_eq!(less["net_revenue"][0]["difference"]["value"], 1641.5);
        assert_eq!(control["validated"][0]["difference"], Value::Null);
        assert_eq!(control["validated"][0]["uplift"]["value"], 0.5);
        assert_eq!(less["validated"][0]["difference"], json!({"value": 0.0, "lower": null, "upper": null}));
        assert_eq!((&less["verdict"], &control["verdict"]), (&json!("undecided"), &Value::Null));
        assert_eq!(found["sample_ratio"]["mismatch"], false);
        for id in [&saver.customer, &taker.subscription] {
            assert!(!found.to_string().contains(id.as_str()), "nobody is named");
        }

        let list = test.get("/v1/experiments", &key).await.expect(200).body;
        let arms = json!([{"arm": "control", "customers": 2}, {"arm": "holdout", "customers": 1},
            {"arm": "less", "customers": 2}]);
        assert_eq!((&list["data"][0]["experiment"], &list["data"][0]["arms"]), (&json!("depth"), &arms));
        assert_eq!(
            (&list["data"][0]["running"], &list["data"][0]["allocation"]),
            (&json!(true), &json!("weights"))
        );
        test.publish(crate::support::app::FLOW).await;
        assert_eq!(results(&test, &key, "depth").await["running"], false);
        test.get("/v1/experiments/none", &key).await.expect(404);
        test.get("/v1/experiments?livemode=perhaps", &key).await.expect(400);
        let live = test.get("/v1/experiments?livemode=true", &key).await.expect(200).body;
        assert_eq!(live["data"], json!([]));
        let server = test.key(Role::Server).await;
        test.get("/v1/experiments/depth", &server).await.expect(403);
        test
    })
    .await;
}

#[tokio::test]
async fn a_bandit_learns_once_a_day_and_its_propensities_are_kept() {
    on_every_database(async |test| {
        let key = test.key(Role::Analyst).await;
        let flow = |weights: [u8; 2]| {
            with(&format!(
                "experiments:\n  depth:\n    allocation: bandit\n    floor_percent: 20\n    arms:\n      \
                 control: {{weight: {}}}\n      less: {{weight: {}, replace: {{half-off: third-off}}}}\n",
                weights[0], weights[1]
            ))
        };
        test.publish(&flow([1, 0])).await;
        for _ in 0..12 {
            let (who, session) = begun(&test).await;
            test.act(&who, &session, "keep", json!({})).await.expect(200);
        }
        test.publish(&flow([0, 1])).await;
        for _ in 0..12 {
            let (who, session) = begun(&test).await;
            test.act(&who, &session, "cancel", json!({})).await.expect(200);
        }
        assert_eq!(experiments::learn(&test.app).await.unwrap(), 1, "of today nothing is known yet");
        let word = |text: &str| text.parse::<Key>().unwrap();
        let of = |test: &TestApp, arm: &str| {
            test.app.flows.bandits(&word("default"))[&word("depth")][&word(arm)].fraction()
        };
        assert_eq!((of(&test, "control"), of(&test, "less")), (0.5, 0.5));
        test.advance(DAY * 2);
        assert_eq!(experiments::learn(&test.app).await.unwrap(), 1);
        assert_eq!(experiments::learn(&test.app).await.unwrap(), 0, "once a day");
        assert!(of(&test, "control") > 0.799, "all were saved, against none");
        assert!(of(&test, "less") >= 0.2, "the floor");
        let (_, session) = begun(&test).await;
        let path = format!("/v1/sessions/{}/explanation", session.text_at("/id"));
        let trace = test.get(&path, &key).await.expect(200).body["decisions"][0]["trace"].clone();
        let shown = &trace["experiments"][0];
        assert_eq!(shown["shares"]["less"], of(&test, "less"));
        let page = test.get("/v1/sessions?limit=1", &key).await.expect(200).body;
        let kept = &page["data"][0]["experiments"][0];
        assert_eq!(kept["propensity"], shown["shares"][kept["arm"].as_str().unwrap()]);
        let found = results(&test, &key, "depth").await;
        assert_eq!(arm(&found, "control")["saves"], rate(12, 12));
        assert_eq!(arm(&found, "less")["cancels"], rate(12, 12));
        test
    })
    .await;
}
