//! Somebody who calls the API.

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::{ApiError, ApiKeyMade, CreateApiKey, ErrorCode, Session, User, paths};

use super::app::TestApp;

/// Name of the refresh cookie over plain http.
const COOKIE_NAME: &str = "oriel_refresh";

/// Somebody, with what their browser would keep.
#[derive(Clone)]
pub struct Actor {
    client: Client,
    url: String,
    session: Option<Session>,
    cookie: Option<String>,
}

impl Actor {
    pub(super) fn new(url: &str) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { client, url: url.to_owned(), session: None, cookie: None }
    }

    /// The same person with this session.
    pub fn signed_in(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// The same person with this access token instead of their own.
    pub fn with_token(mut self, token: &str) -> Self {
        if let Some(session) = &mut self.session {
            session.access_token = token.to_owned();
        }
        self
    }

    /// The same person with this refresh token in their cookie.
    pub fn with_refresh_cookie(mut self, token: &str) -> Self {
        self.cookie = Some(token.to_owned());
        self
    }

    /// The refresh token in their cookie.
    pub fn refresh_cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// A new key of theirs.
    pub async fn make_key(&self, name: &str) -> ApiKeyMade {
        let wanted = CreateApiKey { name: name.to_owned(), expires_in_days: None };
        self.post(paths::ME_KEYS, &wanted).await.json(201)
    }

    /// A program of theirs, with this key and nothing else.
    pub fn program(&self, key: &ApiKeyMade) -> Self {
        Self { cookie: None, ..self.clone() }.with_token(&key.secret)
    }

    /// The same person at another server.
    pub fn at(&self, app: &TestApp) -> Self {
        self.at_url(app.url())
    }

    /// The same person at the server of this address.
    pub fn at_url(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Their account.
    pub fn account(&self) -> &User {
        &self.session.as_ref().expect("an actor who is signed in").user
    }

    /// Their access token.
    pub fn token(&self) -> &str {
        &self.session.as_ref().expect("an actor who is signed in").access_token
    }

    /// A request with what the page would add.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(session) = &self.session {
            request = request.header(AUTHORIZATION, format!("Bearer {}", session.access_token));
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, format!("{COOKIE_NAME}={cookie}"));
        }
        request
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// `POST` without a body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::POST, path)).await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// `PATCH` with JSON.
    pub async fn patch(&self, path: &str, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }

    /// `PUT` with JSON.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }
}

/// A response that has been read.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// Sends the request and reads the response.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer of the server");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("the body");
        Self { status, headers, text }
    }

    /// The body, which must have come with this status.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self, status: u16) -> T {
        self.expect(status);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// The body as it is.
    #[track_caller]
    pub fn value(&self, status: u16) -> Value {
        self.json(status)
    }

    /// The response must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The error, which must have this code, the status of the code, and a request id equal to the header's.
    #[track_caller]
    pub fn error(&self, code: ErrorCode) -> ApiError {
        let error: ApiError = serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{}: {error} in {:?}", self.status, self.text));
        assert_eq!(error.code, code, "{}: {}", self.status, self.text);
        assert_eq!(self.status.as_u16(), backend::error::status::status(code));
        assert_eq!(error.request_id.as_deref(), self.header("x-request-id"));
        assert!(!error.message.is_empty());
        error
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The refresh token that was set, and the cookie's attributes.
    pub fn set_cookie(&self) -> Option<(String, String)> {
        let cookie = self.headers.get(SET_COOKIE)?.to_str().ok()?;
        let (pair, attributes) = cookie.split_once("; ").unwrap_or((cookie, ""));
        let (_, value) = pair.split_once('=')?;
        Some((value.to_owned(), attributes.to_owned()))
    }
}
