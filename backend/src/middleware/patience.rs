//! Lets a request wait while the database is away for a moment: a restart of two seconds is a pause, and no error.
//!
//! A request that comes while the database is known to be away waits before anything of it is read. One that was under
//! way when it went is run once more, which is harmless because every route of ours is repeatable. Both wait for a
//! bounded time, and only so many at once; the others hear `database_unavailable`, or `storage_full` where that is why,
//! and when to come again. Health checks never wait: they ask how it is now.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use futures_util::{Stream, StreamExt};
use shared::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::idempotency::MayRepeat;
use crate::{AppError, AppState};

/// Requests that may wait at once. Each holds a connection and what was read of its body; after an outage all of them
/// come together, and as many at a time are served as the pool has connections.
pub const PLACES: usize = 256;

/// Pauses before a request is run once more while the database is there. What failed it was one connection, or somebody
/// who held a row for too long.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Where requests wait for the database.
#[derive(Clone, Debug)]
pub struct WaitingRoom {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl WaitingRoom {
    /// A room for so many requests, each of which waits for so long.
    pub fn new(places: usize, patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), patience }
    }

    /// A place in it; none where it is full.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

/// Wraps one route, outside of everything that asks the database.
pub async fn patience(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<AppState>>().cloned() else {
        return Err(AppError::internal("the application has no state").into());
    };
    let until = Instant::now() + state.waiting_room.patience;
    // What it did not wait out is told by whoever asks the database next.
    if !state.store.availability().is_up() {
        wait(&state, until).await;
    }
    let tape = Tape::record(&mut request);
    let (mut pause, longest) = TRY_AGAIN;
    loop {
        let response = next.call(request).await?.map_into_boxed_body();
        if !has_failed(&response) {
            return Ok(response);
        }
        if Instant::now() < until && is_there(&state).await {
            tokio::time::sleep(pause).await;
            pause = longest.min(pause * 2);
        }
        if Instant::now() >= until || !wait(&state, until).await {
            return Ok(explain(&state, response));
        }
        tracing::debug!("the database went away in the middle; once more");
        let (again, _) = response.into_parts();
        // The first time it may have been done, and only its answer lost.
        again.extensions_mut().insert(MayRepeat);
        request = ServiceRequest::from_parts(again, tape.play());
    }
}

/// Whether the database answers: one connection may have broken, or all of them. On the main runtime, where the driver of
/// a new connection outlives the listener.
async fn is_there(state: &AppState) -> bool {
    let store = state.store.clone();
    matches!(state.runtime.spawn(async move { store.ping().await }).await, Ok(Ok(())))
}

/// Waits until the database is back, if there is a place; tells whether it is.
async fn wait(state: &AppState, until: Instant) -> bool {
    let Some(_place) = state.waiting_room.enter() else { return false };
    let closing = state.generations.closing().clone();
    tokio::select! {
        () = state.store.until_up() => true,
        () = closing.cancelled() => false,
        () = tokio::time::sleep_until(until) => false,
    }
}

fn has_failed(response: &ServiceResponse<BoxBody>) -> bool {
    let error = response.response().error().and_then(|error| error.as_error::<AppError>());
    error.is_some_and(|error| error.code() == ErrorCode::DatabaseUnavailable)
}

/// A connection that breaks cannot tell why; perhaps somebody else could.
fn explain(state: &AppState, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if !state.store.is_away_for_room() {
        return response;
    }
    let full = AppError::fault(ErrorCode::StorageFull, "the database is away since its disk is full");
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, HttpResponse::from_error(full))
}

/// What was read of a body, so that it can be read once more. Nothing is read ahead: whoever is not signed in sends
/// nothing in vain.
#[derive(Clone, Default)]
struct Tape(Option<Rc<RefCell<Recording>>>);

struct Recording {
    read: Vec<Bytes>,
    rest: Payload,
}

impl Tape {
    fn record(request: &mut ServiceRequest) -> Self {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Self::default();
        }
        let rest = request.take_payload();
        let tape = Self(Some(Rc::new(RefCell::new(Recording { read: Vec::new(), rest }))));
        request.set_payload(tape.play());
        tape
    }

    /// The body from its beginning.
    fn play(&self) -> Payload {
        match &self.0 {
            None => Payload::None,
            Some(recording) => {
                let player = Player { recording: Rc::clone(recording), next: 0 };
                Payload::Stream { payload: Box::pin(player) }
            }
        }
    }
}

struct Player {
    recording: Rc<RefCell<Recording>>,
    next: usize,
}

impl Stream for Player {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let place = self.next;
        let recording = Rc::clone(&self.recording);
        let mut recording = recording.borrow_mut();
        if recording.read.len() <= place {
            match ready!(recording.rest.poll_next_unpin(context)) {
                Some(Ok(bytes)) => recording.read.push(bytes),
                end => return Poll::Ready(end),
            }
        }
        self.next += 1;
        Poll::Ready(recording.read.get(place).cloned().map(Ok))
    }
}
