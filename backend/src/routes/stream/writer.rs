//! Writes what a reader hears to its connection, and is gone with it. Between two events it holds no buffer.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::time::Duration;

use shared::StreamEvent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Interval, MissedTickBehavior, timeout};

use crate::middleware::handover::Connection;
use crate::services::generation::reader::{Reader, STREAM_LIFETIME};

/// A comment on the stream every so often: below the shortest time after which proxies cut (30 s).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream that has to end and cannot be written to is given up after this time.
const FAREWELL: Duration = Duration::from_secs(30);
/// Events that are ready together are written together, up to about this much: what the system takes at once.
const WRITE_BYTES: usize = 16 * 1024;
/// The length of a chunk is written in front of it once it is known: eight digits, whatever it is.
const CHUNK_HEAD: &[u8; 10] = b"00000000\r\n";

/// Serves a reader until it has ended, the person has signed out, or the connection is gone. A client that stops
/// reading keeps nothing but this waiting.
pub async fn serve(
    connection: Connection,
    reader: Reader,
    signed_out: Pin<Box<dyn Future<Output = ()> + Send>>,
) {
    let writer = Writer { reader, signed_out, socket: connection.socket, is_chunked: connection.is_chunked };
    // An error is a connection that has gone; whoever was there comes back.
    let _ = timeout(STREAM_LIFETIME + FAREWELL, writer.write_all(connection.head)).await;
}

struct Writer {
    reader: Reader,
    signed_out: Pin<Box<dyn Future<Output = ()> + Send>>,
    socket: TcpStream,
    is_chunked: bool,
}

impl Writer {
    async fn write_all(mut self, head: Vec<u8>) -> io::Result<()> {
        self.socket.write_all(&head).await?;
        drop(head);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        while let Some(bytes) = self.next(&mut heartbeat).await? {
            self.socket.write_all(&bytes).await?;
        }
        if self.is_chunked {
            self.socket.write_all(b"0\r\n\r\n").await?;
        }
        self.socket.shutdown().await
    }

    /// The next bytes; none after the end. Heartbeats go out by the way, so that what the reader waits for is never
    /// begun again.
    async fn next(&mut self, heartbeat: &mut Interval) -> io::Result<Option<Vec<u8>>> {
        let Self { reader, signed_out, socket, is_chunked } = self;
        let (mut input, mut output) = socket.split();
        let first = {
            let mut next = pin!(reader.next());
            let mut rest = [0; 64];
            loop {
                tokio::select! {
                    biased;
                    () = &mut *signed_out => break None,
                    event = &mut next => break event,
                    _ = heartbeat.tick() => {
                        let mut buffer = Buffer::new(*is_chunked);
                        buffer.bytes.extend_from_slice(b": keep-alive\n\n");
                        output.write_all(&buffer.finish()).await?;
                    }
                    // What a client says after its request means nothing; that it has gone does.
                    read = input.read(&mut rest) => if read? == 0 {
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    },
                }
            }
        };
        let Some(first) = first else { return Ok(None) };
        let mut buffer = Buffer::new(*is_chunked);
        buffer.push(&first)?;
        while buffer.bytes.len() < WRITE_BYTES
            && let Some(event) = reader.ready()
        {
            buffer.push(&event)?;
        }
        Ok(Some(buffer.finish()))
    }
}

/// Events on their way to the socket.
struct Buffer {
    bytes: Vec<u8>,
    is_chunked: bool,
}

impl Buffer {
    fn new(is_chunked: bool) -> Self {
        Self { bytes: if is_chunked { CHUNK_HEAD.to_vec() } else { Vec::new() }, is_chunked }
    }

    fn push(&mut self, event: &StreamEvent) -> io::Result<()> {
        writeln!(self.bytes, "event: {}", event.name())?;
        if let Some(cursor) = event.cursor() {
            writeln!(self.bytes, "id: {cursor}")?;
        }
        // JSON without spaces has no line breaks.
        self.bytes.extend_from_slice(b"data: ");
        serde_json::to_writer(&mut self.bytes, event)?;
        self.bytes.extend_from_slice(b"\n\n");
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        if self.is_chunked {
            let length = format!("{:08x}", self.bytes.len() - CHUNK_HEAD.len());
            self.bytes.splice(..length.len(), length.bytes());
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use shared::sse::Decoder;
    use shared::{ChunkKind, GenerationId, MessageId};

    use super::*;

    fn delta(text: &str) -> StreamEvent {
        StreamEvent::Delta {
            generation_id: GenerationId::new(),
            message_id: MessageId::new(),
            epoch: 1,
            seq: 2,
            byte_offset: 0,
            kind: ChunkKind::Text,
            text: text.to_owned(),
        }
    }

    #[test]
    fn events_are_written_as_every_client_reads_them() {
        let events = [delta("a\nb\r\nc\u{2028}"), StreamEvent::List {}];
        let mut buffer = Buffer::new(false);
        events.iter().for_each(|event| buffer.push(event).unwrap());
        let read = Decoder::new().push(&buffer.finish()).unwrap();
        for (event, read) in events.iter().zip(&read) {
            assert_eq!(serde_json::from_str::<StreamEvent>(&read.data).unwrap(), *event);
            assert_eq!(read.name, event.name());
        }
        assert_eq!(read[0].id, events[0].cursor().unwrap().to_string());
    }

    #[test]
    fn a_chunk_says_how_long_it_is() {
        let mut buffer = Buffer::new(true);
        buffer.push(&StreamEvent::List {}).unwrap();
        let bytes = buffer.finish();
        let (length, rest) = bytes.split_at(8);
        let length = usize::from_str_radix(std::str::from_utf8(length).unwrap(), 16).unwrap();
        assert!(rest.starts_with(b"\r\nevent: list\n") && rest.ends_with(b"\n\n\r\n"));
        assert_eq!(length, rest.len() - 4);
    }
}
