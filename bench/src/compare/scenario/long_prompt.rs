//! A long prompt arrives while four answers are being written: how long they stand still, and how long it waits.

use std::time::Instant;

use futures_util::future::{try_join, try_join_all};
use tokio::sync::{Semaphore, watch};

use super::{Round, Taken, first_token_ms};
use crate::compare::completion::{Heard, ms};
use crate::compare::figure::Figure;
use crate::compare::request::{Message, Sampling};
use crate::failure::Failure;

const STREAMS: u32 = 4;
/// What fills a context of 2,048 tokens but for a short answer.
const PROMPT_TOKENS: u32 = 1_860;
/// Enough for the streams to show that they go on.
const ANSWER_TOKENS: u32 = 16;
/// More than a stream can write meanwhile. It is cut off then; a story that ends before is followed by another one.
const STREAM_TOKENS: u32 = 1_500;
/// Pieces of text after which a stream counts as running.
const RUNNING: usize = 12;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let (running, stop) = (Semaphore::new(0), watch::Sender::new(false));
    let streams = (0..STREAMS).map(|stream| write_until(round, stream, &running, stop.subscribe()));
    let text = round.writer("long prompt").words(round.measure.words(PROMPT_TOKENS));
    let long = async {
        // Nobody closes it.
        let _ = running.acquire_many(STREAMS).await;
        let heard = round.server.answer(0, vec![Message::user(text)], ANSWER_TOKENS, Sampling::GREEDY).await;
        stop.send_replace(true);
        heard
    };
    let (streams, long) = try_join(try_join_all(streams), long).await?;
    let first_ms = first_token_ms(&long)?;
    let first = *long.arrivals.first().ok_or(Failure::Broken("had no text"))?;
    let gaps = streams.iter().flatten().filter_map(|answer| longest_gap_ms(answer, long.sent, first));
    let longest_ms = gaps.reduce(f64::max).ok_or(Failure::Early { tokens: 0, wanted: STREAM_TOKENS })?;
    let readings = vec![(Figure::LongestGap, vec![longest_ms]), (Figure::LongPrompt, vec![first_ms])];
    Ok(Taken { readings, usage: Some(long.usage) })
}

/// Reads one story after the other until it is told to stop.
async fn write_until(
    round: &Round<'_>,
    stream: u32,
    running: &Semaphore,
    mut stop: watch::Receiver<bool>,
) -> Result<Vec<Heard>, Failure> {
    let mut writer = round.writer(&format!("story {stream} beside a long prompt"));
    let mut stories: Vec<Heard> = Vec::new();
    let mut counts = false;
    loop {
        let sampling = Sampling::lively(round.seed() * STREAMS + stream);
        let story = vec![Message::user(writer.story())];
        let mut story = tokio::select! {
            story = round.server.begin(stream as usize, story, STREAM_TOKENS, sampling) => story?,
            _ = stop.changed() => return Ok(stories),
        };
        loop {
            let goes_on = tokio::select! {
                goes_on = story.more() => goes_on?,
                _ = stop.changed() => {
                    stories.push(story.heard());
                    return Ok(stories);
                }
            };
            if !counts && story.arrivals() >= RUNNING {
                counts = true;
                running.add_permits(1);
            }
            if !goes_on {
                break;
            }
        }
        stories.push(story.heard());
    }
}

/// The longest time without text between `from` and `to`, or over one of them; none where the answer was not written
/// then.
fn longest_gap_ms(answer: &Heard, from: Instant, to: Instant) -> Option<f64> {
    let next = answer.arrivals.iter().skip(1);
    let gaps = answer.arrivals.iter().zip(next).filter(|(one, next)| **next > from && **one < to);
    gaps.map(|(one, next)| ms(next.duration_since(*one))).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::compare::completion::Usage;

    #[test]
    fn a_gap_counts_when_it_touches_the_time_of_the_long_prompt() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let stream = |times: &[u64]| Heard {
            sent: start,
            arrivals: times.iter().map(|ms| at(*ms)).collect(),
            text: String::new(),
            usage: Usage::default(),
        };
        // The longest gap is over before it begins, and one reaches beyond its end.
        let stalled = stream(&[0, 500, 510, 520, 800, 810]);
        assert_eq!(longest_gap_ms(&stalled, at(515), at(790)), Some(280.0));
        assert_eq!(longest_gap_ms(&stalled, at(505), at(516)), Some(10.0));
        assert_eq!(longest_gap_ms(&stream(&[0, 10]), at(50), at(600)), None, "it had ended");
    }
}
