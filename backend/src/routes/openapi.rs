//! The OpenAPI document, made from the handlers' own descriptions. A test compares it with the route table.

use actix_web::http::Method;
use actix_web::web;
use shared::paths;
use utoipa::OpenApi;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{
    Access, Endpoint, api_keys, auth, chat, conversations, generations, health, me, messages, models, stream,
    v1,
};

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(Method::GET, paths::OPENAPI, Access::Public, || web::to(get))]
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Oriel", description = "A private chat with models that run on your own machine."),
    paths(
        get,
        health::healthz,
        health::readyz,
        auth::setup,
        auth::register,
        auth::login,
        auth::refresh,
        auth::logout,
        me::get,
        me::update,
        me::change_password,
        api_keys::list,
        api_keys::make,
        api_keys::revoke,
        models::list,
        conversations::list,
        conversations::create,
        conversations::get,
        conversations::update,
        conversations::delete,
        conversations::restore,
        messages::list,
        messages::regenerate,
        messages::go_on,
        chat::send,
        generations::stop,
        stream::news,
        stream::conversation,
        v1::models::list,
        v1::models::get,
        v1::chat::complete,
    ),
    components(schemas(shared::ApiError)),
    modifiers(&BearerToken, &IdempotencyKey),
)]
struct Document;

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// On every POST: see `middleware::idempotency`.
struct IdempotencyKey;

impl utoipa::Modify for IdempotencyKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "Makes the request repeatable: 1 to 255 visible ASCII characters, new for each thing to be done. For a \
                 day, a repeat with the same key and the same request gets the same answer, with \
                 `Idempotent-Replayed: true`; with another request it is a conflict. Answers of `/api/auth` are not \
                 kept: a repeat is run again, without harm.",
            ))
            .required(Required::False)
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255))))
            .build();
        for operation in document.paths.paths.values_mut().filter_map(|item| item.post.as_mut()) {
            operation.parameters.get_or_insert_default().push(key.clone().into());
        }
    }
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(get, path = paths::OPENAPI, tag = "operations", responses((status = 200, description = "This document.")))]
async fn get() -> web::Json<utoipa::openapi::OpenApi> {
    web::Json(document())
}
