//! `/v1/chat/completions`: whole or as events.

mod check;
mod chunk;
mod events;
mod logprobs;
mod request;
mod response;
mod usage;

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use shared::{ErrorCode, paths};

use super::super::{Access, Answering, Body, CurrentUser, Endpoint};
use super::prefer;
use crate::AppState;
use crate::error::openai::OpenAiError;
use crate::error::{AppError, AppResult};
use crate::routes::stream::X_ACCEL_BUFFERING;
use crate::services::completions::{Completion, CompletionEvent};
use request::ChatCompletion;
use response::{Choice, Completed, Head};

/// So long an error can still become a status, because the first event is not sent yet. Most come within milliseconds;
/// a client that waits longer should see that it is being served.
const HEAD_START: Duration = Duration::from_secs(3);

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(Method::POST, paths::V1_CHAT_COMPLETIONS, Access::SignedIn, || web::to(complete))
            .also_at(paths::V1_CHAT_COMPLETIONS_ALIAS)
            .answering(Answering::Connection),
    ]
}

/// Answer a conversation that is sent whole. The answer belongs to the connection: closing it ends the answer. With
/// `stream` it comes as server-sent events: each is `data:` and a chunk, and `data: [DONE]` the last.
#[utoipa::path(
    post, path = paths::V1_CHAT_COMPLETIONS, tag = "openai", security(("bearer" = [])), request_body = ChatCompletion,
    params(("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: how long to wait for a model that has to be loaded.")),
    responses(
        (status = 200, description = "The answer.", body = Completed),
        (status = 400, description = "A field is not understood, which `param` names, or the messages do not fit.", body = OpenAiError),
        (status = 401, description = "No valid key.", body = OpenAiError),
        (status = 404, description = "There is no such model.", body = OpenAiError),
        (status = 429, description = "Too many wait; `Retry-After` says when to come again.", body = OpenAiError),
        (status = 503, description = "The model is being loaded, or the server is going down.", body = OpenAiError),
    ),
)]
pub(in crate::routes) async fn complete(
    state: web::Data<AppState>,
    user: CurrentUser,
    http: HttpRequest,
    body: Body<ChatCompletion>,
) -> AppResult<HttpResponse> {
    let body = body.0;
    let streams = body.stream == Some(true);
    let with_usage = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    let request = check::check(&state.engine, body)?;
    let (model, count) = (request.model.to_string(), request.choices);

    let signed_out = {
        let state = state.clone();
        async move { state.auth.ended(user.credential).await }
    };
    let mut completion =
        Completion::begin(&state.engine, state.generations.traces().user(user.id), request).await?;
    completion.head_start(HEAD_START, prefer::wait(&http)).await?;
    if streams {
        let head = Head::new("chat.completion.chunk", model);
        let events = events::events(completion, head, count, with_usage, signed_out);
        return Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((X_ACCEL_BUFFERING, "no"))
            .streaming(events));
    }
    tokio::select! {
        choices = collect(&mut completion, count) => Ok(HttpResponse::Ok().json(Completed {
            head: Head::new("chat.completion", model),
            choices: choices?,
            usage: completion.counts().into(),
            timings: completion.timings().into(),
        })),
        () = signed_out => Err(key_has_ended()),
    }
}

/// The answers, when all have ended.
async fn collect(completion: &mut Completion, count: u32) -> AppResult<Vec<Choice>> {
    let mut choices: Vec<Choice> = (0..count).map(Choice::open).collect();
    while let Some(event) = completion.next().await {
        match event? {
            CompletionEvent::Waiting { .. } | CompletionEvent::Begun => {}
            CompletionEvent::Text { choice, kind, text, likelihoods } => {
                if let Some(choice) = choices.get_mut(choice as usize) {
                    choice.push(kind, &text, &likelihoods);
                }
            }
            CompletionEvent::Call { choice, id, name, .. } => {
                if let Some(choice) = choices.get_mut(choice as usize) {
                    choice.call(id, name);
                }
            }
            CompletionEvent::Ended { choice, reason } => {
                if let Some(choice) = choices.get_mut(choice as usize) {
                    choice.end(reason);
                }
            }
        }
    }
    Ok(choices)
}

/// The credential ended in the middle of the answer.
fn key_has_ended() -> AppError {
    AppError::new(ErrorCode::Unauthenticated, "The API key or sign-in has ended in the middle of the answer.")
}
