use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

async fn error_of(running: &Running, body: &str) -> (String, String) {
    let request =
        running.post("/probe/body").header("content-type", "application/json").body(body.to_owned());
    let body = problem(request.send().await.unwrap(), 400, "invalid_request").await;
    let error = &body["errors"][0];
    (error["pointer"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_bad_field_is_named_by_its_pointer() {
    let running = Running::start(&[]);
    let cases = [
        (r#"{"count": "x"}"#, "/count", "invalid_type"),
        (r#"{"count": -1}"#, "/count", "invalid_value"),
        (r#"{"count": 11}"#, "/count", "out_of_range"),
        (r#"{}"#, "/count", "missing_field"),
        (r#"{"count": 1, "extra": 1}"#, "/extra", "unknown_field"),
        (r#"{"count": 1, "count": 2}"#, "/count", "duplicate_field"),
        (r#"{"count": 1, "items": [{"text": "a"}, {"text": 5}]}"#, "/items/1/text", "invalid_type"),
        (r#"{"count": 1, "items": [{"text": "a"}, {}]}"#, "/items/1/text", "missing_field"),
        (r#"{"count": 1, "items": [{"text": "too long"}]}"#, "/items/0/text", "out_of_range"),
        (r#"{"count": 1, "items": [{"text": "a\u0000"}]}"#, "/items/0/text", "invalid_text"),
        (r#"[]"#, "", "invalid_value"),
        (r#"null"#, "", "invalid_type"),
    ];
    for (body, pointer, code) in cases {
        assert_eq!(error_of(&running, body).await, (pointer.to_owned(), code.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused_in_the_fitting_way() {
    let running = Running::start(&[("SERVER__BODY_LIMIT_BYTES", "1024")]);
    let post = |kind: &'static str, body: String| {
        running.post("/probe/body").header("content-type", kind).body(body).send()
    };
    for broken in ["", "{", "{\"count\": 1} x", "\u{1}", "{\"count\": 1e999}", &"[".repeat(500)] {
        let answer = post("application/json", broken.to_owned()).await.unwrap();
        assert_eq!(answer.status(), 400, "{broken}");
    }
    problem(post("application/json", "{".into()).await.unwrap(), 400, "invalid_json").await;
    problem(post("text/plain", "{}".into()).await.unwrap(), 415, "unsupported_media_type").await;
    problem(running.post("/probe/body").body("{}").send().await.unwrap(), 415, "unsupported_media_type")
        .await;
    problem(post("application/json", " ".repeat(2000)).await.unwrap(), 413, "body_too_large").await;
    let good = post("application/json; charset=utf-8", r#"{"count": 7}"#.into()).await.unwrap();
    assert_eq!((good.status().as_u16(), good.text().await.unwrap().as_str()), (200, "7"));
}

#[tokio::test]
async fn a_body_may_be_left_out_where_that_is_allowed() {
    let running = Running::start(&[]);
    let answer = running.post("/probe/optional").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "0"));
    let wrong = running.post("/probe/optional").header("content-type", "application/json").body("{}");
    problem(wrong.send().await.unwrap(), 400, "invalid_request").await;
}

#[tokio::test]
async fn a_bad_query_names_its_parameter() {
    let running = Running::start(&[]);
    for (query, pointer, code) in [
        ("count=x", "/count", "invalid_value"),
        ("count=0", "/count", "out_of_range"),
        ("count=1&count=2", "/count", "duplicate_field"),
        ("count=1&other=2", "/other", "unknown_field"),
        ("count=1&other=%00", "/other", "invalid_text"),
        ("", "/count", "missing_field"),
    ] {
        let answer = running.get(&format!("/probe/query?{query}")).send().await.unwrap();
        let body = problem(answer, 400, "invalid_request").await;
        let found =
            (body["errors"][0]["pointer"].as_str().unwrap(), body["errors"][0]["code"].as_str().unwrap());
        assert_eq!(found, (pointer, code), "{query}");
    }
}

async fn raw(running: &Running, text: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_body_that_dawdles_or_breaks_is_a_problem() {
    let running = Running::start(&[("SERVER__BODY_TIMEOUT_SECONDS", "1")]);
    let head = "POST /probe/body HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let dawdles = raw(&running, &format!("{head}content-length: 10\r\n\r\n{{")).await;
    assert!(dawdles.starts_with("HTTP/1.1 408") && dawdles.contains("request_timeout"), "{dawdles}");
    let broken = raw(&running, &format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n")).await;
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
    let long = "a".repeat(300_000);
    let chunked =
        raw(&running, &format!("{head}transfer-encoding: chunked\r\n\r\n493e0\r\n{long}\r\n0\r\n\r\n")).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
}
