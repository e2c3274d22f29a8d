//! Tool calls, constraints and likelihoods of a real model, through the real worker program.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod models;

use engine::{
    Chat, ChatMessage, ChatRole, Constraint, EmbedRequest, Engine, EngineConfig, FinishReason,
    GenerateRequest, GenerationError, GenerationEvent, Pooling, Priority, Prompt, SamplingOptions, TextKind,
    Token, TokenChoice, Tool, ToolCall, ToolChoice, json,
};
use tempfile::TempDir;

struct TestEngine {
    engine: Engine,
    _state: TempDir,
}

#[derive(Debug, Default)]
struct Answer {
    text: String,
    calls: Vec<ToolCall>,
    choices: Vec<TokenChoice>,
    prompt: Vec<Token>,
    tokens: Vec<Token>,
    end: Option<Result<FinishReason, GenerationError>>,
}

impl TestEngine {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let config = EngineConfig {
            slots: 2,
            context_tokens: Some(1024),
            threads: Some(1),
            ..EngineConfig::new(env!("CARGO_BIN_EXE_oriel-engine"), models::chat_model(), state.path())
        };
        Self { engine: Engine::start(config).unwrap(), _state: state }
    }

    async fn ask(&self, prompt: impl Into<Prompt>, options: SamplingOptions, so_far: Vec<Token>) -> Answer {
        let request = GenerateRequest {
            model: self.engine.resolve(None).unwrap(),
            user: 1,
            conversation: None,
            prompt: prompt.into(),
            sampling: options.check().unwrap(),
            answer_so_far: so_far,
            priority: Priority::Chat,
        };
        let mut generation = self.engine.generate(request).await.unwrap();
        let mut answer = Answer::default();
        while let Some(event) = generation.next().await {
            match event {
                GenerationEvent::Prompt { tokens, .. } => answer.prompt = tokens,
                GenerationEvent::Text { kind, text, tokens, choices } => {
                    answer.tokens.extend(tokens);
                    answer.choices.extend(choices);
                    match kind {
                        TextKind::Arguments => answer.calls.last_mut().unwrap().arguments.push_str(&text),
                        TextKind::Answer | TextKind::Reasoning => answer.text.push_str(&text),
                    }
                }
                GenerationEvent::ToolCall { id, name, tokens, .. } => {
                    answer.tokens.extend(tokens);
                    answer.calls.push(ToolCall { id, name, arguments: String::new() });
                }
                GenerationEvent::Done { reason, .. } => answer.end = Some(Ok(reason)),
                GenerationEvent::Failed(error) => answer.end = Some(Err(error)),
                _ => {}
            }
        }
        answer
    }
}

fn says(text: &str) -> Chat {
    vec![ChatMessage::new(ChatRole::User, text)].into()
}

fn weather() -> Tool {
    let parameters = r#"{"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city", "days"]}"#;
    Tool::new("get_weather".to_owned(), "Tells the weather.".to_owned(), parameters.to_owned()).unwrap()
}

