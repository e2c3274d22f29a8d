//! The listener and the HTTP server. It runs on the main runtime; its workers are threads of their own, on which
//! handlers run (see `middleware::isolate`).

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, HttpServer, web};

use super::AppState;
use crate::middleware::handover::{handover, prepare};
use crate::middleware::{boundary::boundary, cors};
use crate::routes;

/// How long a keep-alive connection stays open between requests. nginx closes its own after 4 s, so that it is never
/// the server that closes one while a request is on its way.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long requests may take to end after the listener has been closed. Streams end at once, when they are told;
/// nothing else takes longer than a query.
const SHUTDOWN_S: u64 = 10;

/// A server on `listener`. It serves while the returned future is polled.
pub fn server(listener: TcpListener, state: web::Data<AppState>) -> std::io::Result<Server> {
    let page_elsewhere = state.config.foreign_page_origin().is_some();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(state.runtime.clone())
            .configure(routes::configure)
            .wrap(Condition::new(page_elsewhere, from_fn(cors::cors)))
            .wrap(from_fn(boundary))
            .wrap(from_fn(handover))
    });
    // A client that has left is noticed at once, not at the next write: readers and plain answers end with their
    // connection. What must be done to its end all the same is shielded from that (`middleware::isolate`).
    let server = server.h1_allow_half_closed(false).on_connect(prepare);
    Ok(server.keep_alive(KEEP_ALIVE).shutdown_timeout(SHUTDOWN_S).disable_signals().listen(listener)?.run())
}
