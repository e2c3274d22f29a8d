//! A worker without a model: the same loop over a decoder that follows a script. For tests of the scheduler, the pool,
//! the API and of what happens when things break; never shipped.
//!
//! # The model file
//! [`ScriptedModel::write`] makes a small valid GGUF file whose metadata says how the worker behaves as a whole: how
//! long it loads, whether it can be loaded, how long its steps take.
//!
//! # The answer
//! Its `k`-th token is a function of the prompt's tokens, of `k`, and, unless the temperature is 0, of the seed: so
//! [`expected_answer`] can tell it beforehand, and an answer that was continued, batched or built on a reused prefix
//! must be the same. Whoever wants to foretell an answer therefore asks with a seed, or at temperature 0. Words in the
//! last message of the user steer it, and words that the model's file says after each of them
//! ([`ScriptedModel::words`]), for askers who choose no words:
//!
//! | word | effect |
//! |---|---|
//! | `tokens:N` | the answer has N tokens (24 without) |
//! | `endless` | the answer does not end by itself |
//! | `echo:TEXT` | the answer is TEXT, the rest of the message, one byte a token |
//! | `large` | each token is a word again and again, a kilobyte of it |
//! | `think:N` | N tokens of reasoning come before the answer |
//! | `repeat` | the answer is the one before it in the conversation, one byte a token |
//! | `call:NAME` | the answer is a call of the tool NAME, one byte a token; read as one where there are tools, and not made when its result has come |
//! | `clock` | each token is the time at which it was sampled (below) |
//! | `pace:N` | steps with this stream begin on a beat of N a second: N tokens a second |
//! | `pause:N` | every step with this stream takes N ms more |
//! | `crash:K` | the process aborts instead of the answer's K-th token, from 1 |
//! | `broken:K` | the batch fails instead of the K-th token |
//! | `stuck:K` | the step for the K-th token never ends |
//! | `refuse` | the chat template refuses the conversation |
//! | `slow-template:N` | the chat template takes N ms |
//!
//! A `clock` tells the machine's `CLOCK_MONOTONIC` in µs, as digits and a space, so that a reader on the same machine
//! knows how old each token is. Such an answer cannot be foretold, and one that is continued goes on with later times.

use crate::containment::{Containment, Layer, LayerKind};
use crate::decoder::{LoadError, LoadProgress, LoadRequest, LoadedModel, PromptReader};
use crate::gguf::Header;
use crate::memory::Needs;
use crate::worker;
use crate::{Chat, ChatMessage, MemoryUse, ModelSettings, SamplingParams};

pub use beat::clock_us;
pub use decoder::ScriptedDecoder;
pub use model::{ScriptedModel, write_model};
pub use reader::ScriptedReader;

mod beat;
mod decoder;
mod model;
mod reader;
mod script;

/// Most tokens that [`expected_answer`] makes of an endless answer.
const EXPECTED_MAX_TOKENS: usize = 100_000;

/// What a scripted worker says, reasoning included, to `messages`, up to `max_tokens`, whether in one go or continued; stop strings and
/// the end of the context are not looked at, and an answer of the `clock` cannot be told beforehand.
pub fn expected_answer(messages: &[ChatMessage], sampling: &SamplingParams) -> String {
    let chat = Chat::from(messages.to_vec());
    let prompt =
        ScriptedReader::default().read(&chat, None, &[]).map(|prompt| prompt.tokens).unwrap_or_default();
    let most = sampling.max_tokens().map_or(EXPECTED_MAX_TOKENS, |most| most as usize);
    let mut bytes = Vec::new();
    for k in 0..most.min(EXPECTED_MAX_TOKENS) {
        let draw = worker::draw(sampling.seed(), k);
        let token = script::answer_token(&prompt, k, sampling, draw);
        if token == script::END {
            break;
        }
        bytes.extend_from_slice(script::token_bytes(token));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a scripted worker tells: its files are the tests' own.
pub fn contain(_: &LoadRequest) -> Containment {
    Containment { layers: vec![Layer::missing(LayerKind::Files, "a scripted worker is not contained")] }
}

/// Loads a model written by [`ScriptedModel::write`]; for [`crate::worker::run`].
pub fn load(
    request: &LoadRequest,
    progress: &mut LoadProgress<'_>,
) -> Result<LoadedModel<ScriptedDecoder, ScriptedReader>, LoadError> {
    let header = Header::read(&request.path).map_err(|error| LoadError { message: error.to_string() })?;
    let model = ScriptedModel::from_header(&header);
    model.pretend_to_load(progress)?;
    let decoder = ScriptedDecoder::new(&model, request, Box::new(std::thread::sleep));
    Ok(LoadedModel { decoder, reader: ScriptedReader::of(&model), memory: memory(&model, &header, request) })
}

/// What the header lets expect, and the surplus.
fn memory(model: &ScriptedModel, header: &Header, request: &LoadRequest) -> MemoryUse {
    let settings = ModelSettings::default();
    let mut memory = Needs::read(&request.path, header, &settings).memory(request);
    memory.compute_bytes += u64::from(model.surplus_mib) * 1024 * 1024;
    memory
}
