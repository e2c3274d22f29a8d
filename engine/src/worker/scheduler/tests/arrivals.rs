//! Whatever comes in whatever order: everybody is answered once, and rightly, and nothing is left behind.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Ask {
        user: u128,
        question: usize,
        priority: Priority,
        stop: bool,
    },
    /// Prompts that are ready a few steps after the request came.
    AskSlowly {
        user: u128,
        question: usize,
    },
    Deliver,
    Cancel(u64),
    Step,
}

const QUESTIONS: [&str; 7] = [
    "tokens:3",
    "tokens:30 and more",
    "echo:a stop ST in the middle STOP and after",
    "echo:naïve 猫 🦊",
    "broken:4",
    "the quick brown fox jumps over the lazy dog again and again and again tokens:9",
    "the quick brown fox jumps over the lazy dog again and again and again tokens:12",
];

fn act() -> impl Strategy<Value = Act> {
    let question = 0..QUESTIONS.len();
    prop_oneof![
        3 => (0_u128..3, question.clone(), prop::bool::weighted(0.2), any::<bool>()).prop_map(|(user, question, side, stop)| {
            let priority = if side { Priority::Side } else { Priority::Chat };
            Act::Ask { user, question, priority, stop }
        }),
        1 => (0_u128..3, question).prop_map(|(user, question)| Act::AskSlowly { user, question }),
        1 => Just(Act::Deliver),
        2 => (1_u64..40).prop_map(Act::Cancel),
        6 => Just(Act::Step),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn everybody_is_answered_once_and_no_slot_is_left(slots in 1_u32..4, acts in prop::collection::vec(act(), 1..60)) {
        let mut rig = rig(slots);
        let mut asked: BTreeMap<u64, (usize, bool)> = BTreeMap::new();
        let mut undelivered: Vec<(u64, usize)> = Vec::new();
        for act in acts {
            match act {
                Act::Ask { user, question, priority, stop } => {
                    let stops = if stop { vec!["STOP".to_owned()] } else { Vec::new() };
                    let params = sampling(SamplingOptions { stop: stops, ..Default::default() });
                    let command = GenerateCommand { priority, ..rig.command(user, params) };
                    let id = rig.send(command, &asks(QUESTIONS[question]));
                    asked.insert(id, (question, stop));
                }
                Act::AskSlowly { user, question } => {
                    let command = rig.command(user, plain());
                    asked.insert(command.id, (question, false));
                    undelivered.push((command.id, question));
                    rig.scheduler.arrive(command);
                }
                Act::Deliver => deliver(&mut rig, undelivered.pop()),
                Act::Cancel(id) => rig.cancel(id),
                Act::Step => rig.step(),
            }
        }
        while let Some(late) = undelivered.pop() {
            deliver(&mut rig, Some(late));
        }
        rig.finish();

        for (id, (question, stop)) in asked {
            let whole = expected_answer(&asks(QUESTIONS[question]), &plain());
            let expected = if stop { whole.split("STOP").next().unwrap_or_default() } else { &whole };
            let text = rig.text(id);
            prop_assert!(rig.has_ended(id), "{id} has not ended");
            match rig.done(id) {
                // What might have become a stop string is told when the answer is ended before it did.
                Some((FinishReason::Stopped, _)) => prop_assert!(whole.starts_with(&text), "{text:?}"),
                None => prop_assert!(expected.starts_with(&text), "{text:?}"),
                Some(_) => prop_assert_eq!(text, expected),
            }
        }
    }
}

fn deliver(rig: &mut Rig, late: Option<(u64, usize)>) {
    if let Some((id, question)) = late {
        let prompt = prepare(&asks(QUESTIONS[question]));
        rig.scheduler.prepared(id, Ok(prompt));
        rig.hear();
    }
}
