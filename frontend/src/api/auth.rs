//! Accounts and sign-in.

use gloo_net::http::Method;
use shared::{ErrorCode, Login, Registration, Session, SetupState, User, paths};

use super::Client;
use crate::state::failure::Failure;

impl Client {
    /// What to ask for before anybody is signed in.
    pub async fn setup(&self) -> Result<SetupState, Failure> {
        self.open(Method::GET, paths::AUTH_SETUP, None::<&()>).await
    }

    /// Goes on with the session of this browser; none where there is none.
    pub async fn resume(&self) -> Result<Option<User>, Failure> {
        match self.renew().await {
            Ok(user) => Ok(Some(user)),
            Err(failure) if failure.code() == Some(ErrorCode::Unauthenticated) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes an account and signs in with it.
    pub async fn register(&self, registration: &Registration) -> Result<User, Failure> {
        let session: Session = self.open(Method::POST, paths::AUTH_REGISTER, Some(registration)).await?;
        Ok(self.adopt(session))
    }

    /// Signs in.
    pub async fn login(&self, login: &Login) -> Result<User, Failure> {
        let session: Session = self.open(Method::POST, paths::AUTH_LOGIN, Some(login)).await?;
        Ok(self.adopt(session))
    }

    /// Signs out. The page forgets the session whatever the server says. Nobody is kept waiting for a server that is away.
    pub async fn logout(&self) -> Result<(), Failure> {
        let client = self.clone();
        let result = self.alone(async move { client.once(Method::POST, paths::AUTH_LOGOUT).await }).await;
        self.forget();
        result
    }
}
