//! `/api/models`: what one can chat with.

use actix_web::http::Method;
use actix_web::web;
use engine::{ModelInfo, ModelState};
use shared::{ApiError, Model, paths};

use super::{Access, CurrentUser, Endpoint};
use crate::AppState;
use crate::services::model_choice::load_stage;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::GET, paths::MODELS, Access::SignedIn, || web::to(list))]
}

/// All models and their states; those that cannot be used say why.
#[utoipa::path(
    get, path = paths::MODELS, tag = "models", security(("bearer" = [])),
    responses(
        (status = 200, description = "The models.", body = Vec<Model>),
        (status = 401, description = "Not signed in.", body = ApiError),
    ),
)]
pub(super) async fn list(state: web::Data<AppState>, _: CurrentUser) -> web::Json<Vec<Model>> {
    web::Json(state.engine.models().into_iter().map(model).collect())
}

fn model(info: ModelInfo) -> Model {
    Model {
        id: info.id.to_string(),
        name: info.name,
        size_bytes: info.size_bytes,
        context_tokens: info.context_tokens,
        state: match info.state {
            ModelState::Unloaded => shared::ModelState::Unloaded,
            ModelState::Loading { stage, fraction } => {
                shared::ModelState::Loading { stage: load_stage(stage), fraction }
            }
            ModelState::Ready => shared::ModelState::Ready,
            ModelState::Draining => shared::ModelState::Draining,
            ModelState::Failed { message } => shared::ModelState::Failed { message },
        },
        default: info.is_default,
    }
}
