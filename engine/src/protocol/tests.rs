use super::*;
use crate::{ChatMessage, ChatRole, SamplingOptions};

fn command() -> Command {
    Command::Generate(Box::new(GenerateCommand {
        id: 3,
        user: u128::MAX,
        conversation: None,
        prompt: vec![ChatMessage::new(ChatRole::User, "hé")].into(),
        sampling: SamplingOptions { seed: Some(1), ..SamplingOptions::default() }.check().unwrap(),
        answer_so_far: vec![1, 2],
        priority: Priority::Chat,
    }))
}

#[test]
fn values_survive_the_pipe_one_after_the_other() {
    let step = Event::Step(vec![Update { id: 3, news: News::Prefill { done: 1, total: 2 } }]);
    let mut pipe = Vec::new();
    write_frame(&mut pipe, &command()).unwrap();
    write_frame(&mut pipe, &step).unwrap();
    let mut from = pipe.as_slice();
    assert_eq!(read_frame(&mut from).unwrap(), Some(command()));
    assert_eq!(read_frame(&mut from).unwrap(), Some(step));
    assert_eq!(read_frame::<Event>(&mut from).unwrap(), None);
}

#[test]
fn a_frame_over_the_bound_is_refused_before_memory_is_taken() {
    let mut pipe = (FRAME_MAX_BYTES + 1).to_le_bytes().to_vec();
    pipe.extend([0; 8]);
    assert!(matches!(read_frame::<Event>(pipe.as_slice()), Err(FrameError::TooLarge { .. })));
    let long = Event::LoadFailed { message: "x".repeat(FRAME_MAX_BYTES as usize) };
    assert!(matches!(encode(&long), Err(FrameError::TooLarge { .. })));
}

#[test]
fn a_frame_that_is_cut_or_not_understood_is_an_error() {
    let frame = encode(&command()).unwrap();
    assert!(matches!(read_frame::<Command>(&frame[..frame.len() - 1]), Err(FrameError::Io(_))));
    assert!(matches!(decode::<Command>(&[99, 99]), Err(FrameError::Malformed(_))));
    let mut longer = frame[4..].to_vec();
    longer.push(0);
    assert!(matches!(decode::<Command>(&longer), Err(FrameError::Malformed(_))), "bytes are left over");
}

#[test]
fn sampling_that_breaks_a_bound_does_not_come_through() {
    let options = SamplingOptions { temperature: Some(99.0), ..SamplingOptions::default() };
    let bytes = postcard::to_stdvec(&options).unwrap();
    assert!(postcard::from_bytes::<SamplingParams>(&bytes).is_err());
    let good = SamplingOptions { temperature: Some(1.0), ..SamplingOptions::default() };
    let bytes = postcard::to_stdvec(&good).unwrap();
    assert!(postcard::from_bytes::<SamplingParams>(&bytes).is_ok());
}