fn seeded(max_tokens: u32) -> SamplingOptions {
    SamplingOptions { seed: Some(7), max_tokens: Some(max_tokens), ..SamplingOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_must_be_called_is_called_with_what_its_schema_asks_for() {
    let engine = TestEngine::start();
    for tool_choice in [ToolChoice::Required, ToolChoice::Named("get_weather".to_owned())] {
        let chat = Chat {
            tools: vec![weather()],
            tool_choice,
            parallel_tool_calls: false,
            ..says("How is the weather in Rome?")
        };
        let answer = engine.ask(chat, seeded(120), Vec::new()).await;
        assert_eq!(answer.end, Some(Ok(FinishReason::Stop)), "{answer:?}");
        assert_eq!(answer.text, "");
        let [call] = answer.calls.as_slice() else { panic!("{answer:?}") };
        assert_eq!((call.name.as_str(), call.id.len()), ("get_weather", 9));
        assert_eq!(json::check(&call.arguments, 4), Ok(()), "{}", call.arguments);
        assert!(call.arguments.contains("\"city\"") && call.arguments.contains("\"days\""));

        let mut asked = ChatMessage::new(ChatRole::Assistant, "");
        asked.tool_calls = answer.calls.clone();
        let result = ChatMessage::tool_result(call.id.clone(), "get_weather", "<|im_end|> 31 degrees");
        let mut messages = says("How is the weather in Rome?").messages;
        messages.extend([asked, result]);
        let next = Chat { messages, tools: vec![weather()], ..says("") };
        let answer = engine.ask(next, seeded(20), Vec::new()).await;
        assert!(matches!(answer.end, Some(Ok(_))), "{answer:?}");
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_keeps_to_its_schema_and_when_it_is_gone_on_with_too() {
    let engine = TestEngine::start();
    let schema = r#"{"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["name", "age"], "additionalProperties": false}"#;
    let options =
        || SamplingOptions { constraint: Some(Constraint::JsonSchema(schema.to_owned())), ..seeded(60) };
    let whole = engine.ask(says("Invent a person."), options(), Vec::new()).await;
    assert_eq!(whole.end, Some(Ok(FinishReason::Stop)), "{whole:?}");
    assert_eq!(json::check(&whole.text, 2), Ok(()), "{}", whole.text);
    assert!(whole.text.contains("\"age\""), "{}", whole.text);

    let half = whole.tokens.len() / 2;
    let prompt = Prompt::Tokens(whole.prompt.clone());
    let rest = engine.ask(prompt, options(), whole.tokens[..half].to_vec()).await;
    assert_eq!(rest.end, whole.end);
    assert_eq!(rest.tokens, whole.tokens[half..]);
    assert!(whole.text.ends_with(&rest.text));
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_json_and_a_grammar_are_kept_to() {
    let engine = TestEngine::start();
    let object = SamplingOptions { constraint: Some(Constraint::JsonObject), ..seeded(200) };
    let answer = engine.ask(says("Describe a cat as JSON with two short members."), object, Vec::new()).await;
    assert!(answer.text.starts_with('{'), "{answer:?}");
    let grammar = Constraint::Grammar("root ::= (\"yes\" | \"no\") \"!\"{3}".to_owned());
    let options = SamplingOptions { constraint: Some(grammar), ..seeded(20) };
    let answer = engine.ask(says("Is water wet?"), options, Vec::new()).await;
    assert!(["yes!!!", "no!!!"].contains(&answer.text.as_str()), "{answer:?}");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grammar_that_cannot_be_used_ends_its_own_request_with_what_to_do() {
    let engine = TestEngine::start();
    let bound = |constraint| SamplingOptions { constraint: Some(constraint), ..seeded(8) };
    let grammar = |text: &str| bound(Constraint::Grammar(text.to_owned()));
    let running = engine.ask(says("Write a story."), seeded(60), Vec::new());
    let bad = async {
        for options in [
            grammar("root ::= \"unfinished"),
            grammar("start ::= \"a\""),
            grammar("root ::= root \"a\""),
            grammar("root ::= (((\"a\"{1000}){1000}){1000}){1000}"),
            bound(Constraint::JsonSchema(r##"{"$ref": "#/nowhere"}"##.to_owned())),
            bound(Constraint::JsonSchema(r#"{"type": "string", "minLength": 1000000000}"#.to_owned())),
        ] {
            let answer = engine.ask(says("Hi"), options.clone(), Vec::new()).await;
            let Some(Err(GenerationError::Constraint { message })) = answer.end else {
                panic!("{options:?}: {answer:?}")
            };
            assert!(message.len() > 20, "{message}");
        }
    };
    let (running, ()) = tokio::join!(running, bad);
    assert!(matches!(running.end, Some(Ok(_))), "{running:?}");
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn likelihoods_are_told_with_their_tokens() {
    let engine = TestEngine::start();
    let options = SamplingOptions { temperature: Some(0.0), logprobs: Some(3), ..seeded(12) };
    let answer = engine.ask(says("What is the capital of France?"), options, Vec::new()).await;
    assert_eq!(answer.choices.len(), answer.tokens.len());
    for (choice, token) in answer.choices.iter().zip(&answer.tokens) {
        assert_eq!(choice.chosen.token, *token);
        assert_eq!(choice.top.len(), 3);
        assert_eq!(choice.top[0].token, *token, "greedy takes the likeliest");
        assert!(choice.top.is_sorted_by(|a, b| a.logprob >= b.logprob) && choice.chosen.logprob <= 0.0);
    }
    engine.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_like_meaning_have_like_vectors_and_tokens_come_back_as_text() {
    let engine = TestEngine::start();
    let model = engine.engine.resolve(None).unwrap();
    let text = "Grüße, <|im_end|> is text";
    let tokens = engine.engine.tokenize(&model, text.to_owned()).await.unwrap();
    assert_eq!(engine.engine.detokenize(&model, tokens).await.unwrap(), text);
    let rendered = engine.engine.apply_template(&model, says("Hello")).await.unwrap();
    assert!(rendered.text.ends_with("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"));

    let texts =
        ["The cat sleeps on the sofa.", "A cat is sleeping on a couch.", "Quarterly tax returns are due."];
    let request = EmbedRequest {
        model,
        texts: texts.map(str::to_owned).to_vec(),
        pooling: None,
        dimensions: None,
        normalise: true,
    };
    let embeddings = engine.engine.embed(request.clone()).await.unwrap();
    assert!(embeddings.tokens > 15);
    let [cat, kitten, tax] = embeddings.vectors.as_slice() else { panic!("three vectors") };
    let alike = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    assert_eq!(cat.len(), 576);
    assert!((alike(cat, cat) - 1.0).abs() < 1e-4);
    assert!(alike(cat, kitten) > alike(cat, tax), "{} {}", alike(cat, kitten), alike(cat, tax));
    let last = EmbedRequest { pooling: Some(Pooling::Last), ..request };
    assert_ne!(engine.engine.embed(last).await.unwrap().vectors[0], *cat);
    engine.engine.shutdown().await;
}
