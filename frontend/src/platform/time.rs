//! The clock.

use time::{OffsetDateTime, UtcOffset};

/// Milliseconds since 1970.
pub fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// Now.
pub fn now() -> OffsetDateTime {
    #[allow(clippy::cast_possible_truncation, reason = "a date of this epoch in milliseconds")]
    let millis = now_ms() as i64;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// How far this device's clock is ahead of UTC.
pub fn offset() -> UtcOffset {
    #[allow(clippy::cast_possible_truncation, reason = "within a day")]
    let minutes_behind = js_sys::Date::new_0().get_timezone_offset() as i32;
    UtcOffset::from_whole_seconds(minutes_behind * -60).unwrap_or(UtcOffset::UTC)
}

/// A moment as this device writes it.
pub fn local(at: OffsetDateTime) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a date of this epoch in seconds")]
    let millis = at.unix_timestamp() as f64 * 1000.0;
    String::from(js_sys::Date::new(&millis.into()).to_locale_string("default", &js_sys::Object::new().into()))
}

/// A number from 0 to 1.
pub fn random() -> f64 {
    js_sys::Math::random()
}
