//! Templates, grammars and tokenising, beside the decoder's thread, each within a deadline: a hostile template or grammar
//! may take for ever, and nothing can end a thread. One that is stuck is left behind and replaced. When too many are, the
//! process ends, which frees their cores; the server starts another, and goes on with the answers that were running.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use std::{process, thread};

use super::serve::Inbox;
use crate::decoder::{PreparedPrompt, PromptError, PromptReader};
use crate::protocol::Event;
use crate::question::{Question, Told};
use crate::{Constraint, GenerationError, Prompt, RenderedPrompt, Token};

/// A template takes milliseconds, a megabyte of text a second on a slow machine.
const DEADLINE: Duration = Duration::from_secs(10);
/// Questions for embeddings that may wait; the parent's bounded queue is behind them.
const EMBEDDINGS_CAPACITY: usize = 16;
/// Templates may call themselves, which some do for each level of a schema.
const HAND_STACK_BYTES: usize = 4 * 1024 * 1024;
/// Threads that may be inside the reader, stuck ones included: each keeps a core busy.
const HANDS_MAX: usize = 3;

/// What the desk is asked.
#[derive(Debug)]
pub(crate) enum Job {
    /// The prompt of an answer, for the scheduler.
    Prepare { id: u64, work: Work },
    /// A question, for the parent.
    Ask { id: u64, question: Question },
}

/// Serves `jobs` until their sender or a receiver has gone.
pub(crate) fn serve<R: PromptReader>(
    reader: R,
    jobs: &Receiver<Job>,
    inbox: &SyncSender<Inbox>,
    outbox: &SyncSender<Event>,
) {
    let mut desk = PromptDesk::new(reader, DEADLINE);
    let embedder = start_embedder(Arc::clone(&desk.reader), outbox.clone());
    desk.other_owners = 1;
    for job in jobs {
        if desk.is_exhausted() {
            tracing::error!(stuck = HANDS_MAX, "templates or grammars do not end: the process does");
            process::abort();
        }
        let is_heard = match job {
            Job::Prepare { id, work } => {
                let prompt = Box::new(desk.prepare(work));
                inbox.send(Inbox::Prepared { id, prompt }).is_ok()
            }
            Job::Ask { id, question } if matches!(question, Question::Embed { .. }) => {
                embedder.as_ref().is_ok_and(|embedder| embedder.send((id, question)).is_ok())
            }
            Job::Ask { id, question } => {
                let result = desk.tell(question);
                outbox.send(Event::Told { id, result }).is_ok()
            }
        };
        if !is_heard {
            return;
        }
    }
}

