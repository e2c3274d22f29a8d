//! Keeps a filter that takes for ever from holding up everybody: it runs on a thread of its own, and who waits for it
//! waits for a while only. Then its answer fails, and the thread is left behind until it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use engine::Token;
use engine::decoder::{FilterError, TokenFilter};

/// A whole vocabulary takes tens of milliseconds on a slow machine. Others wait for so long at most, once for each
/// grammar that is worse.
const DEADLINE: Duration = Duration::from_secs(1);

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
    Allowed(Result<bool, FilterError>),
    Retained(Vec<f32>, Result<(), FilterError>),
}

impl Watch {
    /// Puts a filter on a thread.
    ///
    /// # Errors
    /// Too many are stuck.
    pub fn over(&self, filter: impl TokenFilter + 'static) -> Result<Watched, FilterError> {
        self.over_for(filter, DEADLINE)
    }

    fn over_for(
        &self,
        filter: impl TokenFilter + 'static,
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
        let body = move || {
            serve(filter, &asked, &told);
            if given_up.load(Ordering::Relaxed) {
                counted.fetch_sub(1, Ordering::Relaxed);
            }
        };
        thread::Builder::new()
            .name("filter".to_owned())
            .spawn(body)
            .map_err(|error| refused(error.to_string()))?;
        Ok(Watched { questions, answers, deadline, stuck, is_given_up, logits: Vec::new() })
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
    fn ask(&self, question: Question) -> Result<Answer, FilterError> {
        let ended = || FilterError { message: "the grammar's thread has ended".to_owned() };
        if self.is_given_up.load(Ordering::Relaxed) {
            return Err(self.too_slow());
        }
        self.questions.send(question).map_err(|_unsent| ended())?;
        self.answers.recv_timeout(self.deadline).map_err(|error| match error {
            RecvTimeoutError::Disconnected => ended(),
            RecvTimeoutError::Timeout => {
                self.stuck.fetch_add(1, Ordering::Relaxed);
                self.is_given_up.store(true, Ordering::Relaxed);
                self.too_slow()
            }
        })
    }

    fn too_slow(&self) -> FilterError {
        let ms = self.deadline.as_millis();
        FilterError {
            message: format!("the grammar took longer than {ms} ms over one token: make it simpler"),
        }
    }
}

impl TokenFilter for Watched {
    fn allows(&mut self, token: Token) -> Result<bool, FilterError> {
        match self.ask(Question::Allows(token))? {
            Answer::Allowed(result) => result,
            Answer::Retained(..) => {
                Err(FilterError { message: "the grammar's thread is confused".to_owned() })
            }
        }
    }

    fn retain(&mut self, logits: &mut [f32]) -> Result<(), FilterError> {
        let mut lent = std::mem::take(&mut self.logits);
        lent.clear();
        lent.extend_from_slice(logits);
        match self.ask(Question::Retain(lent))? {
            Answer::Retained(back, result) => {
                for (logit, filtered) in logits.iter_mut().zip(&back) {
                    *logit = *filtered;
                }
                self.logits = back;
                result
            }
            Answer::Allowed(_) => Err(FilterError { message: "the grammar's thread is confused".to_owned() }),
        }
    }

    fn accept(&mut self, token: Token) -> Result<(), FilterError> {
        if self.is_given_up.load(Ordering::Relaxed) {
            return Err(self.too_slow());
        }
        let sent = self.questions.send(Question::Accept(token));
        sent.map_err(|_unsent| FilterError { message: "the grammar's thread has ended".to_owned() })
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
        fn allows(&mut self, token: Token) -> Result<bool, FilterError> {
            if token == 13 {
                drop(self.0.lock());
            }
            Ok(token % 2 == 0)
        }

        fn retain(&mut self, logits: &mut [f32]) -> Result<(), FilterError> {
            logits[1] = f32::NEG_INFINITY;
            Ok(())
        }

        fn accept(&mut self, token: Token) -> Result<(), FilterError> {
            if token == 7 { Err(FilterError { message: "seven".to_owned() }) } else { Ok(()) }
        }
    }

    #[test]
    fn a_filter_answers_from_its_thread() {
        let mut filter = Watch::default().over(Slow(Arc::default())).unwrap();
        assert_eq!((filter.allows(2), filter.allows(3)), (Ok(true), Ok(false)));
        let mut logits = [1.0, 2.0, 3.0];
        filter.retain(&mut logits).unwrap();
        assert_eq!(logits, [1.0, f32::NEG_INFINITY, 3.0]);
        filter.accept(7).unwrap();
        assert_eq!(filter.allows(2).unwrap_err().message, "seven");
    }

    #[test]
    fn one_that_takes_for_ever_fails_alone_and_only_a_few_are_left_behind() {
        let (watch, lock) = (Watch::default(), Arc::new(Mutex::new(())));
        let held = lock.lock().unwrap();
        let begin = || watch.over_for(Slow(Arc::clone(&lock)), Duration::from_millis(20));
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
