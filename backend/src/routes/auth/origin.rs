//! Whether a request that a cookie speaks for was made by our own page. Beside `SameSite=Strict`, because to a browser
//! every port of a host is the same site.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, ORIGIN};
use shared::ErrorCode;

use crate::AppError;
use crate::config::Config;

/// A browser names the origin of every POST; a program that does not carries no stolen cookie. The page is ours when
/// it comes from the host that was asked, whatever people call it on their network, or from PUBLIC_URL.
pub(super) fn check(request: &HttpRequest, config: &Config) -> Result<(), AppError> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let is_same_host = authority.is_some() && authority == header(HOST);
    let is_public = origin == config.public_url.origin().ascii_serialization();
    if is_same_host || is_public {
        return Ok(());
    }
    Err(AppError::new(
        ErrorCode::Forbidden,
        format!(
            "A page of {origin:?} may not do this. If it is Oriel's own, set PUBLIC_URL to that address."
        ),
    ))
}