/// A thread for embeddings: they take long, and prompts shall not wait for them.
fn start_embedder<R: PromptReader>(
    reader: Arc<R>,
    outbox: SyncSender<Event>,
) -> io::Result<SyncSender<(u64, Question)>> {
    let (questions, waiting) = sync_channel::<(u64, Question)>(EMBEDDINGS_CAPACITY);
    let body = move || {
        for (id, question) in waiting {
            let Question::Embed { texts, pooling } = question else { continue };
            let result = reader.embed(&texts, pooling).map(Told::Embedded).map_err(Into::into);
            if outbox.send(Event::Told { id, result }).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("embeddings".to_owned()).spawn(body)?;
    Ok(questions)
}

/// What is needed to prepare a prompt.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) prompt: Prompt,
    pub(crate) constraint: Option<Constraint>,
    /// The answer so far.
    pub(crate) answer: Vec<Token>,
}

impl From<Prompt> for Work {
    fn from(prompt: Prompt) -> Self {
        Self { prompt, constraint: None, answer: Vec::new() }
    }
}

struct PromptDesk<R> {
    reader: Arc<R>,
    hand: Option<Hand>,
    deadline: Duration,
    /// Of the reader, beside hands and desk.
    other_owners: usize,
}

/// A thread that is inside the reader or waits for messages.
struct Hand {
    work: SyncSender<Work>,
    prompts: Receiver<Result<PreparedPrompt, PromptError>>,
}

impl<R: PromptReader> PromptDesk<R> {
    fn new(reader: R, deadline: Duration) -> Self {
        Self { reader: Arc::new(reader), hand: None, deadline, other_owners: 0 }
    }

    fn prepare(&mut self, work: Work) -> Result<PreparedPrompt, GenerationError> {
        let template = |message: String| GenerationError::Template { message };
        if let Prompt::Chat(chat) = &work.prompt {
            chat.check().map_err(template)?;
        }
        let Some(hand) = self.hand.take().or_else(|| self.new_hand()) else {
            return Err(template("the model's chat template does not end: choose another model".to_owned()));
        };
        let ended =
            || GenerationError::Internal { message: "the chat template's thread has ended".to_owned() };
        let is_bound = work.constraint.is_some();
        hand.work.send(work).map_err(|_unsent| ended())?;
        match hand.prompts.recv_timeout(self.deadline) {
            Ok(prompt) => {
                self.hand = Some(hand);
                prompt.map_err(Into::into)
            }
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.deadline.as_secs();
                if is_bound {
                    let message =
                        format!("the grammar was not understood within {seconds} s: make it simpler");
                    return Err(GenerationError::Constraint { message });
                }
                Err(template(format!("the model's chat template took longer than {seconds} s")))
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    /// Answers what needs no embedding.
    fn tell(&mut self, question: Question) -> Result<Told, GenerationError> {
        Ok(match question {
            Question::Measure(chat) => {
                let prompt = self.prepare(Prompt::Chat(chat).into())?;
                Told::Measured { prompt_tokens: prompt.tokens.len() as u32 }
            }
            Question::Render(chat) => {
                let prompt = self.prepare(Prompt::Chat(chat).into())?;
                let text = self.reader.detokenize(&prompt.tokens);
                Told::Rendered(RenderedPrompt { text, tokens: prompt.tokens })
            }
            Question::Tokenize(text) => Told::Tokens(self.reader.tokenize(&text)),
            Question::Detokenize(tokens) => Told::Text(self.reader.detokenize(&tokens)),
            Question::Embed { .. } => {
                return Err(GenerationError::Internal {
                    message: "an embedding at the wrong desk".to_owned(),
                });
            }
        })
    }

    /// Whether nobody can be served any more.
    fn is_exhausted(&self) -> bool {
        self.hand.is_none() && self.are_too_many_stuck()
    }

    /// Each holds a share of the reader until it comes back.
    fn are_too_many_stuck(&self) -> bool {
        Arc::strong_count(&self.reader) > HANDS_MAX + self.other_owners
    }

    /// A new thread, unless too many are stuck.
    fn new_hand(&self) -> Option<Hand> {
        if self.are_too_many_stuck() {
            return None;
        }
        let reader = Arc::clone(&self.reader);
        let (work, waiting) = sync_channel::<Work>(1);
        let (results, prompts) = sync_channel(1);
        let hand = move || {
            for work in waiting {
                if results.send(read(&*reader, work)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("prompt-hand".to_owned()).stack_size(HAND_STACK_BYTES);
        thread.spawn(hand).ok()?;
        Some(Hand { work, prompts })
    }
}

fn read<R: PromptReader>(reader: &R, work: Work) -> Result<PreparedPrompt, PromptError> {
    let Work { prompt, constraint, answer } = work;
    match prompt {
        Prompt::Chat(chat) => reader.read(&chat, constraint.as_ref(), &answer),
        Prompt::Tokens(tokens) => reader.read_again(tokens, constraint.as_ref(), &answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chat, ChatMessage, ChatRole};
    use std::sync::Mutex;

    /// Blocks on `stuck` until the test drops the other side.
    struct StuckOn {
        stuck: Mutex<Receiver<()>>,
    }

    impl PromptReader for StuckOn {
        fn read(
            &self,
            chat: &Chat,
            _: Option<&Constraint>,
            _: &[Token],
        ) -> Result<PreparedPrompt, PromptError> {
            if chat.messages.iter().any(|message| message.content == "loop") {
                let _ = self.stuck.lock().map(|stuck| stuck.recv());
            }
            Ok(PreparedPrompt { tokens: vec![1], stop: vec!["\nUser:".to_owned()], ..Default::default() })
        }

        fn tokenize(&self, _: &str) -> Vec<Token> {
            Vec::new()
        }

        fn detokenize(&self, _: &[Token]) -> String {
            String::new()
        }
    }

    fn says(text: &str) -> Work {
        Prompt::from(vec![ChatMessage::new(ChatRole::User, text)]).into()
    }

    fn says_nothing() -> Work {
        Prompt::from(Vec::new()).into()
    }

    #[test]
    fn a_template_that_loops_fails_its_own_request_only_and_not_for_ever() {
        let (unblock, stuck) = sync_channel(0);
        let reader = StuckOn { stuck: Mutex::new(stuck) };
        let mut desk = PromptDesk::new(reader, Duration::from_millis(50));
        assert!(desk.prepare(says("hello")).is_ok());
        for _ in 0..HANDS_MAX {
            let error = desk.prepare(says("loop")).unwrap_err();
            assert!(error.to_string().contains("took longer"), "{error}");
        }
        let error = desk.prepare(says("hello")).unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
        drop(unblock);
        while desk.prepare(says("hello")).is_err() {
            thread::yield_now();
        }
    }

    #[test]
    fn no_messages_are_no_prompt() {
        let (_unblock, stuck) = sync_channel(0);
        let mut desk = PromptDesk::new(StuckOn { stuck: Mutex::new(stuck) }, DEADLINE);
        assert!(matches!(desk.prepare(says_nothing()), Err(GenerationError::Template { .. })));
    }

    #[test]
    fn a_prompt_of_tokens_keeps_them_and_ends_where_the_template_says() {
        let (_unblock, stuck) = sync_channel(0);
        let mut desk = PromptDesk::new(StuckOn { stuck: Mutex::new(stuck) }, DEADLINE);
        let prompt = desk.prepare(Prompt::Tokens(vec![5, 6]).into()).unwrap();
        assert_eq!((prompt.tokens, prompt.stop), (vec![5, 6], vec!["\nUser:".to_owned()]));
    }
}
