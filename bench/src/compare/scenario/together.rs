//! Many answers that begin at the same time. A story that ends early is followed by another one in its stream: among many
//! there is nearly always one that a small model cuts short.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::{Round, Taken, full};
use crate::compare::completion::Heard;
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

/// Prompts are read one after the other while the first answers are written: long enough that all write together for
/// most of the time.
const ANSWER_TOKENS: u32 = 192;
/// Stories that one stream may take.
const STORIES_MAX: u32 = 4;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let heard = try_join_all((0..round.streams).map(|stream| write(round, stream))).await?;
    for answer in &heard {
        full(answer, ANSWER_TOKENS)?;
    }
    let speed = speed(&heard).ok_or(Failure::AllAtOnce)?;
    let firsts: Vec<f64> = heard.iter().filter_map(Heard::first_token_ms).collect();
    let last_first_ms = firsts.into_iter().fold(0.0, f64::max);
    let readings = vec![(Figure::TogetherSpeed, vec![speed]), (Figure::TogetherFirst, vec![last_first_ms])];
    Ok(Taken { readings, usage: None })
}

/// One stream.
async fn write(round: &Round<'_>, stream: u32) -> Result<Heard, Failure> {
    let mut writer = round.writer(&format!("together, stream {stream}"));
    let sampling = Sampling::lively(round.seed() * round.streams + stream);
    let mut ask = async |tokens: u32| {
        let story = vec![Message::user(writer.story())];
        round.server.answer(stream as usize, story, tokens, sampling).await
    };
    let mut heard = ask(ANSWER_TOKENS).await?;
    for _ in 1..STORIES_MAX {
        let missing = ANSWER_TOKENS.saturating_sub(heard.usage.completion_tokens);
        if missing == 0 {
            break;
        }
        heard.go_on(ask(missing).await?);
    }
    Ok(heard)
}

/// Tokens a second while all of them write.
fn speed(heard: &[Heard]) -> Option<f64> {
    let from = heard.iter().filter_map(|answer| answer.arrivals.first()).max()?;
    let to = heard.iter().filter_map(|answer| answer.arrivals.last()).min()?;
    let window = to.checked_duration_since(*from).filter(|window| !window.is_zero())?;
    let tokens: f64 = heard.iter().map(|answer| tokens_between(answer, *from, *to)).sum();
    Some(tokens / window.as_secs_f64())
}

/// Tokens of an answer that came after `from` and until `to`; all that came at once have the same share of them.
fn tokens_between(answer: &Heard, from: Instant, to: Instant) -> f64 {
    let within = answer.arrivals.iter().filter(|at| **at > from && **at <= to).count();
    f64::from(answer.usage.completion_tokens) * within as f64 / answer.arrivals.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::compare::completion::Usage;

    #[test]
    fn only_the_time_in_which_all_write_counts() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let answer = |times: &[u64]| Heard {
            sent: start,
            arrivals: times.iter().map(|ms| at(*ms)).collect(),
            text: String::new(),
            // Two in each arrival.
            usage: Usage { completion_tokens: 2 * times.len() as u32, ..Usage::default() },
        };
        let heard = [answer(&[100, 200, 300, 400, 500]), answer(&[300, 400, 500, 600, 1000])];
        let speed = speed(&heard).unwrap();
        // From 300 ms to 500 ms: two arrivals of each.
        assert!((speed - 8.0 / 0.2).abs() < 1e-6, "{speed}");
    }
}
