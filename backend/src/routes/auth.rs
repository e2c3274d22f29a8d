//! `/api/auth`: accounts and sign-in. The access token goes into the body, the refresh token into a cookie that no
//! script can read.
//!
//! An answer with tokens is never stored, so an `Idempotency-Key` is checked here and a repeat is run again. That is
//! harmless: a repeated registration with address and password of an account that exists signs in to it instead of
//! saying that the address is taken; a repeated sign-in is one more sign-in; a refresh token gives the same successor for
//! some seconds; signing out does nothing the second time.

mod cookie;
mod origin;

use actix_web::http::Method;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use shared::{ApiError, Login, Registration, Session, SetupState, paths};

use super::{Access, Body, Caller, Endpoint};
use crate::middleware::idempotency::MayRepeat;
use crate::services::auth::SignedIn;
use crate::{AppError, AppState};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::AUTH_SETUP, Access::Public, || web::to(setup)),
        Endpoint::new(Method::POST, paths::AUTH_REGISTER, Access::Public, || web::to(register)),
        Endpoint::new(Method::POST, paths::AUTH_LOGIN, Access::Public, || web::to(login)),
        Endpoint::new(Method::POST, paths::AUTH_REFRESH, Access::Public, || web::to(refresh)),
        Endpoint::new(Method::POST, paths::AUTH_LOGOUT, Access::Public, || web::to(logout)),
    ]
}

/// What to ask for before anybody is signed in.
#[utoipa::path(
    get, path = paths::AUTH_SETUP, tag = "auth",
    responses((status = 200, description = "What to ask for.", body = SetupState)),
)]
pub(super) async fn setup(
    state: web::Data<AppState>,
    caller: Caller,
) -> Result<web::Json<SetupState>, AppError> {
    Ok(web::Json(state.auth.setup_state(&caller).await?))
}

/// Make an account and sign in. The first account becomes administrator. With an `Idempotency-Key`, a repeat with the
/// address and the password of an account that exists signs in to it.
#[utoipa::path(
    post, path = paths::AUTH_REGISTER, tag = "auth", request_body = Registration,
    responses(
        (status = 200, description = "Signed in; the refresh cookie is set.", body = Session),
        (status = 400, description = "Fields are out of bounds.", body = ApiError),
        (status = 403, description = "Registration is closed, or a token is missing.", body = ApiError),
        (status = 409, description = "The address has an account.", body = ApiError),
        (status = 429, description = "Too many tries.", body = ApiError),
    ),
)]
pub(super) async fn register(
    state: web::Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    body: Body<Registration>,
) -> Result<HttpResponse, AppError> {
    let may_repeat = request.extensions().contains::<MayRepeat>();
    let signed_in = match may_repeat {
        true => state.auth.register_or_sign_in(body.0, &caller).await?,
        false => state.auth.register(body.0, &caller).await?,
    };
    Ok(respond(&state, signed_in))
}

/// Sign in.
#[utoipa::path(
    post, path = paths::AUTH_LOGIN, tag = "auth", request_body = Login,
    responses(
        (status = 200, description = "Signed in; the refresh cookie is set.", body = Session),
        (status = 401, description = "Address and password do not fit together.", body = ApiError),
        (status = 429, description = "Too many tries.", body = ApiError),
    ),
)]
pub(super) async fn login(
    state: web::Data<AppState>,
    caller: Caller,
    body: Body<Login>,
) -> Result<HttpResponse, AppError> {
    let signed_in = state.auth.login(body.0, &caller).await?;
    Ok(respond(&state, signed_in))
}

/// A new access token for the refresh cookie, which is exchanged too.
#[utoipa::path(
    post, path = paths::AUTH_REFRESH, tag = "auth",
    responses(
        (status = 200, description = "Signed in for longer; the refresh cookie is set anew.", body = Session),
        (status = 401, description = "Signed out.", body = ApiError),
    ),
)]
pub(super) async fn refresh(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    origin::check(&request, &state.config)?;
    // An error leaves the cookie alone: of two tabs that ask at once, one may fail after the other was served.
    let signed_in = state.auth.refresh(cookie::read(&request, &state.config)).await?;
    Ok(respond(&state, signed_in))
}

/// Sign out: ends the session of the refresh cookie, and its access tokens within seconds.
#[utoipa::path(
    post, path = paths::AUTH_LOGOUT, tag = "auth",
    responses((status = 204, description = "Signed out, or was so already.")),
)]
pub(super) async fn logout(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    origin::check(&request, &state.config)?;
    state.auth.logout(cookie::read(&request, &state.config)).await?;
    Ok(HttpResponse::NoContent().cookie(cookie::removal(&state.config)).finish())
}

fn respond(state: &AppState, signed_in: SignedIn) -> HttpResponse {
    HttpResponse::Ok().cookie(cookie::write(&signed_in.refresh_token, &state.config)).json(signed_in.session)
}
