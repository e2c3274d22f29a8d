//! Server-sent events: the incremental decoder of every client, and the encoder that tests it.
//!
//! Follows the WHATWG HTML standard, 9.2.5 and 9.2.6: lines end in LF, CR or CRLF; a blank line dispatches;
//! comments begin with a colon; `id` stays until another one comes.

use crate::limits;

/// One dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// `event:`; empty where none was given.
    pub name: String,
    /// The `data:` lines, joined by LF.
    pub data: String,
    /// The last `id:` seen on the stream; empty before the first.
    pub id: String,
}

/// The stream sent an event longer than a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is longer than {} bytes", limits::EVENT_MAX_BYTES)]
pub struct EventTooLong;

/// Turns bytes, cut anywhere, into events.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    after_cr: bool,
    started: bool,
    name: String,
    data: String,
    has_data: bool,
    id: String,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the events that they complete. An event that is cut off by the end of
    /// the stream is never returned.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, EventTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_of_line(&line));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > limits::EVENT_MAX_BYTES {
                return Err(EventTooLong);
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self, line: &[u8]) -> Option<SseEvent> {
        let line = String::from_utf8_lossy(line);
        let line = if self.started { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.started = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| SseEvent { name, data, id: self.id.clone() })
    }
}

/// One event as bytes of a stream. A name or an id with a line break cannot be written and is left out.
pub fn encode(event: &SseEvent) -> String {
    let mut text = String::new();
    for (field, value) in [("event", &event.name), ("id", &event.id)] {
        if !value.is_empty() && !value.contains(['\r', '\n', '\0']) {
            text.push_str(field);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
    }
    for line in event.data.split('\n') {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8]) -> Vec<SseEvent> {
        Decoder::new().push(bytes).unwrap()
    }

    fn event(name: &str, data: &str, id: &str) -> SseEvent {
        SseEvent { name: name.into(), data: data.into(), id: id.into() }
    }

    #[test]
    fn comments_retry_and_unknown_fields_are_passed_over() {
        assert_eq!(decode(b": ping\n\nretry: 5\nfoo: bar\n\ndata: x\n\n"), [event("", "x", "")]);
    }

    #[test]
    fn data_lines_are_joined_and_one_space_is_dropped() {
        assert_eq!(decode(b"data:a\ndata:  b\ndata\n\n"), [event("", "a\n b\n", "")]);
    }

    #[test]
    fn an_id_stays_until_another_comes() {
        assert_eq!(
            decode(b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
            [event("", "a", "1"), event("", "b", "1"), event("", "c", "")]
        );
    }

    #[test]
    fn an_event_without_data_is_dropped_with_its_name() {
        assert_eq!(decode(b"event: x\n\ndata: a\n\n"), [event("", "a", "")]);
    }

    #[test]
    fn an_unfinished_event_is_kept_back() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.push(b"data: a\n").unwrap(), []);
        assert_eq!(decoder.push(b"\n").unwrap(), [event("", "a", "")]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = Decoder::new();
        let result =
            (0..limits::EVENT_MAX_BYTES / 1000 + 2).try_for_each(|_| decoder.push(&[b'x'; 1000]).map(drop));
        assert_eq!(result, Err(EventTooLong));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_events(
            input in "(data|event|id|: ping|x)?(: ?)?[a-zé✓\u{1F600}]{0,4}(\n|\r|\r\n|\n\n|\r\n\r\n){0,3}",
            more in proptest::collection::vec("(data: [a-zé✓ ]{0,6}(\n|\r\n|\r))(\n|\r\n|\r)?", 0..6),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let bytes = (input + &more.concat()).into_bytes();
            let whole = decode(&bytes);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::new();
            let mut pieces = Vec::new();
            for pair in cuts.windows(2) {
                pieces.extend(decoder.push(&bytes[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(pieces, whole);
        }

        #[test]
        fn what_is_encoded_is_decoded(
            events in proptest::collection::vec(("[a-z]{1,8}", "[^\r\0]{0,40}", "[a-z0-9:]{1,12}"), 0..8)
        ) {
            let events: Vec<SseEvent> = events.iter().map(|(name, data, id)| event(name, data, id)).collect();
            let bytes: String = events.iter().map(encode).collect();
            prop_assert_eq!(decode(bytes.as_bytes()), events);
        }
    }
}
