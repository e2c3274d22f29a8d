//! The outermost layer: gives the request its id and its span, turns whatever went wrong into an `ApiError` with the
//! id, sets the headers, and writes one line of log, which is the only place where a cause is told.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};
use shared::{ApiError, ErrorCode};
use tracing::{Instrument, field};

use super::request_id::RequestId;
use super::{error_response, headers};
use crate::AppError;

/// Wraps the whole application.
pub async fn boundary(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let request_id = RequestId::from_headers(request.headers());
    request.extensions_mut().insert(request_id.clone());
    let span = tracing::info_span!(
        "request",
        request_id = request_id.0,
        method = %request.method(),
        path = request.path(),
        user = field::Empty,
    );
    async move {
        let mut response = next.call(request).await?.map_into_boxed_body();
        match response.response().error().map(Failure::from) {
            Some(failure) => {
                failure.log(started);
                response = failure.respond(response, &request_id);
            }
            None => log_success(response.status(), started),
        }
        headers::complete(response.headers_mut(), &request_id);
        Ok(response)
    }
    .instrument(span)
    .await
}

fn log_success(status: StatusCode, started: Instant) {
    tracing::info!(status = status.as_u16(), duration_ms = elapsed_ms(started), "served");
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What the caller gets of an error, and what the log gets.
struct Failure {
    body: ApiError,
    place: String,
    cause: Option<String>,
}

impl From<&AppError> for Failure {
    fn from(error: &AppError) -> Self {
        Self { body: error.body().clone(), place: error.place().to_string(), cause: error.cause_chain() }
    }
}

impl From<&Error> for Failure {
    /// Of an error that is not ours the caller gets the status only, the log its text.
    fn from(error: &Error) -> Self {
        if let Some(known) = error.as_error::<AppError>() {
            return Self::from(known);
        }
        let code = if error.as_response_error().status_code().is_client_error() {
            ErrorCode::InvalidBody
        } else {
            ErrorCode::Internal
        };
        let message = "The request could not be understood.";
        Self::from(&AppError::new(code, message).caused_by(error.to_string()))
    }
}

impl Failure {
    fn log(&self, started: Instant) {
        let status = error_response::status_code(self.body.code).as_u16();
        let duration_ms = elapsed_ms(started);
        let code = serde_json::to_string(&self.body.code).unwrap_or_default();
        let code = code.trim_matches('"');
        if status >= 500 {
            tracing::error!(status, duration_ms, code, place = self.place, cause = self.cause, "failed");
        } else {
            tracing::info!(
                status,
                duration_ms,
                code,
                cause = self.cause,
                told = self.body.message,
                "refused"
            );
        }
    }

    /// The error as a response. Headers that the handler set, a cookie or `Allow`, stay.
    fn respond(self, response: ServiceResponse, request_id: &RequestId) -> ServiceResponse {
        let body = ApiError { request_id: Some(request_id.0.clone()), ..self.body };
        let mut rendered: HttpResponse = error_response::respond_at(response.request().path(), &body);
        for (name, value) in response.headers() {
            if !rendered.headers().contains_key(name) {
                rendered.headers_mut().append(name.clone(), value.clone());
            }
        }
        response.into_response(rendered)
    }
}
