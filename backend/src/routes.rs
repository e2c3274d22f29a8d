//! HTTP in, HTTP out: every route of the server, in one table.
//!
//! The table registers the routes, tells which are public (all others are private by construction: see
//! [`Access`]), and is what the tests walk: the OpenAPI document, the list of public routes and the matrix of
//! routes and actors are checked against it. No SQL and no model here: handlers call services.

mod api_keys;
mod auth;
mod chat;
mod conversations;
mod generations;
mod health;
mod me;
mod messages;
mod models;
mod openapi;
mod params;
mod stream;
mod v1;

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, Route, web};
use shared::ErrorCode;

pub use openapi::document as openapi_document;

use crate::AppError;
use crate::middleware::isolate;
use crate::middleware::patience::patience;
use crate::middleware::{access, idempotency};
use crate::request::{Body, Caller, CurrentUser, MadeId};

/// Who may call a route. Registering a route enforces it, before the body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever is signed in, and programs with an API key of theirs.
    SignedIn,
    /// Whoever is signed in themselves. No API key: with one, whoever finds it could make others, and so outlive its
    /// end.
    InPerson,
    /// Administrators who are signed in themselves.
    Admin,
}

/// Whose an answer is, and whether it may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// What was asked for is done even when its client leaves.
    Lasting,
    /// As [`Answering::Lasting`], and the answer has a secret, which is stored nowhere.
    Secret,
    /// The answer belongs to its connection: a client that closes it ends the handler, and nothing is kept.
    Connection,
}

/// What `Idempotency-Key` does on a route. Follows from the row, so that no POST can forget it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Not a POST: the header means nothing.
    NoKey,
    /// The key is checked, and a repeat is run again.
    Anew,
    /// A repeat gets the first answer.
    SameAnswer,
}

/// One row of the route table.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path's template, from `shared::paths`.
    pub path: &'static str,
    /// Another path at which the same is found.
    pub alias: Option<&'static str>,
    /// Who may call it.
    pub access: Access,
    /// Whose its answer is.
    pub answering: Answering,
    /// Whether it waits for a database that is away for a moment.
    pub patient: bool,
    handler: fn() -> Route,
}

impl Endpoint {
    /// A row. `handler` is `|| web::to(the_handler)`: every worker thread makes its own.
    pub fn new(method: Method, path: &'static str, access: Access, handler: fn() -> Route) -> Self {
        Self { method, path, alias: None, access, answering: Answering::Lasting, patient: true, handler }
    }

    /// A row that says how things are at this moment.
    fn impatient(self) -> Self {
        Self { patient: false, ..self }
    }

    /// The same row at another path too.
    pub fn also_at(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// The same row with an answer that is not lasting.
    pub fn answering(self, answering: Answering) -> Self {
        Self { answering, ..self }
    }

    /// What a repeat with the same `Idempotency-Key` gets. Public routes answer with secrets too.
    pub fn repeats(&self) -> Repeats {
        match (self.method == Method::POST, self.access, self.answering) {
            (false, ..) => Repeats::NoKey,
            (true, Access::Public, _) | (true, _, Answering::Secret | Answering::Connection) => Repeats::Anew,
            (true, Access::SignedIn | Access::InPerson | Access::Admin, Answering::Lasting) => {
                Repeats::SameAnswer
            }
        }
    }

    fn route(&self) -> Route {
        let route = (self.handler)().method(self.method.clone());
        let route = match self.repeats() {
            Repeats::NoKey => route,
            Repeats::Anew => route.wrap(from_fn(idempotency::check_only)),
            Repeats::SameAnswer => route.wrap(from_fn(idempotency::keep_answers)),
        };
        let route = match self.access {
            Access::Public => route,
            Access::SignedIn => route.wrap(from_fn(access::require_user)),
            Access::InPerson => route.wrap(from_fn(access::require_person)),
            Access::Admin => route.wrap(from_fn(access::require_admin)),
        };
        let route = match self.answering {
            Answering::Lasting | Answering::Secret => route.wrap(from_fn(isolate::outlive_client)),
            Answering::Connection => route.wrap(from_fn(isolate::isolate)),
        };
        if self.patient { route.wrap(from_fn(patience)) } else { route }
    }
}

/// Every route of the server.
pub fn table() -> Vec<Endpoint> {
    [
        health::endpoints(),
        openapi::endpoints(),
        auth::endpoints(),
        me::endpoints(),
        api_keys::endpoints(),
        models::endpoints(),
        conversations::endpoints(),
        messages::endpoints(),
        chat::endpoints(),
        generations::endpoints(),
        stream::endpoints(),
        v1::endpoints(),
    ]
    .concat()
}

/// Registers the table and the extractors' settings.
pub fn configure(services: &mut web::ServiceConfig) {
    let mut resources: BTreeMap<&str, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in table() {
        for path in endpoint.alias.into_iter().chain([endpoint.path]) {
            resources.entry(path).or_default().push(endpoint.clone());
        }
    }
    services.app_data(params::path_config()).app_data(params::query_config());
    for (path, endpoints) in resources {
        let allowed: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
        let allowed = allowed.join(", ");
        let mut resource = web::resource(pattern(path))
            .default_service(web::to(move || method_not_allowed(allowed.clone())));
        for endpoint in &endpoints {
            resource = resource.route(endpoint.route());
        }
        services.service(resource);
    }
    services.default_service(web::to(no_such_route));
}

/// The id of a model may hold slashes; everything else between slashes is one segment.
fn pattern(path: &str) -> String {
    path.replace("{model_id}", "{model_id:.+}")
}

async fn method_not_allowed(allowed: String) -> HttpResponse {
    let error = AppError::new(ErrorCode::MethodNotAllowed, format!("This address takes {allowed} only."));
    let mut response = HttpResponse::from_error(error);
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

async fn no_such_route() -> Result<HttpResponse, AppError> {
    Err(AppError::new(ErrorCode::NotFound, "There is nothing at this address."))
}
