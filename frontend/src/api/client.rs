//! One request: with the access token, renewed when it ends, and with every failure in one shape.
//!
//! The access token lives here and nowhere else. Whoever finds it ended renews it once for the whole page; tabs take
//! turns under a lock, because the refresh token changes with each use. What passes by itself (a server that restarts,
//! a database that is away) is waited for in silence; a POST carries a key under which the server knows a repeat.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use gloo_net::http::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{ApiError, ClientId, ErrorCode, Session, User, UserId, paths};
use web_sys::{AbortSignal, RequestCredentials};

use crate::platform::{lock, time, wake};
use crate::state::backoff;
use crate::state::failure::Failure;

/// The lock under which the tabs of a browser renew their sessions.
const REFRESH_LOCK: &str = "oriel-refresh";
/// A token this close to its end is renewed first: the request is on its way for a while.
const RENEW_BEFORE_MS: f64 = 20_000.0;
/// Longer than any answer but a stream takes, even of a busy server: then the line is dead, whatever TCP believes.
const ANSWER_MS: u32 = 20_000;
/// Trouble that passes within a minute is nobody's business; a little more for the last try.
const PATIENCE_MS: f64 = 75_000.0;
/// The wait between two tries grows no further than this try's: whoever waits for a list should have it soon.
const LAST_WAIT: u32 = 6;

#[derive(Clone)]
struct Token {
    text: String,
    ends_at_ms: f64,
    user: UserId,
}

/// Is told who has signed in elsewhere, if somebody has.
type OnEnd = Rc<dyn Fn(Option<User>)>;
type Renewal = Shared<LocalBoxFuture<'static, Result<User, Failure>>>;

#[derive(Default)]
struct Inner {
    base: RefCell<String>,
    token: RefCell<Option<Token>>,
    renewal: RefCell<Option<Renewal>>,
    on_end: RefCell<Option<OnEnd>>,
}

/// The way to the server. Clones share one session.
#[derive(Clone, Default)]
pub struct Client {
    inner: Rc<Inner>,
    /// Sends for this person only.
    user: Option<UserId>,
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Client {
    /// Sets the origin of the API; empty for the page's own.
    pub fn set_base(&self, base: String) {
        self.inner.base.replace(base);
    }

    /// The origin of the API, for people: the page's own where no other is set.
    pub fn origin(&self) -> String {
        let base = self.inner.base.borrow().clone();
        if base.is_empty() { page_origin() } else { base }
    }

    /// The way to the server for one person: whoever else may sign in, in this tab or in another one of the browser,
    /// nothing is sent in their name.
    pub fn of(&self, user: UserId) -> Self {
        Self { inner: Rc::clone(&self.inner), user: Some(user) }
    }

    /// Calls `listener` when a session ends that nobody signed out of here; with whoever has signed in in another tab.
    pub fn on_end(&self, listener: impl Fn(Option<User>) + 'static) {
        self.inner.on_end.replace(Some(Rc::new(listener)));
    }

    /// Takes over a session that the server has just given.
    pub(super) fn adopt(&self, session: Session) -> User {
        let ends_at_ms = time::now_ms() + f64::from(session.expires_in_s) * 1000.0;
        let token = Token { text: session.access_token, ends_at_ms, user: session.user.id };
        self.inner.token.replace(Some(token));
        session.user
    }

    /// Forgets the session.
    pub fn forget(&self) {
        self.inner.token.replace(None);
    }

    /// A request without a session, which does not renew one either.
    pub(super) async fn open<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body.map(to_json).transpose()?;
        let response = self.attempt(method, path, body, None, &[], None).await?;
        read(accept(response).await?).await
    }

    /// A request without a session and without an answer to read.
    pub(super) async fn once(&self, method: Method, path: &str) -> Result<(), Failure> {
        accept(self.attempt(method, path, None, None, &[], None).await?).await.map(drop)
    }

    /// Does what changes the session of this browser, while no tab renews it.
    pub(super) async fn alone<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> T {
        lock::exclusive(REFRESH_LOCK, work).await
    }

