//! `Idempotency-Key`: a repeat of a POST gets the answer that the first one got.
//!
//! Stands around every POST of the route table, and nowhere else; handlers know nothing of it. The key belongs to the
//! person. What is kept is the status and the JSON body, for a day. Not kept is what may be different the next time:
//! an answer of 500 and above, 409 (something else is in the way at this moment) and 429. A request whose server died
//! is run again by its repeat, which is harmless because our handlers are repeatable by themselves: sending has
//! `client_id`, making has [`MadeId`], stopping and restoring do nothing the second time.
//!
//! Two kinds of POST check the key and keep nothing, [`check_only`]: those whose answers have secrets that must not be
//! stored (what a repeat does there is told in `routes::auth` and `routes::api_keys`), and those whose answer belongs to
//! its connection, which is too long to be kept.

use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use shared::headers::{IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_MAX_CHARS, IDEMPOTENT_REPLAYED};
use shared::{ApiError, ErrorCode};
use store::{Begun, KeptAnswer, KeyedRequest};
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::AppResult;
use crate::request::{CurrentUser, MadeId, read_body};
use crate::{AppError, AppState};

/// Answers of ours are a few hundred bytes. A longer one is given and not kept: its repeat is run again.
const KEPT_MAX_BYTES: usize = 64 * 1024;

/// How long a repeat waits for the first to be answered: longer than it takes until it may run the request itself.
const WAIT_FOR_FIRST: Duration = Duration::from_secs(store::idempotency::HOLD_S as u64 + 2);

/// Pauses between looks at the first. It may run on another server, so that nobody tells.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// This request, however often it is tried.
#[derive(Clone, Copy)]
struct Holder(Uuid);

/// On a request that may have been done before: it has a key, or the server itself tries it once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayRepeat;

/// Around POST routes that keep nothing: refuses a key that is none.
pub async fn check_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match key(request.request()) {
        Ok(key) => {
            if key.is_some() {
                request.extensions_mut().insert(MayRepeat);
            }
            next.call(request).await.map(ServiceResponse::map_into_boxed_body)
        }
        Err(error) => Ok(refuse(request, error)),
    }
}

/// Around every other POST of somebody who is signed in.
pub async fn keep_answers(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (state, keyed) = match keyed(&mut request).await {
        Ok(Some(keyed)) => keyed,
        Ok(None) => return next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(error) => return Ok(refuse(request, error)),
    };
    match begin(&state, &keyed).await {
        Ok(Begun::Run { made_id }) => {
            request.extensions_mut().insert(MadeId(made_id));
            let held = Held { state, keyed: Some(keyed) };
            let response = next.call(request).await?.map_into_boxed_body();
            Ok(held.answered(response).await)
        }
        Ok(Begun::Answered(answer)) => Ok(repeat(request, answer)),
        Ok(Begun::Running) => Ok(refuse(request, still_running())),
        Ok(Begun::Other) => Ok(refuse(
            request,
            AppError::new(
                ErrorCode::Conflict,
                "This Idempotency-Key was used for another request. Make a new key for everything that is to be done.",
            ),
        )),
        Err(error) => Ok(refuse(request, error)),
    }
}

/// The key of a request; none where it has none.
fn key(request: &HttpRequest) -> AppResult<Option<String>> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.as_bytes();
    let fits = (1..=IDEMPOTENCY_KEY_MAX_CHARS).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    if fits && values.next().is_none() {
        return Ok(Some(String::from_utf8_lossy(text).into_owned()));
    }
    Err(AppError::field(
        "Idempotency-Key",
        format!(
            "must be sent once, with 1 to {IDEMPOTENCY_KEY_MAX_CHARS} visible ASCII characters; this one has {} bytes",
            text.len()
        ),
    ))
}

/// The request with its key. Takes the body in, and gives it back to the request.
async fn keyed(request: &mut ServiceRequest) -> AppResult<Option<(web::Data<AppState>, KeyedRequest)>> {
    let Some(key) = key(request.request())? else { return Ok(None) };
    let no_state = || AppError::internal("the application has no state");
    let state = request.app_data::<web::Data<AppState>>().cloned().ok_or_else(no_state)?;
    let user = request.extensions().get::<CurrentUser>().map(|user| user.id);
    let user = user.ok_or_else(|| AppError::internal("a route with kept answers that anybody may call"))?;
    let payload = request.take_payload();
    let body = read_body(request.request(), payload).await?;
    let holder = {
        let mut extensions = request.extensions_mut();
        let holder = extensions.get::<Holder>().copied().unwrap_or_else(|| Holder(Uuid::now_v7()));
        extensions.insert(holder);
        holder.0
    };
    let uri = request.uri();
    let sha256 = Sha256::new()
        .chain_update(request.method().as_str())
        .chain_update(" ")
        .chain_update(uri.path_and_query().map_or(uri.path(), |path| path.as_str()))
        .chain_update("\n")
        .chain_update(&body)
        .finalize()
        .into();
    request.set_payload(Payload::from(Bytes::from(body)));
    Ok(Some((state, KeyedRequest { user, key, sha256, holder })))
}

