//! Keeps a filter that takes long from holding up everybody: it runs on a thread of its own, and who waits for it waits for
//! as long as the scheduler has patience. A token for which it takes too long fails its answer, and the thread is left behind
//! until it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::Token;
use engine::decoder::{FilterError, TokenFilter};

/// A whole vocabulary takes tens of milliseconds on a slow machine, and some times that beside other streams. Nobody else
/// waits meanwhile.
const DEADLINE: Duration = Duration::from_secs(1);

/// A grammar as large as may be takes a second on a slow machine. Whoever waits for a prompt waits for this one too.
const MAKING_DEADLINE: Duration = Duration::from_secs(5);

/// llama.cpp follows rules by recursion, and there may be thousands.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A filter that once took so long over a token has less of the processor from then on: streams need it more.
const SLOW: Duration = Duration::from_millis(100);

/// How far it is put behind, in the kernel's measure: about a tenth of its share is left to it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Filters that may be left behind; each may keep a core busy. Past that none are begun.
const STUCK_MAX: usize = 3;

/// Begins filters, and counts those that are stuck.
#[derive(Debug, Default)]
pub struct Watch {
    stuck: Arc<AtomicUsize>,
}

/// A filter on a thread of its own.
#[derive(Debug)]
pub struct Watched {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    deadline: Duration,
    patience: Duration,
    /// Since when an answer is owed; none where none is.
    asked_at: Option<Instant>,
    /// What was told of the next token.
    known: Option<(Token, bool)>,
    /// None where it has been put behind, or cannot be.
    thread: Option<FilterThread>,
    stuck: Arc<AtomicUsize>,
    is_given_up: Arc<AtomicBool>,
    /// Lent to the filter and back.
    logits: Vec<f32>,
}

#[derive(Debug)]
enum Question {
    Allows(Token),
    Retain(Vec<f32>),
    Accept(Token),
}

#[derive(Debug)]
enum Answer {
    Allowed(Result<Option<bool>, FilterError>),
    Retained(Vec<f32>, Result<bool, FilterError>),
}

impl Watch {
    /// Makes a filter on a thread of its own, where it stays. Some cannot be made in any time either.
    ///
    /// # Errors
    /// It cannot be made, not in time, or too many are stuck.
    pub fn over<F: TokenFilter>(
        &self,
        make: impl FnOnce() -> Result<F, FilterError> + Send + 'static,
    ) -> Result<Watched, FilterError> {
        self.over_for(make, MAKING_DEADLINE, DEADLINE)
    }

