//! Password hashes: bcrypt over a peppered HMAC, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::{ErrorCode, limits};
use tokio::sync::Semaphore;

use super::keys::{Key, Keys, hmac_sha256};
use crate::AppError;
use crate::error::AppResult;

/// What a hash should take: a guess costs this much, and a person does not notice it.
pub const TARGET: Duration = Duration::from_millis(250);

/// OWASP's least for bcrypt.
pub const COST_MIN: u32 = 10;

/// A second and more per hash on any machine of today: only a wrong measurement would ask for it.
const COST_MAX: u32 = 14;

/// Hashes that may wait for each one that runs. At 250 ms each, the last of them waits four seconds.
const QUEUE_PER_WORKER: usize = 16;

/// Hashes and checks passwords, on the blocking pool.
pub(super) struct Passwords {
    pepper: Key,
    cost: u32,
    /// Checked for accounts that do not exist, so that they take as long as others.
    decoy: String,
    workers: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Passwords {
    /// One hash per two cores at a time: a flood of sign-ins must leave the rest to the answers that are written.
    pub(super) async fn new(keys: &Keys, cost: u32) -> AppResult<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (cores / 2).max(1);
        let mut passwords = Self {
            pepper: keys.pepper,
            cost,
            decoy: String::new(),
            workers: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(workers * (1 + QUEUE_PER_WORKER))),
        };
        passwords.decoy = passwords.hash("not anybody's password").await?;
        Ok(passwords)
    }

    /// The hash to keep of a password.
    pub(super) async fn hash(&self, password: &str) -> AppResult<String> {
        let (peppered, cost) = (self.peppered(password), self.cost);
        self.run(move || bcrypt::hash(peppered, cost)).await
    }

    /// Whether `password` belongs to `hash`. Without a hash the answer is no and takes as long.
    pub(super) async fn verify(&self, password: &str, hash: Option<&str>) -> AppResult<bool> {
        let peppered = self.peppered(password);
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        let fits = self.run(move || bcrypt::verify(peppered, &hash)).await?;
        Ok(fits && known)
    }

    /// bcrypt reads 72 bytes and stops at a zero; the base64 of an HMAC has 44 and no zero, whatever the password.
    fn peppered(&self, password: &str) -> String {
        STANDARD.encode(hmac_sha256(&self.pepper, password.as_bytes()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> bcrypt::BcryptResult<T> + Send + 'static,
    ) -> AppResult<T> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(AppError::new(
                ErrorCode::Overloaded,
                "Too many people are signing in at this moment. Try again in a few seconds.",
            )
            .with_retry_after_s(5));
        };
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(AppError::internal)?;
        // The permits go along: a caller that leaves does not make room while its hash still runs.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((worker, place));
            result
        });
        done.await.map_err(AppError::internal)?.map_err(AppError::internal)
    }
}

/// The cost at which a hash takes closest to [`TARGET`] on this machine. Blocks for some tens of milliseconds.
pub fn measure_cost() -> u32 {
    /// Cheap enough to measure several times.
    const PROBE_COST: u32 = 7;
    let probe = || {
        let started = cpu_time();
        let hashed = bcrypt::hash("a password to measure with", PROBE_COST);
        hashed.map_or(TARGET, |_| cpu_time().saturating_sub(started))
    };
    // The shortest of a few: whatever disturbs a measurement makes it longer.
    let fastest = std::iter::repeat_with(probe).take(5).min().unwrap_or(TARGET);
    cost_for(fastest, PROBE_COST)
}

/// What this thread has computed so far. Unlike the time on the wall it does not grow because others are busy.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Each step of the cost doubles the time.
fn cost_for(probe: Duration, probe_cost: u32) -> u32 {
    let steps = (TARGET.as_secs_f64() / probe.as_secs_f64()).log2().round();
    let steps = steps.clamp(0.0, f64::from(COST_MAX)) as u32;
    (probe_cost + steps).clamp(COST_MIN, COST_MAX)
}

