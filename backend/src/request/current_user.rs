//! Who is calling, as an argument of a handler.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use shared::ErrorCode;

use crate::AppError;
pub use crate::services::auth::CurrentUser;

/// Found by the access check of private routes; on a public route there is never one.
impl FromRequest for CurrentUser {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user = request.extensions().get::<Self>().copied();
        ready(user.ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "Sign in first.")))
    }
}
