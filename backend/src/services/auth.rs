//! Accounts and sign-ins. Called by the routes of `/api/auth`, by the access check of private routes and by the
//! command line. Knows no cookies and no headers.

pub mod access_token;
pub mod accounts;
pub mod api_keys;
pub mod identity;
pub mod invitation;
pub mod keys;
pub mod password;
mod profile;
pub mod refresh_token;
pub mod revocation;
mod throttle;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::{
    ApiKeyId, ErrorCode, FieldError, Login, Registration, RegistrationPolicy, Role, Session, SessionId,
    SetupState, User, UserId,
};
use store::{NewSession, NewUser, Rotation, Store, StoreError, UserRow};

use crate::AppError;
use crate::error::AppResult;
use access_token::AccessTokens;
use keys::{Keys, equal};
use password::Passwords;
use refresh_token::RefreshToken;
use revocation::Revocations;

/// With what somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// With an access token of this sign-in.
    Session(SessionId),
    /// With this API key: a program of theirs.
    Key(ApiKeyId),
}

/// The account behind an access token or an API key. A handler that takes it can only be reached by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentUser {
    /// The account.
    pub id: UserId,
    /// What it may do.
    pub role: Role,
    /// With what they came.
    pub credential: Credential,
}

/// From where, and with what, somebody signs in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address of the person, not of our proxy.
    pub address: IpAddr,
    /// The browser's description of itself.
    pub user_agent: Option<String>,
}

/// A sign-in: what goes into the body, and what goes into the cookie.
pub struct SignedIn {
    /// For the page.
    pub session: Session,
    /// For the cookie.
    pub refresh_token: RefreshToken,
}

/// Registers, signs in, refreshes and signs out.
pub struct Auth {
    store: Store,
    keys: Keys,
    passwords: Passwords,
    access_tokens: AccessTokens,
    revocations: Revocations,
    policy: RegistrationPolicy,
    /// Accounts are never all gone again: once there is one, the question needs no query.
    has_users: AtomicBool,
}

impl Auth {
    /// Ready when the first hash has been made; begins to follow sign-outs.
    pub async fn start(
        store: Store,
        keys: Keys,
        bcrypt_cost: u32,
        policy: RegistrationPolicy,
    ) -> AppResult<Self> {
        let passwords = Passwords::new(&keys, bcrypt_cost).await?;
        let access_tokens = AccessTokens::new(&keys);
        let revocations = Revocations::start(store.clone());
        Ok(Self {
            store,
            keys,
            passwords,
            access_tokens,
            revocations,
            policy,
            has_users: AtomicBool::new(false),
        })
    }

    /// What the page must ask for before anybody is signed in.
    pub async fn setup_state(&self, caller: &Caller) -> AppResult<SetupState> {
        let first_run = !self.has_users().await?;
        Ok(SetupState {
            first_run,
            setup_token_required: first_run && !caller.address.is_loopback(),
            registration: self.policy,
        })
    }

    /// The token for the first account, while there is none.
    pub async fn setup_token(&self) -> AppResult<Option<String>> {
        Ok((!self.has_users().await?).then(|| self.keys.setup_token()))
    }

    /// Makes an account and signs it in. The first one becomes administrator.
    pub async fn register(&self, registration: Registration, caller: &Caller) -> AppResult<SignedIn> {
        let (email, name) = check(&registration)?;
        let first = !self.has_users().await?;
        if first {
            self.check_setup_token(registration.setup_token.as_deref(), caller)?;
        } else {
            self.check_policy(registration.invitation.as_deref(), &email)?;
        }
        throttle::begin(&self.store, caller.address, &email).await?;
        let password_hash = self.passwords.hash(&registration.password).await?;
        let new = NewUser { email, name, password_hash };
        let user =
            if first { self.create_first(&new, &registration).await } else { self.create(&new).await }?;
        self.has_users.store(true, Ordering::Relaxed);
        self.sign_in(user, caller).await
    }

