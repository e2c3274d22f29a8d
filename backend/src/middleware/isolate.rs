//! The innermost layer, around every handler: it runs in the context of the main runtime, and its panic is an
//! answer.
//!
//! actix's workers are threads with a runtime of their own that ends with the listener. What a handler spawns, the
//! driver of a new database connection for one, must outlive it: the last flush of a shutdown needs it.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use futures_util::FutureExt;
use tokio_util::context::TokioContext;

use crate::{AppError, AppState};

/// Wraps one route.
pub async fn isolate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let runtime = request.app_data::<web::Data<AppState>>().map(|state| state.runtime.clone());
    let runtime = runtime.ok_or_else(|| AppError::internal("the application has no state"))?;
    let kept = request.request().clone();
    // Without this a panic would end the whole worker thread, with everybody's connections on it.
    match AssertUnwindSafe(TokioContext::new(next.call(request), runtime)).catch_unwind().await {
        Ok(result) => result.map(ServiceResponse::map_into_boxed_body),
        Err(_) => {
            let error = AppError::internal("a handler panicked; the panic stands before this line");
            Ok(ServiceResponse::new(kept, HttpResponse::from_error(error)))
        }
    }
}
