//! One answer inside the worker, from its arrival to its end.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::drafts::Drafter;
use super::reply::{Reply, Said};
use super::slots::{Holder, WORTH_TOKENS};
use super::states::StateId;
use super::waiting::Queued;
use crate::decoder::{PreparedPrompt, TokenFilter};
use crate::protocol::{GenerateCommand, News};
use crate::{Priority, SamplingParams, Token, Usage, Whose};

/// Room for the answer that a prompt must leave where the request names no length.
const RESERVE_TOKENS: u32 = 256;

/// A request and all that its answer has become so far. It outlives its slot: a side job that makes room for a chat
/// goes on later from here.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: u64,
    whose: Whose,
    priority: Priority,
    pub(crate) sampling: SamplingParams,
    /// Prompt and answer; empty until the prompt has been prepared.
    pub(crate) tokens: Vec<Token>,
    pub(crate) prompt_len: usize,
    /// How many of the prompt's tokens come before any word of a user.
    shared_len: usize,
    continued: Vec<Token>,
    pub(crate) reply: Reply,
    /// Binds the answer; none where it is free.
    pub(crate) filter: Option<Box<dyn TokenFilter>>,
    /// Tool calls that have begun.
    pub(crate) calls: u32,
    /// The place in the queue that was told last.
    pub(crate) told_place: Option<u32>,
    /// Tokens found in the cache when it first got a slot; none before.
    pub(crate) cached: Option<usize>,
    /// Its consumer is behind: it keeps its slot and takes part in no step.
    pub(crate) is_paused: bool,
    sampled: u32,
    /// Drafts that were evaluated for it, and how many of them it took.
    pub(crate) drafted: u32,
    pub(crate) accepted: u32,
    arrived: Duration,
    first_token: Duration,
    last_token: Duration,
}

impl Request {
    pub(crate) fn new(command: GenerateCommand, arrived: Duration) -> Self {
        Self {
            id: command.id,
            whose: Whose { user: command.user, conversation: command.conversation },
            priority: command.priority,
            sampling: command.sampling,
            tokens: Vec::new(),
            prompt_len: 0,
            shared_len: 0,
            continued: command.answer_so_far,
            reply: Reply::default(),
            filter: None,
            calls: 0,
            told_place: None,
            cached: None,
            is_paused: false,
            sampled: 0,
            drafted: 0,
            accepted: 0,
            arrived,
            first_token: Duration::ZERO,
            last_token: Duration::ZERO,
        }
    }

    /// Whose it is, and of what kind.
    pub(crate) fn holder(&self) -> Holder {
        Holder { whose: self.whose, priority: self.priority }
    }

    /// The prompt is ready: from now on the request may run.
    pub(crate) fn set_prompt(&mut self, prompt: PreparedPrompt) {
        self.prompt_len = prompt.tokens.len();
        // The last token is always evaluated.
        self.shared_len = (prompt.shared_tokens as usize).min(self.prompt_len.saturating_sub(1));
        self.tokens = prompt.tokens;
        self.tokens.extend(&self.continued);
        let stop = self.sampling.stop().iter().cloned().chain(prompt.stop).collect();
        self.reply = Reply::new(prompt.format, stop);
        self.filter = prompt.filter;
    }

    /// What to tell of a part of the reply.
    pub(crate) fn news(&mut self, said: Said) -> News {
        match said {
            Said::Text { kind, text, tokens } => {
                let choices = self.reply.take_choices(tokens.len());
                News::Text { kind, text, tokens, choices }
            }
            Said::Call { name, id, tokens } => {
                self.reply.take_choices(tokens.len());
                let index = self.calls;
                self.calls += 1;
                let id = id.unwrap_or_else(|| self.new_call_id(index));
                News::ToolCall { index, id, name, tokens }
            }
        }
    }

    /// A name for the tool call that begins: nine letters and digits, the same whenever this answer comes to it.
    fn new_call_id(&self, index: u32) -> String {
        const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut hasher = DefaultHasher::new();
        (self.prompt(), self.sampling.seed(), index).hash(&mut hasher);
        let mut bits = hasher.finish();
        let mut next = || {
            let sign = SIGNS.get((bits % 62) as usize).copied().unwrap_or_default();
            bits /= 62;
            char::from(sign)
        };
        (0..9).map(|_| next()).collect()
    }

    /// Whether prompt and some answer fit into a slot. An answer that has begun goes on as far as there is room.
    pub(crate) fn fits(&self, context_tokens: u32) -> bool {
        if !self.continued.is_empty() {
            return true;
        }
        let reserve = self.sampling.max_tokens().unwrap_or(RESERVE_TOKENS).min(context_tokens / 4);
        self.prompt_len as u64 + u64::from(reserve) <= u64::from(context_tokens)
    }

    /// The prompt's tokens.
    pub(crate) fn prompt(&self) -> &[Token] {
        self.tokens.get(..self.prompt_len).unwrap_or_default()
    }

