//! Three users come at once with a system prompt that another answer has read before.

use futures_util::future::try_join_all;

use super::{Round, Taken, first_token_ms};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

const USERS: usize = 3;
/// Of the system prompt.
const PROMPT_TOKENS: u32 = 1_200;
/// Only the first one matters.
const ANSWER_TOKENS: u32 = 8;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let mut writer = round.writer("system prompt");
    let system = Message::system(writer.words(round.measure.words(PROMPT_TOKENS)));
    let mut chat = || vec![system.clone(), Message::user(format!("What is a {}?", writer.word()))];
    round.server.answer(0, chat(), ANSWER_TOKENS, Sampling::GREEDY).await?;
    let chats: Vec<_> = (0..USERS).map(|_| chat()).collect();
    let answers = chats.into_iter().enumerate();
    let answers =
        answers.map(|(user, chat)| round.server.answer(user, chat, ANSWER_TOKENS, Sampling::GREEDY));
    let heard = try_join_all(answers).await?;
    let mut last_ms = 0.0_f64;
    for answer in &heard {
        last_ms = last_ms.max(first_token_ms(answer)?);
    }
    let fewest_cached = heard.iter().map(|answer| answer.usage).min_by_key(|usage| usage.cached_tokens());
    Ok(Taken::one(Figure::SharedPrompt, last_ms, fewest_cached.unwrap_or_default()))
}
