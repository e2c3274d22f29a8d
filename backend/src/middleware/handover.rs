//! Streams leave actix. Its dispatcher keeps two buffers of 8 KiB and a task of 3 KiB for each connection, which is
//! nothing for a request and too much for ten thousand open tabs. So the answer of a stream is only its head: this
//! layer, outside of all others, writes it and gives the connection to a task of the main runtime.
//!
//! actix lets go of a connection without a word when a body ends before its length, and it has written nothing by
//! then. That closes its handle on the socket; the duplicate made when the connection came stays.

mod connection;

use std::io::Write;
use std::net::TcpStream as StdTcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream as ActixStream;
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, web};
use futures_util::{StreamExt, stream};
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{AppError, AppState};
use connection::{Body, Connection};

/// What the system keeps for a reader that does not read, instead of megabytes: some seconds of the fastest answer. (It
/// takes twice this.)
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// The body of an answer that leaves actix, and how long it may take. A handler leaves it in the extensions of its
/// response, whose own body is dropped.
pub struct Handover {
    body: Body,
    lifetime: Duration,
}

impl Handover {
    /// Hands over `body`, which must end when the server goes down. A connection that cannot be written to for as long
    /// as `lifetime` from now is given up.
    pub fn of(body: impl MessageBody + Send + 'static, lifetime: Duration) -> Self {
        let mut body = Box::pin(body);
        // Whatever a body may fail with, its reader comes back.
        let next = move |context: &mut Context<'_>| {
            body.as_mut().poll_next(context).map(|bytes| bytes.and_then(Result::ok))
        };
        Self { body: Box::pin(stream::poll_fn(next).fuse()), lifetime }
    }
}

/// The duplicate of a connection's socket.
struct Duplicate(OwnedFd);

/// Makes the duplicate: for `HttpServer::on_connect`.
pub fn prepare(connection: &dyn std::any::Any, data: &mut Extensions) {
    let socket = connection.downcast_ref::<ActixStream>();
    if let Some(Ok(duplicate)) = socket.map(|socket| socket.as_fd().try_clone_to_owned()) {
        data.insert(Duplicate(duplicate));
    }
}

/// Wraps the whole application.
pub async fn handover(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let handover = response.response_mut().extensions_mut().remove();
    let Some(handover) = handover else { return Ok(response) };
    match take_over(&response, handover) {
        Ok(_task) => Ok(response.map_body(|_, _| BoxBody::new(BreaksOff))),
        // The last words on this request: its own layers are done.
        Err(error) => {
            tracing::error!(%error, "a stream cannot be opened");
            Ok(response.into_response(HttpResponse::from_error(AppError::internal(error))))
        }
    }
}

fn take_over(
    response: &ServiceResponse,
    Handover { body, lifetime }: Handover,
) -> std::io::Result<JoinHandle<()>> {
    let request = response.request();
    let state = request.app_data::<web::Data<AppState>>();
    let (Some(duplicate), Some(state)) = (request.conn_data::<Duplicate>(), state) else {
        return Err(std::io::Error::other("a stream needs a connection of its own"));
    };
    let socket = StdTcpStream::from(duplicate.0.try_clone()?);
    set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
    socket.set_nodelay(true)?;
    let is_chunked = request.version() >= Version::HTTP_11;
    let head = head(response, is_chunked)?;
    let _context = state.runtime.enter();
    let connection = Connection { socket: TcpStream::from_std(socket)?, head, is_chunked };
    // An error is a connection that has gone; whoever was there comes back.
    let serving = async move { drop(timeout(lifetime, connection.write(body)).await) };
    Ok(state.connections.spawn(serving))
}

fn head(response: &ServiceResponse, is_chunked: bool) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    write!(head, "HTTP/1.1 {}\r\n", response.status())?;
    write_headers(&mut head, response.headers())?;
    if is_chunked {
        head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    // Whoever asks again does so on another connection.
    head.extend_from_slice(b"connection: close\r\n\r\n");
    Ok(head)
}

fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) -> std::io::Result<()> {
    for (name, value) in headers {
        write!(head, "{name}: ")?;
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// Says that there is more, and ends.
struct BreaksOff;

impl MessageBody for BreaksOff {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(1)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}
