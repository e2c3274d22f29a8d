//! The vocabulary, and what is answered to what. See the table in [`super`].

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use crate::{SamplingParams, Token};

/// Ends an answer. The tokens below it are the 256 bytes.
pub(super) const END: Token = 256;
/// Before a system message.
pub(super) const SYSTEM: Token = 257;
/// Before a user's message.
pub(super) const USER: Token = 258;
/// Before an answer.
pub(super) const ASSISTANT: Token = 259;
/// Before the result of a tool.
pub(super) const TOOL: Token = 260;
/// Begins reasoning.
pub(super) const THINK: Token = 261;
/// Ends it.
pub(super) const ANSWER: Token = 262;
const FIRST_WORD: Token = 263;

/// Words of one to four bytes a character, with the punctuation and line ends that Markdown lives from.
const WORDS: [&str; 24] = [
    "amber ",
    "birch ",
    "cedar ",
    "dune ",
    "ember, ",
    "fjord ",
    "gale ",
    "heath. ",
    "isle ",
    "jade ",
    "kelp ",
    "lark; ",
    "moss ",
    "night ",
    "oak\n\n",
    "pine ",
    "über ",
    "naïve ",
    "Ελλάδα ",
    "猫 ",
    "日本語 ",
    "🦊 ",
    "👩‍🚀 ",
    "**zinc** ",
];

/// The first of the tokens that are a word written again and again.
const FIRST_LARGE: Token = FIRST_WORD + WORDS.len() as Token;
/// So long at least: an answer of some megabytes then takes some thousand steps.
const LARGE_BYTES: usize = 1024;

/// The first of the tokens that are a time: each slot has its own, whose bytes are when it was sampled last.
pub(super) const FIRST_CLOCK: Token = FIRST_LARGE + WORDS.len() as Token;

/// How long an answer is where the message does not say.
const ANSWER_TOKENS: usize = 24;

/// Size of the vocabulary of a worker with so many slots.
pub(super) fn vocabulary_tokens(slots: u32) -> u32 {
    FIRST_CLOCK as u32 + slots
}

/// All bytes, so that one of them can be lent.
static BYTES: LazyLock<[u8; 256]> = LazyLock::new(|| std::array::from_fn(|value| value as u8));

/// The words, each so often that it is large.
static LARGE: LazyLock<[String; WORDS.len()]> =
    LazyLock::new(|| WORDS.map(|word| word.repeat(LARGE_BYTES.div_ceil(word.len()))));

pub(super) fn token_bytes(token: Token) -> &'static [u8] {
    let Ok(index) = usize::try_from(token) else { return &[] };
    let word = |first: Token| index.checked_sub(first as usize).filter(|word| *word < WORDS.len());
    if let Some(word) = word(FIRST_WORD) {
        WORDS.get(word).map(|word| word.as_bytes()).unwrap_or_default()
    } else if let Some(word) = word(FIRST_LARGE) {
        LARGE.get(word).map(String::as_bytes).unwrap_or_default()
    } else {
        BYTES.get(index..=index).unwrap_or_default()
    }
}

/// What the user's last message asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) tokens: Option<usize>,
    pub(super) is_endless: bool,
    pub(super) echo: Option<String>,
    pub(super) repeats: bool,
    pub(super) is_large: bool,
    pub(super) is_clock: bool,
    pub(super) think_tokens: Option<usize>,
    pub(super) call: Option<String>,
    pub(super) pause_ms: u64,
    pub(super) tokens_per_second: Option<u32>,
    pub(super) crash_at: Option<usize>,
    pub(super) broken_at: Option<usize>,
    pub(super) stuck_at: Option<usize>,
    pub(super) refuses: bool,
    pub(super) template_ms: u64,
}

impl Script {
    pub(super) fn parse(message: &str) -> Self {
        let (message, echo) = match message.split_once("echo:") {
            Some((before, text)) => (before, Some(text.to_owned())),
            None => (message, None),
        };
        let mut script = Self { echo, ..Self::default() };
        for word in message.split_whitespace() {
            let (key, value) = word.split_once(':').unwrap_or((word, ""));
            match (key, value.parse::<usize>().ok()) {
                ("tokens", tokens) => script.tokens = tokens,
                ("endless", None) => script.is_endless = true,
                ("repeat", None) => script.repeats = true,
                ("large", None) => script.is_large = true,
                ("clock", None) => script.is_clock = true,
                ("think", tokens) => script.think_tokens = tokens,
                ("call", _) => script.call = Some(value.to_owned()),
                ("pace", Some(rate)) => script.tokens_per_second = u32::try_from(rate.max(1)).ok(),
                ("pause", Some(ms)) => script.pause_ms = ms as u64,
                ("crash", at) => script.crash_at = at,
                ("broken", at) => script.broken_at = at,
                ("stuck", at) => script.stuck_at = at,
                ("refuse", None) => script.refuses = true,
                ("slow-template", Some(ms)) => script.template_ms = ms as u64,
                _ => {}
            }
        }
        script
    }

