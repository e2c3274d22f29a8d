//! One request: with the access token, renewed when it ends, and with every failure in one shape.
//!
//! The access token lives here and nowhere else. Whoever finds it ended renews it once for the whole page; tabs take
//! turns under a Web Lock, because the refresh token changes with each use.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use gloo_net::http::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{ApiError, ErrorCode, Session, User, paths};
use web_sys::{AbortSignal, RequestCredentials};

use crate::platform::{lock, time};
use crate::state::failure::Failure;

/// The lock under which the tabs of a browser renew their sessions.
const REFRESH_LOCK: &str = "oriel-refresh";
/// A token this close to its end is renewed first: the request is on its way for a while.
const RENEW_BEFORE_MS: f64 = 20_000.0;

#[derive(Clone)]
struct Token {
    text: String,
    ends_at_ms: f64,
}

type Renewal = Shared<LocalBoxFuture<'static, Result<User, Failure>>>;

#[derive(Default)]
struct Inner {
    base: RefCell<String>,
    token: RefCell<Option<Token>>,
    renewal: RefCell<Option<Renewal>>,
    on_end: RefCell<Option<Rc<dyn Fn()>>>,
}

/// The way to the server. Clones share one session.
#[derive(Clone, Default)]
pub struct Client {
    inner: Rc<Inner>,
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

    /// Calls `listener` when a session ends that nobody signed out of.
    pub fn on_end(&self, listener: impl Fn() + 'static) {
        self.inner.on_end.replace(Some(Rc::new(listener)));
    }

    /// Takes over a session that the server has just given.
    pub(super) fn adopt(&self, session: Session) -> User {
        let ends_at_ms = time::now_ms() + f64::from(session.expires_in_s) * 1000.0;
        self.inner.token.replace(Some(Token { text: session.access_token, ends_at_ms }));
        session.user
    }

    /// Forgets the session.
    pub(super) fn forget(&self) {
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

    /// A request of whoever is signed in, with JSON for an answer.
    pub(super) async fn call<T: DeserializeOwned>(
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
        let body = body.map(to_json).transpose()?;
        self.send(method, path, body, &[], None).await.map(drop)
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
        let renewed = match self.current() {
            Some(token) if token.text != used => token.text,
            _ => {
                self.renew().await?;
                self.token().await?
            }
        };
        accept(self.attempt(method, path, body, Some(&renewed), headers, signal).await?).await
    }

    /// Renews the session. Whoever asks meanwhile waits for the same renewal.
    pub(super) async fn renew(&self) -> Result<User, Failure> {
        let running = self.inner.renewal.borrow().clone();
        let renewal = running.unwrap_or_else(|| {
            let client = self.clone();
            let renewal: Renewal = async move {
                let result = lock::exclusive(REFRESH_LOCK, client.clone().renew_once()).await;
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
        let had_session = self.current().is_some();
        match self.open::<Session>(Method::POST, paths::AUTH_REFRESH, None::<&()>).await {
            Ok(session) => Ok(self.adopt(session)),
            Err(failure) => {
                if failure.code() == Some(ErrorCode::Unauthenticated) {
                    self.forget();
                    let listener = self.inner.on_end.borrow().clone();
                    if let Some(listener) = listener.filter(|_| had_session) {
                        listener();
                    }
                }
                Err(failure)
            }
        }
    }

    fn current(&self) -> Option<Token> {
        self.inner.token.borrow().clone()
    }

    async fn token(&self) -> Result<String, Failure> {
        if let Some(token) =
            self.current().filter(|token| token.ends_at_ms - time::now_ms() > RENEW_BEFORE_MS)
        {
            return Ok(token.text);
        }
        self.renew().await?;
        let token = self.current().map(|token| token.text);
        token.ok_or_else(|| {
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
        let mut request = RequestBuilder::new(&format!("{base}{path}"))
            .method(method)
            .credentials(credentials)
            .abort_signal(signal);
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

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let text = response.text().await.map_err(|_cut_off| Failure::Unreachable)?;
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("Page and server do not understand each other ({error}). Reload the page.");
        Failure::Refused(ApiError::new(ErrorCode::Internal, message))
    })
}
