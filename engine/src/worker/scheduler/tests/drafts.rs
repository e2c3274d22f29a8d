use proptest::prelude::*;

use super::*;
use crate::Speculation;

/// A text whose lines differ a little: much of it can be foretold, and now and then that is wrong.
const CODE: &str = "let first = read(\"first\"); let second = read(\"second\"); let third = read(\"third\"); \
    if first == second { return first } if second == third { return second } return read(\"third\")";

fn copy_of(text: &str) -> String {
    format!("{text} echo:{text} and again {text}")
}

/// Nobody drafts.
fn plain_rig(slots: u32) -> Rig {
    rig_of(slots, &ScriptedModel { draft_token_us: None, ..model() })
}

fn with(max_tokens: u32) -> SamplingOptions {
    SamplingOptions { max_tokens: Some(max_tokens), ..SamplingOptions::default() }
}

fn ask_with(rig: &mut Rig, options: SamplingOptions, text: &str) -> u64 {
    let command = rig.command(ANNA, sampling(options));
    rig.send(command, &asks(text))
}

/// What the cache of each running slot holds is what its stream has evaluated, and the slots know it.
fn assert_in_step(rig: &Rig) {
    for (slot, stream) in &rig.scheduler.running {
        let evaluated = &stream.request.tokens[..stream.evaluated];
        assert_eq!(rig.scheduler.decoder.tokens_in(*slot), evaluated);
        assert_eq!(rig.scheduler.slots.held_tokens(*slot), evaluated.len());
        assert_eq!(stream.ahead, 0);
    }
}

#[test]
fn a_copy_is_the_same_with_drafts_and_comes_sooner() {
    let times = [plain_rig(1), rig(1)].map(|mut rig| {
        let id = rig.ask(ANNA, &copy_of(CODE));
        rig.step_until("it answers", |rig| rig.has_text(id));
        let began = rig.time.get();
        rig.finish();
        assert_eq!(rig.text(id), expected_answer(&asks(&copy_of(CODE)), &plain()));
        let (reason, usage) = rig.done(id).unwrap();
        assert_eq!(reason, FinishReason::Stop);
        assert_eq!(usage.completion_tokens as usize, rig.tokens(id).len());
        assert!(usage.accepted_tokens <= usage.drafted_tokens);
        (usage.accepted_tokens, rig.time.get() - began)
    });
    let [(none, plain), (accepted, drafting)] = times;
    assert_eq!(none, 0);
    assert!(accepted > 200 && drafting < plain / 4, "{accepted} accepted, {drafting:?} instead of {plain:?}");
}

#[test]
fn what_cannot_be_foretold_is_hardly_ever_drafted() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, "tokens:500");
    rig.finish();
    let (_, usage) = rig.done(id).unwrap();
    assert!(usage.drafted_tokens < 50, "{} for 500 tokens", usage.drafted_tokens);
}

#[test]
fn nothing_is_drafted_where_the_settings_say_so() {
    let request = LoadRequest { slots: 1, speculation: Speculation::Off, ..LoadRequest::new("none") };
    let decoder = ScriptedDecoder::new(&model(), &request, Box::new(drop));
    assert_eq!(decoder.facts().drafting, Drafting::Off);
}

#[test]
fn what_a_slot_holds_is_known_after_every_step() {
    let mut rig = rig(2);
    let other = rig.ask(BEN, &copy_of("a rose is a rose is a rose"));
    let id = rig.ask(ANNA, &copy_of(CODE));
    let mut rejected = 0;
    while !(rig.has_ended(id) && rig.has_ended(other)) {
        rig.step();
        assert_in_step(&rig);
        rejected = rig
            .scheduler
            .running
            .values()
            .map(|stream| stream.request.drafted - stream.request.accepted)
            .sum::<u32>()
            .max(rejected);
    }
    assert!(rejected > 0, "some drafts were wrong");
    for slot in 0..2 {
        assert_eq!(rig.scheduler.slots.held_tokens(slot), rig.scheduler.decoder.tokens_in(slot).len());
    }
    rig.finish();
}

#[test]
fn max_tokens_is_kept_to_the_token() {
    for most in [1, 2, 3, 20, 60, 61, 62, 63, 64, 100, 150, 151, 152, 153] {
        let mut rig = rig(1);
        let warm = rig.ask(ANNA, &copy_of(CODE));
        rig.finish();
        let id = ask_with(&mut rig, with(most), &copy_of(CODE));
        rig.finish();
        assert_eq!(rig.tokens(id).len(), most as usize);
        assert_eq!(rig.done(id).unwrap().0, FinishReason::Length);
        assert_eq!(rig.tokens(id), rig.tokens(warm)[..most as usize]);
    }
}

#[test]
fn drafts_end_with_the_context() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, &format!("echo:{}", CODE.repeat(6)));
    rig.finish();
    let (reason, usage) = rig.done(id).unwrap();
    assert_eq!(reason, FinishReason::Length);
    assert_eq!(usage.prompt_tokens + usage.completion_tokens, 2_048);
    assert!(usage.accepted_tokens > 200);
    assert_eq!(rig.scheduler.decoder.tokens_in(0).len(), 2_047, "the last token is not evaluated");
}

