use super::*;

fn ask_with(rig: &mut Rig, options: SamplingOptions, text: &str) -> u64 {
    let command = rig.command(ANNA, sampling(options));
    rig.send(command, &asks(text))
}

#[test]
fn an_answer_ends_where_the_model_ends_it() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, "tokens:5");
    rig.finish();
    let (reason, usage) = rig.done(id).unwrap();
    assert_eq!(reason, FinishReason::Stop);
    assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (10, 0, 5));
    assert_eq!(usage.context_tokens, 2_048);
    assert_eq!(
        usage.first_token_ms,
        10 + 9 * 5,
        "one step, in which nine tokens of the prompt beside the last"
    );
    assert!((usage.tokens_per_second - 100.0).abs() < 0.1, "{}", usage.tokens_per_second);
}

#[test]
fn max_tokens_ends_an_answer() {
    let mut rig = rig(1);
    let id = ask_with(&mut rig, SamplingOptions { max_tokens: Some(3), ..Default::default() }, "endless");
    rig.finish();
    assert_eq!(rig.done(id).unwrap().0, FinishReason::Length);
    assert_eq!(rig.tokens(id).len(), 3);
}

#[test]
fn the_end_of_the_context_ends_an_answer_with_all_of_its_text() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, "endless");
    rig.finish();
    let (reason, usage) = rig.done(id).unwrap();
    assert_eq!(reason, FinishReason::Length);
    assert_eq!(usage.prompt_tokens + usage.completion_tokens, 2_048);
    assert_eq!(rig.tokens(id).len() as u32, usage.completion_tokens);
}

#[test]
fn a_prompt_that_leaves_no_room_for_an_answer_is_refused_with_both_numbers() {
    let mut rig = rig(1);
    let refused = |rig: &mut Rig, length: usize, max_tokens| {
        let id = ask_with(rig, SamplingOptions { max_tokens, ..Default::default() }, &"x".repeat(length - 2));
        rig.finish();
        rig.error(id)
    };
    let error = |prompt_tokens| Some(GenerationError::ContextLength { prompt_tokens, context_tokens: 2_048 });
    assert_eq!(refused(&mut rig, 5_000, None), error(5_000));
    assert_eq!(refused(&mut rig, 2_048 - 255, None), error(2_048 - 255));
    assert_eq!(refused(&mut rig, 2_048 - 256, None), None, "256 tokens are left for the answer");
    assert_eq!(refused(&mut rig, 2_048 - 10, Some(10)), None, "a short answer needs less");
    assert_eq!(
        refused(&mut rig, 2_048 - 511, Some(100_000)),
        error(2_048 - 511),
        "a quarter is enough for any"
    );
    assert_eq!(refused(&mut rig, 2_048 - 512, Some(100_000)), None);
}

#[test]
fn a_stop_string_across_tokens_ends_the_answer_before_it() {
    let mut rig = rig(1);
    let stop = vec!["</end>".to_owned(), "never".to_owned()];
    let id = ask_with(
        &mut rig,
        SamplingOptions { stop, ..Default::default() },
        "echo:all < of </en this</end> not that",
    );
    rig.finish();
    assert_eq!(rig.text(id), "all < of </en this");
    assert_eq!(rig.done(id).unwrap().0, FinishReason::Stop);
}

#[test]
fn a_stop_string_that_never_comes_leaves_the_whole_text() {
    let mut rig = rig(1);
    let stop = vec!["</end>".to_owned()];
    let id = ask_with(&mut rig, SamplingOptions { stop, ..Default::default() }, "echo:to the last </en");
    rig.finish();
    assert_eq!(rig.text(id), "to the last </en");
}

#[test]
fn the_templates_stop_strings_count_too() {
    let mut rig = rig(1);
    let command = rig.command(ANNA, plain());
    let id = command.id;
    rig.scheduler.arrive(command);
    let mut prompt = prepare(&asks("echo:before<|im_end|>after"));
    prompt.stop = vec!["<|im_end|>".to_owned()];
    rig.scheduler.prepared(id, Ok(prompt));
    rig.finish();
    assert_eq!(rig.text(id), "before");
}

#[test]
fn characters_of_several_tokens_come_whole() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, "echo:naïve 猫 🦊 👩‍🚀!");
    rig.finish();
    assert_eq!(rig.text(id), "naïve 猫 🦊 👩‍🚀!");
    assert!(
        rig.news(id).iter().all(|news| !matches!(news, News::Text { text, .. } if text.contains('\u{fffd}')))
    );
}