    /// As [`register`](Self::register), but repeatable: where the account is there already and the password fits, as after
    /// an answer that was lost, it signs in.
    pub async fn register_or_sign_in(
        &self,
        registration: Registration,
        caller: &Caller,
    ) -> AppResult<SignedIn> {
        let login = Login { email: registration.email.clone(), password: registration.password.clone() };
        let refused = match self.register(registration, caller).await {
            Err(error) if is_about_accounts(error.code()) => error,
            other => return other,
        };
        match self.login(login, caller).await {
            Err(error) if error.code() == ErrorCode::WrongCredentials => Err(refused),
            other => other,
        }
    }

    /// Signs in. Unknown addresses take as long and get the same answer as wrong passwords.
    pub async fn login(&self, login: Login, caller: &Caller) -> AppResult<SignedIn> {
        let email = identity::normalise_email(&login.email).unwrap_or_default();
        throttle::begin(&self.store, caller.address, &email).await?;
        let user = match self.store.user_by_email(&email).await {
            Ok(user) => Some(user),
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        let hash = user.as_ref().map(|user| user.password_hash.as_str());
        let fits = self.passwords.verify(&login.password, hash).await?;
        match user {
            Some(user) if fits && user.active => {
                throttle::succeeded(&self.store, caller.address, &email).await?;
                self.sign_in(user, caller).await
            }
            _ => Err(AppError::new(ErrorCode::WrongCredentials, "Address and password do not fit together.")),
        }
    }

    /// Exchanges a refresh token for its successor and a new access token.
    pub async fn refresh(&self, token: Option<RefreshToken>) -> AppResult<SignedIn> {
        let token = token.ok_or_else(signed_out)?;
        let refresh_token = token.successor(&self.keys);
        let lifetime = Duration::from_secs(refresh_token::LIFETIME_S.into());
        match self.store.rotate_session(&token.sha256(), &refresh_token.sha256(), lifetime).await? {
            Rotation::Rotated { session, user } => self.signed_in(user, session.id, refresh_token),
            Rotation::Ended => Err(signed_out()),
            Rotation::Reused { session_id, user_id } => {
                self.revocations.add(Credential::Session(session_id));
                tracing::warn!(%session_id, user = %user_id, "a used refresh token came again; the session was ended");
                Err(signed_out())
            }
        }
    }

    /// Ends the session of a refresh token, and with it its access tokens. Nothing happens without one.
    pub async fn logout(&self, token: Option<RefreshToken>) -> AppResult<()> {
        let Some(token) = token else { return Ok(()) };
        if let Some(session_id) = self.store.revoke_session_by_token(&token.sha256()).await? {
            self.revocations.add(Credential::Session(session_id));
        }
        Ok(())
    }

    /// Who an access token or an API key speaks for, if it still counts.
    pub async fn authenticate(&self, token: &str, caller: &Caller) -> AppResult<CurrentUser> {
        if api_keys::Secret::is_meant(token) {
            return self.authenticate_key(token, caller).await;
        }
        let (user, session_id) = self.access_tokens.check(token)?;
        if self.revocations.is_ended(user.id, session_id).await? {
            return Err(signed_out());
        }
        Ok(user)
    }

    /// The account that is signed in.
    pub async fn account(&self, user: CurrentUser) -> AppResult<User> {
        match self.store.user(user.id).await {
            Ok(row) => Ok(row.into()),
            Err(StoreError::NotFound) => Err(signed_out()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns when the session or the key has ended, for whoever serves it for longer than one request.
    pub async fn ended(&self, credential: Credential) {
        self.revocations.ended(credential).await;
    }

    /// Signs in without a password: for the harness of the tests and the command line.
    pub async fn sign_in(&self, user: UserRow, caller: &Caller) -> AppResult<SignedIn> {
        let refresh_token = RefreshToken::random();
        let session = self
            .store
            .create_session(&NewSession {
                user_id: user.id,
                token_sha256: refresh_token.sha256(),
                user_agent: caller.user_agent.clone(),
                lifetime: Duration::from_secs(refresh_token::LIFETIME_S.into()),
            })
            .await?;
        self.signed_in(user, session.id, refresh_token)
    }

    fn signed_in(
        &self,
        user: UserRow,
        session_id: SessionId,
        refresh_token: RefreshToken,
    ) -> AppResult<SignedIn> {
        let session = Session {
            access_token: self.access_tokens.issue(user.id, user.role, session_id)?,
            expires_in_s: access_token::LIFETIME_S,
            user: user.into(),
        };
        Ok(SignedIn { session, refresh_token })
    }

    async fn has_users(&self) -> AppResult<bool> {
        if !self.has_users.load(Ordering::Relaxed) && self.store.has_users().await? {
            self.has_users.store(true, Ordering::Relaxed);
        }
        Ok(self.has_users.load(Ordering::Relaxed))
    }

    fn check_setup_token(&self, token: Option<&str>, caller: &Caller) -> AppResult<()> {
        let fits =
            token.is_some_and(|token| equal(token.trim().as_bytes(), self.keys.setup_token().as_bytes()));
        if fits || (token.is_none() && caller.address.is_loopback()) {
            return Ok(());
        }
        let message = match token {
            None => {
                "is needed for the first account when it is made from another machine; the server's log has it"
            }
            Some(_) => "is not the one in the server's log",
        };
        let field = FieldError { field: "setup_token".to_owned(), message: message.to_owned() };
        Err(AppError::new(ErrorCode::Forbidden, format!("The setup token {message}."))
            .with_fields(vec![field]))
    }

    fn check_policy(&self, invitation: Option<&str>, email: &str) -> AppResult<()> {
        match self.policy {
            RegistrationPolicy::Open => Ok(()),
            RegistrationPolicy::Closed => Err(closed()),
            RegistrationPolicy::Invite => invitation::check(&self.keys, invitation, email),
        }
    }

    async fn create_first(&self, new: &NewUser, registration: &Registration) -> AppResult<UserRow> {
        match self.store.create_first_user(new).await {
            // Somebody was faster: from here on the rules for further accounts hold.
            Err(StoreError::Conflict) => {
                self.check_policy(registration.invitation.as_deref(), &new.email)?;
                self.create(new).await
            }
            other => Ok(other?),
        }
    }

    async fn create(&self, new: &NewUser) -> AppResult<UserRow> {
        match self.store.create_user(new, Role::User).await {
            Err(StoreError::Conflict) => Err(AppError::new(
                ErrorCode::Conflict,
                "This address has an account already. Sign in instead.",
            )),
            other => Ok(other?),
        }
    }
}

/// Whether a registration may have been refused because it was done before.
fn is_about_accounts(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Conflict | ErrorCode::RegistrationClosed | ErrorCode::Forbidden)
}

#[track_caller]
fn signed_out() -> AppError {
    AppError::new(ErrorCode::Unauthenticated, "You are signed out. Sign in again.")
}

#[track_caller]
fn closed() -> AppError {
    AppError::new(
        ErrorCode::RegistrationClosed,
        "Nobody can make an account here. The administrator can: REGISTRATION=open, or an invitation.",
    )
}

/// Address and name in their one form; all faults come together.
fn check(registration: &Registration) -> AppResult<(String, String)> {
    let email = identity::normalise_email(&registration.email);
    let name = identity::normalise_name(&registration.name);
    let for_password = email.as_deref().unwrap_or_default();
    let password = password::check_choice(&registration.password, for_password);
    let fault =
        |field: &str, message: &String| FieldError { field: field.to_owned(), message: message.clone() };
    match (&email, &name, &password) {
        (Ok(email), Ok(name), Ok(())) => Ok((email.clone(), name.clone())),
        _ => {
            let faults = [
                email.as_ref().err().map(|message| fault("email", message)),
                name.as_ref().err().map(|message| fault("name", message)),
                password.as_ref().err().map(|message| fault("password", message)),
            ];
            Err(AppError::fields(faults.into_iter().flatten().collect()))
        }
    }
}