#[test]
fn an_answer_with_drafts_leaves_a_prefix_for_the_next_turn() {
    let question = copy_of(CODE);
    let mut rig = rig(1);
    let first = rig.ask(ANNA, &question);
    rig.finish();
    let mut turns = asks(&question);
    turns.push(says(ChatRole::Assistant, &rig.text(first)));
    turns.push(says(ChatRole::User, "and then?"));
    let command = rig.command(ANNA, plain());
    let second = rig.send(command, &turns);
    rig.finish();
    let known = prepare(&asks(&question)).tokens.len() + rig.tokens(first).len();
    assert_eq!(rig.cached(second) as usize, known);
}

#[test]
fn a_stream_that_copies_does_not_slow_the_others_for_its_own_gain() {
    let time_of_others = |drafts: bool| {
        let mut rig = if drafts { rig(4) } else { plain_rig(4) };
        let ids: Vec<u64> = (2..5).map(|user| rig.ask(user, "tokens:150")).collect();
        let copying = rig.ask(ANNA, &copy_of(CODE));
        rig.step_until("all answer", |rig| ids.iter().all(|id| rig.has_text(*id)));
        while ids.iter().any(|id| !rig.has_ended(*id)) {
            let before: Vec<usize> = ids.iter().map(|id| rig.tokens(*id).len()).collect();
            rig.step();
            let goes_on = |(id, before): (&u64, usize)| rig.has_ended(*id) || rig.tokens(*id).len() > before;
            assert!(ids.iter().zip(before).all(goes_on), "everybody gets a token from every step");
            assert!(rig.last_step <= Duration::from_millis(260), "{:?}", rig.last_step);
        }
        let time = rig.time.get();
        rig.cancel(copying);
        rig.finish();
        time
    };
    let (drafting, plain) = (time_of_others(true), time_of_others(false));
    assert!(drafting < plain * 3 / 2, "{drafting:?} instead of {plain:?}");
}

#[test]
fn a_copy_that_is_stopped_or_paused_stands_where_it_was_told_to_be() {
    let mut rig = rig(1);
    let id = rig.ask(ANNA, &copy_of(CODE));
    rig.step_until("it drafts", |rig| {
        rig.scheduler.running.values().any(|stream| stream.request.accepted > 0)
    });
    rig.pause(id);
    let told = rig.tokens(id).len();
    rig.step();
    assert_eq!(rig.tokens(id).len(), told);
    rig.resume(id);
    rig.step();
    rig.cancel(id);
    assert!(rig.tokens(id).len() > told);
    let whole = expected_answer(&asks(&copy_of(CODE)), &plain());
    assert!(whole.starts_with(&rig.text(id)));
    rig.finish();
}

#[test]
fn a_small_model_drafts_what_was_never_there_before() {
    let model = ScriptedModel { has_draft_model: true, ..model() };
    let greedy = SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() };
    let mut rig = rig_of(1, &model);
    let id = ask_with(&mut rig, greedy.clone(), "tokens:200");
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks("tokens:200"), &sampling(greedy)));
    let greedy_usage = rig.done(id).unwrap().1;
    assert!(greedy_usage.accepted_tokens > 100, "{greedy_usage:?}");
    let id = rig.ask(ANNA, "tokens:200 by chance");
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks("tokens:200 by chance"), &plain()));
    let usage = rig.done(id).unwrap().1;
    assert!(usage.drafted_tokens < 60, "switched off where it is wrong: {usage:?}");
}

#[test]
fn a_cache_that_cannot_be_cut_after_all_is_read_again_and_nothing_is_drafted_any_more() {
    let mut rig = rig(1);
    rig.scheduler.decoder.refuse_cuts();
    let id = rig.ask(ANNA, &copy_of(CODE));
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&asks(&copy_of(CODE)), &plain()));
    assert_eq!(rig.scheduler.facts.drafting, Drafting::Off);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn drafts_change_no_answer(
        words in prop::collection::vec(prop::sample::select(vec!["ab", "abc", "b", " ", "\n", "é"]), 1..60),
        most in prop::option::of(1_u32..80),
        stop in prop::option::of(prop::sample::select(vec!["abab", "cb", "b\n", "zz"])),
        has_logprobs: bool,
        kept in 0_usize..40,
    ) {
        let text = format!("{0} echo:{0}{0}", words.concat());
        let options = SamplingOptions {
            max_tokens: most,
            stop: stop.into_iter().map(str::to_owned).collect(),
            logprobs: has_logprobs.then_some(1),
            ..SamplingOptions::default()
        };
        let answer = expected_answer(&asks(&text), &plain());
        let so_far: Vec<Token> = answer.bytes().map(Token::from).take(kept).collect();
        let told = [plain_rig(1), rig(1)].map(|mut rig| {
            for answer_so_far in [Vec::new(), so_far.clone()] {
                let command = rig.command(ANNA, sampling(options.clone()));
                rig.send(GenerateCommand { answer_so_far, ..command }, &asks(&text));
                rig.finish();
                assert_in_step(&rig);
            }
            let without_speeds = rig.told.values().flatten().filter_map(|news| match news {
                News::Done { reason, usage } => Some(format!("{reason:?} {}", usage.completion_tokens)),
                // Pieces may come with other borders only where a step brings several tokens: they do not.
                News::Text { .. } | News::Failed(_) => Some(format!("{news:?}")),
                _ => None,
            });
            without_speeds.collect::<Vec<String>>()
        });
        prop_assert_eq!(&told[0], &told[1]);
    }
}
