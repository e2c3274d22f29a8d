//! An open stream, read with the page's own codec and reducer.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use shared::reducer::{Answers, Outcome};
use shared::sse::Decoder;
use shared::{Cursor, GenerationId, StreamEvent};

use super::actor::Actor;

/// Far longer than anything that a test waits for, so that it ends with a message when the event never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream with what a page has made of it.
pub struct Reader {
    response: Response,
    decoder: Decoder,
    waiting: VecDeque<StreamEvent>,
    /// The answers so far.
    pub answers: Answers,
    /// Every event so far, in order.
    pub seen: Vec<StreamEvent>,
}

impl Reader {
    /// Opens a stream, after `cursor` where there is one.
    pub async fn open(actor: &Actor, path: &str, cursor: Option<Cursor>) -> Self {
        let mut request = actor.request(Method::GET, path);
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor.to_string());
        }
        let response = request.send().await.expect("a stream");
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        assert_eq!(kind.map(|kind| kind.starts_with("text/event-stream")), Some(true), "{kind:?}");
        Self {
            response,
            decoder: Decoder::new(),
            waiting: VecDeque::new(),
            answers: Answers::new(),
            seen: Vec::new(),
        }
    }

    /// The next event, applied. None at the end of the stream.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        // Heartbeats keep a stream alive, but nobody waits for them.
        let received = tokio::time::timeout(PATIENCE, self.receive()).await;
        let event = received.unwrap_or_else(|_| panic!("nothing came; so far: {:#?}", self.seen))?;
        assert_ne!(self.answers.apply(&event), Outcome::Gap, "{event:?} after {:#?}", self.seen);
        self.seen.push(event.clone());
        Some(event)
    }

    async fn receive(&mut self) -> Option<StreamEvent> {
        while self.waiting.is_empty() {
            let Ok(Some(bytes)) = self.response.chunk().await else { return None };
            for event in self.decoder.push(&bytes).expect("events of a bearable size") {
                let parsed: StreamEvent = serde_json::from_str(&event.data)
                    .unwrap_or_else(|error| panic!("{error} in {:?}", event.data));
                assert_eq!(parsed.name(), event.name);
                self.waiting.push_back(parsed);
            }
        }
        self.waiting.pop_front()
    }

    /// Reads until an event fits, and returns it.
    pub async fn until(&mut self, fits: impl Fn(&StreamEvent) -> bool) -> StreamEvent {
        loop {
            let Some(event) = self.next().await else { panic!("the stream ended; so far: {:#?}", self.seen) };
            if fits(&event) {
                return event;
            }
        }
    }

    /// Reads until an answer has ended, and returns its text.
    pub async fn until_end(&mut self, id: GenerationId) -> String {
        self.until(|event| match event {
            StreamEvent::Done { generation_id, .. } => *generation_id == id,
            StreamEvent::Error { generation_id, .. } => *generation_id == Some(id),
            _ => false,
        })
        .await;
        self.answers.get(id).map(|answer| answer.text.clone()).unwrap_or_default()
    }
}
