//! Sending a message.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::{ApiError, SendAccepted, SendMessage, paths};

use super::{Access, Body, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::AppResult;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::POST, paths::CHAT, Access::SignedIn, || web::to(send))]
}

/// Sends a message and begins its answer, which comes over the stream. A repeat with the same `client_id` and
/// body gives the same ids and begins nothing.
#[utoipa::path(
    post, path = paths::CHAT, tag = "chat", security(("bearer" = [])),
    request_body = SendMessage,
    responses(
        (status = 202, description = "The message is kept and its answer has begun.", body = SendAccepted),
        (status = 400, description = "The text or an option is out of bounds.", body = ApiError),
        (status = 404, description = "There is no such conversation, parent or model.", body = ApiError),
        (status = 409, description = "The answer before it is still being written, or the `client_id` was used for something else.", body = ApiError),
    ),
)]
pub(super) async fn send(
    state: web::Data<AppState>,
    user: CurrentUser,
    Body(request): Body<SendMessage>,
) -> AppResult<HttpResponse> {
    let accepted = state.chat.send(user.id, request).await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
