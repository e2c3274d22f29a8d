//! Lets the page call the API from another origin. Only there when API_URL says that the two are apart.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use crate::AppState;

/// What the page sends beside what browsers always may.
const REQUEST_HEADERS: &str = "authorization, content-type, last-event-id, idempotency-key";

/// What the page reads beside what browsers always show.
const RESPONSE_HEADERS: &str = "x-request-id, retry-after, idempotent-replayed";

/// Answers preflights and marks answers as readable, both for the page's own origin only.
pub async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let allowed =
        request.app_data::<web::Data<AppState>>().and_then(|state| state.config.foreign_page_origin());
    let origin = request.headers().get(ORIGIN).cloned();
    let is_page = matches!((&origin, &allowed), (Some(origin), Some(allowed)) if origin == allowed.as_str());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);

    let mut response = if is_page && is_preflight {
        let preflight = HttpResponse::NoContent()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS))
            // Browsers forget after two hours at the latest anyway.
            .insert_header((ACCESS_CONTROL_MAX_AGE, "7200"))
            .finish();
        request.into_response(preflight)
    } else {
        next.call(request).await?.map_into_boxed_body()
    };

    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let (true, Some(origin)) = (is_page, origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
    Ok(response)
}
