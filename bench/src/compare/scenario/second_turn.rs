//! A conversation goes on: only what is new has to be read. Also after the server was started again.

use super::{Round, Taken, first_token_ms};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

/// With the answer, about 1,360 tokens.
const FIRST_TOKENS: u32 = 1_296;
const FIRST_ANSWER_TOKENS: u32 = 64;
/// Only the first one matters.
const ANSWER_TOKENS: u32 = 8;

pub(super) async fn take(round: &mut Round<'_>, restart: bool) -> Result<Taken, Failure> {
    let mut writer = round.writer(if restart { "before a restart" } else { "first turn" });
    let mut turns = vec![Message::user(writer.words(round.measure.words(FIRST_TOKENS)))];
    let first = round.server.answer(0, turns.clone(), FIRST_ANSWER_TOKENS, Sampling::GREEDY).await?;
    turns.push(Message::assistant(first.text));
    // With what the template adds, about 22 tokens.
    turns.push(Message::user(format!("And what about the {} near the {}?", writer.word(), writer.word())));
    if restart {
        round.server.restart().await?;
    }
    let second = round.server.answer(0, turns, ANSWER_TOKENS, Sampling::GREEDY).await?;
    let figure = if restart { Figure::AfterRestart } else { Figure::SecondTurn };
    Ok(Taken::one(figure, first_token_ms(&second)?, second.usage))
}
