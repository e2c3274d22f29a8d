//! Writes the body of an answer to a connection that actix has let go of. Between two pieces it holds no buffer.

use std::io;
use std::pin::Pin;

use actix_web::web::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The pieces of a body.
pub type Body = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// Pieces that are ready together are written together, up to about this much: what the system takes at once.
const WRITE_BYTES: usize = 16 * 1024;
/// The length of a chunk is written in front of it once it is known: eight digits, whatever it is.
const CHUNK_HEAD: &[u8; 10] = b"00000000\r\n";

/// A connection after the head of its answer.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub socket: TcpStream,
    /// What is to be written first.
    pub head: Vec<u8>,
    /// Whether the body goes in chunks; otherwise it ends with the connection.
    pub is_chunked: bool,
}

impl Connection {
    /// Writes until the body or the connection has ended. A client that stops reading keeps nothing but this waiting.
    pub async fn write(mut self, mut body: Body) -> io::Result<()> {
        self.socket.write_all(&self.head).await?;
        self.head = Vec::new();
        while let Some(first) = self.next(&mut body).await? {
            let bytes = self.gather(&first, &mut body);
            self.socket.write_all(&bytes).await?;
        }
        if self.is_chunked {
            self.socket.write_all(b"0\r\n\r\n").await?;
        }
        self.socket.shutdown().await
    }

    /// The next piece; none after the last.
    async fn next(&mut self, body: &mut Body) -> io::Result<Option<Bytes>> {
        let mut ignored = [0; 64];
        loop {
            tokio::select! {
                biased;
                piece = body.next() => return Ok(piece),
                // What a client says after its request means nothing; that it has gone does.
                read = self.socket.read(&mut ignored) => if read? == 0 {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                },
            }
        }
    }

    /// A piece with those that follow without waiting, as they go over the line.
    fn gather(&self, first: &[u8], body: &mut Body) -> Vec<u8> {
        let mut bytes = if self.is_chunked { CHUNK_HEAD.to_vec() } else { Vec::new() };
        bytes.extend_from_slice(first);
        while bytes.len() < WRITE_BYTES
            && let Some(Some(piece)) = body.next().now_or_never()
        {
            bytes.extend_from_slice(&piece);
        }
        if self.is_chunked {
            let length = format!("{:08x}", bytes.len() - CHUNK_HEAD.len());
            bytes.splice(..length.len(), length.bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::net::TcpListener;

    use super::*;

    async fn written(pieces: &'static [&'static str], is_chunked: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let connection = Connection { socket: server.unwrap().0, head: b"head;".to_vec(), is_chunked };
        let body = stream::iter(pieces).map(|piece| Bytes::from_static(piece.as_bytes()));
        let mut read = String::new();
        let mut client = client.unwrap();
        let (wrote, _) = tokio::join!(connection.write(Box::pin(body)), client.read_to_string(&mut read));
        wrote.unwrap();
        read
    }

    #[tokio::test]
    async fn pieces_that_are_ready_together_are_one_chunk_that_says_how_long_it_is() {
        let read = written(&["one, ", "two"], true).await;
        assert_eq!(read, "head;00000008\r\none, two\r\n0\r\n\r\n");
    }

    #[tokio::test]
    async fn a_body_without_chunks_ends_with_the_connection() {
        assert_eq!(written(&["one, ", "two"], false).await, "head;one, two");
    }
}
