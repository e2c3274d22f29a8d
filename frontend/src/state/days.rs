//! Groups of the conversation list: by how long ago.

use time::{Date, Month, OffsetDateTime, UtcOffset};

/// When a conversation was last written to, as one says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Since midnight.
    Today,
    /// The day before.
    Yesterday,
    /// Within seven days.
    Week,
    /// Within thirty days.
    Month,
    /// Earlier: the month.
    In(i32, Month),
}

impl Age {
    /// The age of `at` for somebody whose clock shows `now` and is `offset` ahead of UTC.
    pub fn of(at: OffsetDateTime, now: OffsetDateTime, offset: UtcOffset) -> Self {
        let (day, today): (Date, Date) = (at.to_offset(offset).date(), now.to_offset(offset).date());
        match (today - day).whole_days() {
            ..=0 => Self::Today,
            1 => Self::Yesterday,
            2..=7 => Self::Week,
            8..=30 => Self::Month,
            _ => Self::In(day.year(), day.month()),
        }
    }

    /// The heading; `this_year` leaves the year out.
    pub fn heading(self, this_year: i32) -> String {
        match self {
            Self::Today => "Today".into(),
            Self::Yesterday => "Yesterday".into(),
            Self::Week => "Previous 7 days".into(),
            Self::Month => "Previous 30 days".into(),
            Self::In(year, month) if year == this_year => month.to_string(),
            Self::In(year, month) => format!("{month} {year}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn days_end_at_the_readers_midnight() {
        let offset = UtcOffset::from_hms(2, 0, 0).unwrap();
        // 00:30 on the reader's clock, 1 April 2026.
        let now = OffsetDateTime::from_unix_timestamp(1_774_996_200).unwrap();
        let age = |before| Age::of(now - before, now, offset);
        assert_eq!(age(Duration::minutes(20)), Age::Today);
        assert_eq!(age(Duration::minutes(40)), Age::Yesterday);
        assert_eq!(age(Duration::days(2)), Age::Week);
        assert_eq!(age(Duration::days(20)), Age::Month);
        assert_eq!(age(Duration::days(60)), Age::In(2026, Month::January));
        assert_eq!(age(Duration::days(60)).heading(2026), "January");
        assert_eq!(age(Duration::days(60)).heading(2027), "January 2026");
    }

    #[test]
    fn a_server_clock_ahead_of_ours_is_today() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(Age::of(now + Duration::days(1), now, UtcOffset::UTC), Age::Today);
    }
}
