//! The text of an answer on its way through the stream, its end and the answer that goes on with it: what was shown is
//! never taken back.

use frontend::state::conversation::Conversation;
use shared::reducer::Outcome;
use shared::{
    ApiError, Author, ChunkKind, ErrorCode, FinishReason, GenerationId, Message, MessageId, MessageStatus,
    Page, StreamEvent, Usage,
};
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Mounted, Seen, SilentLine, busy_machine, frame, until};
use super::signed_in::{TestPage, TestProps, chat, has_button, person, question};

const TEXT: &str = ".prose";

/// A running answer, and how far its stream is.
struct Run {
    answer: Message,
    generation_id: GenerationId,
    seq: u32,
    bytes: u32,
}

impl Run {
    fn of(answer: Message) -> Self {
        let generation_id = answer.generation_id.unwrap();
        Self { answer, generation_id, seq: 0, bytes: 0 }
    }

    /// An answer that goes on with this one.
    fn continued(&self) -> Self {
        Self::of(Message {
            id: MessageId::new(),
            generation_id: Some(GenerationId::new()),
            continues: Some(self.answer.id),
            ..self.answer.clone()
        })
    }

    fn writes(&mut self, text: &str) -> StreamEvent {
        self.seq += 1;
        let byte_offset = self.bytes;
        self.bytes += u32::try_from(text.len()).unwrap();
        StreamEvent::Delta {
            generation_id: self.generation_id,
            message_id: self.answer.id,
            epoch: 1,
            seq: self.seq,
            byte_offset,
            kind: ChunkKind::Text,
            text: text.into(),
        }
    }

    fn ends(&self, finish_reason: FinishReason) -> StreamEvent {
        StreamEvent::Done {
            generation_id: self.generation_id,
            message_id: self.answer.id,
            finish_reason,
            usage: Usage::default(),
        }
    }

    fn snapshot(&self, text: &str) -> StreamEvent {
        StreamEvent::Snapshot {
            generation_id: self.generation_id,
            message_id: self.answer.id,
            epoch: 1,
            seq: self.seq,
            text: text.into(),
            reasoning: String::new(),
            tool: String::new(),
        }
    }

    /// The place of the answer, as the server tells it.
    fn place(&self) -> StreamEvent {
        StreamEvent::Message { message: self.answer.clone() }
    }
}

/// A conversation whose answer has begun, on the page.
async fn begun() -> (Mounted<TestPage>, Run, SilentLine) {
    let line = SilentLine::new();
    let page = Mounted::<TestPage>::new(TestProps { user: person() }).await;
    let question = question();
    let run = Run::of(Message {
        id: MessageId::new(),
        parent_id: Some(question.id),
        role: Author::Assistant,
        content: String::new(),
        status: MessageStatus::Pending,
        generation_id: Some(GenerationId::new()),
        ..question.clone()
    });
    let mut conversation = Conversation::loading(question.conversation_id);
    conversation.merge(Page { items: vec![run.answer.clone(), question], next_cursor: None });
    conversation.show(None);
    chat().open.set(conversation);
    until("the answer waits", || page.all("[aria-busy]").len() == 1).await;
    (page, run, line)
}

async fn shows(page: &Mounted<TestPage>, text: &str) {
    until(text, || {
        page.root.query_selector(TEXT).unwrap().and_then(|e| e.text_content()).as_deref() == Some(text)
    })
    .await;
}

#[wasm_bindgen_test]
async fn the_last_word_before_the_end_stays_when_another_answer_goes_on() {
    let (page, mut run, _line) = begun().await;
    let seen = Seen::new(&page.root, TEXT);
    chat().hear(run.writes("one two"));
    shows(&page, "one two").await;
    // In one frame: the end is drawn, the word before it was not drawn as a part of a running answer.
    chat().hear(run.writes(" three"));
    chat().hear(run.ends(FinishReason::Stopped));
    until("the end", || has_button(&page, "Continue")).await;

    let _busy = busy_machine();
    let mut longer = run.continued();
    chat().hear(longer.place());
    until("it goes on", || page.all("[aria-busy]").len() == 1).await;
    frame().await;
    chat().hear(longer.writes("one two three"));
    chat().hear(longer.writes(" four"));
    shows(&page, "one two three four").await;
    seen.must_only_have_grown();
}

