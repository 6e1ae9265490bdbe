use super::*;

#[tokio::test]
async fn each_permission_lets_in_whom_it_names() {
    let running = Running::start(&[("RATE_LIMIT__BURST", "1000")]);
    // token, server, analyst, operator, admin
    let table = [
        ("customer", [true, false, false, false, false]),
        ("customer_or_server", [true, true, false, false, true]),
        ("customer_or_ops", [true, false, true, true, true]),
        ("analyst", [false, false, true, true, true]),
        ("operator", [false, false, false, true, true]),
        ("server_or_analyst", [false, true, true, true, true]),
        ("server_or_operator", [false, true, false, true, true]),
    ];
    let token = sign(&claims());
    let roles = [Role::Server, Role::Analyst, Role::Operator, Role::Admin];
    let credentials: Vec<&str> =
        std::iter::once(token.as_str()).chain(roles.iter().map(|role| running.key(*role))).collect();
    for (name, allowed) in table {
        let path = format!("/v1/probe/{name}");
        for (credential, allowed) in credentials.iter().zip(allowed) {
            let answer = running.get(&path).bearer_auth(credential).send().await.unwrap();
            if allowed {
                assert_eq!(answer.status(), 200, "{name}");
            } else {
                problem(answer, 403, "forbidden").await;
            }
        }
        problem(running.get(&path).send().await.unwrap(), 401, "unauthorized").await;
    }
}

#[tokio::test]
async fn each_caller_has_a_quota_and_is_told_of_it() {
    let running = Running::start(&[("RATE_LIMIT__PER_SECOND", "1"), ("RATE_LIMIT__BURST", "3")]);
    let get = || running.get("/v1/probe/customer").bearer_auth(sign(&claims())).send();
    for left in ["2", "1", "0"] {
        let answer = get().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["ratelimit-policy"], "\"default\";q=3;w=3");
        let limit = answer.headers()["ratelimit"].to_str().unwrap().to_owned();
        assert!(limit.starts_with(&format!("\"default\";r={left};t=")), "{limit}");
    }
    let refused = get().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.headers().contains_key("ratelimit"));
    problem(refused, 429, "rate_limited").await;

    let other =
        running.get("/v1/probe/analyst").bearer_auth(running.key(Role::Analyst)).send().await.unwrap();
    assert_eq!(other.status(), 200);
    for _ in 0..10 {
        assert_eq!(running.get("/healthz").send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn made_up_keys_run_into_the_limit_of_their_address() {
    let running = Running::start(&[("RATE_LIMIT__PER_SECOND", "1"), ("RATE_LIMIT__BURST", "4")]);
    let mut last = 0;
    for _ in 0..6 {
        let (key, _) = keys::generate();
        let answer = running.get("/v1/probe/analyst").bearer_auth(key.expose_secret()).send().await.unwrap();
        last = answer.status().as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn an_idempotency_key_runs_once_at_a_time_and_is_bound_to_the_request() {
    let running = Running::start(&[]);
    let post = |key: &str, body: &'static str| {
        running
            .post("/v1/probe/keyed")
            .bearer_auth(sign(&claims()))
            .header("Idempotency-Key", key)
            .body(body)
            .send()
    };
    let (ran, other, ()) = tokio::join!(post("a", "x"), post("b", "y"), async {
        running.gate.has(2).await;
        problem(post("a", "x").await.unwrap(), 409, "idempotency_key_running").await;
        running.gate.lets(3);
    });
    let print: String = ran.unwrap().json().await.unwrap();
    assert_ne!(print, other.unwrap().json::<String>().await.unwrap());
    assert_eq!(print, post("a", "x").await.unwrap().json::<String>().await.unwrap());
    for bad in ["", "a b", &"k".repeat(256)] {
        problem(post(bad, "x").await.unwrap(), 400, "invalid_idempotency_key").await;
    }
}
