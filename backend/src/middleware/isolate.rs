//! The innermost layer, around every handler: it runs in the context of the main runtime, its panic is an answer, and
//! where it must not be cut off in the middle it goes on when its client has left.
//!
//! actix's workers are threads with a runtime of their own that ends with the listener. What a handler spawns, the
//! driver of a new database connection for one, must outlive it: the last flush of a shutdown needs it.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt;
use shared::ErrorCode;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tracing::Instrument;

use crate::AppError;

/// Wraps one route whose handler ends what it has begun: a connection that closes drops what it is waiting for, so this
/// runs beside it.
pub async fn outlive_client(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kept = request.request().clone();
    match actix_web::rt::spawn(isolate(request, next).in_current_span()).await {
        Ok(result) => result,
        // Panics are answers already, so the worker thread ends.
        Err(_) => Ok(ServiceResponse::new(
            kept,
            HttpResponse::from_error(AppError::new(ErrorCode::ShuttingDown, "")),
        )),
    }
}

/// Wraps one route whose handler is dropped when its client leaves.
pub async fn isolate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let runtime = request.app_data::<Handle>().cloned();
    let runtime = runtime.ok_or_else(|| AppError::internal("the application has no runtime"))?;
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

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web};

    use super::*;

    async fn panics() -> HttpResponse {
        panic!("on purpose")
    }

    async fn spawns() -> String {
        tokio::spawn(async { std::thread::current().name().unwrap_or_default().to_owned() }).await.unwrap()
    }

    fn on_main_runtime(test: impl AsyncFnOnce(Handle)) {
        let main = tokio::runtime::Builder::new_multi_thread().thread_name("main-runtime").build().unwrap();
        actix_web::rt::System::new().block_on(test(main.handle().clone()));
    }

    #[test]
    fn a_panic_of_a_handler_is_an_answer() {
        on_main_runtime(async |handle| {
            let route = web::get().to(panics).wrap(from_fn(isolate));
            let app = init_service(App::new().app_data(handle).route("/", route)).await;
            let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
            assert_eq!(response.status().as_u16(), 500);
        });
    }

    #[test]
    fn what_a_handler_spawns_lives_on_the_main_runtime() {
        on_main_runtime(async |handle| {
            let route = web::get().to(spawns).wrap(from_fn(isolate));
            let app = init_service(App::new().app_data(handle).route("/", route)).await;
            let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
            assert_eq!(actix_web::test::read_body(response).await, "main-runtime");
        });
    }

    #[test]
    fn a_handler_that_must_not_be_cut_off_goes_on_without_its_client() {
        on_main_runtime(async |handle| {
            let (gate, mut done) =
                (std::rc::Rc::new(tokio::sync::Notify::new()), tokio::sync::mpsc::channel(1));
            let waits = {
                let gate = gate.clone();
                move || {
                    let (gate, done) = (gate.clone(), done.0.clone());
                    async move {
                        gate.notified().await;
                        let _ = done.send(()).await;
                        HttpResponse::Ok().finish()
                    }
                }
            };
            let route = web::get().to(waits).wrap(from_fn(outlive_client));
            let app = init_service(App::new().app_data(handle).route("/", route)).await;
            {
                let call = call_service(&app, TestRequest::get().uri("/").to_request());
                assert!(call.now_or_never().is_none());
            }
            gate.notify_one();
            assert_eq!(done.1.recv().await, Some(()));
        });
    }
}
