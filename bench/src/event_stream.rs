//! One server-sent event stream over a plain connection: what ten thousand of them cost here is small beside what they
//! cost the server, and what it takes to read an event is small beside what it takes to send it.

mod chunked;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::Failure;
use chunked::Dechunker;

/// The head of an answer, with all that proxies add to it.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    socket: TcpStream,
    body: Dechunker,
    /// What came with the head.
    first: Vec<u8>,
}

impl EventStream {
    /// Opens `path` on `address`, which must be `http`.
    pub async fn open(address: &str, path: &str, token: &str) -> Result<Self, Failure> {
        let url = Url::parse(address).ok().filter(|url| url.scheme() == "http");
        let url = url.ok_or(Failure::Broken("needs an address like http://127.0.0.1:8081"))?;
        let host = url.host_str().unwrap_or("localhost");
        let mut socket = TcpStream::connect((host, url.port_or_known_default().unwrap_or(80))).await?;
        socket.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await?;
        let mut head = Vec::with_capacity(1024);
        let end = loop {
            if socket.read_buf(&mut head).await? == 0 || head.len() > HEAD_MAX_BYTES {
                return Err(Failure::Broken("was not opened"));
            }
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let first = head.split_off(end);
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") || !head.contains("transfer-encoding: chunked") {
            let status = head.lines().next().unwrap_or_default().to_owned();
            return Err(Failure::Status(status));
        }
        Ok(Self { socket, body: Dechunker::default(), first })
    }

    /// The next bytes of the body, through a buffer that many streams can share; empty at the end.
    pub async fn next(&mut self, buffer: &mut [u8]) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        if !self.first.is_empty() {
            self.body.take(&std::mem::take(&mut self.first), &mut body)?;
        }
        while body.is_empty() {
            let length = self.socket.read(buffer).await?;
            let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            self.body.take(bytes, &mut body)?;
        }
        Ok(body)
    }
}
