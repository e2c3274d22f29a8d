//! One answer, nobody else: how fast tokens come. In place of a story that ends early another one is asked for.

use super::{Round, Taken, first_token_ms, full};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

/// Long enough that the first tokens do not matter.
const ANSWER_TOKENS: u32 = 160;
/// Stories of which one is to be long enough.
const STORIES_MAX: u32 = 4;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let mut writer = round.writer("single");
    let mut ask = async || {
        let story = vec![Message::user(writer.story())];
        round.server.answer(0, story, ANSWER_TOKENS, Sampling::lively(round.seed())).await
    };
    let mut heard = ask().await?;
    for _ in 1..STORIES_MAX {
        if full(&heard, ANSWER_TOKENS).is_ok() {
            break;
        }
        heard = ask().await?;
    }
    full(&heard, ANSWER_TOKENS)?;
    let speed = heard.tokens_per_second().ok_or(Failure::AllAtOnce)?;
    let readings = vec![
        (Figure::SingleSpeed, vec![speed]),
        (Figure::SingleFirst, vec![first_token_ms(&heard)?]),
        (Figure::SingleGap, heard.gaps_ms()),
    ];
    Ok(Taken { readings, usage: None })
}
