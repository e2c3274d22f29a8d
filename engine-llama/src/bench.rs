//! `oriel-engine bench`: how fast a model runs on this machine, through the pool, the pipe and the scheduler that
//! the server uses too.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, GenerateRequest, Generation, GenerationEvent, ModelId,
    Priority, SamplingOptions, Usage,
};

mod copying;

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// A GGUF file.
    model: PathBuf,
    /// Answers at once, in the measurement of many.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    streams: u32,
    /// Tokens of each answer; the model may end it before.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    answer_tokens: u32,
    /// Words of the long prompt, about as many tokens.
    #[arg(long, default_value_t = 700)]
    prompt_words: usize,
    /// Threads to decode with; the machine's cores where missing.
    #[arg(long)]
    threads: Option<u32>,
    /// How often each measurement is taken; the median is told.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measures only how fast a given program is copied and edited, with guessing ahead and without.
    #[arg(long)]
    copying: bool,
    /// … and with this small model of the same vocabulary.
    #[arg(long, requires = "copying")]
    draft_model: Option<PathBuf>,
}

type Failure = Box<dyn std::error::Error>;

/// Measures and prints.
pub fn run(options: Options) -> ExitCode {
    let measured = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(measure(&options)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oriel-engine bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<(), Failure> {
    let state_dir = std::env::temp_dir().join(format!("oriel-engine-bench-{}", std::process::id()));
    let told = if options.copying {
        copying::measure(options, &state_dir).await
    } else {
        measure_speeds(options, &state_dir).await
    };
    // Only what was kept for this run is in it.
    let _ = std::fs::remove_dir_all(&state_dir);
    told
}

async fn measure_speeds(options: &Options, state_dir: &Path) -> Result<(), Failure> {
    let model = std::fs::canonicalize(&options.model)?;
    let engine = Engine::start(EngineConfig {
        slots: options.streams,
        context_tokens: Some(2048),
        threads: options.threads,
        queue_capacity: 256,
        ..EngineConfig::new(std::env::current_exe()?, model, state_dir)
    })?;
    let bench = Bench { model: engine.resolve(None)?, engine, options };
    let told = bench.tell().await;
    bench.engine.shutdown().await;
    told
}

struct Bench<'a> {
    engine: Engine,
    model: ModelId,
    options: &'a Options,
}

impl Bench<'_> {
    async fn tell(&self) -> Result<(), Failure> {
        let started = Instant::now();
        self.engine.load(&self.model).await?;
        println!("model                 {}", self.model);
        println!("load                  {:.0} ms", started.elapsed().as_secs_f64() * 1000.0);

        let mut reading = Vec::new();
        let mut long_first = Vec::new();
        let mut again_first = Vec::new();
        let mut alone = Vec::new();
        for run in 0..self.options.runs as u128 {
            // Each run is another user's: nothing is reused between them.
            let long = self.answer(run, vec![user(&long_question(self.options.prompt_words, run))]).await?;
            let read = long.usage.prompt_tokens - long.usage.cached_tokens;
            reading.push(f64::from(read) * 1000.0 / f64::from(long.usage.first_token_ms));
            long_first.push(f64::from(long.usage.first_token_ms));
            let mut turns = vec![user(&long_question(self.options.prompt_words, run)), assistant(&long.text)];
            turns.push(user("Go on."));
            let again = self.answer(run, turns).await?;
            again_first.push(f64::from(again.usage.first_token_ms));
            if run == 0 {
                let Usage { prompt_tokens, cached_tokens, .. } = again.usage;
                println!("long prompt           {} tokens", long.usage.prompt_tokens);
                println!("second turn           {prompt_tokens} tokens, {cached_tokens} of them cached");
            }
            let short = self.answer(1000 + run, vec![user(QUESTION)]).await?;
            alone.push(f64::from(short.usage.tokens_per_second));
        }
        println!("prompt                {:.0} tokens/s", median(&mut reading));
        println!("first token, long     {:.0} ms", median(&mut long_first));
        println!("first token, 2nd turn {:.0} ms", median(&mut again_first));
        println!("1 stream              {:.1} tokens/s", median(&mut alone));
        for streams in [2, 4, 8, 16, 32, 64, 128, 256] {
            if streams <= self.options.streams {
                let mut together = Vec::new();
                for _ in 0..self.options.runs {
                    together.push(self.together(streams).await?);
                }
                println!("{streams:<3} streams           {:.1} tokens/s", median(&mut together));
            }
        }
        if let Some(memory) = worker_memory_bytes() {
            println!("memory of the worker  {:.0} MB", memory as f64 / 1e6);
        }
        Ok(())
    }

    /// One answer from the request to its end.
    async fn answer(&self, user: u128, messages: Vec<ChatMessage>) -> Result<Answer, Failure> {
        listen(self.begin(user, messages, 0).await?).await
    }

    /// Tokens per second of so many streams, while all of them run.
    async fn together(&self, streams: u32) -> Result<f64, Failure> {
        let mut listeners = Vec::new();
        for stream in 0..streams {
            let generation = self.begin(2000 + u128::from(stream), vec![user(QUESTION)], stream).await?;
            listeners.push(tokio::spawn(async move {
                listen(generation).await.map_err(|error| error.to_string())
            }));
        }
        let mut answers = Vec::new();
        for listener in listeners {
            answers.push(listener.await??);
        }
        let all_began = answers.iter().filter_map(|answer| answer.arrivals.first()).map(|(at, _)| *at).max();
        let one_ended = answers.iter().filter_map(|answer| answer.arrivals.last()).map(|(at, _)| *at).min();
        let (Some(from), Some(to)) = (all_began, one_ended) else { return Err("an answer was empty".into()) };
        let tokens: usize = answers
            .iter()
            .flat_map(|answer| &answer.arrivals)
            .filter(|(at, _)| *at > from && *at <= to)
            .map(|(_, tokens)| tokens)
            .sum();
        let seconds = to.saturating_duration_since(from).max(Duration::from_millis(1)).as_secs_f64();
        Ok(tokens as f64 / seconds)
    }

    async fn begin(&self, user: u128, messages: Vec<ChatMessage>, seed: u32) -> Result<Generation, Failure> {
        let options = SamplingOptions {
            seed: Some(seed),
            max_tokens: Some(self.options.answer_tokens),
            ..SamplingOptions::default()
        };
        let sampling = options.check().map_err(|invalid| format!("--answer-tokens: {invalid:?}"))?;
        let request = GenerateRequest {
            model: self.model.clone(),
            user,
            conversation: None,
            prompt: messages.into(),
            sampling,
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        };
        Ok(self.engine.generate(request).await?)
    }
}

