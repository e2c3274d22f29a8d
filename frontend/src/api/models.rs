//! The models.

use gloo_net::http::Method;
use shared::{Model, paths};

use super::Client;
use crate::state::failure::Failure;

impl Client {
    /// All models and their states.
    pub async fn models(&self) -> Result<Vec<Model>, Failure> {
        self.call(Method::GET, paths::MODELS, None::<&()>).await
    }
}
