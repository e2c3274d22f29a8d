//! Many answers at once, each with a reader: how long a token takes from the engine to its reader, by way of the journal.
//! The scripted engine writes the time into each token.

mod delays;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{GenerationId, GenerationOptions, StreamEvent, paths, sse};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;

use crate::Target;
use crate::crowd::{self, AT_ONCE};
use crate::event_stream::EventStream;
use crate::failure::Failure;
use crate::person::Person;
use crate::process::{allow_files, monotonic_us, processor_ms};
use delays::Delays;

/// Files that this process needs beside its streams.
const OTHER_FILES: u64 = 256;
/// What a start leaves behind, first words and caches, is over by then.
const WARM_UP: Duration = Duration::from_secs(3);

/// How many, how fast and how long.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// How many answers at the same time, each with one reader.
    #[arg(long, default_value_t = 300)]
    streams: usize,
    /// Tokens a second of each.
    #[arg(long, default_value_t = 30)]
    rate: u32,
    /// How long to measure.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How many people they belong to.
    #[arg(long, default_value_t = 30)]
    people: usize,
    /// The server's process on this machine, to tell its time on the processors.
    #[arg(long)]
    pid: Option<u32>,
}

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    streams: usize,
    measured: Duration,
    delays: Delays,
    chunks: u64,
    processor_ms: Option<u64>,
}

/// What one reader has seen.
#[derive(Debug, Default)]
struct Seen {
    delays: Delays,
    chunks: u64,
}

/// Begins the answers, reads them for a while and ends them.
pub async fn measure(options: &Options) -> Result<Figures, Failure> {
    allow_files(2 * options.streams as u64 + OTHER_FILES)?;
    let people = crowd::gather(&options.target.address, options.people).await?;
    let (is_measuring, stopping) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(false));
    let all_speak = Arc::new(Barrier::new(options.streams + 1));
    let answers = stream::iter(people.iter().cycle().take(options.streams))
        .map(|person| begin(person, options))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>();
    let mut readers = JoinSet::new();
    for (person, stream, generation) in answers.await? {
        let reader = Reader {
            person,
            stream,
            generation,
            is_measuring: Arc::clone(&is_measuring),
            all_speak: Arc::clone(&all_speak),
            stopping: stopping.subscribe(),
        };
        readers.spawn(reader.read());
    }
    tokio::select! {
        _ = all_speak.wait() => {}
        Some(Ok(Err(failure))) = readers.join_next() => return Err(failure),
    }
    tokio::time::sleep(WARM_UP).await;
    let processor_before = options.pid.map(processor_ms).transpose()?;
    let began = Instant::now();
    is_measuring.store(true, Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(options.seconds)) => {}
        Some(Ok(Err(failure))) = readers.join_next() => return Err(failure),
    }
    is_measuring.store(false, Ordering::Relaxed);
    let measured = began.elapsed();
    let processor_after = options.pid.map(processor_ms).transpose()?;
    stopping.send_replace(true);

    let mut all = Seen::default();
    while let Some(reader) = readers.join_next().await {
        let seen = reader.map_err(|_panicked| Failure::Broken("panicked its reader"))??;
        all.delays.add(&seen.delays);
        all.chunks += seen.chunks;
    }
    Ok(Figures {
        streams: options.streams,
        measured,
        delays: all.delays,
        chunks: all.chunks,
        processor_ms: processor_after.zip(processor_before).map(|(after, before)| after - before),
    })
}

async fn begin(person: &Person, options: &Options) -> Result<(Person, EventStream, GenerationId), Failure> {
    let model = options.target.model.as_deref();
    let conversation = person.begin_conversation(model).await?;
    let path = paths::stream_conversation(conversation);
    let stream = EventStream::open(&options.target.address, &path, person.token()).await?;
    let question = format!("clock endless pace:{}", options.rate);
    let accepted = person.say(conversation, &question, model, GenerationOptions::default()).await?;
    Ok((person.clone(), stream, accepted.generation_id))
}

/// One reader and its answer.
struct Reader {
    person: Person,
    stream: EventStream,
    generation: GenerationId,
    is_measuring: Arc<AtomicBool>,
    all_speak: Arc<Barrier>,
    stopping: watch::Receiver<bool>,
}

impl Reader {
    /// Reads to the end, which it asks for when it is told to.
    async fn read(mut self) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let mut decoder = sse::Decoder::new();
        let mut buffer = vec![0; 4096];
        let mut last_seq = 0;
        loop {
            let bytes = tokio::select! {
                bytes = self.stream.next(&mut buffer) => bytes?,
                _ = self.stopping.changed() => {
                    self.person.stop(self.generation).await?;
                    continue;
                }
            };
            let now_us = monotonic_us();
            if bytes.is_empty() {
                return Err(Failure::Broken("ended in the middle of an answer"));
            }
            for event in decoder.push(&bytes)? {
                match serde_json::from_str(&event.data)? {
                    StreamEvent::Delta { seq, text, .. } => {
                        if seq != last_seq + 1 {
                            return Err(Failure::Broken("has missed a chunk"));
                        }
                        last_seq = seq;
                        if seq == 1 {
                            let all_speak = Arc::clone(&self.all_speak);
                            tokio::spawn(async move { all_speak.wait().await });
                        }
                        if self.is_measuring.load(Ordering::Relaxed) {
                            seen.note(&text, now_us)?;
                        }
                    }
                    StreamEvent::Done { .. } => return Ok(seen),
                    StreamEvent::Error { error, .. } => return Err(Failure::Refused(error)),
                    _ => {}
                }
            }
        }
    }
}

impl Seen {
    fn note(&mut self, text: &str, now_us: u64) -> Result<(), Failure> {
        self.chunks += 1;
        for time in text.split_whitespace() {
            let made_us: u64 = time.parse().map_err(|_no_time| Failure::Broken("holds no times"))?;
            self.delays.note(now_us.saturating_sub(made_us));
        }
        Ok(())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.measured.as_secs_f64();
        let tokens = self.delays.count() as f64;
        let ms = |us: u64| us as f64 / 1000.0;
        writeln!(
            f,
            "{} answers for {seconds:.0} s, {:.1} tokens a second each",
            self.streams,
            tokens / seconds / self.streams.max(1) as f64
        )?;
        writeln!(f, "  rows of the journal a second  {:8.0}", self.chunks as f64 / seconds)?;
        write!(
            f,
            "  from engine to reader         {:8.1} ms (p50) {:.1} ms (p99) {:.1} ms (longest)",
            ms(self.delays.at(0.50)),
            ms(self.delays.at(0.99)),
            ms(self.delays.at(1.0))
        )?;
        if let Some(processor_ms) = self.processor_ms {
            let share = processor_ms as f64 / 10.0 / seconds;
            write!(f, "\n  processor of the server       {share:8.0} % of one core")?;
        }
        Ok(())
    }
}
