//! One browser: its connections, its cookie, its access token, and what a page does with errors.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{ApiError, ErrorCode, Login, Registration, Session, headers, paths};

use crate::dice::Dice;
use crate::failure::{Doing, Outcome};
use crate::ledger::{Ledger, Rule};

/// A request that takes longer was lost: nothing here waits for a model.
const REQUEST_PATIENCE: Duration = Duration::from_secs(8);
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Between two tries: the first, and the longest.
const BACKOFF_MS: (u64, u64) = (100, 2_000);

/// What the server is told about a wait is kept to at most so much.
const RETRY_AFTER_MAX_S: u32 = 5;

/// Why a request has no answer to use.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Trouble {
    /// Nothing came, or not the whole of it: the server may or may not have done what was asked.
    #[error("lost: {0}")]
    Lost(String),
    /// The server said no.
    #[error("{0}: {1:?}")]
    Refused(StatusCode, ApiError),
}

impl Trouble {
    /// Whether a page tries again without asking the person.
    fn passes(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Refused(status, error) => {
                status.is_server_error()
                    || *status == StatusCode::TOO_MANY_REQUESTS
                    || error.code == ErrorCode::Unauthenticated
            }
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(_, error) => {
                error.retry_after_s.map(|s| Duration::from_secs(s.min(RETRY_AFTER_MAX_S).into()))
            }
            Self::Lost(_) => None,
        }
    }
}

/// Waits that grow, with jitter.
pub struct Backoff {
    dice: Dice,
    next_ms: u64,
}

impl Backoff {
    /// Begins with the shortest wait.
    pub fn new(dice: Dice) -> Self {
        Self { dice, next_ms: BACKOFF_MS.0 }
    }

    /// Waits.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.dice.millis(self.next_ms / 2..=self.next_ms)).await;
        self.next_ms = (self.next_ms * 2).min(BACKOFF_MS.1);
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.next_ms = BACKOFF_MS.0;
    }
}

/// A browser of one person.
pub struct Browser {
    who: String,
    client: Client,
    base: String,
    email: String,
    token: Mutex<String>,
    /// One tab signs in at a time.
    signing_in: tokio::sync::Mutex<()>,
    ledger: Ledger,
    seed: u64,
}

impl Browser {
    /// A browser at `local` that reaches Oriel at `address`.
    pub fn new(
        who: String,
        email: String,
        local: IpAddr,
        address: SocketAddr,
        ledger: Ledger,
        seed: u64,
    ) -> Outcome<Self> {
        let client = Client::builder()
            .no_proxy()
            .cookie_store(true)
            .local_address(local)
            .connect_timeout(CONNECT_PATIENCE)
            .tcp_nodelay(true)
            .build()
            .doing("make a client")?;
        let base = format!("http://{address}");
        let token = Mutex::default();
        Ok(Self { who, client, base, email, token, signing_in: tokio::sync::Mutex::default(), ledger, seed })
    }

    /// For the ledger.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Whose it is.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Dice for one purpose of this browser.
    pub fn dice(&self, purpose: &str) -> Dice {
        Dice::new(self.seed, &format!("{} {purpose}", self.who))
    }

    /// Makes the account and signs in, however long that takes.
    pub async fn register(&self) {
        let registration = Registration {
            email: self.email.clone(),
            name: self.who.clone(),
            password: password(),
            invitation: None,
            setup_token: None,
        };
        let mut backoff = Backoff::new(self.dice("registering"));
        loop {
            match self
                .exchange::<Session>(self.plain(Method::POST, paths::AUTH_REGISTER).json(&registration))
                .await
            {
                Ok(session) => return self.keep(session),
                // The first try has made it, and its answer was lost.
                Err(Trouble::Refused(_, ApiError { code: ErrorCode::Conflict, .. })) => {
                    return self.sign_in().await;
                }
                Err(trouble) => self.pause(&trouble, &mut backoff).await,
            }
        }
    }

    /// Signs in, however long that takes.
    pub async fn sign_in(&self) {
        let login = Login { email: self.email.clone(), password: password() };
        let mut backoff = Backoff::new(self.dice("signing in"));
        loop {
            match self.exchange::<Session>(self.plain(Method::POST, paths::AUTH_LOGIN).json(&login)).await {
                Ok(session) => return self.keep(session),
                Err(trouble) => {
                    self.good_faith("sign in", &trouble);
                    self.pause(&trouble, &mut backoff).await;
                }
            }
        }
    }

    /// Signs out and in again.
    pub async fn sign_out_and_in(&self) {
        self.ledger.note(&self.who, format_args!("signs out"));
        let _one = self.signing_in.lock().await;
        // Whether or not it arrives: the next sign-in makes a new session.
        let _ = self.patiently(self.plain(Method::POST, paths::AUTH_LOGOUT)).await;
        self.sign_in().await;
    }

