//! The programs in `examples/` do what they say, where the programs they need are installed.

use std::io::Write;
use std::process::{Command, Output};

use serde_json::json;

use crate::readme;
use crate::support::app::{Subscriber, TOKEN_SECRET, TestApp, on_every_database};

/// Calls the Python script's function.
const PYTHON: &str = "import json, sys; sys.path.insert(0, 'examples'); from mint_token import mint; \
    given = json.loads(sys.argv[1]); print(mint(**given))";
/// Calls the Node script's function.
const NODE: &str = "import { mint } from './examples/mint-token.mjs'; \
    console.log(mint(JSON.parse(process.argv[1])));";

#[tokio::test]
async fn tokens_minted_in_python_are_accepted() {
    mints_good_tokens(&["python3", "-B", "-c", PYTHON]).await;
}

#[tokio::test]
async fn tokens_minted_in_node_are_accepted() {
    mints_good_tokens(&["node", "--input-type=module", "--eval", NODE]).await;
}

async fn mints_good_tokens(call: &[&str]) {
    if !installed(call[0]) {
        return;
    }
    on_every_database(async |test| {
        test.publish(&readme::flow()).await;
        let who = test.subscriber();
        let claims = json!({
            "secret": TOKEN_SECRET, "issuer": "test", "customer": who.customer, "subscription": who.subscription,
            "attributes": {"industry": "travel"}, "ttl": 900, "now": test.clock.now().as_second(),
        });
        let minted = run(Command::new(call[0]).args(&call[1..]).arg(claims.to_string())).await;
        assert!(minted.status.success(), "{}", String::from_utf8_lossy(&minted.stderr));
        let token = String::from_utf8(minted.stdout).unwrap();
        let body = json!({"subscription": who.subscription, "reason": "too_expensive"});
        let session = test.post("/v1/sessions", token.trim(), body).await.expect(201);
        // The flow has it for the industry that the token says, and for nobody else.
        assert!(session.presented().contains(&"half-off"), "{}", session.text);
        test
    })
    .await;
}

#[tokio::test]
async fn the_walk_cancels_a_subscription() {
    if !["bash", "curl", "python3"].into_iter().all(installed) {
        return;
    }
    on_every_database(async |test| {
        let who = test.subscriber();
        let walked = walk(&test, &who, &test.token(&who)).await;
        let said =
            String::from_utf8_lossy(&walked.stdout).into_owned() + &String::from_utf8_lossy(&walked.stderr);
        assert!(walked.status.success(), "{said}");
        assert_eq!(test.in_stripe(&who)["cancel_at_period_end"], true, "{said}");
        test
    })
    .await;
}

#[tokio::test]
async fn the_walk_fails_at_an_answer_that_is_not_as_it_should_be() {
    if !["bash", "curl", "python3"].into_iter().all(installed) {
        return;
    }
    on_every_database(async |test| {
        let who = test.subscriber();
        let walked = walk(&test, &who, "not-a-token").await;
        assert!(!walked.status.success());
        assert!(String::from_utf8_lossy(&walked.stderr).contains("401"));
        test
    })
    .await;
}

async fn walk(test: &TestApp, who: &Subscriber, token: &str) -> Output {
    run(Command::new("bash").args(["examples/walk.sh", token, &who.subscription, &test.base])).await
}

/// Runs a program in the repository's folder, on a thread of its own: the server goes on meanwhile.
async fn run(command: &mut Command) -> Output {
    let child =
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(piped()).stderr(piped()).spawn().unwrap();
    actix_web::web::block(move || child.wait_with_output()).await.unwrap().unwrap()
}

fn piped() -> std::process::Stdio {
    std::process::Stdio::piped()
}

/// Whether a program is there. Its absence is said past the harness, which shows nothing of tests that pass.
pub(crate) fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        let line = format!("NOT TESTED: an example in `examples/`, because `{program}` is not installed\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}
