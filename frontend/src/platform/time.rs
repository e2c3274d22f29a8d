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

/// A moment as this device writes it: the time alone for today, else the day too.
pub fn local(at: OffsetDateTime) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a date of this epoch in seconds")]
    let millis = at.unix_timestamp() as f64 * 1000.0;
    let options = js_sys::Object::new();
    let is_today = at.to_offset(offset()).date() == now().to_offset(offset()).date();
    for (name, value) in [("timeStyle", Some("short")), ("dateStyle", (!is_today).then_some("medium"))] {
        if let Some(value) = value {
            // A browser that knows no styles writes the moment in its own way.
            drop(js_sys::Reflect::set(&options, &name.into(), &value.into()));
        }
    }
    String::from(js_sys::Date::new(&millis.into()).to_locale_string("default", &options.into()))
}

/// A number from 0 to 1.
pub fn random() -> f64 {
    js_sys::Math::random()
}
