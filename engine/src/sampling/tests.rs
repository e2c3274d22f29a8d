use super::*;

#[test]
fn what_is_missing_takes_its_default_and_a_seed_is_drawn() {
    let params = SamplingOptions::default().check().unwrap();
    assert_eq!((params.temperature(), params.top_p(), params.top_k(), params.min_p()), (0.8, 0.95, 40, 0.05));
    assert_eq!(
        (params.repeat_penalty(), params.presence_penalty(), params.frequency_penalty()),
        (1.0, 0.0, 0.0)
    );
    assert_eq!((params.max_tokens(), params.stop()), (None, &[][..]));
    let seeds: Vec<u32> = (0..8).map(|_| SamplingOptions::default().check().unwrap().seed()).collect();
    assert!(seeds.iter().any(|seed| *seed != seeds[0]));
}

#[test]
fn every_breach_is_told_with_its_field() {
    let options = SamplingOptions {
        temperature: Some(2.5),
        top_p: Some(0.0),
        min_p: Some(f32::NAN),
        repeat_penalty: Some(0.0),
        presence_penalty: Some(-3.0),
        frequency_penalty: Some(f32::INFINITY),
        max_tokens: Some(0),
        stop: vec![String::new()],
        ..SamplingOptions::default()
    };
    let mut fields: Vec<&str> = options.check().unwrap_err().iter().map(|invalid| invalid.field).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "frequency_penalty",
            "max_tokens",
            "min_p",
            "presence_penalty",
            "repeat_penalty",
            "stop",
            "temperature",
            "top_p"
        ]
    );
}

#[test]
fn stop_strings_are_bounded_in_number_and_length() {
    let with = |stop| SamplingOptions { stop, ..SamplingOptions::default() }.check();
    assert!(with(vec!["x".repeat(STOP_MAX_BYTES); STOP_MAX_COUNT]).is_ok());
    assert!(with(vec!["x".to_owned(); STOP_MAX_COUNT + 1]).is_err());
    assert!(with(vec!["x".repeat(STOP_MAX_BYTES + 1)]).is_err());
}

#[test]
fn every_other_bound_is_told_too() {
    let field = |options: SamplingOptions| options.check().unwrap_err().remove(0).field;
    let plain = SamplingOptions::default;
    assert_eq!(field(SamplingOptions { typical_p: Some(0.0), ..plain() }), "typical_p");
    assert_eq!(field(SamplingOptions { logprobs: Some(21), ..plain() }), "logprobs");
    assert_eq!(field(SamplingOptions { logit_bias: vec![(1, f32::NAN)], ..plain() }), "logit_bias");
    assert_eq!(field(SamplingOptions { logit_bias: vec![(1, 1.0); 1_025], ..plain() }), "logit_bias");
    let dry = |dry| field(SamplingOptions { dry: Some(dry), ..plain() });
    assert_eq!(dry(Dry { multiplier: -1.0, ..Dry::default() }), "dry");
    assert_eq!(dry(Dry { base: 0.5, ..Dry::default() }), "dry");
    assert_eq!(dry(Dry { sequence_breakers: vec!["x".repeat(41)], ..Dry::default() }), "dry");
    assert_eq!(
        field(SamplingOptions { xtc: Some(Xtc { probability: 0.5, threshold: 0.6 }), ..plain() }),
        "xtc"
    );
    assert_eq!(
        field(SamplingOptions { mirostat: Some(Mirostat { tau: 0.0, eta: 0.1 }), ..plain() }),
        "mirostat"
    );
    let constraint = |constraint| field(SamplingOptions { constraint: Some(constraint), ..plain() });
    assert_eq!(constraint(Constraint::JsonSchema("[".to_owned())), "constraint");
    assert_eq!(constraint(Constraint::Grammar(" ".to_owned())), "constraint");
    assert_eq!(constraint(Constraint::Grammar("x".repeat(70_000))), "constraint");
}

#[test]
fn checked_params_survive_the_pipe() {
    let options = SamplingOptions {
        seed: Some(1),
        logit_bias: vec![(5, -100.0)],
        logprobs: Some(3),
        dry: Some(Dry::default()),
        xtc: Some(Xtc { probability: 0.5, threshold: 0.1 }),
        mirostat: Some(Mirostat { tau: 5.0, eta: 0.1 }),
        constraint: Some(Constraint::JsonSchema("{}".to_owned())),
        ..SamplingOptions::default()
    };
    let params = options.check().unwrap();
    let bytes = postcard::to_stdvec(&params).unwrap();
    assert_eq!(postcard::from_bytes::<SamplingParams>(&bytes).unwrap(), params);
}
