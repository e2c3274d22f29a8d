//! Waits until a server answers: one small HTTP request after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Event;
use crate::failure::{Failure, Outcome};

/// Between two tries: short beside the start of PostgreSQL, long beside a request.
const PAUSE: Duration = Duration::from_millis(25);
/// A first start makes a database cluster, which takes seconds on a slow disk.
const PATIENCE: Duration = Duration::from_secs(120);
/// One request; the server is on this machine.
const REQUEST: Duration = Duration::from_secs(5);

/// Waits until `path` answers 200. Ends early when a service ends or the person interrupts.
pub fn wait(address: SocketAddr, path: &str, events: &Receiver<Event>) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match status(address, path) {
            Ok(200) => return Ok(()),
            Ok(status) => format!("status {status}"),
            Err(error) => error.to_string(),
        };
        match events.recv_timeout(PAUSE) {
            Ok(Event::Interrupt) => return Err(Failure::new("interrupted")),
            Ok(Event::Ended { how, .. }) => {
                return Err(Failure::new(format!("it could not start ({how}) and says why above")));
            }
            Ok(Event::Finished) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "http://{address}{path} did not answer within {} s (last: {last})",
                PATIENCE.as_secs()
            )));
        }
    }
}

fn status(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, REQUEST)?;
    stream.set_read_timeout(Some(REQUEST))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 64];
    let count = stream.read(&mut head)?;
    let head = String::from_utf8_lossy(head.get(..count).unwrap_or_default());
    head.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}
