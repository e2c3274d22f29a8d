//! Alive and ready, for whoever watches the server.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use shared::paths;

use super::{Access, Endpoint};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::GET, paths::HEALTHZ, Access::Public, || web::to(healthz))]
}

/// The process is alive.
#[utoipa::path(get, path = paths::HEALTHZ, tag = "operations", responses((status = 200, description = "Alive.")))]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}
