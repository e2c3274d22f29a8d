//! Oriel's API as the page uses it.

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response};
use shared::reducer::{Answer, Answers, Outcome, Phase};
use shared::{
    ApiError, ClientId, Conversation, CreateConversation, GenerationOptions, Login, Registration,
    SendAccepted, SendMessage, Session, SetupState, StreamEvent, paths, sse,
};
use std::time::Instant;

use crate::Options;
use crate::failure::Failure;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    client: Client,
    address: String,
    token: String,
}

/// One answer, and when its text came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When the message was sent.
    pub sent: Instant,
    /// When the first text came.
    pub first: Instant,
    /// When the last text came.
    pub last: Instant,
    /// The answer.
    pub answer: Answer,
}

impl Person {
    /// Signs in; makes the account where it is the first one.
    pub async fn sign_in(options: &Options) -> Result<Self, Failure> {
        let client = Client::new();
        let address = options.address.trim_end_matches('/').to_owned();
        let setup: SetupState = answered(client.get(format!("{address}{}", paths::AUTH_SETUP))).await?;
        let (email, password) = (options.email.clone(), options.password.clone());
        let session: Session = if setup.first_run {
            let name = "Bench".to_owned();
            let registration = Registration { email, name, password, invitation: None, setup_token: None };
            answered(client.post(format!("{address}{}", paths::AUTH_REGISTER)).json(&registration)).await?
        } else {
            let login = Login { email, password };
            answered(client.post(format!("{address}{}", paths::AUTH_LOGIN)).json(&login)).await?
        };
        Ok(Self { client, address, token: session.access_token })
    }

    /// Begins a conversation, sends one message and reads the answer to its end.
    pub async fn chat(&self, options: &Options) -> Result<Heard, Failure> {
        let begin = CreateConversation { title: Some("Measurement".into()), model: options.model.clone() };
        let conversation: Conversation = answered(self.post(paths::CONVERSATIONS).json(&begin)).await?;
        let id = conversation.id;
        let stream = accepted(self.get(&paths::stream_conversation(id))).await?;
        let message = SendMessage {
            client_id: ClientId::new(),
            conversation_id: Some(id),
            parent_id: None,
            from_start: false,
            content: options.prompt.clone(),
            model: options.model.clone(),
            options: GenerationOptions {
                max_tokens: Some(options.max_tokens),
                ..GenerationOptions::default()
            },
        };
        let sent = Instant::now();
        let accepted: SendAccepted = answered(self.post(paths::CHAT).json(&message)).await?;
        read(stream, &accepted, sent).await
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address)).bearer_auth(&self.token)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.address)).bearer_auth(&self.token)
    }
}

async fn read(stream: Response, accepted: &SendAccepted, sent: Instant) -> Result<Heard, Failure> {
    let mut bytes = stream.bytes_stream();
    let mut decoder = sse::Decoder::new();
    let mut answers = Answers::new();
    let mut times: Option<(Instant, Instant)> = None;
    while let Some(piece) = bytes.next().await {
        for event in decoder.push(&piece?)? {
            let event: StreamEvent = serde_json::from_str(&event.data)?;
            if answers.apply(&event) == Outcome::Gap {
                return Err(Failure::Broken("has missed a chunk"));
            }
            let Some(answer) = answers.get(accepted.generation_id) else { continue };
            if matches!(event, StreamEvent::Delta { generation_id, .. } if generation_id == accepted.generation_id)
            {
                let now = Instant::now();
                times = Some((times.map_or(now, |(first, _)| first), now));
            }
            if answer.phase == Phase::Ended {
                if let Some(error) = &answer.error {
                    return Err(Failure::Refused(error.clone()));
                }
                let (first, last) = times.ok_or(Failure::Broken("ended without a text"))?;
                return Ok(Heard { sent, first, last, answer: answer.clone() });
            }
        }
    }
    Err(Failure::Broken("ended in the middle of an answer"))
}

async fn answered<T: serde::de::DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    Ok(accepted(request).await?.json().await?)
}

async fn accepted(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let error: ApiError = response.json().await?;
    Err(Failure::Refused(error))
}
