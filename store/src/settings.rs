//! What all servers of one installation must agree on.

use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Text};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{Store, StoreError};

#[derive(QueryableByName)]
struct ValueRow {
    #[diesel(sql_type = Jsonb)]
    value: Value,
}

impl Store {
    /// The value of a setting; `value` becomes it where there is none yet. Whoever is first decides, and
    /// everybody else compares: so a server with other secrets notices.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agree_on_setting(&self, name: &str, value: &Value) -> Result<Value, StoreError> {
        let mut connection = self.connection().await?;
        // The update changes nothing; it makes the statement return the row that is there.
        let row: ValueRow = diesel::sql_query(
            "INSERT INTO settings AS s (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = s.value RETURNING value",
        )
        .bind::<Text, _>(name)
        .bind::<Jsonb, _>(value)
        .get_result(&mut connection)
        .await?;
        Ok(row.value)
    }
}
