//! Who is calling.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use shared::{ErrorCode, Role, SessionId, UserId};

use crate::AppError;

/// The account behind the access token. A handler that takes it can only be reached by somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentUser {
    /// The account.
    pub id: UserId,
    /// What it may do.
    pub role: Role,
    /// The sign-in that the token belongs to.
    pub session_id: SessionId,
}

impl FromRequest for CurrentUser {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user = request.extensions().get::<Self>().copied();
        ready(user.ok_or_else(|| AppError::new(ErrorCode::Unauthenticated, "Sign in first.")))
    }
}