/// Whether a password may be chosen; if not, why.
pub(super) fn check_choice(password: &str, email: &str) -> Result<(), String> {
    let chars = password.chars().count();
    if chars < limits::PASSWORD_MIN_CHARS {
        return Err(format!("has {chars} characters; use at least {}", limits::PASSWORD_MIN_CHARS));
    }
    if chars > limits::PASSWORD_MAX_CHARS {
        return Err(format!("has {chars} characters; {} are the most", limits::PASSWORD_MAX_CHARS));
    }
    let lower = password.to_lowercase();
    let name = email.split('@').next().unwrap_or(email);
    if lower == email || lower == name {
        return Err("is your address; use something that only you know".to_owned());
    }
    if COMMON.lines().any(|common| common == lower) || is_run(&lower) {
        return Err("is one of the passwords that are tried first; use another one".to_owned());
    }
    Ok(())
}

/// The passwords of eight characters and more that lists of stolen ones have most often, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// "aaaaaaaa", "abababab", "12345678", "87654321".
fn is_run(password: &str) -> bool {
    let chars: Vec<u32> = password.chars().map(u32::from).collect();
    let repeats =
        |period: usize| chars.iter().zip(chars.iter().skip(period)).all(|(one, other)| one == other);
    let steps = |step: i64| {
        chars
            .windows(2)
            .all(|pair| matches!(pair, [one, other] if i64::from(*other) - i64::from(*one) == step))
    };
    repeats(1) || repeats(2) || steps(1) || steps(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passwords(secret: &str) -> Passwords {
        Passwords::new(&Keys::derive(&secret.to_owned().into()), 4).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_and_no_other() {
        let passwords = passwords("pepper").await;
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(passwords.verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct hors", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn a_long_password_counts_to_its_last_character() {
        let passwords = passwords("pepper").await;
        let long = "x".repeat(255);
        let hash = passwords.hash(&format!("{long}a")).await.unwrap();
        assert!(!passwords.verify(&format!("{long}b"), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&format!("{long}a\0"), Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_is_worth_nothing_without_the_pepper() {
        let hash = passwords("one").await.hash("correct horse").await.unwrap();
        assert!(!passwords("other").await.verify("correct horse", Some(&hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_answered_and_not_queued() {
        let passwords = passwords("pepper").await;
        let hash = passwords.decoy.clone();
        let many = (0..400).map(|_| passwords.verify("guess", Some(&hash)));
        let refused = futures_util::future::join_all(many).await.into_iter().filter_map(Result::err);
        let codes: Vec<ErrorCode> = refused.map(|error| error.code()).collect();
        assert!(!codes.is_empty());
        assert!(codes.iter().all(|code| *code == ErrorCode::Overloaded));
        assert!(passwords.verify("guess", Some(&hash)).await.is_ok());
    }

    #[test]
    fn the_cost_doubles_the_time_until_it_is_about_right() {
        assert_eq!(cost_for(Duration::from_millis(250), 10), 10);
        assert_eq!(cost_for(Duration::from_millis(8), 7), 12);
        assert_eq!(cost_for(Duration::from_secs(3), 7), COST_MIN);
        assert_eq!(cost_for(Duration::from_nanos(1), 7), COST_MAX);
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        let refused = |password: &str| check_choice(password, "ada@example.org").unwrap_err();
        assert!(refused("short").contains("at least 8"));
        assert!(refused(&"é".repeat(257)).contains("256"));
        for password in
            ["password", "PassWord1", "qwertyuiop", "aaaaaaaaaa", "abababab", "12345678", "hgfedcba"]
        {
            assert!(refused(password).contains("tried first"), "{password}");
        }
        assert!(refused("Ada@example.org").contains("address"));
        assert_eq!(check_choice("correct horse battery", "ada@example.org"), Ok(()));
        assert_eq!(check_choice("ünïcödé✓", "ada@example.org"), Ok(()));
    }

    #[test]
    fn the_list_of_common_passwords_is_in_the_form_that_is_compared() {
        assert!(COMMON.lines().count() > 200);
        for line in COMMON.lines() {
            assert_eq!(line, line.trim().to_lowercase());
            assert!(
                line.chars().count() >= limits::PASSWORD_MIN_CHARS,
                "{line} is refused for its length already"
            );
        }
    }
}