#[wasm_bindgen_test]
async fn an_answer_that_goes_on_before_the_end_of_the_first_is_heard_of_keeps_its_text() {
    let (page, mut run, _line) = begun().await;
    let (seen, _busy) = (Seen::new(&page.root, TEXT), busy_machine());
    chat().hear(run.writes("one two"));
    shows(&page, "one two").await;
    let mut longer = run.continued();
    chat().hear(longer.place());
    frame().await;
    chat().hear(run.ends(FinishReason::Stopped));
    frame().await;
    chat().hear(longer.writes("one two"));
    chat().hear(longer.writes(" three"));
    shows(&page, "one two three").await;
    seen.must_only_have_grown();
}

#[wasm_bindgen_test]
async fn an_answer_of_which_only_the_end_is_heard_keeps_what_is_shown_of_it() {
    let (page, mut run, _line) = begun().await;
    let (seen, _busy) = (Seen::new(&page.root, TEXT), busy_machine());
    chat().hear(run.writes("one two"));
    chat().hear(run.ends(FinishReason::Stopped));
    shows(&page, "one two").await;
    let longer = run.continued();
    chat().hear(longer.place());
    frame().await;
    chat().hear(StreamEvent::Error {
        generation_id: Some(longer.generation_id),
        error: ApiError::new(ErrorCode::ModelUnavailable, "The model is gone."),
    });
    until("why it ended", || page.text().contains("The model is gone.")).await;
    shows(&page, "one two").await;
    seen.must_only_have_grown();
}

#[wasm_bindgen_test]
async fn a_gap_in_the_stream_takes_nothing_back() {
    let (page, mut run, _line) = begun().await;
    let (seen, _busy) = (Seen::new(&page.root, TEXT), busy_machine());
    chat().hear(run.writes("one two"));
    shows(&page, "one two").await;
    let missed = run.writes(" three");
    assert_eq!(chat().hear(run.writes(" four")), Outcome::Gap);
    drop(missed);
    // What the page does then, and what comes first on the new line.
    let id = chat().open.get().id;
    chat().open(None);
    chat().open(id);
    chat().hear(StreamEvent::Prefill { generation_id: run.generation_id, done: 1, total: 2 });
    frame().await;
    shows(&page, "one two").await;
    chat().hear(run.snapshot("one two three four"));
    shows(&page, "one two three four").await;
    seen.must_only_have_grown();
}

#[wasm_bindgen_test]
async fn what_another_device_has_added_is_shown_whichever_news_of_it_comes_first() {
    let (page, mut run, _line) = begun().await;
    chat().hear(run.writes("one two"));
    chat().hear(run.ends(FinishReason::Stopped));
    shows(&page, "one two").await;
    let longer = run.continued();
    // The list was told first: the messages are here before the stream speaks of them.
    chat().open.update(|open| open.merge(Page { items: vec![longer.answer.clone()], next_cursor: None }));
    chat().hear(longer.place());
    until("it goes on", || page.all("[aria-busy]").len() == 1 && !has_button(&page, "Continue")).await;
    shows(&page, "one two").await;
}

#[wasm_bindgen_test]
async fn a_version_that_is_being_written_is_whole_in_the_frame_in_which_it_is_shown_again() {
    let (page, mut run, _line) = begun().await;
    chat().hear(run.writes("one two"));
    chat().hear(run.ends(FinishReason::Stopped));
    // Two devices go on with it at the same time.
    let (mut first, mut second) = (run.continued(), run.continued());
    for (place, words) in [(&mut first, " three"), (&mut second, " four")] {
        chat().hear(place.place());
        chat().hear(place.writes("one two"));
        chat().hear(place.writes(words));
    }
    chat().hear(second.ends(FinishReason::Stop));
    let show = |run: &Run| chat().open.update(|open| open.show(Some(run.answer.id)));
    show(&second);
    shows(&page, "one two four").await;
    chat().hear(first.writes(" five"));
    let (seen, _busy) = (Seen::new(&page.root, TEXT), busy_machine());
    show(&first);
    shows(&page, "one two three five").await;
    assert_eq!(seen.texts(), ["one two four", "one two three five"]);
}
