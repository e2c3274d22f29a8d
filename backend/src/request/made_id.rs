//! The id of what a request makes, as an argument of a handler: the same each time the request is run, so that running
//! it twice makes one thing.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::AppError;

/// A new UUIDv7. A repeat with the same `Idempotency-Key` has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeId(pub Uuid);

/// Of a request with a key the middleware knows it; any other keeps its own for as long as it is served.
impl FromRequest for MadeId {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut extensions = request.extensions_mut();
        let id = extensions.get::<Self>().copied().unwrap_or_else(|| Self(Uuid::now_v7()));
        extensions.insert(id);
        ready(Ok(id))
    }
}
