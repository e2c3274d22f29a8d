//! The messages of a conversation, and other answers to them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::page::{Page, PageQuery};
use shared::{ApiError, Continue, ConversationId, Message, MessageId, Regenerate, SendAccepted, paths};

use super::{Access, Body, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::AppResult;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::CONVERSATION_MESSAGES, Access::SignedIn, || web::to(list)),
        Endpoint::new(Method::POST, paths::MESSAGE_REGENERATE, Access::SignedIn, || web::to(regenerate)),
        Endpoint::new(Method::POST, paths::MESSAGE_CONTINUE, Access::SignedIn, || web::to(go_on)),
    ]
}

/// The messages of all branches, newest first. A running answer has its text so far.
#[utoipa::path(
    get, path = paths::CONVERSATION_MESSAGES, tag = "messages", security(("bearer" = [])),
    params(("conversation_id" = ConversationId, Path, description = "The conversation."), PageQuery),
    responses(
        (status = 200, description = "A page of the messages.", body = Page<Message>),
        (status = 400, description = "The cursor or the limit does not fit.", body = ApiError),
        (status = 404, description = "There is no such conversation.", body = ApiError),
    ),
)]
pub(super) async fn list(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
    query: web::Query<PageQuery>,
) -> AppResult<web::Json<Page<Message>>> {
    state.conversations.messages(user.id, *id, &query).await.map(web::Json)
}

/// Another answer beside this one; both stay. The new one comes over the stream.
#[utoipa::path(
    post, path = paths::MESSAGE_REGENERATE, tag = "messages", security(("bearer" = [])),
    params(("message_id" = MessageId, Path, description = "The answer to make another one of.")),
    request_body = Regenerate,
    responses(
        (status = 202, description = "The new answer has begun.", body = SendAccepted),
        (status = 400, description = "The options are out of bounds, or the message is no answer.", body = ApiError),
        (status = 404, description = "There is no such message or model.", body = ApiError),
        (status = 409, description = "The answer is still being written, or the `client_id` was used for something else.", body = ApiError),
    ),
)]
pub(super) async fn regenerate(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<MessageId>,
    Body(request): Body<Regenerate>,
) -> AppResult<HttpResponse> {
    let accepted = state.chat.regenerate(user.id, *id, request).await?;
    Ok(HttpResponse::Accepted().json(accepted))
}

/// Goes on with an answer that failed, was stopped or reached its length. It stays as it ended; a sibling of it has its
/// text from the beginning, says so in `continues`, and comes over the stream. A repeat with the same `client_id` gives
/// the same ids and begins nothing.
#[utoipa::path(
    post, path = paths::MESSAGE_CONTINUE, tag = "messages", security(("bearer" = [])),
    params(("message_id" = MessageId, Path, description = "The answer to go on with.")),
    request_body = Continue,
    responses(
        (status = 202, description = "The answer goes on.", body = SendAccepted),
        (status = 404, description = "There is no such message.", body = ApiError),
        (status = 409, description = "The answer cannot go on, for the reason given: it is still being written, is whole, has no text, is over two days old, is continued already, or its model is another one now. Or the `client_id` was used for something else.", body = ApiError),
    ),
)]
pub(super) async fn go_on(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<MessageId>,
    Body(request): Body<Continue>,
) -> AppResult<HttpResponse> {
    let accepted = state.chat.go_on(user.id, *id, request).await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
