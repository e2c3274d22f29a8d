//! How values stand in columns: words, JSON, hashes and text.

use std::borrow::Cow;
use std::fmt::Debug;
use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Jsonb, Text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{Author, ChunkKind, FinishReason, MessageStatus, Role};

/// A SHA-256.
pub type Sha256 = [u8; 32];

/// An enum as the word it has on the wire. A CHECK of the table lists the words.
#[derive(Clone, Copy, Debug, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
pub struct Word<T: Debug>(pub T);

impl<T: Debug + DeserializeOwned> FromSql<Text, Pg> for Word<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let word = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Ok(Self(serde_json::from_value(serde_json::Value::String(word))?))
    }
}

impl<T: Debug + Serialize> ToSql<Text, Pg> for Word<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        match serde_json::to_value(&self.0)? {
            serde_json::Value::String(word) => out.write_all(word.as_bytes())?,
            other => return Err(format!("{other} is not a word").into()),
        }
        Ok(serialize::IsNull::No)
    }
}

impl From<Word<Role>> for Role {
    fn from(word: Word<Role>) -> Self {
        word.0
    }
}

impl From<Word<Author>> for Author {
    fn from(word: Word<Author>) -> Self {
        word.0
    }
}

impl From<Word<MessageStatus>> for MessageStatus {
    fn from(word: Word<MessageStatus>) -> Self {
        word.0
    }
}

impl From<Word<FinishReason>> for FinishReason {
    fn from(word: Word<FinishReason>) -> Self {
        word.0
    }
}

impl From<Word<ChunkKind>> for ChunkKind {
    fn from(word: Word<ChunkKind>) -> Self {
        word.0
    }
}

/// A value of the wire as jsonb.
#[derive(Clone, Debug, FromSqlRow, AsExpression)]
#[diesel(sql_type = Jsonb)]
pub struct Json<T: Debug>(pub T);

impl<T: Debug + DeserializeOwned> FromSql<Jsonb, Pg> for Json<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let json = <serde_json::Value as FromSql<Jsonb, Pg>>::from_sql(value)?;
        Ok(Self(serde_json::from_value(json)?))
    }
}

impl<T: Debug + Serialize> ToSql<Jsonb, Pg> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The binary form of jsonb begins with its version.
        out.write_all(&[1])?;
        serde_json::to_writer(out, &self.0)?;
        Ok(serialize::IsNull::No)
    }
}

/// `text` as PostgreSQL can keep it: U+0000 is the one character it cannot, and U+001A (SUBSTITUTE) takes its
/// place. Both are one byte long, so no byte offset moves.
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{1a}")) } else { Cow::Borrowed(text) }
}

/// A count or position as a column holds it. None of them comes near the end of the type: an answer of two
/// gigabytes does not fit any context.
pub(crate) fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_replaced_without_moving_a_byte() {
        let text = "a\0ü\0";
        let kept = storable(text);
        assert_eq!(kept, "a\u{1a}ü\u{1a}");
        assert_eq!(kept.len(), text.len());
    }
}
