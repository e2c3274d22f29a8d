//! A bad network between the clients and nginx: connections that are cut at a random byte of either direction, closed
//! on one side, slow, or silent for ever; and answers to a POST that are lost after the server has got the request.
//!
//! It knows no HTTP beyond the first word of a request. A client's address is kept, since the server slows down
//! sign-ins by address.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::failure::{Doing, Outcome};

/// Read at once: small, so that a cut can fall anywhere in a large answer too.
const BUFFER_BYTES: usize = 4096;

/// Bytes of a connection that is cut: some of its first request, or some answers later.
const CUT_AFTER_BYTES: RangeInclusive<u64> = 1..=30_000;

/// The bad network. Cheap to clone.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: SocketAddr,
    seed: u64,
    bad: AtomicBool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    cuts: AtomicU64,
    half_closes: AtomicU64,
    silences: AtomicU64,
    lost_answers: AtomicU64,
}

/// What the network did.
#[derive(Clone, Copy, Debug)]
pub struct ProxySums {
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were reset in the middle.
    pub cuts: u64,
    /// Connections of which one direction was closed.
    pub half_closes: u64,
    /// Connections that went silent and stayed open.
    pub silences: u64,
    /// Answers to a POST that never came.
    pub lost_answers: u64,
}

/// What befalls one direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Whole,
    Cut,
    HalfClose,
    Silence,
}

struct Plan {
    fate: Fate,
    after_bytes: u64,
    /// Every piece comes up to so much later.
    delay_ms: u64,
}

impl Plan {
    fn throw(dice: &mut Dice) -> Self {
        let fate = match dice.between(1..=100) {
            1..=14 => Fate::Cut,
            15..=18 => Fate::HalfClose,
            19..=20 => Fate::Silence,
            _ => Fate::Whole,
        };
        let delay_ms = if dice.percent(30.0) { dice.between(1..=40) } else { 0 };
        Self { fate, after_bytes: dice.between(CUT_AFTER_BYTES), delay_ms }
    }
}

impl Proxy {
    /// Listens on a free port, in front of `upstream`; well-behaved until [`set_bad`](Self::set_bad).
    pub async fn start(upstream: SocketAddr, seed: u64) -> Outcome<(Self, JoinHandle<()>)> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.doing("listen")?;
        let port = listener.local_addr().doing("listen")?.port();
        let inner = Inner { upstream, seed, bad: AtomicBool::new(false), counts: Counts::default() };
        let proxy = Self { address: (Ipv4Addr::LOCALHOST, port).into(), inner: Arc::new(inner) };
        let inner = proxy.inner.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, peer)) = listener.accept().await {
                tokio::spawn(serve(inner.clone(), client, peer));
            }
        });
        Ok((proxy, task))
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, new and old connections are treated badly, or not.
    pub fn set_bad(&self, bad: bool) {
        self.inner.bad.store(bad, Ordering::Relaxed);
    }

    /// What was done so far.
    pub fn sums(&self) -> ProxySums {
        let counts = &self.inner.counts;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ProxySums {
            connections: of(&counts.connections),
            cuts: of(&counts.cuts),
            half_closes: of(&counts.half_closes),
            silences: of(&counts.silences),
            lost_answers: of(&counts.lost_answers),
        }
    }
}

async fn serve(inner: Arc<Inner>, client: TcpStream, peer: SocketAddr) {
    let number = inner.counts.connections.fetch_add(1, Ordering::Relaxed);
    let mut dice = Dice::new(inner.seed, &format!("connection {number}"));
    let Ok(server) = connect(peer, inner.upstream).await else {
        // As if nobody listened.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // A reset instead of an orderly end, as from a machine that lost its state.
    if dice.percent(50.0) {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
    let (up, down) = (Plan::throw(&mut dice), Plan::throw(&mut dice));
    let lost = AtomicBool::new(false);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut requests =
        Pump { inner: &inner, from: from_client, to: to_server, plan: up, lost: &lost, is_up: true };
    let mut answers =
        Pump { inner: &inner, from: from_server, to: to_client, plan: down, lost: &lost, is_up: false };
    let mut answer_dice = Dice::new(inner.seed, &format!("answers of connection {number}"));
    // Either direction can end the connection; an orderly end of one leaves the other its time.
    tokio::select! {
        End::Abrupt = requests.run(&mut dice) => {}
        End::Abrupt = answers.run(&mut answer_dice) => {}
        else => {}
    }
}

/// From the client's own address, as far as it is one of this machine's.
async fn connect(peer: SocketAddr, upstream: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if peer.ip().is_loopback() {
        socket.bind((peer.ip(), 0).into())?;
    }
    socket.connect(upstream).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Both directions are over at once.
    Abrupt,
    /// The sender has closed, and that was passed on.
    Orderly,
}

struct Pump<'a> {
    inner: &'a Inner,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    plan: Plan,
    /// The next answer must not arrive.
    lost: &'a AtomicBool,
    is_up: bool,
}

impl Pump<'_> {
    async fn run(&mut self, dice: &mut Dice) -> End {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut passed = 0;
        loop {
            let count = match self.from.read(&mut buffer).await {
                Ok(0) => {
                    let _ = self.to.shutdown().await;
                    return End::Orderly;
                }
                Ok(count) => count,
                Err(_reset) => return End::Abrupt,
            };
            let piece = buffer.get(..count).unwrap_or_default();
            let bad = self.inner.bad.load(Ordering::Relaxed);
            if bad && self.loses(piece, dice) {
                return End::Abrupt;
            }
            if bad && self.plan.delay_ms > 0 {
                tokio::time::sleep(dice.millis(0..=self.plan.delay_ms)).await;
            }
            let room = usize::try_from(self.plan.after_bytes.saturating_sub(passed)).unwrap_or(usize::MAX);
            if bad && self.plan.fate != Fate::Whole && room < count {
                return self.meet_fate(piece.get(..room).unwrap_or_default()).await;
            }
            if self.to.write_all(piece).await.is_err() {
                return End::Abrupt;
            }
            passed += count as u64;
        }
    }

    /// A POST that the server gets and whose answer is lost: decided when the request passes, done when the answer comes.
    fn loses(&self, piece: &[u8], dice: &mut Dice) -> bool {
        if self.is_up {
            if piece.starts_with(b"POST ") && dice.percent(6.0) {
                self.lost.store(true, Ordering::Relaxed);
            }
            return false;
        }
        let lost = self.lost.swap(false, Ordering::Relaxed);
        self.inner.counts.lost_answers.fetch_add(u64::from(lost), Ordering::Relaxed);
        lost
    }

    async fn meet_fate(&mut self, last: &[u8]) -> End {
        // The other side may be gone already; then it is cut all the same.
        let _ = self.to.write_all(last).await;
        let counts = &self.inner.counts;
        match self.plan.fate {
            Fate::Whole | Fate::Cut => {
                counts.cuts.fetch_add(1, Ordering::Relaxed);
                End::Abrupt
            }
            Fate::HalfClose => {
                counts.half_closes.fetch_add(1, Ordering::Relaxed);
                let _ = self.to.shutdown().await;
                End::Orderly
            }
            Fate::Silence => {
                counts.silences.fetch_add(1, Ordering::Relaxed);
                // Until the clients' patience ends: they close, or the other direction does.
                self.drain().await
            }
        }
    }

    /// Takes what comes and passes nothing on.
    async fn drain(&mut self) -> End {
        let mut buffer = vec![0; BUFFER_BYTES];
        while !matches!(self.from.read(&mut buffer).await, Ok(0) | Err(_)) {}
        End::Abrupt
    }
}
