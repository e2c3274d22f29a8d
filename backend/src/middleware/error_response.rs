//! How an error becomes a response.

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use shared::{ApiError, ErrorCode};

use crate::AppError;
use crate::error::openai::{self, OpenAiError};
use crate::error::status::status;

/// Tells OpenAI's clients not to repeat what cannot succeed.
const X_SHOULD_RETRY: &str = "x-should-retry";

/// The whole response of an error on a native route.
pub(super) fn respond(body: &ApiError) -> HttpResponse {
    builder(body).json(body)
}

/// The whole response of an error at `path`, in the way of the routes there.
pub(super) fn respond_at(path: &str, body: &ApiError) -> HttpResponse {
    if !openai::speaks(path) {
        return respond(body);
    }
    let mut response = builder(body);
    if !openai::may_retry(body.code) {
        response.insert_header((X_SHOULD_RETRY, "false"));
    }
    response.json(OpenAiError::from(body))
}

fn builder(body: &ApiError) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status_code(body.code));
    if let Some(seconds) = body.retry_after_s {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if body.code == ErrorCode::Unauthenticated {
        response.insert_header((WWW_AUTHENTICATE, "Bearer"));
    }
    response
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
