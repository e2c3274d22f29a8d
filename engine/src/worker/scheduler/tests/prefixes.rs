use super::*;

/// The messages of the next turn after `text` was answered.
fn next_turn(messages: &[ChatMessage], answer: &str, text: &str) -> Vec<ChatMessage> {
    let mut messages = messages.to_vec();
    messages.push(says(ChatRole::Assistant, answer));
    messages.push(says(ChatRole::User, text));
    messages
}

fn prompt_len(messages: &[ChatMessage]) -> u32 {
    prepare(messages).tokens.len() as u32
}

/// An answer whose text, read again as a prompt, is the same tokens: bytes.
const FIRST: &str = "echo:the answer to the first question";

#[test]
fn a_second_turn_reads_only_what_is_new() {
    let mut rig = rig(2);
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    let second = next_turn(&asks(FIRST), &rig.text(first), "and then?");
    let command = rig.command(ANNA, plain());
    let id = rig.send(command, &second);
    rig.finish();
    let known = prompt_len(&asks(FIRST)) + rig.tokens(first).len() as u32;
    assert_eq!(rig.cached(id), known);
    assert_eq!(rig.done(id).unwrap().1.cached_tokens, known);
    assert_eq!(rig.text(id), expected_answer(&second, &plain()), "the same as without a cache");
}

#[test]
fn another_answer_to_the_same_question_reads_nothing_but_the_last_token() {
    let mut rig = rig(1);
    let first = rig.ask(ANNA, FIRST);
    let again = rig.ask(ANNA, FIRST);
    rig.finish();
    assert_eq!(rig.cached(again), prompt_len(&asks(FIRST)) - 1);
    assert_eq!(rig.text(again), rig.text(first));
}

#[test]
fn a_prefix_is_taken_from_a_stream_that_is_still_running() {
    let mut rig = rig(2);
    let long = format!("{} endless", "word ".repeat(40));
    let running = rig.ask(ANNA, &long);
    rig.step_until("it answers", |rig| rig.has_text(running));
    let same = rig.ask(ANNA, &long);
    rig.step_until("so does the other", |rig| rig.has_text(same));
    assert_eq!(rig.cached(same), prompt_len(&asks(&long)) - 1);
    rig.cancel(running);
    rig.cancel(same);
    rig.finish();
    let expected = expected_answer(
        &asks(&long),
        &sampling(SamplingOptions { max_tokens: Some(9), ..Default::default() }),
    );
    assert!(expected.starts_with(&rig.text(same)) || rig.text(same).starts_with(&expected));
}

#[test]
fn another_users_question_is_read_whole() {
    let mut rig = rig(2);
    rig.ask(ANNA, FIRST);
    rig.finish();
    let id = rig.ask(BEN, FIRST);
    rig.finish();
    assert_eq!(rig.cached(id), 0);
}

#[test]
fn two_conversations_keep_their_prefixes_side_by_side() {
    let mut rig = rig(2);
    let questions = [asks("echo:one answer for the first"), asks("echo:an answer for the second")];
    let mut answers = Vec::new();
    for question in &questions {
        let command = rig.command(ANNA, plain());
        let id = rig.send(command, question);
        rig.finish();
        answers.push(rig.text(id));
    }
    for (question, answer) in questions.iter().zip(&answers) {
        let command = rig.command(ANNA, plain());
        let id = rig.send(command, &next_turn(question, answer, "more"));
        rig.finish();
        assert_eq!(rig.cached(id), prompt_len(question) + answer.len() as u32);
    }
}

#[test]
fn an_edited_question_is_answered_as_if_nothing_had_been_there() {
    let mut rig = rig(1);
    rig.ask(ANNA, "the quick brown fox tokens:9");
    rig.finish();
    let edited = rig.ask(ANNA, "the quick red fox tokens:9");
    rig.finish();
    assert_eq!(rig.text(edited), expected_answer(&asks("the quick red fox tokens:9"), &plain()));
}
