//! How paths and query strings that do not fit are answered.

use actix_web::error::{PathError, QueryPayloadError};
use actix_web::{HttpRequest, web};
use shared::{ErrorCode, FieldError};

use crate::AppError;

/// For `web::Path`: an id that is none names itself.
pub(super) fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|error: PathError, request: &HttpRequest| {
        let fields: Vec<FieldError> = request
            .match_info()
            .iter()
            .map(|(name, value)| FieldError {
                field: name.to_owned(),
                message: format!("{value:?} is not an id ({error})"),
            })
            .collect();
        AppError::fields(fields).into()
    })
}

/// For `web::Query`.
pub(super) fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error: QueryPayloadError, _: &HttpRequest| {
        AppError::new(ErrorCode::InvalidFields, format!("The query string does not fit: {error}.")).into()
    })
}
