//! Binds the listener and runs the server until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use actix_web::dev::{Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpServer};

use super::edge::{buffer, cors, guard, headers, observe, rate_limit};
use super::pages::{docs, fallback};
use super::{Shell, routes};

/// How often idle callers are forgotten by the rate limit.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// A server that has bound its address and waits to be run.
pub struct Server {
    actix: ActixServer,
    address: SocketAddr,
    shell: Data<Shell>,
}

/// Binds the configured address. `install` adds application data (and, in tests, routes) for the handlers.
///
/// # Errors
/// When the address cannot be bound.
pub fn server<F>(shell: Shell, install: F) -> io::Result<Server>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let shell = Data::new(shell);
    let settings = &shell.config.server;
    let (listen, workers, grace) = (settings.listen, settings.workers, settings.shutdown_grace_seconds);
    let for_app = shell.clone();
    let mut http = HttpServer::new(move || {
        App::new()
            .app_data(for_app.clone())
            .wrap(from_fn(fallback::reword))
            .wrap(from_fn(buffer::buffer))
            .wrap(from_fn(rate_limit::admit))
            .wrap(cors::cors(&for_app.config.server))
            .wrap(from_fn(headers::secure))
            .wrap(from_fn(guard::guard))
            .wrap(from_fn(observe::observe))
            .configure(routes::register::<ServiceConfig>)
            .configure(docs::register)
            .configure(install.clone())
            .default_service(web::to(fallback::fallback))
    })
    .shutdown_timeout(grace)
    // The command line decides when to stop, since it has a worker to stop as well.
    .disable_signals();
    if workers > 0 {
        http = http.workers(workers);
    }
    let http = http.bind(listen)?;
    let address = http.addrs().into_iter().next().unwrap_or(listen);
    Ok(Server { actix: http.run(), address, shell })
}

impl Server {
    /// The address bound, with the port that was free if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then accepts nothing more and finishes running requests within the grace time.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let handle: ServerHandle = self.actix.handle();
        let mut running = std::pin::pin!(self.actix);
        let mut stop = std::pin::pin!(stop);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                ended = &mut running => return ended,
                () = &mut stop => break,
                _ = forget.tick() => self.shell.limiter.forget_idle(),
            }
        }
        let (ended, ()) = tokio::join!(running, handle.stop(true));
        ended
    }
}
