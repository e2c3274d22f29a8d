//! Files, templates and grammars that were made to do harm, in the real worker program: each ends in an error for its
//! own request or its own model, and everybody else goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod models;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;

use engine::gguf::Header;
use engine::{
    ChatMessage, ChatRole, Constraint, Engine, EngineConfig, EngineError, GenerateRequest, Generation,
    GenerationError, GenerationEvent, Priority, SamplingOptions,
};
use tempfile::TempDir;

/// The model that is what it should be.
const GOOD: &str = "good";
/// More than the header of the small model takes: 49,152 tokens and their merges.
const HEADER_BYTES: usize = 4 * 1024 * 1024;
/// Where the metadata begins: behind magic, version and two counts.
const METADATA_AT: usize = 24;
/// Tensors begin at a multiple of this.
const ALIGNMENT: usize = 32;

/// Models, and an engine over them.
struct Rig {
    directory: TempDir,
}

impl Rig {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("models")).unwrap();
        symlink(models::chat_model(), directory.path().join("models/good.gguf")).unwrap();
        Self { directory }
    }

    /// A file that begins so, with zeros behind it, which take no space.
    fn add(&self, name: &str, header: &[u8]) -> std::path::PathBuf {
        let path = self.directory.path().join(format!("models/{name}.gguf"));
        let file = File::create(&path).unwrap();
        file.write_all_at(header, 0).unwrap();
        file.set_len(fs::metadata(models::chat_model()).unwrap().len() + header.len() as u64).unwrap();
        path
    }

    fn start(&self) -> Engine {
        let config = EngineConfig {
            slots: 2,
            context_tokens: Some(512),
            threads: Some(1),
            ..EngineConfig::new(
                env!("CARGO_BIN_EXE_oriel-engine"),
                self.directory.path().join("models"),
                self.directory.path().join("state"),
            )
        };
        Engine::start(config).unwrap()
    }
}

/// These first bytes of the small model, or all of them, with this template; its own gets another name.
fn with_template(mut original: Vec<u8>, source: &str) -> Vec<u8> {
    let key = "tokenizer.chat_template";
    let mut entry = (key.len() as u64).to_le_bytes().to_vec();
    entry.extend(key.as_bytes());
    entry.extend(8_u32.to_le_bytes());
    // As long as it takes to move everything behind it by a multiple of the alignment.
    let bytes = entry.len() + 8 + source.len();
    let padded = format!("{source}{}", " ".repeat(bytes.next_multiple_of(ALIGNMENT) - bytes));
    entry.extend((padded.len() as u64).to_le_bytes());
    entry.extend(padded.as_bytes());

    if let Some(at) = original.windows(key.len()).position(|window| window == key.as_bytes()) {
        original[at] = b'T';
    }
    let entries = u64::from_le_bytes(original[16..METADATA_AT].try_into().unwrap());
    let mut header = original[..16].to_vec();
    header.extend((entries + 1).to_le_bytes());
    header.extend(entry);
    header.extend(&original[METADATA_AT..]);
    header
}

/// Of the small model.
fn header() -> Vec<u8> {
    let mut header = vec![0; HEADER_BYTES];
    File::open(models::chat_model()).unwrap().read_exact_at(&mut header, 0).unwrap();
    header
}