    /// Asks until there is an answer; none where the server refuses, which is written down.
    pub async fn insist<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Option<T> {
        let mut backoff = Backoff::new(self.dice(path));
        loop {
            match self.ask(method.clone(), path, body).await {
                Ok(answer) => return Some(answer),
                Err(trouble) => {
                    if !self.recovers(path, &trouble, &mut backoff).await {
                        return None;
                    }
                }
            }
        }
    }

    /// Asks once.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Trouble> {
        self.ask_keyed(method, path, body, None).await
    }

    /// Asks once; with the same `Idempotency-Key` a second time is harmless.
    pub async fn ask_keyed<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
        key: Option<&str>,
    ) -> Result<T, Trouble> {
        let token = self.current();
        let mut request = self.plain(method, path).bearer_auth(&token);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(key) = key {
            request = request.header(headers::IDEMPOTENCY_KEY, key);
        }
        let answer = self.exchange(request).await;
        self.signed_out(&answer, &token).await;
        answer
    }

    /// Opens a stream once; it has no time limit.
    pub async fn open(&self, path: &str, cursor: Option<String>) -> Result<Response, Trouble> {
        let token = self.current();
        let mut request = self.plain(Method::GET, path).bearer_auth(&token);
        if let Some(cursor) = cursor {
            request = request.header("Last-Event-ID", cursor);
        }
        let opening = tokio::time::timeout(REQUEST_PATIENCE, accepted(request));
        let answer = opening.await.unwrap_or_else(|_late| Err(Trouble::Lost("no answer in time".to_owned())));
        self.signed_out(&answer, &token).await;
        answer
    }

    /// Waits before the next try; false where there is none, since the server means it.
    pub async fn recovers(&self, what: &str, trouble: &Trouble, backoff: &mut Backoff) -> bool {
        if !self.good_faith(what, trouble) {
            return false;
        }
        self.pause(trouble, backoff).await;
        true
    }

    /// Nothing that is asked here is wrong: a refusal that does not pass by itself is a fault.
    fn good_faith(&self, what: &str, trouble: &Trouble) -> bool {
        self.ledger
            .check(Rule::NothingRefused, trouble.passes(), || format!("{}: {what}: {trouble}", self.who));
        trouble.passes()
    }

    async fn pause(&self, trouble: &Trouble, backoff: &mut Backoff) {
        self.ledger.note(&self.who, format_args!("tries again after {trouble}"));
        match trouble.retry_after() {
            Some(wait) => tokio::time::sleep(wait).await,
            None => backoff.wait().await,
        }
    }

    /// As the page: the cookie is exchanged for a new token, and where it has ended too, the person signs in.
    async fn signed_out<T>(&self, answer: &Result<T, Trouble>, token: &str) {
        let Err(Trouble::Refused(_, ApiError { code: ErrorCode::Unauthenticated, .. })) = answer else {
            return;
        };
        let _one = self.signing_in.lock().await;
        if self.current() != token {
            return;
        }
        match self.exchange::<Session>(self.plain(Method::POST, paths::AUTH_REFRESH)).await {
            Ok(session) => self.keep(session),
            Err(Trouble::Refused(StatusCode::UNAUTHORIZED, _)) => self.sign_in().await,
            // The next request tries again.
            Err(_) => {}
        }
    }

    fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn patiently(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        accepted(request.timeout(REQUEST_PATIENCE)).await
    }

    async fn exchange<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Trouble> {
        let response = self.patiently(request).await?;
        // A 204 has no body; `()` reads as null.
        let body = response.bytes().await.map_err(lost)?;
        let body = if body.is_empty() { b"null".as_slice() } else { &body };
        serde_json::from_slice(body).map_err(|error| Trouble::Lost(error.to_string()))
    }

    fn keep(&self, session: Session) {
        self.ledger.count(|sums| sums.sign_ins += 1);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = session.access_token;
    }

    fn current(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn accepted(request: RequestBuilder) -> Result<Response, Trouble> {
    let response = request.send().await.map_err(lost)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.map_err(lost)?;
    match serde_json::from_slice(&body) {
        Ok(error) => Err(Trouble::Refused(status, error)),
        Err(_) => Err(Trouble::Lost(format!("{status}: {}", String::from_utf8_lossy(&body)))),
    }
}

fn lost(error: reqwest::Error) -> Trouble {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    Trouble::Lost(words)
}

/// The same for everybody: what is tested is not who knows it.
fn password() -> String {
    "only for the ledger test".to_owned()
}
