//! The command, and the daily job of a real process.

use std::time::Duration;

use counteroffer::clock::Clock;

use super::*;
use crate::support::client::client;
use crate::support::database::{databases, on_each};
use crate::support::process::Program;

#[tokio::test]
async fn the_command_tells_of_drift_by_its_exit_status_and_repairs_on_demand() {
    for database in databases() {
        // So long ago that the features' end has come by now, and not so long that nobody looks any more.
        let test = TestApp::start_at(database, Clock::System.now() - DAY * 80, &[]).await;
        let (who, _) = overdue(&test).await;
        let left = canceled(&test).await;
        by_hand(&test, &left, &[("cancel_at_period_end", "false")]);
        let (database, sandbox) = test.close().await;
        let program = Program::on(database.url())
            .with("COUNTEROFFER_STRIPE__API_BASE", sandbox.url().as_str())
            .with("COUNTEROFFER_RECONCILE__PER_SECOND", "50");
        let told = program.run(&["reconcile"]).expect(2);
        for wanted in ["features_overdue", "cancel_lost", "ask before anything is canceled", "2 drifted"] {
            assert!(told.out.contains(wanted), "{wanted}: {told:?}");
        }
        let repaired = program.run(&["reconcile", "--repair", "--json"]).expect(2);
        let report: Value = serde_json::from_str(&repaired.out).unwrap();
        let state = |kind: &str| {
            let drift = report["drift"].as_array().unwrap().iter().find(|drift| drift["kind"] == kind);
            drift.unwrap_or_else(|| panic!("no {kind} in {report}"))["state"].clone()
        };
        assert_eq!([state("features_overdue"), state("cancel_lost")], ["repaired", "open"]);
        let items = sandbox.object(&who.subscription).unwrap()["items"]["data"].as_array().unwrap().len();
        assert_eq!(items, 1);
        let path = format!("/v1/subscriptions/{}", left.subscription);
        sandbox.call("POST", &path, &[("cancel_at_period_end", "true")]).unwrap();
        let good = program.run(&["reconcile"]).expect(0);
        assert!(good.out.contains("0 drifted"), "{good:?}");
        sandbox.stop().await;
        let failed = program.with("COUNTEROFFER_STRIPE__DEADLINE_MS", "300").run(&["reconcile"]).expect(1);
        assert!(failed.err.contains("could not be compared"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_process_killed_while_comparing_is_followed_by_one_that_ends_it() {
    on_each(databases(), async |database| {
        let test = TestApp::start_at(database, Clock::System.now() - DAY, &[]).await;
        let mut people = Vec::new();
        for _ in 0..6 {
            people.push(canceled(&test).await);
        }
        people.sort_by(|a, b| a.subscription.cmp(&b.subscription));
        by_hand(&test, &people[5], &[("cancel_at_period_end", "false")]);
        let key = test.key(Role::Analyst).await;
        let (database, sandbox) = test.close().await;
        sandbox.clear_calls();
        let program = Program::on(database.url())
            .with("COUNTEROFFER_STRIPE__API_BASE", sandbox.url().as_str())
            .with("COUNTEROFFER_WORKER__LEASE_SECONDS", "5")
            .with("COUNTEROFFER_STRIPE__DEADLINE_MS", "4000")
            .with("COUNTEROFFER_RECONCILE__PER_SECOND", "2");
        let reads = || {
            let path = |who: &Subscriber| format!("/v1/subscriptions/{}", who.subscription);
            let calls = sandbox.calls();
            let of = |who| calls.iter().filter(|call| call.method == "GET" && call.path == path(who)).count();
            people.iter().map(of).collect::<Vec<_>>()
        };
        let until = async |enough: &dyn Fn(&[usize]) -> bool| {
            for _ in 0..900 {
                if enough(&reads()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("it does not go on: {:?}", reads());
        };
        let served = program.serve();
        until(&|reads| reads[2] > 0).await;
        served.kill();
        // The dead one's lease has run out by the time the next one looks.
        tokio::time::sleep(Duration::from_secs(6)).await;
        let served = program.serve();
        until(&|reads| reads[5] > 0).await;
        assert_eq!(reads()[..2], [1, 1], "what was compared is not compared again");
        let client = client();
        for _ in 0..100 {
            let request = client.get(format!("{}/v1/drift", served.base)).bearer_auth(&key);
            let drift = Answer::of(request).await.expect(200);
            if drift.each("/data", "kind") == ["cancel_lost"] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let request = client.get(format!("{}/v1/drift", served.base)).bearer_auth(&key);
        assert_eq!(Answer::of(request).await.each("/data", "kind"), ["cancel_lost"]);
        assert!(served.terminate().success());
        sandbox.stop().await;
    })
    .await;
}