async fn begin(engine: &Engine, model: &str, text: &str, options: SamplingOptions) -> Generation {
    let request = GenerateRequest {
        model: engine.resolve(Some(model)).unwrap(),
        user: 1,
        conversation: None,
        prompt: vec![ChatMessage::new(ChatRole::User, text)].into(),
        sampling: options.check().unwrap(),
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    engine.generate(request).await.unwrap()
}

fn greedy(max_tokens: u32) -> SamplingOptions {
    SamplingOptions { temperature: Some(0.0), max_tokens: Some(max_tokens), ..SamplingOptions::default() }
}

async fn end(mut generation: Generation) -> Result<(), GenerationError> {
    while let Some(event) = generation.next().await {
        match event {
            GenerationEvent::Done { .. } => return Ok(()),
            GenerationEvent::Failed(error) => return Err(error),
            _ => {}
        }
    }
    panic!("an answer has an end")
}

async fn ask(engine: &Engine, model: &str, text: &str) -> Result<(), GenerationError> {
    end(begin(engine, model, text, greedy(4)).await).await
}

async fn load(engine: &Engine, model: &str) -> Result<(), GenerationError> {
    match engine.load(&engine.resolve(Some(model)).unwrap()).await {
        Ok(()) => Ok(()),
        Err(EngineError::Failed(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_cannot_be_read_makes_its_model_unusable_and_no_other() {
    let endless = "{% for a in range(9999) %}".repeat(6) + &"{% endfor %}".repeat(6);
    let doubling = "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}";
    let templates = [
        ("endless", endless, "not read within"),
        ("doubling", doubling.to_owned(), ""),
        ("recursive", "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(), ""),
        ("nested", format!("{{{{ {}1{} }}}}", "(".repeat(200_000), ")".repeat(200_000)), ""),
    ];
    let rig = Rig::new();
    for (name, source, _) in &templates {
        rig.add(name, &with_template(header(), source));
    }
    let engine = rig.start();
    // At the same time: what they are waited for adds up otherwise.
    let refused = templates.map(|(name, _, why)| {
        let engine = engine.clone();
        tokio::spawn(async move { (name, why, ask(&engine, name, "Hi").await.unwrap_err()) })
    });
    for refused in refused {
        let (name, why, error) = refused.await.unwrap();
        assert!(
            matches!(error, GenerationError::ModelUnusable { .. } | GenerationError::Template { .. }),
            "{name}: {error:?}"
        );
        assert!(error.to_string().contains(why), "{name}: {error}");
        assert_eq!(ask(&engine, GOOD, "Hi").await, Ok(()), "beside {name}");
    }
    engine.shutdown().await;
}

/// A template that behaves until it is told what to do.
const TRAPPED: &str = "{%- set last = messages[-1]['content'] -%}
{%- if 'grow' in last -%}{% set n = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}{%- endif -%}
{%- if 'fall' in last -%}{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}{%- endif -%}
{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:";

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_takes_all_memory_or_stack_fails_its_request_and_the_stream_beside_it_goes_on() {
    let rig = Rig::new();
    rig.add("trapped", &with_template(fs::read(models::chat_model()).unwrap(), TRAPPED));
    let engine = rig.start();
    for (trap, why) in [("grow", ""), ("fall", "calls itself too deeply")] {
        let mut beside = begin(&engine, "trapped", "Count.", greedy(400)).await;
        while !matches!(beside.next().await.expect("a first word"), GenerationEvent::Text { .. }) {}
        // More often than threads may be stuck.
        for _ in 0..5 {
            let error = ask(&engine, "trapped", trap).await.unwrap_err();
            assert!(matches!(error, GenerationError::Template { .. }), "{trap}: {error:?}");
            assert!(error.to_string().contains(why), "{trap}: {error}");
        }
        assert_eq!(end(beside).await, Ok(()), "beside {trap}");
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grammar_that_explodes_fails_its_request_and_the_stream_beside_it_goes_on() {
    let rig = Rig::new();
    let engine = rig.start();
    let alternatives: Vec<String> = (0..2_000).map(|n| format!("\"{}{n}\"", "a".repeat(20))).collect();
    for grammar in [
        "root ::= ((((\"a\"{0,999}){0,999}){0,999}){0,999}){0,999}".to_owned(),
        "root ::= a\na ::= a a | a a a | \"\"".to_owned(),
        "root ::= (\"a\"* \"a\"*)* \"b\"".to_owned() + &" (\"a\"?)*".repeat(2_000),
        "root ::= ".to_owned() + &"([a-z]? ".repeat(60) + "[a-z]" + &")*".repeat(60),
        format!("root ::= (x \" \"?)*\nx ::= {}", alternatives.join(" | ")),
        "root ::= ([a-z]{0,40} [a-z]{0,40}){0,40} \"!\"".to_owned(),
    ] {
        let start: String = grammar.chars().take(40).collect();
        let mut beside = begin(&engine, GOOD, "Count.", greedy(400)).await;
        while !matches!(beside.next().await.expect("a first word"), GenerationEvent::Text { .. }) {}
        let constraint = Some(Constraint::Grammar(grammar));
        let ended = end(begin(&engine, GOOD, "Hi", SamplingOptions { constraint, ..greedy(24) }).await).await;
        println!("{start}: {ended:?}");
        assert!(matches!(ended, Ok(()) | Err(GenerationError::Constraint { .. })), "{start}: {ended:?}");
        assert_eq!(end(beside).await, Ok(()), "beside {start}");
    }
    engine.shutdown().await;
}

/// Numbers of which at least one is too large, too small or a sign too many, wherever they come.
const SHARP: [u64; 10] = [0, 1, 2, 7, 31, 255, 65_536, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
/// Files that pass our check and are handed to llama.cpp.
const MUTANTS: usize = 24;

/// A generator of numbers that always gives the same (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) % bound as u64) as usize
    }
}

/// Overwrites up to three numbers or bytes, of the metadata or of the table of tensors.
fn mutate(header: &mut [u8], tensors_at: usize, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let at = if dice.below(2) == 0 {
            METADATA_AT + dice.below(4_000)
        } else {
            tensors_at + dice.below(16_000)
        };
        let sharp = SHARP[dice.below(SHARP.len())].to_le_bytes();
        let bytes = [1, 4, 8][dice.below(3)];
        header[at..at + bytes].copy_from_slice(&sharp[..bytes]);
    }
}

fn is_accepted(path: &Path) -> bool {
    Header::read_all(path).is_ok_and(|header| header.check_is_model().is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_check_lets_through_may_fail_in_llama_cpp_and_harms_nobody() {
    let rig = Rig::new();
    let original = header();
    let name = b"token_embd.weight";
    let tensors_at = original.windows(name.len()).position(|window| window == name).unwrap();
    let mut dice = Dice(1);
    let mut names = Vec::new();
    let mut tried = 0;
    while names.len() < MUTANTS {
        tried += 1;
        let mut header = original.clone();
        mutate(&mut header, tensors_at, &mut dice);
        let name = format!("mutant-{tried}");
        let path = rig.add(&name, &header);
        if is_accepted(&path) {
            names.push(name);
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    let engine = rig.start();
    let mut loaded = 0;
    for name in names {
        match load(&engine, &name).await {
            Ok(()) => {
                loaded += 1;
                let answered = ask(&engine, &name, "Hi").await;
                println!("{name}: loaded, {answered:?}");
                engine.unload(&engine.resolve(Some(&name)).unwrap()).await.unwrap();
            }
            Err(error @ GenerationError::ModelUnusable { .. }) => println!("{name}: {error}"),
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    println!("{tried} files, {MUTANTS} of them accepted, {loaded} of those loaded");
    assert_eq!(ask(&engine, GOOD, "Hi").await, Ok(()));
    engine.shutdown().await;
}
