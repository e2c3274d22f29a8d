//! One answer, nobody else: how fast tokens come.

use super::{Round, Taken, first_token_ms, full};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

/// Long enough that the first tokens do not matter.
const ANSWER_TOKENS: u32 = 160;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let story = Message::user(round.writer("single").story());
    let heard = round.server.answer(0, vec![story], ANSWER_TOKENS, Sampling::lively(round.seed())).await?;
    full(&heard, ANSWER_TOKENS)?;
    let speed = heard.tokens_per_second().ok_or(Failure::AllAtOnce)?;
    let readings = vec![
        (Figure::SingleSpeed, vec![speed]),
        (Figure::SingleFirst, vec![first_token_ms(&heard)?]),
        (Figure::SingleGap, heard.gaps_ms()),
    ];
    Ok(Taken { readings, usage: None })
}
