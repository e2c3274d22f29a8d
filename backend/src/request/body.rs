//! The extractor of JSON bodies: like actix's, but every fault names the field and the number.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use shared::{ErrorCode, FieldError, limits};

use crate::AppError;

/// A JSON body of at most [`limits::BODY_MAX_BYTES`].
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_type(request);
        let body = read(request, payload.take());
        Box::pin(async move {
            checked?;
            parse(&body.await?).map(Self)
        })
    }
}

/// `application/json` must be said: a form of another site cannot say it, so it cannot post here.
fn check_type(request: &HttpRequest) -> Result<(), AppError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(AppError::new(
        ErrorCode::InvalidBody,
        format!("Send JSON with `Content-Type: application/json`; this request has {given:?}."),
    ))
}

fn check_length(request: &HttpRequest) -> Result<(), AppError> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > limits::BODY_MAX_BYTES as u64 => Err(too_large(Some(length))),
        _ => Ok(()),
    }
}

/// A whole body of at most [`limits::BODY_MAX_BYTES`]. One that says itself that it has more is not read at all.
pub(crate) fn read(
    request: &HttpRequest,
    mut payload: Payload,
) -> impl Future<Output = Result<Vec<u8>, AppError>> + use<> {
    let checked = check_length(request);
    async move {
        checked?;
        let mut bytes = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(cut_off)?;
            if bytes.len() + chunk.len() > limits::BODY_MAX_BYTES {
                return Err(too_large(None));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn cut_off(error: PayloadError) -> AppError {
    AppError::new(ErrorCode::InvalidBody, "The body ended before its end. Send it again.")
        .caused_by(error.to_string())
}

fn too_large(length: Option<u64>) -> AppError {
    let limit = limits::BODY_MAX_BYTES;
    let message = match length {
        Some(length) => format!("The body has {length} bytes; the server takes {limit} at most."),
        None => format!("The body has more than {limit} bytes, the most that the server takes."),
    };
    AppError::new(ErrorCode::BodyTooLarge, message)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AppError> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(_) => return Err(AppError::new(ErrorCode::InvalidBody, "The body must be a JSON object.")),
        None => return Err(AppError::new(ErrorCode::InvalidBody, "The body is empty; send a JSON object.")),
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        // What is inside of something that could not be read has no name.
        let field = field.trim_end_matches(['.', '?']).to_owned();
        refuse(field, error.into_inner())
    })?;
    json.end().map_err(|error| refuse(String::new(), error))?;
    Ok(value)
}

/// The message of serde has field, type and place; it repeats short pieces of what the caller sent and nothing of
/// ours.
fn refuse(field: String, error: serde_json::Error) -> AppError {
    let message = error.to_string();
    let error = AppError::new(ErrorCode::InvalidBody, format!("The body does not fit: {message}."));
    if field.is_empty() { error } else { error.with_fields(vec![FieldError { field, message }]) }
}
