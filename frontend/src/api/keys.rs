//! The API keys of whoever is signed in.

use gloo_net::http::Method;
use shared::{ApiKey, ApiKeyId, ApiKeyMade, CreateApiKey, ErrorCode, paths};

use super::Client;
use crate::state::failure::Failure;

impl Client {
    /// The keys, newest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, Failure> {
        self.call(Method::GET, paths::ME_KEYS, None::<&()>).await
    }

    /// Makes one. Tried once: a repeat would make another.
    pub async fn make_key(&self, wanted: &CreateApiKey) -> Result<ApiKeyMade, Failure> {
        self.call_once(Method::POST, paths::ME_KEYS, Some(wanted)).await
    }

    /// Ends one.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<(), Failure> {
        match self.tell(Method::DELETE, &paths::me_key(id), None::<&()>).await {
            // Gone already, by a try whose answer was lost or by another device.
            Err(failure) if failure.code() == Some(ErrorCode::NotFound) => Ok(()),
            result => result,
        }
    }
}
