//! How fast a given program is copied and edited, with drafts and without, by turns: the same file is loaded once for
//! each, with the setting in a `models.toml` between them.

use std::fs;
use std::path::Path;

use engine::{Engine, EngineConfig, GenerateRequest, Priority, SamplingOptions};

use super::{Failure, Options, listen, median, user};

const FUNCTIONS: usize = 6;
const WISHES: [(&str, &str); 2] = [
    ("copying", "Write this program again, exactly as it is."),
    (
        "editing",
        "Rename the variable `total` to `result` everywhere in this program. Write the whole program again and \
         change nothing else.",
    ),
];

/// Measures and prints; what is kept for it lies in `directory`.
pub(super) async fn measure(options: &Options, directory: &Path) -> Result<(), Failure> {
    let models = directory.join("models");
    let ids = lay_out(options, &models)?;
    let engine = Engine::start(EngineConfig {
        context_tokens: Some(2048),
        threads: options.threads,
        ..EngineConfig::new(std::env::current_exe()?, &models, directory)
    })?;
    let told = tell(&engine, options, &ids).await;
    engine.shutdown().await;
    told
}

/// Links to the model under the name of each way, and their settings; the names.
fn lay_out(options: &Options, models: &Path) -> Result<Vec<&'static str>, Failure> {
    let model = fs::canonicalize(&options.model)?;
    fs::create_dir_all(models)?;
    let mut settings = "[without]\nspeculation = \"off\"\n".to_owned();
    let mut ids = vec!["without", "lookup"];
    if let Some(draft_model) = &options.draft_model {
        let path = fs::canonicalize(draft_model)?;
        settings.push_str(&format!("[draft-model]\ndraft_model = {:?}\n", path.display().to_string()));
        ids.push("draft-model");
    }
    for id in &ids {
        std::os::unix::fs::symlink(&model, models.join(format!("{id}.gguf")))?;
    }
    fs::write(models.join("models.toml"), settings)?;
    Ok(ids)
}

async fn tell(engine: &Engine, options: &Options, ids: &[&str]) -> Result<(), Failure> {
    for (name, wish) in WISHES {
        let mut speeds = vec![Vec::new(); ids.len()];
        let mut drafts = vec![(0, 0); ids.len()];
        for run in 0..options.runs as u32 {
            for ((id, speeds), (drafted, accepted)) in ids.iter().zip(&mut speeds).zip(&mut drafts) {
                let usage =
                    ask(engine, id, &format!("{wish}\n\n```python\n{}```", program(run)), options).await?;
                speeds.push(f64::from(usage.tokens_per_second));
                *drafted += usage.drafted_tokens;
                *accepted += usage.accepted_tokens;
            }
        }
        let plain = speeds.first_mut().map_or(0.0, |speeds| median(speeds));
        for ((id, speeds), (drafted, accepted)) in ids.iter().zip(&mut speeds).zip(drafts) {
            let speed = median(speeds);
            let ratio = speed / plain;
            println!(
                "{name}, {id:<12} {speed:6.1} tokens/s, {ratio:.2} times, {accepted} of {drafted} drafts taken"
            );
        }
    }
    Ok(())
}

async fn ask(engine: &Engine, id: &str, question: &str, options: &Options) -> Result<engine::Usage, Failure> {
    let sampling = SamplingOptions {
        temperature: Some(0.0),
        max_tokens: Some(options.answer_tokens),
        ..SamplingOptions::default()
    };
    let request = GenerateRequest {
        model: engine.resolve(Some(id))?,
        user: 1,
        conversation: None,
        prompt: vec![user(question)].into(),
        sampling: sampling.check().map_err(|invalid| format!("--answer-tokens: {invalid:?}"))?,
        answer_so_far: Vec::new(),
        priority: Priority::Chat,
    };
    Ok(listen(engine.generate(request).await?).await?.usage)
}

/// A program that no other run has.
fn program(run: u32) -> String {
    const NAMES: [&str; 12] = [
        "river", "stone", "garden", "market", "winter", "letter", "window", "table", "paper", "harbor",
        "valley", "mirror",
    ];
    let name = |place: usize| NAMES.get(place % NAMES.len()).copied().unwrap_or_default();
    let functions = (0..FUNCTIONS).map(|function| {
        let place = function * 5 + run as usize;
        let (first, second, third) = (name(place), name(place + 4), name(place + 7));
        let (factor, limit) = (2 + place * 7 % 80, 100 + place * 37 % 800);
        format!(
            "def {first}_{second}({second}, {third}):\n    total = {second} * {factor} + {third}\n    \
             if total > {limit}:\n        return total - {limit}\n    return total\n\n"
        )
    });
    functions.collect()
}