    /// A request of whoever is signed in, with JSON for an answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        parse(&self.patiently(method, path, body.map(to_json).transpose()?).await?)
    }

    /// As [`call`](Self::call), but tried once only: for what has a patience of its own.
    pub(super) async fn call_once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body.map(to_json).transpose()?;
        read(self.send(method, path, body, &[], None).await?).await
    }

    /// A request of whoever is signed in, whose answer has nothing to read.
    pub(super) async fn tell(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<(), Failure> {
        self.patiently(method, path, body.map(to_json).transpose()?).await.map(drop)
    }

    /// Tries until there is an answer, or a failure that does not pass, or [`PATIENCE_MS`] are over.
    async fn patiently(&self, method: Method, path: &str, body: Option<String>) -> Result<String, Failure> {
        let key = ClientId::new().to_string();
        let headers = [("Idempotency-Key", &*key)];
        let headers = if method == Method::POST { &headers[..] } else { &[] };
        let until_ms = time::now_ms() + PATIENCE_MS;
        let mut attempt = 0;
        loop {
            let result = match self.send(method.clone(), path, body.clone(), headers, None).await {
                Ok(response) => text(response).await,
                Err(failure) => Err(failure),
            };
            match result {
                Err(failure) if failure.is_outage() && time::now_ms() < until_ms => {
                    wake::wait(backoff::delay_ms(attempt, time::random())).await;
                    attempt = LAST_WAIT.min(attempt + 1);
                }
                result => return result,
            }
        }
    }

    /// A request of whoever is signed in. A token that turns out to have ended is renewed and the request sent once
    /// more.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
        signal: Option<&AbortSignal>,
    ) -> Result<Response, Failure> {
        let used = self.token().await?;
        let response = self.attempt(method.clone(), path, body.clone(), Some(&used), headers, signal).await?;
        if response.status() != 401 {
            return accept(response).await;
        }
        if self.current().is_some_and(|token| token.text == used) {
            self.renew().await?;
        }
        let renewed = self.token().await?;
        accept(self.attempt(method, path, body, Some(&renewed), headers, signal).await?).await
    }

    /// Renews the session. Whoever asks meanwhile waits for the same renewal.
    pub(super) async fn renew(&self) -> Result<User, Failure> {
        let running = self.inner.renewal.borrow().clone();
        let renewal = running.unwrap_or_else(|| {
            let client = self.clone();
            let renewal: Renewal = async move {
                let result = client.alone(client.clone().renew_once()).await;
                client.inner.renewal.replace(None);
                result
            }
            .boxed_local()
            .shared();
            self.inner.renewal.replace(Some(renewal.clone()));
            renewal
        });
        renewal.await
    }

    async fn renew_once(self) -> Result<User, Failure> {
        let before = self.current().map(|token| token.user);
        match self.open::<Session>(Method::POST, paths::AUTH_REFRESH, None::<&()>).await {
            Ok(session) => {
                let user = self.adopt(session);
                if before.is_some_and(|before| before != user.id) {
                    self.tell_of_end(Some(user.clone()));
                }
                Ok(user)
            }
            Err(failure) => {
                if failure.code() == Some(ErrorCode::Unauthenticated) {
                    self.forget();
                    if before.is_some() {
                        self.tell_of_end(None);
                    }
                }
                Err(failure)
            }
        }
    }

    fn tell_of_end(&self, now: Option<User>) {
        let listener = self.inner.on_end.borrow().clone();
        if let Some(listener) = listener {
            listener(now);
        }
    }

    fn current(&self) -> Option<Token> {
        self.inner.token.borrow().clone()
    }

    async fn token(&self) -> Result<String, Failure> {
        if self.current().is_none_or(|token| token.ends_at_ms - time::now_ms() < RENEW_BEFORE_MS) {
            self.renew().await?;
        }
        let token = self.current().filter(|token| self.user.is_none_or(|user| user == token.user));
        token.map(|token| token.text).ok_or_else(|| {
            Failure::Refused(ApiError::new(ErrorCode::Unauthenticated, "Please sign in again."))
        })
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        token: Option<&str>,
        headers: &[(&str, &str)],
        signal: Option<&AbortSignal>,
    ) -> Result<Response, Failure> {
        let base = self.inner.base.borrow().clone();
        let credentials =
            if base.is_empty() { RequestCredentials::SameOrigin } else { RequestCredentials::Include };
        let timeout = signal.is_none().then(|| AbortSignal::timeout_with_u32(ANSWER_MS));
        let mut request = RequestBuilder::new(&format!("{base}{path}"))
            .method(method)
            .credentials(credentials)
            .abort_signal(signal.or(timeout.as_ref()));
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = match body {
            Some(body) => request.header("Content-Type", "application/json").body(body),
            None => request.build(),
        };
        let request = request.map_err(|_invalid_address| Failure::Unreachable)?;
        request.send().await.map_err(|_no_answer| Failure::Unreachable)
    }
}

fn to_json(body: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(body).map_err(|error| {
        Failure::Refused(ApiError::new(ErrorCode::InvalidBody, format!("This cannot be sent: {error}.")))
    })
}

/// A proxy whose server is down answers by itself, in HTML: that is no answer of Oriel's.
async fn accept(response: Response) -> Result<Response, Failure> {
    if response.ok() {
        return Ok(response);
    }
    match response.json::<ApiError>().await {
        Ok(error) => Err(Failure::Refused(error)),
        Err(_) if response.status() >= 500 => Err(Failure::Unreachable),
        Err(_) => Err(Failure::Refused(ApiError::new(
            ErrorCode::Internal,
            format!("The server answered with status {}. Reload the page and try again.", response.status()),
        ))),
    }
}

async fn text(response: Response) -> Result<String, Failure> {
    response.text().await.map_err(|_cut_off| Failure::Unreachable)
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    parse(&text(response).await?)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("Page and server do not understand each other ({error}). Reload the page.");
        Failure::Refused(ApiError::new(ErrorCode::Internal, message))
    })
}

fn page_origin() -> String {
    web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}