    /// The beginning of the prompt that may be shared between users: empty where it is not worth it.
    pub(crate) fn shared(&self) -> &[Token] {
        let length = if self.shared_len < WORTH_TOKENS { 0 } else { self.shared_len };
        self.tokens.get(..length).unwrap_or_default()
    }

    /// The answer's tokens, those of `answer_so_far` included.
    pub(crate) fn answer(&self) -> &[Token] {
        self.tokens.get(self.prompt_len..).unwrap_or_default()
    }

    /// Adds a sampled token.
    pub(crate) fn push(&mut self, token: Token, now: Duration) {
        self.tokens.push(token);
        self.sampled += 1;
        if self.sampled == 1 {
            self.first_token = now;
        }
        self.last_token = now;
    }

    /// Whether some of the answer was made here; its reader has long seen the prompt being read.
    pub(crate) fn has_sampled(&self) -> bool {
        self.sampled > 0
    }

    /// Whether the answer may not grow any more.
    pub(crate) fn is_full(&self, context_tokens: u32) -> bool {
        let most = self.sampling.max_tokens().map_or(usize::MAX, |most| most as usize);
        self.answer().len() >= most || self.tokens.len() >= context_tokens as usize
    }

    /// How many tokens may follow the next one that is sampled.
    pub(crate) fn room_behind_next(&self, context_tokens: u32) -> usize {
        let most = self.sampling.max_tokens().map_or(usize::MAX, |most| most as usize);
        let of_answer = most.saturating_sub(self.answer().len());
        let of_context = (context_tokens as usize).saturating_sub(self.tokens.len());
        of_answer.min(of_context).saturating_sub(1)
    }

    pub(crate) fn usage(&self, context_tokens: u32) -> Usage {
        let (first_token_ms, tokens_per_second) = if self.sampled == 0 {
            (0, 0.0)
        } else {
            let answering_s = (self.last_token - self.first_token).as_secs_f32();
            let speed = if answering_s > 0.0 { (self.sampled - 1) as f32 / answering_s } else { 0.0 };
            ((self.first_token - self.arrived).as_millis() as u32, speed)
        };
        Usage {
            prompt_tokens: self.prompt_len as u32,
            cached_tokens: self.cached.unwrap_or(0).min(self.prompt_len) as u32,
            completion_tokens: self.sampled,
            context_tokens,
            first_token_ms,
            tokens_per_second,
            drafted_tokens: self.drafted,
            accepted_tokens: self.accepted,
        }
    }
}

impl Queued for Request {
    fn user(&self) -> u128 {
        self.whose.user
    }

    fn priority(&self) -> Priority {
        self.priority
    }

    fn is_ready(&self) -> bool {
        !self.tokens.is_empty() && !self.is_paused
    }
}

/// What a stream waits for in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// That another stream has read the beginning that both share.
    Prefix,
    /// A state from the disk.
    State(StateId),
    /// What its filter says of the next token, of which the logits are kept.
    Filter,
}

/// A request in a slot.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) request: Request,
    /// How many of the request's tokens are in the cache.
    pub(crate) evaluated: usize,
    /// How many drafts are in the cache behind them.
    pub(crate) ahead: usize,
    pub(crate) drafter: Drafter,
    /// Whether the whole prompt has been read and each step brings a token.
    pub(crate) is_answering: bool,
    /// None while it reads or answers.
    pub(crate) awaits: Option<Awaited>,
    /// Where to stop reading for a moment, because the state there will be saved.
    pub(crate) save_at: Option<usize>,
}

impl Stream {
    /// A request whose first `evaluated` tokens are in the cache of its slot.
    pub(crate) fn new(request: Request, evaluated: usize) -> Self {
        Self {
            request,
            evaluated,
            ahead: 0,
            drafter: Drafter::default(),
            is_answering: false,
            awaits: None,
            save_at: None,
        }
    }

    /// Whether steps do anything for it.
    pub(crate) fn takes_part(&self) -> bool {
        !self.request.is_paused && self.awaits.is_none()
    }

    /// Whether it waits for another stream to read what both share.
    pub(crate) fn is_following(&self) -> bool {
        self.awaits == Some(Awaited::Prefix) && !self.request.is_paused
    }

    /// Whether its next token waits for its filter.
    pub(crate) fn is_choosing(&self) -> bool {
        self.awaits == Some(Awaited::Filter) && !self.request.is_paused
    }

    /// Whether it is about to have read the tokens that it shares with others.
    pub(crate) fn is_reading(&self, shared: &[Token]) -> bool {
        self.takes_part() && self.save_at == Some(shared.len()) && self.request.shared() == shared
    }

    pub(crate) fn unread(&self) -> &[Token] {
        self.request.tokens.get(self.evaluated..).unwrap_or_default()
    }

    /// What may be read in one step: never across the place where a state is to be saved.
    pub(crate) fn readable(&self) -> &[Token] {
        let until = self.save_at.unwrap_or(self.request.tokens.len());
        self.request.tokens.get(self.evaluated..until).unwrap_or_default()
    }
}
