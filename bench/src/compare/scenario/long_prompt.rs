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
/// More than a stream can write meanwhile; it is cut off then.
const STREAM_TOKENS: u32 = 1_500;
/// Pieces of text after which a stream counts as running.
const RUNNING: usize = 12;

pub(super) async fn take(round: &Round<'_>) -> Result<Taken, Failure> {
    let (running, stop) = (Semaphore::new(0), watch::Sender::new(false));
    let mut writer = round.writer("beside a long prompt");
    let stories: Vec<Message> = (0..STREAMS).map(|_| Message::user(writer.story())).collect();
    let streams = stories.into_iter().zip(0..).map(|(story, stream)| {
        let sampling = Sampling::lively(round.seed() * STREAMS + stream);
        write_until(round, stream as usize, story, sampling, &running, stop.subscribe())
    });
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
    let mut longest_ms = 0.0_f64;
    for stream in &streams {
        let gap_ms = longest_gap_ms(stream, long.sent, first);
        longest_ms = longest_ms.max(
            gap_ms.ok_or(Failure::Early { tokens: stream.arrivals.len() as u32, wanted: STREAM_TOKENS })?,
        );
    }
    let readings = vec![(Figure::LongestGap, vec![longest_ms]), (Figure::LongPrompt, vec![first_ms])];
    Ok(Taken { readings, usage: Some(long.usage) })
}

/// Reads a stream until it is told to stop.
async fn write_until(
    round: &Round<'_>,
    user: usize,
    story: Message,
    sampling: Sampling,
    running: &Semaphore,
    mut stop: watch::Receiver<bool>,
) -> Result<Heard, Failure> {
    let mut stream = round.server.begin(user, vec![story], STREAM_TOKENS, sampling).await?;
    let mut counts = false;
    loop {
        let goes_on = tokio::select! {
            goes_on = stream.more() => goes_on?,
            _ = stop.changed() => false,
        };
        if !counts && (!goes_on || stream.arrivals() >= RUNNING) {
            counts = true;
            running.add_permits(1);
        }
        if !goes_on {
            return Ok(stream.heard());
        }
    }
}

/// The longest time without text that reaches into `from` to `to`; none where the stream had ended by then.
fn longest_gap_ms(stream: &Heard, from: Instant, to: Instant) -> Option<f64> {
    stream.arrivals.last().filter(|last| **last >= to)?;
    let next = stream.arrivals.iter().skip(1);
    let gaps = stream.arrivals.iter().zip(next).filter(|(one, next)| **next > from && **one < to);
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
        assert_eq!(longest_gap_ms(&stream(&[0, 10]), at(5), at(600)), None, "it had ended");
    }
}
