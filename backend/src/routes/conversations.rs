//! Conversations: list, create, get, change, delete, restore.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::page::{Page, PageQuery};
use shared::{
    ApiError, Conversation, ConversationId, ConversationSummary, CreateConversation, UpdateConversation,
    paths,
};

use super::{Access, Body, CurrentUser, Endpoint, MadeId};
use crate::AppState;
use crate::error::AppResult;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::CONVERSATIONS, Access::SignedIn, || web::to(list)),
        Endpoint::new(Method::POST, paths::CONVERSATIONS, Access::SignedIn, || web::to(create)),
        Endpoint::new(Method::GET, paths::CONVERSATION, Access::SignedIn, || web::to(get)),
        Endpoint::new(Method::PATCH, paths::CONVERSATION, Access::SignedIn, || web::to(update)),
        Endpoint::new(Method::DELETE, paths::CONVERSATION, Access::SignedIn, || web::to(delete)),
        Endpoint::new(Method::POST, paths::CONVERSATION_RESTORE, Access::SignedIn, || web::to(restore)),
    ]
}

/// The conversations, last written to first.
#[utoipa::path(
    get, path = paths::CONVERSATIONS, tag = "conversations", params(PageQuery), security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of the list.", body = Page<ConversationSummary>),
        (status = 400, description = "The cursor or the limit does not fit.", body = ApiError),
    ),
)]
pub(super) async fn list(
    state: web::Data<AppState>,
    user: CurrentUser,
    query: web::Query<PageQuery>,
) -> AppResult<web::Json<Page<ConversationSummary>>> {
    state.conversations.list(user.id, &query).await.map(web::Json)
}

/// An empty conversation. Not needed for chatting: the first message of `POST /api/chat` makes one.
#[utoipa::path(
    post, path = paths::CONVERSATIONS, tag = "conversations", security(("bearer" = [])),
    request_body = CreateConversation,
    responses(
        (status = 201, description = "The new conversation.", body = Conversation),
        (status = 400, description = "The title is too long.", body = ApiError),
        (status = 404, description = "There is no such model.", body = ApiError),
    ),
)]
pub(super) async fn create(
    state: web::Data<AppState>,
    user: CurrentUser,
    MadeId(id): MadeId,
    Body(request): Body<CreateConversation>,
) -> AppResult<HttpResponse> {
    let created = state.conversations.create(user.id, id.into(), request).await?;
    Ok(HttpResponse::Created().json(created))
}

/// One conversation.
#[utoipa::path(
    get, path = paths::CONVERSATION, tag = "conversations", security(("bearer" = [])),
    params(("conversation_id" = ConversationId, Path, description = "The conversation.")),
    responses(
        (status = 200, description = "The conversation.", body = Conversation),
        (status = 404, description = "There is none, or it is somebody else's.", body = ApiError),
    ),
)]
pub(super) async fn get(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
) -> AppResult<web::Json<Conversation>> {
    state.conversations.get(user.id, *id).await.map(web::Json)
}

/// Names a conversation, shows another branch, or chooses the model for what comes next.
#[utoipa::path(
    patch, path = paths::CONVERSATION, tag = "conversations", security(("bearer" = [])),
    params(("conversation_id" = ConversationId, Path, description = "The conversation.")),
    request_body = UpdateConversation,
    responses(
        (status = 200, description = "The conversation as it is now.", body = Conversation),
        (status = 400, description = "The title is empty or too long.", body = ApiError),
        (status = 404, description = "There is no such conversation, message or model.", body = ApiError),
    ),
)]
pub(super) async fn update(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
    Body(request): Body<UpdateConversation>,
) -> AppResult<web::Json<Conversation>> {
    state.conversations.update(user.id, *id, request).await.map(web::Json)
}

/// Deletes a conversation; for an hour it can be restored. Running answers are stopped.
#[utoipa::path(
    delete, path = paths::CONVERSATION, tag = "conversations", security(("bearer" = [])),
    params(("conversation_id" = ConversationId, Path, description = "The conversation.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "There is none, or it is somebody else's.", body = ApiError),
    ),
)]
pub(super) async fn delete(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
) -> AppResult<HttpResponse> {
    state.conversations.delete(user.id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Undoes a delete of the last hour.
#[utoipa::path(
    post, path = paths::CONVERSATION_RESTORE, tag = "conversations", security(("bearer" = [])),
    params(("conversation_id" = ConversationId, Path, description = "The conversation.")),
    responses(
        (status = 200, description = "The conversation is back.", body = Conversation),
        (status = 404, description = "There is none, or it was deleted too long ago.", body = ApiError),
    ),
)]
pub(super) async fn restore(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ConversationId>,
) -> AppResult<web::Json<Conversation>> {
    state.conversations.restore(user.id, *id).await.map(web::Json)
}