    fn over_for<F: TokenFilter>(
        &self,
        make: impl FnOnce() -> Result<F, FilterError> + Send + 'static,
        making_deadline: Duration,
        deadline: Duration,
    ) -> Result<Watched, FilterError> {
        let refused = |message: String| FilterError { message };
        if self.stuck.load(Ordering::Relaxed) >= STUCK_MAX {
            return Err(refused("too many grammars are taking too long: try again later".to_owned()));
        }
        // What has come is told without waiting, and then one question is asked.
        let (questions, asked) = sync_channel(2);
        let (told, answers) = sync_channel(1);
        let (stuck, is_given_up) = (Arc::clone(&self.stuck), Arc::new(AtomicBool::new(false)));
        let (counted, given_up) = (Arc::clone(&stuck), Arc::clone(&is_given_up));
        let (tell_thread, thread) = sync_channel(1);
        let (tell_made, made) = sync_channel(1);
        let body = move || {
            let _ = tell_thread.send(FilterThread::current());
            match make() {
                Ok(filter) if tell_made.send(Ok(())).is_ok() => serve(filter, &asked, &told),
                Ok(_) => {}
                Err(error) => drop(tell_made.send(Err(error))),
            }
            if given_up.load(Ordering::Relaxed) {
                counted.fetch_sub(1, Ordering::Relaxed);
            }
        };
        thread::Builder::new()
            .name("filter".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(body)
            .map_err(|error| refused(error.to_string()))?;
        let thread = thread.recv().ok().flatten();
        let slow = making_deadline.min(SLOW);
        let is_made = made.recv_timeout(slow).or_else(|_slow| {
            if let Some(thread) = &thread {
                thread.put_behind();
            }
            made.recv_timeout(making_deadline.saturating_sub(slow))
        });
        match is_made {
            Ok(is_made) => is_made?,
            Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            Err(RecvTimeoutError::Timeout) => {
                stuck.fetch_add(1, Ordering::Relaxed);
                is_given_up.store(true, Ordering::Relaxed);
                let seconds = making_deadline.as_secs();
                return Err(refused(format!(
                    "the grammar was not understood within {seconds} s: make it simpler"
                )));
            }
        }
        Ok(Watched {
            questions,
            answers,
            deadline,
            patience: deadline,
            asked_at: None,
            known: None,
            thread,
            stuck,
            is_given_up,
            logits: Vec::new(),
        })
    }
}

fn serve(mut filter: impl TokenFilter, asked: &Receiver<Question>, told: &SyncSender<Answer>) {
    let mut state = Ok(());
    for question in asked {
        let answer = match question {
            // Nobody waits: a refusal is told with the next answer.
            Question::Accept(token) => {
                state = state.and_then(|()| filter.accept(token));
                continue;
            }
            Question::Allows(token) => Answer::Allowed(state.clone().and_then(|()| filter.allows(token))),
            Question::Retain(mut logits) => {
                let result = state.clone().and_then(|()| filter.retain(&mut logits));
                Answer::Retained(logits, result)
            }
        };
        if told.send(answer).is_err() {
            return;
        }
    }
}

impl Watched {
    /// The answer to the question, or to the same one that was asked before; none where it has to be asked again.
    fn ask(&mut self, question: impl FnOnce(&mut Self) -> Question) -> Result<Option<Answer>, FilterError> {
        if self.is_given_up.load(Ordering::Relaxed) {
            return Err(self.too_slow());
        }
        let now = Instant::now();
        let asked_at = match self.asked_at {
            Some(asked_at) => asked_at,
            None => {
                let question = question(self);
                self.questions.send(question).map_err(|_unsent| ended())?;
                *self.asked_at.insert(now)
            }
        };
        let answer = self.answers.recv_timeout(self.patience);
        self.patience = self.patience.saturating_sub(now.elapsed());
        match answer {
            Ok(answer) => {
                self.asked_at = None;
                return Ok(Some(answer));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if asked_at.elapsed() >= SLOW {
            self.thread.take().iter().for_each(FilterThread::put_behind);
        }
        if asked_at.elapsed() < self.deadline {
            return Ok(None);
        }
        self.stuck.fetch_add(1, Ordering::Relaxed);
        self.is_given_up.store(true, Ordering::Relaxed);
        Err(self.too_slow())
    }

    fn too_slow(&self) -> FilterError {
        let ms = self.deadline.as_millis();
        FilterError {
            message: format!("the grammar took longer than {ms} ms over one token: make it simpler"),
        }
    }
}

fn ended() -> FilterError {
    FilterError { message: "the grammar's thread has ended".to_owned() }
}

fn confused() -> FilterError {
    FilterError { message: "the grammar's thread is confused".to_owned() }
}

impl TokenFilter for Watched {
    fn set_patience(&mut self, patience: Duration) {
        self.patience = patience.min(self.deadline);
    }

    fn allows(&mut self, token: Token) -> Result<Option<bool>, FilterError> {
        if let Some((known, is_allowed)) = self.known
            && known == token
        {
            return Ok(Some(is_allowed));
        }
        let is_allowed = match self.ask(|_| Question::Allows(token))? {
            Some(Answer::Allowed(is_allowed)) => is_allowed?,
            Some(Answer::Retained(..)) => return Err(confused()),
            None => None,
        };
        self.known = is_allowed.map(|is_allowed| (token, is_allowed));
        Ok(is_allowed)
    }

    fn retain(&mut self, logits: &mut [f32]) -> Result<bool, FilterError> {
        let lend = |watched: &mut Self| {
            let mut lent = std::mem::take(&mut watched.logits);
            lent.clear();
            lent.extend_from_slice(logits);
            Question::Retain(lent)
        };
        match self.ask(lend)? {
            Some(Answer::Retained(back, result)) => {
                for (logit, filtered) in logits.iter_mut().zip(&back) {
                    *logit = *filtered;
                }
                self.logits = back;
                result
            }
            Some(Answer::Allowed(_)) => Err(confused()),
            None => Ok(false),
        }
    }

    fn accept(&mut self, token: Token) -> Result<(), FilterError> {
        if self.is_given_up.load(Ordering::Relaxed) {
            return Err(self.too_slow());
        }
        self.known = None;
        self.questions.send(Question::Accept(token)).map_err(|_unsent| ended())
    }
}

/// The thread of a filter, as the kernel knows it.
#[derive(Debug)]
struct FilterThread {
    #[cfg(target_os = "linux")]
    id: rustix::thread::Pid,
}

impl FilterThread {
    /// The thread that calls this; none where none can be put behind.
    fn current() -> Option<Self> {
        #[cfg(target_os = "linux")]
        let thread = Some(Self { id: rustix::thread::gettid() });
        #[cfg(not(target_os = "linux"))]
        let thread = None;
        thread
    }

    fn put_behind(&self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(Some(self.id), NICE) {
            tracing::debug!(%error, "a slow grammar cannot be put behind streams");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Allows even tokens; token 13 takes until the test lets it go, and 7 may not come.
    #[derive(Debug)]
    struct Slow(Arc<Mutex<()>>);

    impl TokenFilter for Slow {
        fn allows(&mut self, token: Token) -> Result<Option<bool>, FilterError> {
            if token == 13 {
                drop(self.0.lock());
            }
            Ok(Some(token % 2 == 0))
        }

        fn retain(&mut self, logits: &mut [f32]) -> Result<bool, FilterError> {
            logits[1] = f32::NEG_INFINITY;
            Ok(true)
        }

        fn accept(&mut self, token: Token) -> Result<(), FilterError> {
            if token == 7 { Err(FilterError { message: "seven".to_owned() }) } else { Ok(()) }
        }
    }

    #[test]
    fn a_filter_answers_from_its_thread() {
        let mut filter = Watch::default().over(|| Ok(Slow(Arc::default()))).unwrap();
        assert_eq!((filter.allows(2), filter.allows(3)), (Ok(Some(true)), Ok(Some(false))));
        let mut logits = [1.0, 2.0, 3.0];
        assert_eq!(filter.retain(&mut logits), Ok(true));
        assert_eq!(logits, [1.0, f32::NEG_INFINITY, 3.0]);
        filter.accept(7).unwrap();
        assert_eq!(filter.allows(2).unwrap_err().message, "seven");
    }

    #[test]
    fn who_has_no_patience_asks_again_and_is_told_the_same() {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().unwrap();
        let slow = Slow(Arc::clone(&lock));
        let long = Duration::from_secs(60);
        let mut filter = Watch::default().over_for(|| Ok(slow), long, long).unwrap();
        filter.set_patience(Duration::ZERO);
        for _ in 0..3 {
            assert_eq!(filter.allows(13), Ok(None), "it is held up, and nobody waits");
        }
        drop(held);
        filter.set_patience(Duration::from_secs(60));
        assert_eq!(filter.allows(13), Ok(Some(false)));
        filter.set_patience(Duration::ZERO);
        assert_eq!(filter.allows(13), Ok(Some(false)), "that is known");
        let mut logits = [1.0, 2.0, 3.0];
        while filter.retain(&mut logits) == Ok(false) {
            assert_eq!(logits, [1.0, 2.0, 3.0]);
        }
        assert_eq!(logits, [1.0, f32::NEG_INFINITY, 3.0]);
    }

    #[test]
    fn one_that_is_never_made_is_left_behind_too() {
        let (watch, lock) = (Watch::default(), Arc::new(Mutex::new(())));
        let held = lock.lock().unwrap();
        let begin = || {
            let slow = Arc::clone(&lock);
            let make = move || {
                drop(slow.lock());
                Ok(Slow(slow))
            };
            watch.over_for(make, Duration::from_millis(20), Duration::from_secs(60))
        };
        for _ in 0..STUCK_MAX {
            assert!(begin().unwrap_err().message.contains("not understood"));
        }
        assert!(begin().unwrap_err().message.contains("too many"));
        drop(held);
        while begin().is_err() {
            thread::yield_now();
        }
        let refused = watch.over(|| Err::<Slow, _>(FilterError { message: "no".to_owned() }));
        assert_eq!(refused.unwrap_err().message, "no");
    }

    #[test]
    fn one_that_takes_for_ever_fails_alone_and_only_a_few_are_left_behind() {
        let (watch, lock) = (Watch::default(), Arc::new(Mutex::new(())));
        let held = lock.lock().unwrap();
        let begin = || {
            let slow = Slow(Arc::clone(&lock));
            watch.over_for(|| Ok(slow), Duration::from_secs(60), Duration::from_millis(20))
        };
        for _ in 0..STUCK_MAX {
            let mut filter = begin().unwrap();
            assert!(filter.allows(13).unwrap_err().message.contains("longer than 20 ms"));
            assert!(filter.allows(2).is_err(), "it stays given up");
        }
        assert!(begin().unwrap_err().message.contains("too many"));
        drop(held);
        while begin().is_err() {
            thread::yield_now();
        }
    }
}
