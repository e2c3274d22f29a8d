//! Slows down who tries passwords. A try is counted before the password is looked at, so that a hundred tries
//! at the same moment are not one.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Double, Integer, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use crate::{Store, StoreError};

/// How tries are slowed down. There is no lock-out: that would let anybody lock out anybody.
#[derive(Clone, Copy, Debug)]
pub struct ThrottlePolicy {
    /// Tries without any wait between them; at least 2.
    pub free_attempts: u32,
    /// The wait before the first try that is not free; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest delay.
    pub max_delay: Duration,
    /// Tries are forgotten when there was none for this long.
    pub forget_after: Duration,
}

/// Whether a try may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAttempt {
    /// It was counted: look at the password.
    Allowed,
    /// It was not counted: come back later.
    Blocked {
        /// Until then, in whole seconds, at least 1.
        retry_after_s: u32,
    },
}

#[derive(QueryableByName)]
struct Wait {
    #[diesel(sql_type = Double)]
    wait_s: f64,
}

const COUNT: &str = "
    INSERT INTO login_throttle AS t (scope, key, attempts, blocked_until)
    VALUES ($1, $2, 1, now())
    ON CONFLICT (scope, key) DO UPDATE SET
        attempts = CASE WHEN t.updated_at < now() - $6 * interval '1 second' THEN 1 ELSE t.attempts + 1 END,
        blocked_until = now() + interval '1 second' * CASE
            WHEN t.updated_at < now() - $6 * interval '1 second' OR t.attempts + 1 < $3 THEN 0
            -- The exponent is bounded: the power of a large one has no interval.
            ELSE least($5, $4 * power(2, least(t.attempts + 1 - $3, 30))) END,
        updated_at = now()
    -- The clock, not the start of this transaction: the try that it waited for may have begun later.
    WHERE t.blocked_until <= clock_timestamp()";

impl Store {
    /// Counts a try to sign in from `address` at `account`, unless one of them has to wait.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_login(
        &self,
        address: &str,
        account: &str,
        policy: &ThrottlePolicy,
    ) -> Result<LoginAttempt, StoreError> {
        let outcome = self
            .connection()
            .await?
            .transaction(async |connection| {
                for (scope, key) in [("address", address), ("account", account)] {
                    if count(connection, scope, key, policy).await? == 0 {
                        return Err(Attempt::Blocked(wait(connection, scope, key).await?));
                    }
                }
                Ok(())
            })
            .await;
        match outcome {
            Ok(()) => Ok(LoginAttempt::Allowed),
            Err(Attempt::Blocked(retry_after_s)) => Ok(LoginAttempt::Blocked { retry_after_s }),
            Err(Attempt::Failed(error)) => Err(error),
        }
    }

    /// Counts a wrong API key from `address`, unless that has to wait. There is no counterpart for right ones: nobody
    /// guesses a key, so a right one is never made to wait, and never counted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_wrong_key(
        &self,
        address: &str,
        policy: &ThrottlePolicy,
    ) -> Result<LoginAttempt, StoreError> {
        const SCOPE: &str = "key";
        let mut connection = self.connection().await?;
        if count(&mut connection, SCOPE, address, policy).await? > 0 {
            return Ok(LoginAttempt::Allowed);
        }
        let retry_after_s = wait(&mut connection, SCOPE, address).await?;
        Ok(LoginAttempt::Blocked { retry_after_s })
    }

    /// The password was right: the account starts afresh, and this try does not count for the address.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn login_succeeded(&self, address: &str, account: &str) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        diesel::sql_query(
            "WITH account AS (DELETE FROM login_throttle WHERE scope = 'account' AND key = $2)
             UPDATE login_throttle SET attempts = greatest(attempts - 1, 0), blocked_until = now()
             WHERE scope = 'address' AND key = $1",
        )
        .bind::<Text, _>(address)
        .bind::<Text, _>(account)
        .execute(&mut connection)
        .await?;
        Ok(())
    }
}

/// Leaves the transaction, so that a blocked try is counted nowhere.
enum Attempt {
    Blocked(u32),
    Failed(StoreError),
}

impl From<diesel::result::Error> for Attempt {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

async fn count(
    connection: &mut AsyncPgConnection,
    scope: &str,
    key: &str,
    policy: &ThrottlePolicy,
) -> Result<usize, diesel::result::Error> {
    diesel::sql_query(COUNT)
        .bind::<Text, _>(scope)
        .bind::<Text, _>(key)
        .bind::<Integer, _>(crate::column::signed(policy.free_attempts))
        .bind::<Double, _>(policy.first_delay.as_secs_f64())
        .bind::<Double, _>(policy.max_delay.as_secs_f64())
        .bind::<Double, _>(policy.forget_after.as_secs_f64())
        .execute(connection)
        .await
}

/// Whole seconds until `key` may try again, at least 1.
async fn wait(
    connection: &mut AsyncPgConnection,
    scope: &str,
    key: &str,
) -> Result<u32, diesel::result::Error> {
    let row: Wait = diesel::sql_query(
        "SELECT greatest(1, ceil(extract(epoch FROM blocked_until - now())))::float8 AS wait_s
         FROM login_throttle WHERE scope = $1 AND key = $2",
    )
    .bind::<Text, _>(scope)
    .bind::<Text, _>(key)
    .get_result(connection)
    .await?;
    Ok(row.wait_s as u32)
}