/// Takes the key, or waits for the answer of whoever has it.
async fn begin(state: &AppState, keyed: &KeyedRequest) -> AppResult<Begun> {
    let until = Instant::now() + WAIT_FOR_FIRST;
    let (mut pause, longest) = LOOK_AGAIN;
    loop {
        match state.store.begin_request(keyed).await? {
            Begun::Running if Instant::now() < until => {}
            begun => return Ok(begun),
        }
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

fn still_running() -> AppError {
    AppError::new(
        ErrorCode::Conflict,
        "A request with this Idempotency-Key is being served still. Repeat it in a second to get its answer.",
    )
    .with_retry_after_s(1)
}

/// A key that this request has taken. Where no answer is kept, the next repeat may take it at once; so also when the
/// client leaves in the middle.
struct Held {
    state: web::Data<AppState>,
    keyed: Option<KeyedRequest>,
}

impl Held {
    /// Keeps the answer, and gives it.
    async fn answered(mut self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let status = response.status();
        let passing = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
        let small = match response.response().body().size() {
            BodySize::Sized(bytes) => bytes <= KEPT_MAX_BYTES as u64,
            BodySize::None => true,
            BodySize::Stream => false,
        };
        if status.is_server_error() || passing || !small {
            return response;
        }
        let (response, body) = read_answer(response);
        if let (Some(keyed), Some(body)) = (&self.keyed, body) {
            match self.state.store.keep_answer(keyed, &KeptAnswer { status: status.as_u16(), body }).await {
                Ok(()) => self.keyed = None,
                // It was done, and a repeat does it again without harm.
                Err(error) => tracing::debug!(%error, "an answer is not kept for repeats"),
            }
        }
        response
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(keyed) = self.keyed.take() else { return };
        let store = self.state.store.clone();
        self.state.runtime.spawn(async move {
            if let Err(error) = store.release_key(&keyed).await {
                tracing::debug!(%error, "a key is not released; it is free after some seconds");
            }
        });
    }
}

/// The body of an answer, which stays as it is; none where it is no text. Of an error the body is written by the
/// boundary only, with the id of the request: what is kept has none.
fn read_answer(response: ServiceResponse<BoxBody>) -> (ServiceResponse<BoxBody>, Option<String>) {
    if let Some(error) = response.response().error() {
        let body = error.as_error::<AppError>().and_then(|error| serde_json::to_string(error.body()).ok());
        return (response, body);
    }
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let (body, text) = match body.try_into_bytes() {
        Ok(bytes) => (BoxBody::new(bytes.clone()), String::from_utf8(bytes.to_vec()).ok()),
        Err(body) => (body, None),
    };
    (ServiceResponse::new(request, response.set_body(body)), text)
}

/// The answer that was given before.
fn repeat(request: ServiceRequest, answer: KeptAnswer) -> ServiceResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let error =
        if status.is_client_error() { serde_json::from_str::<ApiError>(&answer.body).ok() } else { None };
    let mut response = match error {
        Some(body) => HttpResponse::from_error(AppError::told_before(body)),
        None if answer.body.is_empty() => HttpResponse::new(status),
        None => {
            let json = HeaderValue::from_static("application/json");
            HttpResponse::build(status).insert_header((CONTENT_TYPE, json)).body(answer.body)
        }
    };
    let replayed = HeaderName::from_static(IDEMPOTENT_REPLAYED);
    response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
    respond(request, response)
}

fn refuse(request: ServiceRequest, error: AppError) -> ServiceResponse {
    respond(request, HttpResponse::from_error(error))
}

/// `into_response` of a request would lose the error behind the response, which the boundary needs.
fn respond(request: ServiceRequest, response: HttpResponse) -> ServiceResponse {
    let (request, _) = request.into_parts();
    ServiceResponse::new(request, response)
}
