//! `/api/me`: the account that is signed in.

use actix_web::http::Method;
use actix_web::web;
use shared::{ApiError, User, paths};

use super::{Access, CurrentUser, Endpoint};
use crate::{AppError, AppState};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::GET, paths::ME, Access::SignedIn, || web::to(get))]
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
