//! The messages of a conversation, and other answers to them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::page::{Page, PageQuery};
use shared::{ApiError, ConversationId, Message, MessageId, Regenerate, SendAccepted, paths};

use super::{Access, Body, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::AppResult;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::CONVERSATION_MESSAGES, Access::SignedIn, || web::to(list)),
        Endpoint::new(Method::POST, paths::MESSAGE_REGENERATE, Access::SignedIn, || web::to(regenerate)),
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
