//! What people change of their own account: the name, and the password with what ends by that.

use shared::{ChangePassword, PasswordChanged, UpdateMe, User, UserId};
use store::Kept;

use super::{Auth, Caller, Credential, CurrentUser, identity, password, throttle};
use crate::AppError;
use crate::error::AppResult;

impl Auth {
    /// Changes what is given.
    ///
    /// # Errors
    /// `invalid_fields`.
    pub async fn update_account(&self, user: UserId, change: UpdateMe) -> AppResult<User> {
        let Some(name) = change.name else { return Ok(self.store.user(user).await?.into()) };
        let name = identity::normalise_name(&name).map_err(|message| AppError::field("name", message))?;
        Ok(self.store.rename_user(user, &name).await?.into())
    }

    /// Sets a new password: all other sign-ins end, everywhere within seconds, and the API keys where that is wanted. It is
    /// repeatable: who gives the new password as the one of now is right too.
    ///
    /// # Errors
    /// `invalid_fields`; `rate_limited` after too many tries, which are counted with those to sign in.
    pub async fn change_password(
        &self,
        user: CurrentUser,
        change: ChangePassword,
        caller: &Caller,
    ) -> AppResult<PasswordChanged> {
        let row = self.store.user(user.id).await?;
        password::check_choice(&change.new_password, &row.email)
            .map_err(|message| AppError::field("new_password", message))?;
        throttle::begin(&self.store, caller.address, &row.email).await?;
        let hash = Some(row.password_hash.as_str());
        let fits = self.passwords.verify(&change.current_password, hash).await?
            || self.passwords.verify(&change.new_password, hash).await?;
        if !fits {
            return Err(AppError::field("current_password", "is not your password"));
        }
        throttle::succeeded(&self.store, caller.address, &row.email).await?;
        let new_hash = self.passwords.hash(&change.new_password).await?;
        let session = match user.credential {
            Credential::Session(session) => Some(session),
            Credential::Key(_) => None,
        };
        let kept = Kept { session, api_keys: !change.revoke_keys };
        let ended = self.store.set_password(user.id, &new_hash, kept).await?;
        let sessions = ended.sessions.iter().copied().map(Credential::Session);
        let keys = ended.api_keys.iter().copied().map(Credential::Key);
        sessions.chain(keys).for_each(|credential| self.revocations.add(credential));
        let left = self.store.api_keys(user.id).await?.len();
        Ok(PasswordChanged {
            sessions_ended: count(ended.sessions.len()),
            keys_revoked: count(ended.api_keys.len()),
            keys_left: count(left),
        })
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
