//! The innermost layer, around every handler: it runs in the context of the main runtime, and its panic is an
//! answer.
//!
//! actix's workers are threads with a runtime of their own that ends with the listener. What a handler spawns, the
//! driver of a new database connection for one, must outlive it: the last flush of a shutdown needs it.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

use crate::AppError;

/// Wraps one route.
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
}
