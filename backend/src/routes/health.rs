//! Alive and ready, for whoever watches the server. Anybody may ask, so there is no detail: the log has it.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use shared::{ApiError, ErrorCode, paths};
use utoipa::ToSchema;

use super::{Access, Endpoint};
use crate::{AppError, AppState};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::HEALTHZ, Access::Public, || web::to(healthz)).impatient(),
        Endpoint::new(Method::GET, paths::READYZ, Access::Public, || web::to(readyz)).impatient(),
    ]
}

/// The process is alive.
#[utoipa::path(
    get, path = paths::HEALTHZ, tag = "operations",
    responses((status = 200, description = "Alive.", content_type = "text/plain", body = String)),
)]
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// What a server that is ready says.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// The database answers.
    database: bool,
    /// Models that can be used; 0 where there is none yet, which does not keep anybody from signing in.
    models: usize,
}

/// The database answers and the engine takes requests.
#[utoipa::path(
    get, path = paths::READYZ, tag = "operations",
    responses(
        (status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "The database does not answer, or the server is going down.", body = ApiError),
    ),
)]
pub(super) async fn readyz(state: web::Data<AppState>) -> Result<web::Json<Readiness>, AppError> {
    if state.is_shutting_down() {
        return Err(AppError::new(ErrorCode::ShuttingDown, ""));
    }
    state.store.ping().await?;
    let usable = |model: &engine::ModelInfo| !matches!(model.state, engine::ModelState::Failed { .. });
    let models = state.engine.models().iter().filter(|model| usable(model)).count();
    Ok(web::Json(Readiness { database: true, models }))
}
