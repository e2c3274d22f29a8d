//! Streams on which nothing happens: thousands of open tabs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{ConversationId, paths};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Target;
use crate::crowd::{self, AT_ONCE};
use crate::event_stream::EventStream;
use crate::failure::Failure;
use crate::person::Person;
use crate::process::{Memory, allow_files};

/// Files that this process needs beside its streams.
const OTHER_FILES: u64 = 256;
/// Streams that are being opened at the same time.
const OPENING_AT_ONCE: usize = 64;
/// A heartbeat comes every 15 s; a stream without a byte for so long is dead.
const HEARTBEAT_MAX: Duration = Duration::from_secs(30);

/// How many, and of whom.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// The server's process on this machine.
    #[arg(long)]
    pid: u32,
    /// How many streams.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// How many people have them open, each in as many conversations.
    #[arg(long, default_value_t = 100)]
    people: usize,
}

/// What the streams cost.
#[derive(Debug)]
pub struct Figures {
    streams: usize,
    people: usize,
    opened_in: Duration,
    before: Memory,
    after: Memory,
    closed: Memory,
}

/// Opens the streams, waits until each has shown that it lives, and reads the server's memory.
pub async fn measure(options: &Options) -> Result<Figures, Failure> {
    allow_files(options.streams as u64 + OTHER_FILES)?;
    let address = options.target.address.as_str();
    let people = crowd::gather(address, options.people).await?;
    let model = options.target.model.as_deref();
    let conversations: Vec<(&Person, ConversationId)> =
        stream::iter(people.iter().cycle().take(options.streams))
            .map(async |person| Ok::<_, Failure>((person, person.begin_conversation(model).await?)))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;

    let before = Memory::of(options.pid)?;
    let began = Instant::now();
    let streams = stream::iter(conversations)
        .map(async |(person, conversation)| {
            EventStream::open(address, &paths::stream_conversation(conversation), person.token()).await
        })
        .buffer_unordered(OPENING_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let opened_in = began.elapsed();

    let watch = Watch::default();
    let mut readers: JoinSet<Result<(), Failure>> = JoinSet::new();
    for stream in streams {
        readers.spawn(read(stream, watch.clone()));
    }
    let all = u32::try_from(options.streams).unwrap_or(u32::MAX);
    let all_live = tokio::time::timeout(HEARTBEAT_MAX, watch.alive.acquire_many(all)).await;
    let after = Memory::of(options.pid)?;
    if all_live.is_err() || watch.ended.load(Ordering::Relaxed) > 0 {
        return Err(Failure::Broken("is dead: some got no heartbeat, or ended"));
    }
    readers.shutdown().await;
    // The server notices with the next thing that it sends: a heartbeat.
    tokio::time::sleep(HEARTBEAT_MAX).await;
    let closed = Memory::of(options.pid)?;
    Ok(Figures { streams: options.streams, people: options.people, opened_in, before, after, closed })
}

/// What the readers have seen together.
#[derive(Clone, Debug)]
struct Watch {
    /// A permit for each that got a heartbeat.
    alive: Arc<Semaphore>,
    ended: Arc<AtomicUsize>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { alive: Arc::new(Semaphore::new(0)), ended: Arc::default() }
    }
}

async fn read(mut stream: EventStream, watch: Watch) -> Result<(), Failure> {
    let mut buffer = [0; 512];
    let mut is_alive = false;
    loop {
        let bytes = match stream.next(&mut buffer).await {
            Ok(bytes) if !bytes.is_empty() => bytes,
            ended => {
                watch.ended.fetch_add(1, Ordering::Relaxed);
                return ended.map(drop);
            }
        };
        if !is_alive && bytes.starts_with(b":") {
            is_alive = true;
            watch.alive.add_permits(1);
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |bytes: fn(&Memory) -> u64| {
            bytes(&self.after).saturating_sub(bytes(&self.before)) as f64 / self.streams.max(1) as f64
        };
        let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        writeln!(
            f,
            "{} streams of {} people, all alive, opened in {:.1} s",
            self.streams,
            self.people,
            self.opened_in.as_secs_f64()
        )?;
        writeln!(
            f,
            "  memory of the server  {:.1} MiB before, {:.1} MiB with them, {:.1} MiB when they had gone (RSS)",
            mib(self.before.rss_bytes),
            mib(self.after.rss_bytes),
            mib(self.closed.rss_bytes)
        )?;
        write!(
            f,
            "  each stream           {:.0} bytes of RSS, {:.0} of PSS",
            each(|memory| memory.rss_bytes),
            each(|memory| memory.pss_bytes)
        )
    }
}
