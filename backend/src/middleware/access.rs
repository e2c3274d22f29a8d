//! Who is calling: checks the access token or API key of private routes before anything else of the request is read.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest as _, HttpMessage, HttpRequest, HttpResponse, web};
use shared::{ErrorCode, Role};

use crate::request::{Caller, CurrentUser};
use crate::services::auth::Credential;
use crate::{AppError, AppState};

/// Where Anthropic's clients put their key.
const X_API_KEY: &str = "x-api-key";

/// Lets through whoever is signed in, and programs with a key of theirs.
pub async fn require_user(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    require(request, next, |_| Ok(())).await
}

/// Lets through whoever is signed in themselves: a program with their key is refused.
pub async fn require_person(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    require(request, next, in_person).await
}

/// Lets through administrators who are signed in themselves.
pub async fn require_admin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    require(request, next, |user| match user.role {
        Role::Admin => in_person(user),
        Role::User => Err(AppError::new(ErrorCode::Forbidden, "Only an administrator may do this.")),
    })
    .await
}

fn in_person(user: &CurrentUser) -> Result<(), AppError> {
    match user.credential {
        Credential::Session(_) => Ok(()),
        Credential::Key(_) => {
            Err(AppError::new(ErrorCode::Forbidden, "No API key may do this. Sign in on the page."))
        }
    }
}

/// Whether an administrator is asking, or a program of theirs: on a public route that tells them more. Whoever cannot be
/// known is nobody.
pub async fn is_admin(request: &HttpRequest) -> bool {
    let known = async {
        let state = request.app_data::<web::Data<AppState>>()?.clone();
        let caller = Caller::extract(request).await.ok()?;
        state.auth.authenticate(token(request.headers())?, &caller).await.ok()
    };
    known.await.is_some_and(|user| user.role == Role::Admin)
}

async fn require(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    allowed: fn(&CurrentUser) -> Result<(), AppError>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let user = authenticate(&mut request).await.and_then(|user| allowed(&user).map(|()| user));
    match user {
        Ok(user) => {
            tracing::Span::current().record("user", tracing::field::display(user.id));
            request.extensions_mut().insert(user);
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(error) => {
            // `into_response` would lose the error behind the response, which the boundary needs.
            let (request, _) = request.into_parts();
            Ok(ServiceResponse::new(request, HttpResponse::from_error(error)))
        }
    }
}

async fn authenticate(request: &mut ServiceRequest) -> Result<CurrentUser, AppError> {
    let state = request
        .app_data::<web::Data<AppState>>()
        .cloned()
        .ok_or_else(|| AppError::internal("the application has no state"))?;
    let caller = request.extract::<Caller>().await?;
    let Some(token) = token(request.headers()) else {
        return Err(AppError::new(
            ErrorCode::Unauthenticated,
            "Sign in first: this address needs `Authorization: Bearer` with an access token or an API key.",
        ));
    };
    state.auth.authenticate(token, &caller).await
}

/// The access token or the API key.
fn token(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    bearer.or_else(|| headers.get(X_API_KEY).and_then(|value| value.to_str().ok()))
}
