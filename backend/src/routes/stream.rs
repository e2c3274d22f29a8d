//! Server-sent events: a conversation's answers, and the news of lists and models.

mod writer;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use shared::{ApiError, ConversationId, Cursor, StreamEvent, paths};

use super::{Access, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::{AppError, AppResult};
use crate::middleware::handover::Handover;
use crate::services::generation::reader::Reader;

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
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .finish();
    let handover = Handover::to(|connection| writer::serve(connection, reader, signed_out));
    response.extensions_mut().insert(handover);
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
