//! What a PostgreSQL grants the servers that share it: connections, and the language of its messages. A server asks when
//! it starts, so that whoever runs it is told before it hurts. Nothing here changes anything.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use crate::{Store, StoreError};

/// Connections of a server beside its pool: its heartbeat has one, what it hears from the other servers one, what it tells
/// them one; and one asks whether the database is back, or brings the tables to a new version.
pub const CONNECTIONS_BESIDE_POOL: u32 = 4;

/// What a PostgreSQL grants.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Survey {
    /// `max_connections`.
    #[diesel(sql_type = BigInt)]
    pub max_connections: i64,
    /// How many of these are for others: superusers, and roles with the right to reserved ones.
    #[diesel(sql_type = BigInt)]
    pub reserved: i64,
    /// The limit of this role or this database, where that is smaller than what is left.
    #[diesel(sql_type = BigInt)]
    pub granted: i64,
    /// Servers that hold a lease, the one that asks included.
    #[diesel(sql_type = BigInt)]
    pub servers: i64,
    /// `lc_messages`, as a connection of the pool has it.
    #[diesel(sql_type = Text)]
    pub language: String,
}

/// More connections than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What all servers together may take, where each has a pool as large as that of the one that asks.
    pub wanted: i64,
    /// The least `max_connections` that would do.
    pub max_connections: i64,
    /// The largest pool for each server that would do; less than one where none would.
    pub pool: i64,
}

impl Survey {
    /// Whether all servers together may want more than there is, with pools of so many connections.
    pub fn shortage(&self, pool: usize) -> Option<Shortage> {
        let (servers, beside) = (self.servers.max(1), i64::from(CONNECTIONS_BESIDE_POOL));
        let wanted = servers * (i64::try_from(pool).unwrap_or(i64::MAX / servers - beside) + beside);
        (wanted > self.granted).then(|| Shortage {
            wanted,
            max_connections: wanted + self.reserved,
            pool: self.granted / servers - beside,
        })
    }

    /// Whether messages are in English: most errors are known by their text.
    pub fn speaks_english(&self) -> bool {
        matches!(self.language.as_str(), "" | "C" | "POSIX" | "C.UTF-8" | "C.utf8")
            || self.language.starts_with("en")
    }
}

impl Store {
    /// Asks what this PostgreSQL grants.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn survey(&self) -> Result<Survey, StoreError> {
        // `reserved_connections` is there from PostgreSQL 16 on. A limit of -1 is none.
        let query = "WITH settings AS (
                 SELECT current_setting('max_connections')::bigint AS most,
                     current_setting('superuser_reserved_connections')::bigint
                         + coalesce(current_setting('reserved_connections', true)::bigint, 0) AS reserved
             )
             SELECT most AS max_connections, reserved, current_setting('lc_messages') AS language,
                 least(most - reserved,
                     (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = session_user),
                     (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
                 )::bigint AS granted,
                 (SELECT count(*) FROM replicas WHERE lease_until > now()) AS servers
             FROM settings";
        Ok(diesel::sql_query(query).get_result(&mut *self.connection().await?).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(servers: i64, granted: i64) -> Survey {
        Survey { max_connections: 100, reserved: 3, granted, servers, language: "C".into() }
    }

    #[test]
    fn six_servers_fit_into_the_defaults_and_the_seventh_is_told_what_would_do() {
        assert_eq!(of(6, 97).shortage(crate::MAX_CONNECTIONS_DEFAULT), None);
        let shortage = of(7, 97).shortage(crate::MAX_CONNECTIONS_DEFAULT);
        assert_eq!(shortage, Some(Shortage { wanted: 112, max_connections: 115, pool: 9 }));
    }

    #[test]
    fn messages_of_other_languages_are_noticed() {
        let speaks = |language: &str| Survey { language: language.into(), ..of(1, 97) }.speaks_english();
        assert!(["C", "", "en_GB.UTF-8", "C.UTF-8"].into_iter().all(speaks));
        assert!(!speaks("de_DE.UTF-8"));
    }
}
