//! How an error becomes a response.

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use shared::{ApiError, ErrorCode};

use crate::AppError;
use crate::error::status::status;

/// The whole response of an error.
pub(super) fn respond(body: &ApiError) -> HttpResponse {
    let mut response = HttpResponse::build(status_code(body.code));
    if let Some(seconds) = body.retry_after_s {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if body.code == ErrorCode::Unauthenticated {
        response.insert_header((WWW_AUTHENTICATE, "Bearer"));
    }
    response.json(body)
}

pub(super) fn status_code(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(status(code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        status_code(self.code())
    }

    /// The boundary replaces this response by one with the request id.
    fn error_response(&self) -> HttpResponse {
        respond(self.body())
    }
}
