//! The command.

use serde_json::Value;

use super::*;
use crate::support::process::Program;

#[tokio::test]
async fn the_command_tells_by_its_exit_status_and_reads_beside_a_process_that_serves() {
    for database in databases() {
        let start = counteroffer::clock::Clock::System.now() - DAY * 80;
        let scene = Scene::set(TestApp::start_at(database, start, &[]).await).await;
        let pause = scene.operation(&scene.pause).await;
        let (database, sandbox) = scene.test.close().await;
        let program =
            Program::on(database.url()).with("COUNTEROFFER_STRIPE__API_BASE", sandbox.url().as_str());
        let served = program.serve();
        let good = program.run(&["verify"]).expect(0);
        assert!(good.out.contains("8 sessions") && good.out.contains(" 0 violations"), "{good:?}");
        database.execute(&set("operations", &pause, "lease_owner = 'x', lease_until = 1"));
        let told = program.run(&["verify"]).expect(1);
        assert!(told.out.contains(&format!("not_held  {pause}  held")), "{told:?}");
        let told = program.run(&["verify", "--json"]).expect(1);
        let report: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(report["violations"][0]["invariant"], "not_held");
        assert!(served.terminate().success());
        sandbox.stop().await;
        let away =
            program.with("COUNTEROFFER_STRIPE__DEADLINE_MS", "300").run(&["verify", "--stripe"]).expect(1);
        assert!(away.err.contains("could not be compared with Stripe"), "{away:?}");
    }
}
