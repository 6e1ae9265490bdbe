use super::*;

#[tokio::test]
async fn health_and_readiness_tell_the_truth() {
    let well = Running::start(&[]);
    let ready = well.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json::<Value>().await.unwrap(), json!({"status": "ok", "checks": {"store": "ok"}}));

    let ill = Running::start(&[("LOG__FILTER", "warn")]);
    let unready = ill.get("/readyz").send().await.unwrap();
    assert_eq!(unready.status(), 503);
    let body: Value = unready.json().await.unwrap();
    assert_eq!(body, json!({"status": "unavailable", "checks": {"store": "unavailable"}}));
    assert_eq!(ill.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn metrics_count_by_route_and_can_be_turned_off() {
    let running = Running::start(&[]);
    running.get("/v1/probe/customer?secret=1").send().await.unwrap();
    running.get("/some/path").send().await.unwrap();
    let text = running.get("/metrics").send().await.unwrap().text().await.unwrap();
    let line =
        "http_request_duration_seconds_count{method=\"GET\",route=\"/v1/probe/customer\",status=\"401\"} 1";
    assert!(text.contains(&format!("counteroffer_{line}")), "{text}");
    assert!(text.contains("route=\"unmatched\",status=\"404\"") && !text.contains("/some/path"), "{text}");
    assert!(text.contains("counteroffer_http_requests_in_flight 1"), "{text}");

    let without = Running::start(&[("METRICS__ENABLED", "false")]);
    problem(without.get("/metrics").send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test]
async fn the_document_describes_the_routes() {
    let running = Running::start(&[]);
    let served = running.get("/openapi.json").send().await.unwrap().text().await.unwrap();
    assert_eq!(served, counteroffer::http::json(&counteroffer::http::document()));
    let document: Value = serde_json::from_str(&served).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let ready = &document["paths"]["/readyz"]["get"]["responses"];
    assert!(ready["503"]["content"]["application/json"].is_object(), "the handler's own 503 stays");
    assert!(ready["500"]["content"]["application/problem+json"].is_object());
    assert!(ready["200"]["headers"]["X-Request-Id"].is_object());
    assert_eq!(document["components"]["securitySchemes"]["customerToken"]["bearerFormat"], "JWT");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["request_id"].is_object());
}

#[tokio::test]
async fn the_page_that_reads_it_needs_nobody_else() {
    let running = Running::start(&[]);
    let page = running.get("/docs").send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let html = page.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script>"), "{html}");
    let mut scripts = 0;
    for piece in html.split(['"', '\'']).filter(|piece| piece.ends_with(".js") || piece.ends_with(".css")) {
        let file = running.get(&format!("/docs/{}", piece.trim_start_matches("./"))).send().await.unwrap();
        assert_eq!(file.status(), 200, "{piece}");
        scripts += 1;
    }
    assert!(scripts >= 4, "{html}");
    let settings = running.get("/docs/swagger-initializer.js").send().await.unwrap().text().await.unwrap();
    assert!(settings.contains("/openapi.json") && !settings.contains("petstore"), "{settings}");
}