struct Answer {
    text: String,
    usage: Usage,
    /// When how many tokens came.
    arrivals: Vec<(Instant, usize)>,
}

async fn listen(mut generation: Generation) -> Result<Answer, Failure> {
    let mut answer = Answer { text: String::new(), usage: Usage::default(), arrivals: Vec::new() };
    while let Some(event) = generation.next().await {
        match event {
            GenerationEvent::Text { text, tokens, .. } => {
                answer.text.push_str(&text);
                answer.arrivals.push((Instant::now(), tokens.len()));
            }
            GenerationEvent::Done { usage, .. } => answer.usage = usage,
            GenerationEvent::Failed(error) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(answer)
}

/// Gets a long answer from nearly every model.
const QUESTION: &str = "Write a long story about a lighthouse keeper and the sea.";

/// A question of so many words, different for each run from its start on.
fn long_question(words: usize, run: u128) -> String {
    const WORDS: [&str; 12] =
        ["the", "river", "ran", "past", "seven", "old", "mills", "and", "nobody", "knew", "its", "name"];
    let text: Vec<&str> = WORDS.iter().copied().cycle().take(words).collect();
    format!("Story {run}: {}. Go on with it.", text.join(" "))
}

fn user(content: &str) -> ChatMessage {
    ChatMessage::new(ChatRole::User, content)
}

fn assistant(content: &str) -> ChatMessage {
    ChatMessage::new(ChatRole::Assistant, content)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Resident memory of our child, the only one; none where the system has no `/proc`.
fn worker_memory_bytes() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let child =
        children.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).next()?;
    let status = std::fs::read_to_string(format!("/proc/{child}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    resident.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
