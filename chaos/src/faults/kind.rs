//! The faults, and how many of each a run has.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What is done to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of one server.
    Backend,
    /// `kill -9` of all servers at the same moment.
    AllBackends,
    /// `kill -9` of an engine's process.
    Worker,
    /// `kill -9` of PostgreSQL.
    Postgres,
    /// `kill -9` of one of PostgreSQL's processes, upon which it ends all connections and recovers.
    PostgresBackend,
    /// `kill -9` of nginx with all its processes.
    Nginx,
    /// SIGSTOP of a server for longer than its lease, then SIGCONT.
    Freeze,
    /// SIGTERM to one server after the other, each after the one before is back.
    Rolling,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Backend,
        Self::AllBackends,
        Self::Worker,
        Self::Postgres,
        Self::PostgresBackend,
        Self::Nginx,
        Self::Freeze,
        Self::Rolling,
    ];

    /// The word of the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::AllBackends => "all-backends",
            Self::Worker => "worker",
            Self::Postgres => "postgres",
            Self::PostgresBackend => "postgres-backend",
            Self::Nginx => "nginx",
            Self::Freeze => "freeze",
            Self::Rolling => "rolling",
        }
    }

    /// Its place in the report.
    pub fn index(self) -> usize {
        self as usize
    }

    /// How often in a run with a hundred kills of a server.
    fn in_a_hundred(self) -> u32 {
        match self {
            Self::Backend => 100,
            Self::AllBackends => 4,
            Self::Worker | Self::Nginx => 50,
            Self::Postgres => 30,
            Self::PostgresBackend => 8,
            Self::Freeze => 6,
            Self::Rolling => 5,
        }
    }

    /// In a run of a minute.
    fn in_short(self) -> u32 {
        match self {
            Self::Backend => 4,
            Self::Worker | Self::Nginx | Self::Postgres => 2,
            Self::AllBackends | Self::PostgresBackend | Self::Freeze | Self::Rolling => 1,
        }
    }

    /// The share of the run that one takes: the time after which most of what it hit goes on.
    fn share(self) -> Duration {
        match self {
            Self::Worker | Self::Nginx => Duration::from_secs(2),
            Self::Backend | Self::Postgres | Self::PostgresBackend => Duration::from_secs(4),
            Self::AllBackends => Duration::from_secs(6),
            Self::Freeze | Self::Rolling => Duration::from_secs(9),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backend => "kill -9 of a backend",
            Self::AllBackends => "kill -9 of all backends at once",
            Self::Worker => "kill -9 of an engine worker",
            Self::Postgres => "kill -9 of PostgreSQL",
            Self::PostgresBackend => "kill -9 of a PostgreSQL backend",
            Self::Nginx => "kill -9 of nginx",
            Self::Freeze => "SIGSTOP of a backend beyond its lease",
            Self::Rolling => "rolling restart of all backends",
        })
    }
}

/// How many of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u32; Kind::ALL.len()]);

impl Counts {
    /// In proportion to so many kills of a server; each at least once.
    pub fn of_kills(kills: u32) -> Self {
        Self(Kind::ALL.map(|kind| (kind.in_a_hundred() * kills).div_ceil(100)))
    }

    /// A run of a minute.
    pub fn short() -> Self {
        Self(Kind::ALL.map(Kind::in_short))
    }

    /// How many of one.
    pub fn of(&self, kind: Kind) -> u32 {
        self.0.get(kind.index()).copied().unwrap_or_default()
    }

    /// Every fault of the run, in the order of the kinds.
    pub fn all(&self) -> Vec<Kind> {
        Kind::ALL.iter().flat_map(|kind| (0..self.of(*kind)).map(|_| *kind)).collect()
    }

    /// How long it takes to do all of them.
    pub fn duration(&self) -> Duration {
        self.all().into_iter().map(Kind::share).sum()
    }
}

/// `backend=3,nginx=1`; what is not named does not happen.
impl FromStr for Counts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut counts = [0; Kind::ALL.len()];
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (word, number) = part.split_once('=').unwrap_or((part, "1"));
            let known = || Kind::ALL.map(Kind::word).join(", ");
            let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
            let kind = kind.ok_or_else(|| format!("`{word}` is no fault; the faults are {}", known()))?;
            let number = number.parse().map_err(|error| format!("`{part}`: {error}"))?;
            if let Some(count) = counts.get_mut(kind.index()) {
                *count = number;
            }
        }
        Ok(Self(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_what_is_not_named_does_not_happen() {
        let counts: Counts = "backend=3,nginx".parse().unwrap();
        assert_eq!((counts.of(Kind::Backend), counts.of(Kind::Nginx), counts.of(Kind::Worker)), (3, 1, 0));
        assert_eq!(counts.all(), [Kind::Backend, Kind::Backend, Kind::Backend, Kind::Nginx]);
        assert!("earthquake=1".parse::<Counts>().unwrap_err().contains("postgres-backend"));
    }

    #[test]
    fn a_long_run_has_the_kills_that_are_promised_and_lasts_less_than_twenty_minutes() {
        let long = Counts::of_kills(100);
        assert!(long.of(Kind::Backend) >= 100 && long.of(Kind::Postgres) >= 30);
        assert!(long.of(Kind::Nginx) >= 50 && long.of(Kind::Worker) >= 50);
        assert!(long.duration() < Duration::from_secs(1_200), "{:?}", long.duration());
        assert!(Kind::ALL.iter().all(|kind| Counts::short().of(*kind) > 0));
    }
}
