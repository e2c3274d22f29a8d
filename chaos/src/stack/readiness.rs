//! Waits until a server answers: one small HTTP request after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::{Failure, Outcome};

/// Between two tries: short beside a start, long beside a request.
const PAUSE: Duration = Duration::from_millis(25);
/// A start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// One request; the server is on this machine.
const REQUEST: Duration = Duration::from_secs(2);

/// Waits until `path` answers 200.
pub async fn wait(address: SocketAddr, path: &str) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match tokio::time::timeout(REQUEST, status(address, path)).await {
            Ok(Ok(200)) => return Ok(()),
            Ok(Ok(status)) => format!("status {status}"),
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "http://{address}{path} did not answer within {} s (last: {last})",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn status(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 64];
    let count = stream.read(&mut head).await?;
    let head = String::from_utf8_lossy(head.get(..count).unwrap_or_default()).into_owned();
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}
