//! Who is calling: checks the access token of private routes before anything else of the request is read.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use shared::{ErrorCode, Role};

use crate::routes::CurrentUser;
use crate::{AppError, AppState};

/// Lets through whoever is signed in.
pub async fn require_user(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    require(request, next, |_| Ok(())).await
}

/// Lets through administrators.
pub async fn require_admin(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    require(request, next, |user| match user.role {
        Role::Admin => Ok(()),
        Role::User => Err(AppError::new(ErrorCode::Forbidden, "Only an administrator may do this.")),
    })
    .await
}

async fn require(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    allowed: fn(&CurrentUser) -> Result<(), AppError>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let user = authenticate(&request).await.and_then(|user| allowed(&user).map(|()| user));
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

async fn authenticate(request: &ServiceRequest) -> Result<CurrentUser, AppError> {
    let state = request
        .app_data::<web::Data<AppState>>()
        .ok_or_else(|| AppError::internal("the application has no state"))?;
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let Some(token) = token else {
        return Err(AppError::new(
            ErrorCode::Unauthenticated,
            "Sign in first: this address needs `Authorization: Bearer` with an access token.",
        ));
    };
    state.auth.authenticate(token).await
}
