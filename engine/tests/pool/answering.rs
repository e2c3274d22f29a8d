use engine::scripted::{ScriptedModel, expected_answer};
use engine::{
    EmbedRequest, EngineError, FinishReason, GenerateRequest, GenerationError, GenerationEvent, LoadStage,
    Prompt, SamplingOptions,
};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_question_loads_the_model_and_is_answered() {
    let rig = simple();
    let told = rig.answer("one", "hello").await;
    assert_eq!(told.text, expected_answer(&asks("hello"), &sampling()));
    let (reason, usage) = told.done();
    assert_eq!(reason, FinishReason::Stop);
    assert_eq!(usage.completion_tokens as usize, told.tokens.len());
    let kinds: Vec<u8> = (told.events.iter())
        .map(|event| match event {
            GenerationEvent::Queued { .. } | GenerationEvent::Loading { .. } => 0,
            GenerationEvent::Prompt { .. } => 1,
            GenerationEvent::Prefill { .. } => 2,
            GenerationEvent::Text { .. } | GenerationEvent::ToolCall { .. } => 3,
            GenerationEvent::Done { .. } | GenerationEvent::Failed(_) => 4,
        })
        .collect();
    assert!(kinds.is_sorted(), "{kinds:?}");
    rig.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_is_told_to_those_who_wait() {
    let slow = ScriptedModel { load_ms: 100, ..ScriptedModel::default() };
    let rig = rig(&[("one", slow)], |_| {});
    let mut generation = rig.ask("one", "hello").await;
    let mut told = Vec::new();
    while let Some(event) = within(generation.next()).await {
        if let GenerationEvent::Loading { stage, fraction } = event {
            told.push((stage, fraction));
        }
    }
    let weights: Vec<f32> =
        told.iter().filter(|told| told.0 == LoadStage::Weights).map(|told| told.1).collect();
    assert!(weights.len() > 3 && weights.is_sorted(), "{told:?}");
    // The first may have been merged into the second: whoever reads late hears of the last.
    let order = [LoadStage::Opening, LoadStage::Weights, LoadStage::Warming];
    let places: Vec<_> = told.iter().map(|told| order.iter().position(|stage| *stage == told.0)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_answers_at_once_are_each_their_own() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| config.queue_capacity = 30);
    let questions: Vec<String> = (0..30).map(|n| format!("question {n} tokens:{}", 5 + n)).collect();
    let mut generations = Vec::new();
    for question in &questions {
        generations.push(rig.ask("one", question).await);
    }
    for (mut generation, question) in generations.into_iter().zip(&questions) {
        assert_eq!(read(&mut generation).await.text, expected_answer(&asks(question), &sampling()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_an_answer_with_its_text_kept() {
    let rig = simple();
    let mut generation = rig.ask("one", "endless pause:1").await;
    let first = first_text(&mut generation).await;
    generation.stop();
    generation.stop();
    let rest = read(&mut generation).await;
    assert_eq!(rest.done().0, FinishReason::Stopped);
    let whole = expected_answer(&asks("endless pause:1"), &sampling());
    assert!(whole.starts_with(&(first + &rest.text)));
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_an_answer_that_waits_for_its_model() {
    let slow = ScriptedModel { load_ms: 60_000, ..ScriptedModel::default() };
    let rig = rig(&[("one", slow)], |_| {});
    let mut generation = rig.ask("one", "hello").await;
    generation.stop();
    assert_eq!(read(&mut generation).await.done().0, FinishReason::Stopped);
    within(rig.engine.shutdown()).await;
    assert!(rig.workers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_an_answer_whose_prompt_is_being_prepared_or_waits_or_is_read() {
    let slow = ScriptedModel { prompt_token_us: 1_000, ..ScriptedModel::default() };
    let rig = rig(&[("one", slow)], |config| config.slots = 1);
    let mut preparing = rig.ask("one", "slow-template:2000").await;
    let mut reading = rig.ask("one", &"word ".repeat(600)).await;
    preparing.stop();
    assert_eq!(read(&mut preparing).await.done().0, FinishReason::Stopped);
    while !matches!(within(reading.next()).await, Some(GenerationEvent::Prefill { .. })) {}
    let mut waiting = rig.ask("one", "hello").await;
    while !matches!(within(waiting.next()).await, Some(GenerationEvent::Queued { .. })) {}
    waiting.stop();
    assert_eq!(read(&mut waiting).await.done().0, FinishReason::Stopped);
    reading.stop();
    let read = read(&mut reading).await;
    assert_eq!((read.done().0, read.text.as_str()), (FinishReason::Stopped, ""));
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_leaves_frees_its_slot() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| config.slots = 1);
    let mut left = rig.ask("one", "endless pause:1").await;
    first_text(&mut left).await;
    drop(left);
    assert_eq!(rig.answer("one", "hello").await.done().0, FinishReason::Stop);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_an_answer_not_a_wait() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| {
        config.slots = 1;
        config.queue_capacity = 1;
    });
    let mut running = rig.ask("one", "endless pause:1").await;
    let waiting = rig.ask("one", "hello").await;
    let refused = rig.try_ask("one", "hello").await.unwrap_err();
    assert!(matches!(refused, EngineError::Overloaded { retry_after_s: 1.. }), "{refused:?}");
    running.stop();
    read(&mut running).await;
    drop(waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_with_a_full_queue_does_not_keep_another_out() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| {
        config.slots = 1;
        config.queue_capacity = 1;
    });
    let by = |user| GenerateRequest { user, ..rig.request("one", "endless pause:1") };
    let mut taken = Vec::new();
    for user in [1, 1, 2, 3] {
        taken.push(within(rig.engine.generate(by(user))).await.unwrap());
    }
    for user in [1, 2, 4] {
        let refused = within(rig.engine.generate(by(user))).await.unwrap_err();
        assert!(matches!(refused, EngineError::Overloaded { .. }), "{user}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_fails_with_both_numbers() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| config.context_tokens = Some(100));
    let told = rig.answer("one", &"x".repeat(200)).await;
    assert_eq!(*told.error(), GenerationError::ContextLength { prompt_tokens: 202, context_tokens: 100 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_measured_by_the_model_that_will_read_it() {
    let rig = simple();
    let id = rig.engine.resolve(Some("one")).unwrap();
    let size = within(rig.engine.measure(&id, asks("hello"))).await.unwrap();
    assert_eq!((size.prompt_tokens, size.context_tokens), (7, 4_096));
    let refused = within(rig.engine.measure(&id, asks("refuse"))).await.unwrap_err();
    assert!(matches!(refused, EngineError::Failed(GenerationError::Template { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_template_refuses_fails_with_its_words() {
    let rig = simple();
    let told = rig.answer("one", "refuse").await;
    assert_eq!(told.error().to_string(), "the template refuses this conversation");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_on_from_its_prompt_and_tokens() {
    let rig = simple();
    let whole = rig.answer("one", "hello").await;
    let request = GenerateRequest {
        prompt: Prompt::Tokens(whole.prompt()),
        answer_so_far: whole.tokens[..10].to_vec(),
        ..rig.request("one", "")
    };
    let mut generation = within(rig.engine.generate(request)).await.unwrap();
    let rest = read(&mut generation).await;
    assert_eq!(rest.tokens, whole.tokens[10..]);
    assert!(whole.text.ends_with(&rest.text));
}

/// From everywhere, and whatever the temperature: it is what tests of recovery rely on.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_goes_on_in_another_process_is_the_one_that_was_foretold() {
    let question = "tokens:60 pause:0";
    for temperature in [0.0, 1.5] {
        let sampling =
            SamplingOptions { seed: Some(3), temperature: Some(temperature), ..Default::default() };
        let sampling = sampling.check().unwrap();
        let foretold = expected_answer(&asks(question), &sampling);
        let begins = simple();
        let request = GenerateRequest { sampling: sampling.clone(), ..begins.request("one", question) };
        let whole = read(&mut within(begins.engine.generate(request)).await.unwrap()).await;
        assert_eq!(whole.text, foretold);
        let prompt = whole.prompt();
        let goes_on = simple();
        for kept in [0, 1, 31, 59, 60] {
            let request = GenerateRequest {
                prompt: Prompt::Tokens(prompt.clone()),
                answer_so_far: whole.tokens[..kept].to_vec(),
                sampling: sampling.clone(),
                ..goes_on.request("one", "")
            };
            let rest = read(&mut within(goes_on.engine.generate(request)).await.unwrap()).await;
            assert_eq!(rest.tokens, whole.tokens[kept..], "after {kept}");
            assert!(foretold.ends_with(&rest.text));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_tells_when_each_token_was_made_and_keeps_its_pace() {
    let rig = simple();
    let told = rig.answer("one", "clock tokens:21 pace:100").await;
    let times: Vec<u64> = told.text.split_whitespace().map(|time| time.parse().unwrap()).collect();
    assert_eq!(times.len(), 21);
    assert!(times.is_sorted());
    assert!(times[20] - times[0] >= 190_000, "twenty beats of ten milliseconds: {times:?}");
    assert_eq!(told.tokens.len(), 21);
    let request = GenerateRequest {
        prompt: Prompt::Tokens(told.prompt()),
        answer_so_far: told.tokens[..20].to_vec(),
        ..rig.request("one", "")
    };
    let rest = read(&mut within(rig.engine.generate(request)).await.unwrap()).await;
    assert!(rest.text.trim().parse::<u64>().unwrap() > times[20], "{}", rest.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_larger_than_a_frame_fails_alone() {
    let rig = simple();
    let huge = "x".repeat(engine::protocol::FRAME_MAX_BYTES as usize + 1);
    assert!(matches!(rig.answer("one", &huge).await.error(), GenerationError::Internal { .. }));
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_tells_tokens_texts_and_vectors_beside_its_answers() {
    let rig = simple();
    let id = rig.engine.resolve(Some("one")).unwrap();
    let tokens = within(rig.engine.tokenize(&id, "hé".to_owned())).await.unwrap();
    assert_eq!(tokens, [104, 195, 169]);
    assert_eq!(within(rig.engine.detokenize(&id, tokens)).await.unwrap(), "hé");
    let rendered = within(rig.engine.apply_template(&id, asks("hello").into())).await.unwrap();
    assert_eq!((rendered.text.as_str(), rendered.tokens.len()), ("hello", 7));

    let request = EmbedRequest {
        model: id.clone(),
        texts: (0..40).map(|n| format!("text {n}")).collect(),
        pooling: None,
        dimensions: Some(2),
        normalise: true,
    };
    let embeddings = within(rig.engine.embed(request.clone())).await.unwrap();
    assert_eq!((embeddings.vectors.len(), embeddings.tokens), (40, 270));
    for vector in &embeddings.vectors {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!(vector.len() == 2 && (length - 1.0).abs() < 1e-5, "{vector:?}");
    }
    let none = within(rig.engine.embed(EmbedRequest { texts: Vec::new(), ..request })).await.unwrap_err();
    assert!(matches!(none, EngineError::Failed(GenerationError::Unsupported { .. })), "{none:?}");
    rig.engine.shutdown().await;
}
