//! Ending an answer.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::{ApiError, GenerationId, paths};

use super::{Access, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::AppResult;
use crate::services::chat::Stopping;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::POST, paths::GENERATION_STOP, Access::SignedIn, || web::to(stop))]
}

/// Ends an answer, before its first word too. The text so far is kept; the end comes over the stream.
#[utoipa::path(
    post, path = paths::GENERATION_STOP, tag = "chat", security(("bearer" = [])),
    params(("generation_id" = GenerationId, Path, description = "The run that writes the answer.")),
    responses(
        (status = 202, description = "The answer is about to end."),
        (status = 204, description = "The answer had ended already; nothing has changed."),
        (status = 404, description = "There is no such answer.", body = ApiError),
    ),
)]
pub(super) async fn stop(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<GenerationId>,
) -> AppResult<HttpResponse> {
    Ok(match state.chat.stop(user.id, *id).await? {
        Stopping::UnderWay => HttpResponse::Accepted().finish(),
        Stopping::HadEnded => HttpResponse::NoContent().finish(),
    })
}
