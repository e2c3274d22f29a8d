//! `/v1/models`: the models that can be used.

use std::time::UNIX_EPOCH;

use actix_web::http::Method;
use actix_web::web;
use engine::{ModelInfo, ModelState};
use serde::Serialize;
use shared::paths;
use utoipa::ToSchema;

use super::super::{Access, CurrentUser, Endpoint};
use crate::AppState;
use crate::error::openai::OpenAiError;
use crate::error::{AppError, AppResult};
use crate::services::model_choice;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::GET, paths::V1_MODELS, Access::SignedIn, || web::to(list))
            .also_at(paths::V1_MODELS_ALIAS),
        Endpoint::new(Method::GET, paths::V1_MODEL, Access::SignedIn, || web::to(get))
            .also_at(paths::V1_MODEL_ALIAS),
    ]
}

/// The models that can be used.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct ModelList {
    /// `list`.
    object: &'static str,
    /// The models.
    data: Vec<Model>,
}

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiModel)]
pub(in crate::routes) struct Model {
    /// For requests; may hold slashes.
    id: String,
    /// `model`.
    object: &'static str,
    /// When its file was written, in seconds since 1970.
    created: u64,
    /// `oriel`.
    owned_by: &'static str,
    /// Tokens that prompt and answer may have together; left out before the model was loaded once.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<u32>,
}

/// The models that can be used.
#[utoipa::path(
    get, path = paths::V1_MODELS, tag = "openai", security(("bearer" = [])),
    responses(
        (status = 200, description = "The models.", body = ModelList),
        (status = 401, description = "No valid key.", body = OpenAiError),
    ),
)]
pub(in crate::routes) async fn list(state: web::Data<AppState>, _: CurrentUser) -> web::Json<ModelList> {
    let data = state.engine.models().iter().filter(|info| is_usable(info)).map(model).collect();
    web::Json(ModelList { object: "list", data })
}

/// One model.
#[utoipa::path(
    get, path = paths::V1_MODEL, tag = "openai", security(("bearer" = [])),
    params(("model_id" = String, Path, description = "Its id, slashes as they are or written as %2F.")),
    responses(
        (status = 200, description = "The model.", body = Model),
        (status = 404, description = "There is no such model.", body = OpenAiError),
    ),
)]
pub(in crate::routes) async fn get(
    state: web::Data<AppState>,
    _: CurrentUser,
    id: web::Path<String>,
) -> AppResult<web::Json<Model>> {
    let id = model_choice::resolve(&state.engine, Some(&id))?;
    let models = state.engine.models();
    let info = models.iter().find(|info| info.id == id);
    let info = info.ok_or_else(|| AppError::internal("a model that was there is gone"))?;
    Ok(web::Json(model(info)))
}

fn is_usable(info: &ModelInfo) -> bool {
    !matches!(info.state, ModelState::Failed { .. })
}

fn model(info: &ModelInfo) -> Model {
    let written = info.path.metadata().and_then(|facts| facts.modified()).ok();
    let since = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Model {
        id: info.id.to_string(),
        object: "model",
        created: since.map_or(0, |since| since.as_secs()),
        owned_by: "oriel",
        max_model_len: info.context_tokens,
    }
}
