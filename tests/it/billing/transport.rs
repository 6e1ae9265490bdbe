//! The transport against a server that answers by script.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use counteroffer::billing::{InvalidOptions, StripeError, StripeErrorKind, StripeOptions, Transport};
use miniserde::json::Object;
use stripe_client_core::{IdempotencyKey, RequestBuilder, RequestStrategy, StripeMethod};

/// An answer: status, headers, body; or silence.
#[derive(Clone)]
enum Reply {
    Says(u16, &'static [(&'static str, &'static str)], &'static str),
    Silence,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
struct Call {
    line: String,
    key: Option<String>,
    version: Option<String>,
    authorization: Option<String>,
    body: String,
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    calls: Mutex<Vec<Call>>,
}

struct Server {
    script: Arc<Script>,
    options: StripeOptions,
    handle: actix_web::dev::ServerHandle,
}

async fn answer(request: HttpRequest, body: web::Bytes, script: web::Data<Arc<Script>>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    script.calls.lock().unwrap().push(Call {
        line: format!("{} {}", request.method(), request.uri()),
        key: header("idempotency-key"),
        version: header("stripe-version"),
        authorization: header("authorization"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let reply = script.replies.lock().unwrap().pop_front().unwrap_or(OK);
    match reply {
        Reply::Says(status, headers, body) => {
            let mut response = HttpResponse::build(status.try_into().unwrap());
            for header in headers {
                response.insert_header(*header);
            }
            response.body(body)
        }
        Reply::Silence => std::future::pending().await,
    }
}

const OK: Reply = Reply::Says(200, &[("Request-Id", "req_ok")], "{}");

impl Server {
    async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Arc::new(Script::default());
        script.replies.lock().unwrap().extend(replies);
        let data = Arc::clone(&script);
        let app =
            move || App::new().app_data(web::Data::new(Arc::clone(&data))).default_service(web::to(answer));
        let server = HttpServer::new(app).workers(1).shutdown_timeout(0).bind(("127.0.0.1", 0)).unwrap();
        let base = format!("http://{}", server.addrs()[0]).parse().unwrap();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        let mut options = StripeOptions::new(base, "sk_test_secret".into());
        options.first_delay = Duration::from_millis(1);
        Self { script, options, handle }
    }

    async fn post(&self, key: Option<&str>) -> Result<Object, StripeError> {
        let transport = Transport::new(&self.options).unwrap();
        let request = RequestBuilder::new(StripeMethod::Post, "/things")
            .form(&HashMap::from([("name", "a b")]))
            .customize();
        let request = match key {
            Some(key) => {
                request.request_strategy(RequestStrategy::Idempotent(IdempotencyKey::new(key).unwrap()))
            }
            None => request,
        };
        request.send(&transport).await
    }

    fn calls(&self) -> Vec<Call> {
        self.script.calls.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn fails(status: u16) -> Reply {
    Reply::Says(
        status,
        &[("Request-Id", "req_1")],
        r#"{"error":{"type":"api_error","message":"secret words"}}"#,
    )
}

#[tokio::test]
async fn retries_keep_the_key_and_the_request() {
    let server = Server::start([fails(500), fails(409), OK]).await;
    server.post(Some("key-1")).await.unwrap();
    let calls = server.calls();
    assert_eq!(calls.len(), 3);
    for call in calls {
        assert_eq!(call.line, "POST /v1/things");
        assert_eq!(call.key.as_deref(), Some("key-1"));
        assert_eq!(call.body, "name=a+b");
        assert_eq!(call.version.as_deref(), Some(stripe_client_core::VERSION.as_str()));
        assert_eq!(call.authorization.as_deref(), Some("Bearer sk_test_secret"));
    }
}

#[tokio::test]
async fn gives_up_after_the_last_attempt_not_knowing() {
    let server = Server::start([fails(500), fails(503), fails(429), OK]).await;
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!((error.kind, error.status), (StripeErrorKind::Unknown, Some(429)));
    assert_eq!(error.request_id.as_deref(), Some("req_1"));
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn a_post_without_a_key_is_sent_once() {
    let server = Server::start([fails(500), OK]).await;
    assert_eq!(server.post(None).await.unwrap_err().kind, StripeErrorKind::Unknown);
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn waits_as_long_as_stripe_asks() {
    let server = Server::start([Reply::Says(429, &[("Retry-After", "1")], ""), OK]).await;
    let started = Instant::now();
    server.post(Some("key-1")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn hands_on_a_wait_that_is_longer_than_the_deadline() {
    let server = Server::start([Reply::Says(429, &[("Retry-After", "3600")], ""), OK]).await;
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(3600)));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn does_as_stripe_says_about_retrying() {
    let server = Server::start([Reply::Says(500, &[("Stripe-Should-Retry", "false")], ""), OK]).await;
    assert_eq!(server.post(Some("key-1")).await.unwrap_err().kind, StripeErrorKind::Unknown);
    assert_eq!(server.calls().len(), 1);
    let server = Server::start([Reply::Says(400, &[("Stripe-Should-Retry", "true")], ""), OK]).await;
    server.post(Some("key-1")).await.unwrap();
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_page_of_html_keeps_its_status() {
    let page = Reply::Says(502, &[("Content-Type", "text/html")], "<html>Bad Gateway</html>");
    let server = Server::start([page.clone(), page.clone(), page]).await;
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.status, error.code.as_str()),
        (StripeErrorKind::Unknown, Some(502), "http_502")
    );
}

#[tokio::test]
async fn silence_is_unknown_and_asked_again_with_the_same_key() {
    let mut server = Server::start([Reply::Silence, Reply::Silence, Reply::Silence]).await;
    server.options.attempt_timeout = Duration::from_millis(30);
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!((error.kind, error.status, error.code.as_str()), (StripeErrorKind::Unknown, None, "timeout"));
    let keys: Vec<_> = server.calls().into_iter().map(|call| call.key).collect();
    assert_eq!(keys, vec![Some("key-1".to_owned()); 3]);
}

#[tokio::test]
async fn the_deadline_holds_for_all_attempts_together() {
    let mut server = Server::start([Reply::Silence, Reply::Silence, Reply::Silence]).await;
    server.options.total_deadline = Duration::from_millis(50);
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!(error.code, "timeout");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_unknown() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let mut server = Server::start([]).await;
    server.options.api_base = format!("http://{free}").parse().unwrap();
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StripeErrorKind::Unknown, "connection_failed"));
}

#[tokio::test]
async fn refusals_are_final_and_sent_once() {
    use StripeErrorKind::{Permission, Rejected, Unauthorized};
    for (status, kind) in
        [(400, Rejected), (402, Rejected), (404, Rejected), (401, Unauthorized), (403, Permission)]
    {
        let server = Server::start([fails(status), OK]).await;
        assert_eq!(server.post(Some("key-1")).await.unwrap_err().kind, kind, "{status}");
        assert_eq!(server.calls().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn knows_when_a_key_is_spent() {
    const REUSED: &str = r#"{"error":{"type":"idempotency_error","message":"other parameters"}}"#;
    let replayed = |status| Reply::Says(status, &[("Idempotent-Replayed", "true")], "{}");
    for reply in [replayed(500), replayed(402), Reply::Says(400, &[], REUSED)] {
        let server = Server::start([reply, OK]).await;
        let error = server.post(Some("key-1")).await.unwrap_err();
        assert!(error.key_spent && error.kind == StripeErrorKind::Unknown);
        assert_eq!(server.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_unknown() {
    let server = Server::start([Reply::Says(200, &[], "<html>")]).await;
    let error = server.post(Some("key-1")).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StripeErrorKind::Unknown, "unreadable_answer"));
}

#[tokio::test]
async fn options_are_checked_and_secrets_silent() {
    let server = Server::start([fails(400)]).await;
    for key in ["", "sk_test_", "pk_test_1", "sk_live", "sk_test_a b", "sk_prod_1"] {
        let options = StripeOptions { secret_key: key.into(), ..server.options.clone() };
        assert!(matches!(Transport::new(&options), Err(InvalidOptions::Key)), "{key}");
    }
    for base in ["ftp://stripe.test", "data:x", "https://stripe.test/?a=1"] {
        let options = StripeOptions { api_base: base.parse().unwrap(), ..server.options.clone() };
        assert!(matches!(Transport::new(&options), Err(InvalidOptions::Address)), "{base}");
    }
    let live = StripeOptions { secret_key: "rk_live_1".into(), ..server.options.clone() };
    assert!(Transport::new(&live).unwrap().livemode());
    let transport = Transport::new(&server.options).unwrap();
    assert!(!transport.livemode());
    let error = server.post(None).await.unwrap_err();
    let words = format!("{:?} {transport:?} {error:?} {error}", server.options);
    assert!(!words.contains("sk_test_secret") && !words.contains("secret words"), "{words}");
}
