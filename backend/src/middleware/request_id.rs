//! The request id: nginx gives one, or we make one.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest};
use uuid::Uuid;

/// The header that carries it, in both directions.
pub const HEADER: &str = "x-request-id";

/// nginx makes 32 characters, UUIDs have 36; longer ones would only fill the log.
const MAX_CHARS: usize = 64;

/// The id under which the log has a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id in the headers if it is well formed, else a new one.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let given =
            headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|text| is_well_formed(text));
        Self(given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned))
    }

    /// The id of a request that is being served.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

fn is_well_formed(text: &str) -> bool {
    (8..=MAX_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn given(text: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(HEADER), HeaderValue::from_static(text));
        RequestId::from_headers(&headers).0
    }

    #[test]
    fn a_well_formed_id_is_kept() {
        assert_eq!(given("0f3c9b1e77aa4d0fb2d1a0c3e4f56789"), "0f3c9b1e77aa4d0fb2d1a0c3e4f56789");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for text in ["", "short", "with space in it", "quote\"quote\"", "{{template}}"] {
            assert_ne!(given(text), text);
        }
        let long: &'static str = Box::leak("x".repeat(MAX_CHARS + 1).into_boxed_str());
        assert_ne!(given(long), long);
    }

    #[test]
    fn a_missing_id_is_made() {
        assert_eq!(RequestId::from_headers(&HeaderMap::new()).0.len(), 32);
    }
}
