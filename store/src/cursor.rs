//! Page cursors: the key of the last row of a page, as text that only this store reads. Rows that are added
//! or removed meanwhile move no other row across a page's edge.

use shared::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use shared::page::{Page, PageQuery};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::StoreError;

/// The key of a list that is sorted by a time and an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeKey {
    pub at: OffsetDateTime,
    pub id: Uuid,
}

impl TimeKey {
    /// Microseconds, as the column has them, and the id, both in hexadecimal.
    pub fn encode(self) -> String {
        let micros = self.at.unix_timestamp_nanos().div_euclid(1_000);
        format!("{micros:x}-{}", self.id.simple())
    }

    pub fn decode(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let (micros, id) = text.split_once('-')?;
            let micros = i128::from_str_radix(micros, 16).ok()?;
            let at = OffsetDateTime::from_unix_timestamp_nanos(micros.checked_mul(1_000)?).ok()?;
            Some(Self { at, id: Uuid::try_parse(id).ok()? })
        };
        parse().ok_or(StoreError::InvalidCursor)
    }
}

/// The key of a list that is sorted by id.
pub(crate) fn decode_id(text: &str) -> Result<Uuid, StoreError> {
    Uuid::try_parse(text).map_err(|_not_an_id| StoreError::InvalidCursor)
}

/// Rows to ask for: one more than the page, so that the last page is known to be the last.
pub(crate) fn fetch_limit(query: &PageQuery) -> i64 {
    i64::from(page_limit(query)) + 1
}

fn page_limit(query: &PageQuery) -> u32 {
    query.limit.unwrap_or(PAGE_LIMIT_DEFAULT).clamp(1, PAGE_LIMIT_MAX)
}

/// Cuts the row too many, and makes the cursor from the last that stays.
pub(crate) fn page<T>(query: &PageQuery, mut rows: Vec<T>, cursor: impl Fn(&T) -> String) -> Page<T> {
    let limit = page_limit(query) as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = if more { rows.last().map(cursor) } else { None };
    Page { items: rows, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_795_000_000_123_456_000).unwrap();
        let key = TimeKey { at, id: Uuid::now_v7() };
        assert_eq!(TimeKey::decode(&key.encode()).unwrap(), key);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "-", "12", "zz-0190", "ffffffffffffffffffffffffffffffff-0190", "1-1"] {
            assert!(matches!(TimeKey::decode(text), Err(StoreError::InvalidCursor)), "{text}");
        }
        assert!(matches!(decode_id("x"), Err(StoreError::InvalidCursor)));
    }
}
