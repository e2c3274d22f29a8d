//! Somebody who is signed in, and what the page does for them.

use std::net::Ipv4Addr;

use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use shared::{
    ApiError, ApiKeyMade, ClientId, Conversation, ConversationId, CreateApiKey, CreateConversation,
    GenerationId, GenerationOptions, Login, Registration, SendAccepted, SendMessage, Session, SetupState,
    paths,
};

use crate::failure::Failure;

/// Tells the server where somebody comes from, as a proxy does: each tries to sign in from an address of their own, and
/// none is held up by the others.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    client: Client,
    address: String,
    token: String,
}

impl Person {
    /// Signs in; makes the account where it is the first one.
    pub async fn sign_in(address: &str, email: &str, password: &str) -> Result<Self, Failure> {
        let client = Client::new();
        let address = address.trim_end_matches('/');
        let setup: SetupState = answered(client.get(format!("{address}{}", paths::AUTH_SETUP))).await?;
        if setup.first_run {
            return Self::register(&client, address, email, password, Ipv4Addr::LOCALHOST).await;
        }
        let login = Login { email: email.to_owned(), password: password.to_owned() };
        let request = client.post(format!("{address}{}", paths::AUTH_LOGIN)).json(&login);
        let session: Session = answered(request).await?;
        Ok(Self { client, address: address.to_owned(), token: session.access_token })
    }

    /// Makes an account, as if from another machine. The server must let everybody register.
    pub async fn register(
        client: &Client,
        address: &str,
        email: &str,
        password: &str,
        from: Ipv4Addr,
    ) -> Result<Self, Failure> {
        let address = address.trim_end_matches('/').to_owned();
        let registration = Registration {
            email: email.to_owned(),
            name: "Bench".to_owned(),
            password: password.to_owned(),
            invitation: None,
            setup_token: None,
        };
        let request = client.post(format!("{address}{}", paths::AUTH_REGISTER)).json(&registration);
        let session: Session = answered(request.header(X_FORWARDED_FOR, from.to_string())).await?;
        Ok(Self { client: client.clone(), address, token: session.access_token })
    }

    /// The bearer token, for connections of other kinds.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Makes an API key and returns its secret.
    pub async fn make_key(&self, name: &str) -> Result<String, Failure> {
        let key = CreateApiKey { name: name.to_owned(), expires_in_days: Some(1) };
        let made: ApiKeyMade = answered(self.post(paths::ME_KEYS).json(&key)).await?;
        Ok(made.secret)
    }

    /// Begins a conversation, with a title, so that the model is not asked for one.
    pub async fn begin_conversation(&self, model: Option<&str>) -> Result<ConversationId, Failure> {
        let begin = CreateConversation { title: Some("Measurement".into()), model: model.map(str::to_owned) };
        let conversation: Conversation = answered(self.post(paths::CONVERSATIONS).json(&begin)).await?;
        Ok(conversation.id)
    }

    /// Opens the stream of a conversation.
    pub async fn stream(&self, conversation: ConversationId) -> Result<Response, Failure> {
        accepted(self.get(&paths::stream_conversation(conversation))).await
    }

    /// Sends a message.
    pub async fn say(
        &self,
        conversation: ConversationId,
        content: &str,
        model: Option<&str>,
        options: GenerationOptions,
    ) -> Result<SendAccepted, Failure> {
        let message = SendMessage {
            client_id: ClientId::new(),
            conversation_id: Some(conversation),
            parent_id: None,
            from_start: false,
            content: content.to_owned(),
            model: model.map(str::to_owned),
            options,
        };
        answered(self.post(paths::CHAT).json(&message)).await
    }

    /// Asks for the end of an answer.
    pub async fn stop(&self, generation: GenerationId) -> Result<(), Failure> {
        accepted(self.post(&paths::generation_stop(generation))).await.map(drop)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.address)).bearer_auth(&self.token)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.address)).bearer_auth(&self.token)
    }
}

async fn answered<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
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
