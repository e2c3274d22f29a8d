//! Alive and ready, for whoever watches the server. Anybody may ask, so there is no detail: the log has it. Only
//! administrators are told how far the processes of models are contained, and what they take of the memory.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::containment::Layer;
use serde::Serialize;
use shared::{ApiError, ErrorCode, paths};
use utoipa::ToSchema;

use super::{Access, Endpoint};
use crate::middleware::access;
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
    /// For administrators: the models that have been loaded since the start, each with its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    containment: Option<Vec<ContainedModel>>,
    /// For administrators: what is wrong with `models.toml` as it stands now, where older settings are still in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<String>,
    /// For administrators: what each model takes of the memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Vec<ModelMemory>>,
}

/// What a model takes of the memory.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelMemory {
    /// The model's id.
    model: String,
    /// By its file and its settings.
    estimated_bytes: u64,
    /// By its process, when it was loaded last; from then on this counts.
    measured_bytes: Option<u64>,
}

/// How far the process of a model is contained, or was when it ran last.
#[derive(Serialize, ToSchema)]
pub(super) struct ContainedModel {
    /// The model's id.
    model: String,
    /// Whether nothing is missing.
    complete: bool,
    /// What surrounds it.
    layers: Vec<ContainmentLayer>,
}

/// One layer around the process of a model.
#[derive(Serialize, ToSchema)]
pub(super) struct ContainmentLayer {
    /// What it is about: `environment`, `privileges`, `files`, `network`, `processes`, `limits` or `memory`.
    name: &'static str,
    /// Whether it was tried from inside and held.
    in_force: bool,
    /// How it is done; or why it is missing, and what to do.
    detail: String,
}

/// The database answers and the engine takes requests.
#[utoipa::path(
    get, path = paths::READYZ, tag = "operations",
    responses(
        (status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "The database does not answer, or the server is going down.", body = ApiError),
    ),
)]
pub(super) async fn readyz(
    state: web::Data<AppState>,
    request: HttpRequest,
) -> Result<web::Json<Readiness>, AppError> {
    if state.is_shutting_down() {
        return Err(AppError::new(ErrorCode::ShuttingDown, ""));
    }
    state.store.ping().await?;
    let usable = |model: &engine::ModelInfo| !matches!(model.state, engine::ModelState::Failed { .. });
    let models = state.engine.models();
    let usable = models.iter().filter(|model| usable(model)).count();
    let is_admin = access::is_admin(&request).await;
    let memory = is_admin.then(|| models.iter().map(remembered).collect());
    let containment = is_admin.then(|| models.into_iter().filter_map(contained).collect());
    let settings = state.engine.settings_complaint().filter(|_| is_admin);
    Ok(web::Json(Readiness { database: true, models: usable, containment, settings, memory }))
}

fn remembered(model: &engine::ModelInfo) -> ModelMemory {
    ModelMemory {
        model: model.id.to_string(),
        estimated_bytes: model.memory.estimated.total_bytes(),
        measured_bytes: model.memory.measured.map(|memory| memory.total_bytes()),
    }
}

fn contained(model: engine::ModelInfo) -> Option<ContainedModel> {
    let containment = model.containment?;
    let complete = containment.missing().next().is_none();
    let layer = |layer: Layer| ContainmentLayer {
        name: layer.kind.name(),
        in_force: layer.is_in_force,
        detail: layer.detail,
    };
    let layers = containment.layers.into_iter().map(layer).collect();
    Some(ContainedModel { model: model.id.to_string(), complete, layers })
}