    /// Of the last user's message within a prompt.
    pub(super) fn of_prompt(prompt: &[Token]) -> Self {
        let from_last_user = prompt.rsplit(|token| *token == USER).next().unwrap_or_default();
        let message = from_last_user.split(|token| *token == ASSISTANT).next().unwrap_or_default();
        let bytes: Vec<u8> = message.iter().flat_map(|token| token_bytes(*token)).copied().collect();
        let mut script = Self::parse(&String::from_utf8_lossy(&bytes));
        if script.repeats {
            script.echo = last_answer(prompt);
        }
        // With the result in hand the tool is not called again.
        script.call = script.call.filter(|_| !from_last_user.contains(&TOOL));
        script
    }
}

/// The text of the last answer before the last message of the user.
fn last_answer(prompt: &[Token]) -> Option<String> {
    let (before, _) = prompt.split_at_checked(prompt.iter().rposition(|token| *token == USER)?)?;
    let (_, answer) = split(before);
    let bytes: Vec<u8> = answer.iter().flat_map(|token| token_bytes(*token)).copied().collect();
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Splits what is in a slot into the prompt, up to the last opening of an answer, and the answer.
pub(super) fn split(tokens: &[Token]) -> (&[Token], &[Token]) {
    let opening = tokens.iter().rposition(|token| *token == ASSISTANT);
    tokens.split_at_checked(opening.map_or(0, |index| index + 1)).unwrap_or((tokens, &[]))
}

/// The token at place `k`, from 0, of the answer to a prompt.
pub(super) fn answer_token(prompt: &[Token], k: usize, sampling: &SamplingParams, draw: f64) -> Token {
    let script = Script::of_prompt(prompt);
    let first = if script.is_large { FIRST_LARGE } else { FIRST_WORD };
    let k = match script.think_tokens {
        Some(_) if k == 0 => return THINK,
        Some(thoughts) if k == thoughts + 1 => return ANSWER,
        Some(thoughts) if k > thoughts => k - thoughts - 2,
        // What is thought is made as what is answered.
        Some(_) => return word(first, prompt, k, sampling, draw),
        None => k,
    };
    let call = script.call.map(|name| {
        format!(
            r#"<tool_call>{{"name": "{name}", "arguments": {{"depth": 1, "why": "{name}"}}}}</tool_call>"#
        )
    });
    if let Some(text) = script.echo.or(call) {
        return text.as_bytes().get(k).map_or(END, |byte| Token::from(*byte));
    }
    if !script.is_endless && k >= script.tokens.unwrap_or(ANSWER_TOKENS) {
        return END;
    }
    word(first, prompt, k, sampling, draw)
}

fn word(first: Token, prompt: &[Token], k: usize, sampling: &SamplingParams, draw: f64) -> Token {
    let chance = if sampling.temperature() > 0.0 { draw.to_bits() } else { 0 };
    let mut hasher = DefaultHasher::new();
    (prompt, k, chance).hash(&mut hasher);
    first + (hasher.finish() % WORDS.len() as u64) as Token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_the_table_says() {
        let script = Script::parse("please tokens:7 pace:30 pause:3 crash:2 and echo:tokens:9 é");
        assert_eq!(script.tokens, Some(7));
        assert_eq!(script.tokens_per_second, Some(30));
        assert_eq!(script.pause_ms, 3);
        assert_eq!(script.crash_at, Some(2));
        assert_eq!(script.echo.as_deref(), Some("tokens:9 é"));
        assert_eq!(Script::parse("an ordinary question: what?"), Script::default());
    }

    #[test]
    fn an_answer_is_repeated_where_there_is_one() {
        let text = |text: &str| text.bytes().map(Token::from).collect::<Vec<_>>();
        let first = [vec![USER], text("repeat"), vec![ASSISTANT]].concat();
        assert_eq!(Script::of_prompt(&first).echo, None);
        let second = [first, text("fn é()"), vec![USER], text("again repeat"), vec![ASSISTANT]].concat();
        assert_eq!(Script::of_prompt(&second).echo.as_deref(), Some("fn é()"));
    }

    #[test]
    fn every_token_has_its_bytes() {
        assert_eq!(token_bytes(65), b"A");
        assert_eq!(token_bytes(FIRST_WORD), b"amber ");
        assert!((FIRST_LARGE..FIRST_CLOCK).all(|token| token_bytes(token).len() >= LARGE_BYTES));
        for marker in [END, SYSTEM, USER, ASSISTANT, TOOL, THINK, ANSWER, -1, FIRST_CLOCK] {
            assert_eq!(token_bytes(marker), b"");
        }
    }
}
