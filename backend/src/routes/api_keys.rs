//! `/api/me/keys`: the API keys of whoever is signed in. No key opens these routes.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::{ApiError, ApiKey, ApiKeyId, ApiKeyMade, CreateApiKey, paths};

use super::{Access, Answering, Body, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::AppResult;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::ME_KEYS, Access::InPerson, || web::to(list)),
        Endpoint::new(Method::POST, paths::ME_KEYS, Access::InPerson, || web::to(make))
            .answering(Answering::Secret),
        Endpoint::new(Method::DELETE, paths::ME_KEY, Access::InPerson, || web::to(revoke)),
    ]
}

/// Your API keys, newest first. Their secrets are not known any more.
#[utoipa::path(
    get, path = paths::ME_KEYS, tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The keys.", body = Vec<ApiKey>),
        (status = 403, description = "Asked with an API key.", body = ApiError),
    ),
)]
pub(super) async fn list(state: web::Data<AppState>, user: CurrentUser) -> AppResult<web::Json<Vec<ApiKey>>> {
    Ok(web::Json(state.auth.api_keys(user.id).await?))
}

/// Make an API key. Its secret is in this answer and nowhere else: a repeat of the request makes another key.
#[utoipa::path(
    post, path = paths::ME_KEYS, tag = "me", security(("bearer" = [])), request_body = CreateApiKey,
    responses(
        (status = 201, description = "The key with its secret.", body = ApiKeyMade),
        (status = 400, description = "Fields are out of bounds.", body = ApiError),
        (status = 403, description = "Asked with an API key.", body = ApiError),
        (status = 409, description = "You have as many keys as one can have.", body = ApiError),
    ),
)]
pub(super) async fn make(
    state: web::Data<AppState>,
    user: CurrentUser,
    body: Body<CreateApiKey>,
) -> AppResult<HttpResponse> {
    Ok(HttpResponse::Created().json(state.auth.make_api_key(user.id, body.0).await?))
}

/// Revoke an API key: it counts no more from this moment on.
#[utoipa::path(
    delete, path = paths::ME_KEY, tag = "me", security(("bearer" = [])),
    params(("key_id" = ApiKeyId, Path, description = "The key.")),
    responses(
        (status = 204, description = "Revoked."),
        (status = 403, description = "Asked with an API key.", body = ApiError),
        (status = 404, description = "You have no such key.", body = ApiError),
    ),
)]
pub(super) async fn revoke(
    state: web::Data<AppState>,
    user: CurrentUser,
    id: web::Path<ApiKeyId>,
) -> AppResult<HttpResponse> {
    state.auth.revoke_api_key(user.id, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
