//! The listener: turns HTTP into calls of the engine, on a thread of its own.
use super::Shared;
use super::control;
use super::engine::{Reply, Request};
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::rt::System;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Largest body taken; Stripe's calls are far smaller.
const MAX_BODY: usize = 1 << 20;

/// A server that listens, until it is told to stop.
#[derive(Debug)]
pub(super) struct Running {
    handle: ServerHandle,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Drops all connections and frees the port.
    pub(super) async fn stop(self) {
        self.handle.stop(false).await;
        // An error here means that the thread is gone already, which is what was wanted.
        let _gone = self.ended.await;
    }
}

/// Serves on this listener; returns when connections are taken.
pub(super) async fn start(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<Running> {
    let (ready, started) = oneshot::channel();
    let (over, ended) = oneshot::channel();
    std::thread::Builder::new().name("sandbox".into()).spawn(move || {
        System::new().block_on(async move {
            match serve(listener, shared) {
                Ok(server) => {
                    let _unheard = ready.send(Ok(server.handle()));
                    let _stopped = server.await;
                }
                Err(error) => {
                    let _unheard = ready.send(Err(error));
                }
            }
        });
        let _unheard = over.send(());
    })?;
    let handle = started.await.map_err(std::io::Error::other)??;
    Ok(Running { handle, ended })
}

fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<actix_web::dev::Server> {
    let delivery = actix_web::rt::spawn(super::delivery::run(Arc::downgrade(&shared)));
    // The task ends with this thread's runtime, so nobody needs to wait for it.
    drop(delivery);
    let data = web::Data::from(shared);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .service(control::scope())
            .default_service(web::to(answer))
    })
    .workers(2)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

async fn answer(shared: web::Data<Shared>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if shared.away.load(Ordering::SeqCst) {
        // Dropped with the thread that this runs on.
        std::future::pending::<()>().await;
    }
    let call = call_of(&request, &body);
    let (reply, latency) = {
        let mut core = shared.core();
        (core.answer(&call), core.latency)
    };
    shared.woken.notify_one();
    if reply.silent {
        // Dropped when the caller gives up or the server stops.
        std::future::pending::<()>().await;
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    response(reply)
}

fn call_of(request: &HttpRequest, body: &[u8]) -> Request {
    let headers = request.headers();
    Request {
        method: request.method().as_str().to_owned(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        authorization: header(headers, "authorization"),
        idempotency_key: header(headers, "idempotency-key"),
        stripe_version: header(headers, "stripe-version"),
        content_type: header(headers, "content-type"),
        body: body.to_vec(),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn response(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.content_type(reply.content_type);
    for header in reply.headers {
        response.insert_header(header);
    }
    response.body(reply.body)
}
