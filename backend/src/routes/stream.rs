//! Server-sent events: a conversation's answers, and the news of lists and models.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::{Stream, StreamExt, stream};
use shared::{ApiError, ConversationId, Cursor, StreamEvent, paths};

use super::{Access, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::{AppError, AppResult};
use crate::middleware::handover::Handover;
use crate::services::generation::reader::{Reader, STREAM_LIFETIME};

/// A comment on the stream every so often: below the shortest time after which proxies cut (30 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream that has to end and cannot be written to is given up after this time.
const FAREWELL: Duration = Duration::from_secs(30);
/// Where a former stream ended.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx, and whatever else is on the way, to pass every event on at once.
pub(super) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::STREAM, Access::SignedIn, || web::to(news)),
        Endpoint::new(Method::GET, paths::STREAM_CONVERSATION, Access::SignedIn, || web::to(conversation)),
    ]
}

/// News of the list of conversations and of the models.
#[utoipa::path(
    get, path = paths::STREAM, tag = "streams", security(("bearer" = [])),
    responses((status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = StreamEvent)),
)]
pub(super) async fn news(
    state: web::Data<AppState>,
    user: CurrentUser,
    request: HttpRequest,
) -> AppResult<HttpResponse> {
    open(state, user, None, request).await
}

/// The answers of one conversation, and beside them the news of list and models. Begins with a snapshot of every
/// unfinished answer other than the one that `Last-Event-ID` names; of that one comes what is missing.
#[utoipa::path(
    get, path = paths::STREAM_CONVERSATION, tag = "streams", security(("bearer" = [])),
    params(
        ("conversation_id" = ConversationId, Path, description = "The conversation."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was applied."),
    ),
    responses(
        (status = 200, description = "Server-sent events.", content_type = "text/event-stream", body = StreamEvent),
        (status = 400, description = "`Last-Event-ID` is not one of ours.", body = ApiError),
        (status = 404, description = "There is no such conversation.", body = ApiError),
    ),
)]
pub(super) async fn conversation(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
    request: HttpRequest,
) -> AppResult<HttpResponse> {
    open(state, user, Some(*id), request).await
}

async fn open(
    state: web::Data<AppState>,
    user: CurrentUser,
    conversation: Option<ConversationId>,
    request: HttpRequest,
) -> AppResult<HttpResponse> {
    let cursor = cursor(&request)?;
    let reader = Reader::open(state.generations.clone(), user.id, conversation, cursor).await?;
    let signed_out = Box::pin(async move { state.auth.ended(user.credential).await });
    let events = Sse::from_stream(events(reader).take_until(signed_out)).with_keep_alive(HEARTBEAT);
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .finish();
    response.extensions_mut().insert(Handover::of(events, STREAM_LIFETIME + FAREWELL));
    Ok(response)
}

fn cursor(request: &HttpRequest) -> AppResult<Option<Cursor>> {
    let Some(value) = request.headers().get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let cursor = value.to_str().ok().and_then(|text| text.parse().ok());
    cursor.map(Some).ok_or_else(|| {
        AppError::field(
            "Last-Event-ID",
            "must be the id of an event of this stream: <generation>:<epoch>:<seq>",
        )
    })
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok(encode(&event)), reader))
    })
}

fn encode(event: &StreamEvent) -> Event {
    // Plain data of ours always has a JSON form.
    let json = serde_json::to_string(event).unwrap_or_default();
    let mut data = Data::new(json).event(event.name());
    if let Some(cursor) = event.cursor() {
        data.set_id(cursor.to_string());
    }
    Event::Data(data)
}