#[test]
fn a_stop_ends_an_answer_before_the_next_step_and_frees_its_slot() {
    let mut rig = rig(1);
    let stopped = rig.ask(ANNA, "endless");
    let next = rig.ask(BEN, "hello");
    rig.step_until("it answers", |rig| rig.has_text(stopped));
    rig.cancel(stopped);
    assert_eq!(rig.done(stopped).unwrap().0, FinishReason::Stopped);
    rig.step();
    assert_eq!(rig.running(), [next]);
    rig.finish();
}

#[test]
fn a_stop_ends_a_request_in_any_state() {
    let mut rig = rig(1);
    let preparing = rig.command(ANNA, plain());
    let preparing_id = preparing.id;
    rig.scheduler.arrive(preparing);
    let reading = rig.ask(BEN, &"word ".repeat(300));
    let waiting = rig.ask(CLEO, "hello");
    rig.step();
    for id in [preparing_id, waiting, reading] {
        rig.cancel(id);
        assert_eq!(rig.done(id).unwrap().0, FinishReason::Stopped);
        rig.cancel(id);
    }
    rig.scheduler.prepared(preparing_id, Ok(prepare(&asks("too late"))));
    rig.finish();
}

#[test]
fn a_prompt_that_cannot_be_prepared_fails_alone() {
    let mut rig = rig(1);
    let command = rig.command(ANNA, plain());
    let refused = rig.send(command, &asks("refuse"));
    let fine = rig.ask(ANNA, "hello");
    rig.finish();
    assert!(matches!(rig.error(refused), Some(GenerationError::Template { .. })));
    assert!(rig.done(fine).is_some());
}

#[test]
fn tokens_outside_the_vocabulary_never_reach_the_decoder() {
    let mut rig = rig(1);
    for strange in [-1, Token::MAX, 1_000_000] {
        let command = rig.command(ANNA, plain());
        let id = command.id;
        rig.scheduler.arrive(command);
        rig.scheduler
            .prepared(id, Ok(PreparedPrompt { tokens: vec![1, strange], ..PreparedPrompt::default() }));
        rig.finish();
        assert!(matches!(rig.error(id), Some(GenerationError::Internal { .. })), "{strange}");
    }
    let command = rig.command(ANNA, plain());
    let id = command.id;
    rig.scheduler.arrive(command);
    rig.scheduler.prepared(id, Ok(PreparedPrompt::default()));
    rig.finish();
    assert!(matches!(rig.error(id), Some(GenerationError::Template { .. })), "an empty prompt");
}

#[test]
fn an_answer_continued_from_any_of_its_tokens_is_the_same_answer() {
    let mut rig = rig(2);
    let whole = rig.ask(ANNA, "tokens:12");
    rig.finish();
    let (text, tokens) = (rig.text(whole), rig.tokens(whole));
    for kept in 0..=tokens.len() {
        let so_far = &tokens[..kept];
        let command = GenerateCommand { answer_so_far: so_far.to_vec(), ..rig.command(ANNA, plain()) };
        let id = rig.send(command, &asks("tokens:12"));
        rig.finish();
        assert_eq!(rig.tokens(id), tokens[kept..], "continued after {kept}");
        assert!(text.ends_with(&rig.text(id)));
    }
}

#[test]
fn an_answer_that_was_full_already_ends_at_once() {
    let mut rig = rig(1);
    let full = sampling(SamplingOptions { max_tokens: Some(3), ..Default::default() });
    let command = GenerateCommand { answer_so_far: vec![65, 66, 67], ..rig.command(ANNA, full) };
    let id = rig.send(command, &asks("endless"));
    assert_eq!(rig.done(id).unwrap().0, FinishReason::Length);
    rig.finish();
}

#[test]
fn the_seed_decides_the_answer() {
    let mut rig = rig(1);
    let with = |seed| SamplingOptions { seed: Some(seed), ..Default::default() }.check().unwrap();
    let texts: Vec<String> = [1, 1, 2]
        .into_iter()
        .map(|seed| {
            let command = rig.command(ANNA, with(seed));
            let id = rig.send(command, &asks("hello"));
            rig.finish();
            rig.text(id)
        })
        .collect();
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[0], texts[2]);
}
