use super::*;

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let running = Running::start(&[]);
    for path in ["/", "/nothing", "/v1", "/v1/nothing", "/healthz/", "/v1/%00", "/%ff"] {
        problem(running.get(path).send().await.unwrap(), 404, "unknown_path").await;
    }
    problem(running.get("/docs/nothing").send().await.unwrap(), 404, "not_found").await;
    let answer = running.client.delete(running.url("/healthz")).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET");
    problem(answer, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn a_request_keeps_a_sane_id_and_loses_any_other() {
    let running = Running::start(&[]);
    let id = async |sent: &str| {
        let answer = running.get("/healthz").header("x-request-id", sent).send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id("abc-1.2_3").await, "abc-1.2_3");
    for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
        let given = id(bad).await;
        assert_eq!(given.len(), 26, "{bad}");
    }
    let answer = running.get("/nothing").header("x-request-id", "mine").send().await.unwrap();
    assert_eq!(problem(answer, 404, "unknown_path").await["request_id"], "mine");
}

#[tokio::test]
async fn every_answer_carries_security_headers() {
    let running = Running::start(&[("SERVER__PUBLIC_URL", "https://offers.example.com")]);
    for path in ["/healthz", "/nothing", "/v1/probe/customer", "/openapi.json"] {
        let answer = running.get(path).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    }
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let running = Running::start(&[("SERVER__CORS_ORIGINS", "https://app.example.com")]);
    let preflight = |origin: &'static str| {
        running
            .client
            .request(reqwest::Method::OPTIONS, running.url("/v1/probe/customer"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key")
            .send()
    };
    let good = preflight("https://app.example.com").await.unwrap();
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers()["access-control-allow-origin"], "https://app.example.com");
    let bad = preflight("https://evil.example.com").await.unwrap();
    assert!(!bad.headers().contains_key("access-control-allow-origin"));

    let refused =
        running.get("/v1/probe/customer").header("origin", "https://app.example.com").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], "https://app.example.com");
    assert!(!refused.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn a_panic_is_a_uniform_500_and_the_server_goes_on() {
    let running = Running::start(&[]);
    let body = problem(running.get("/probe/panic").send().await.unwrap(), 500, "internal_error").await;
    assert!(!body.to_string().contains("as asked"));
    assert_eq!(running.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let running = Running::start(&[("SERVER__REQUEST_TIMEOUT_SECONDS", "1")]);
    let answer = running.get("/probe/slow").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    problem(answer, 503, "timed_out").await;
}

#[tokio::test]
async fn a_stopped_server_finishes_what_runs() {
    let mut running = Running::start(&[]);
    let request = running.post("/v1/probe/keyed").bearer_auth(sign(&claims())).send();
    let stop = running.stop.take().unwrap();
    let (answer, ()) = tokio::join!(request, async {
        running.gate.has(1).await;
        stop.send(()).unwrap();
        running.gate.lets(1);
    });
    assert_eq!(answer.unwrap().status(), 200);
    assert!(running.get("/healthz").send().await.is_err());
}
