//! One connection to the stream of events: fetch and a reader, because `EventSource` carries no token.

use gloo_net::http::Method;
use js_sys::{Reflect, Uint8Array};
use shared::sse::Decoder;
use shared::{ApiError, ConversationId, Cursor, ErrorCode, StreamEvent, paths};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, ReadableStreamDefaultReader};

use super::Client;
use crate::state::failure::Failure;

/// An open stream.
pub struct EventStream {
    reader: ReadableStreamDefaultReader,
    decoder: Decoder,
}

impl Client {
    /// Opens the stream of a conversation and of the list, or of the list alone. `after` is where the reader stands.
    pub async fn stream(
        &self,
        conversation: Option<ConversationId>,
        after: Option<Cursor>,
        signal: &AbortSignal,
    ) -> Result<EventStream, Failure> {
        let path = conversation.map_or_else(|| paths::STREAM.to_owned(), paths::stream_conversation);
        let cursor = after.map(|cursor| cursor.to_string());
        let mut headers = vec![("Accept", "text/event-stream")];
        headers.extend(cursor.as_deref().map(|cursor| ("Last-Event-ID", cursor)));
        let response = self.send(Method::GET, &path, None, &headers, Some(signal)).await?;
        let reader = response.body().map(|body| body.get_reader());
        let reader = reader.and_then(|reader| reader.dyn_into().ok()).ok_or(Failure::Unreachable)?;
        Ok(EventStream { reader, decoder: Decoder::new() })
    }
}

impl EventStream {
    /// The next events; empty for a heartbeat, none at the end of the stream. Events of a kind that this page does
    /// not know are passed over.
    pub async fn next(&mut self) -> Result<Option<Vec<StreamEvent>>, Failure> {
        let chunk = JsFuture::from(self.reader.read()).await.map_err(|_cut_off| Failure::Unreachable)?;
        let Ok(value) = Reflect::get(&chunk, &JsValue::from_str("value")) else { return Ok(None) };
        let Some(bytes) = value.dyn_ref::<Uint8Array>() else { return Ok(None) };
        let events = self
            .decoder
            .push(&bytes.to_vec())
            .map_err(|error| Failure::Refused(ApiError::new(ErrorCode::Internal, error.to_string())))?;
        Ok(Some(events.iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect()))
    }
}
