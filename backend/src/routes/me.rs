//! `/api/me`: the account that is signed in.

use actix_web::http::Method;
use actix_web::web;
use shared::{ApiError, ChangePassword, PasswordChanged, UpdateMe, User, paths};

use super::{Access, Body, Caller, CurrentUser, Endpoint};
use crate::{AppError, AppState};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::ME, Access::SignedIn, || web::to(get)),
        Endpoint::new(Method::PATCH, paths::ME, Access::InPerson, || web::to(update)),
        Endpoint::new(Method::PUT, paths::ME_PASSWORD, Access::InPerson, || web::to(change_password)),
    ]
}

/// Who is signed in.
#[utoipa::path(
    get, path = paths::ME, tag = "me", security(("bearer" = [])),
    responses(
        (status = 200, description = "The account.", body = User),
        (status = 401, description = "Not signed in.", body = ApiError),
    ),
)]
pub(super) async fn get(state: web::Data<AppState>, user: CurrentUser) -> Result<web::Json<User>, AppError> {
    Ok(web::Json(state.auth.account(user).await?))
}

/// Change the account; what is missing stays.
#[utoipa::path(
    patch, path = paths::ME, tag = "me", security(("bearer" = [])), request_body = UpdateMe,
    responses(
        (status = 200, description = "The account as it is now.", body = User),
        (status = 400, description = "Fields are out of bounds.", body = ApiError),
        (status = 403, description = "Asked with an API key.", body = ApiError),
    ),
)]
pub(super) async fn update(
    state: web::Data<AppState>,
    user: CurrentUser,
    body: Body<UpdateMe>,
) -> Result<web::Json<User>, AppError> {
    Ok(web::Json(state.auth.update_account(user.id, body.0).await?))
}

/// Set a new password. All other sign-ins end; API keys count on unless `revoke_keys` is true.
#[utoipa::path(
    put, path = paths::ME_PASSWORD, tag = "me", security(("bearer" = [])), request_body = ChangePassword,
    responses(
        (status = 200, description = "Changed; what ended by it.", body = PasswordChanged),
        (status = 400, description = "The password of now is another one, or the new one is not good enough.", body = ApiError),
        (status = 403, description = "Asked with an API key.", body = ApiError),
        (status = 429, description = "Too many tries.", body = ApiError),
    ),
)]
pub(super) async fn change_password(
    state: web::Data<AppState>,
    user: CurrentUser,
    caller: Caller,
    body: Body<ChangePassword>,
) -> Result<web::Json<PasswordChanged>, AppError> {
    Ok(web::Json(state.auth.change_password(user, body.0, &caller).await?))
}
