//! Does harm: every fault of the run at an instant of its own, drawn from the seed, as processes and their managers
//! would meet it. Faults overlap as they fall.

pub mod kind;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use shared::GenerationId;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::dice::Dice;
use crate::ledger::{Ledger, Rule};
use crate::stack::{ORDERLY, Replica, Stack, readiness, restarted};
use kind::{Counts, Kind};

/// Longer than the lease of 6 s and the 2 s after which somebody looks for what is left behind.
const FREEZE_MS: std::ops::RangeInclusive<u64> = 8_500..=11_000;

/// For a server that is asked to end: its own patience with running requests is 10 s.
const ORDERLY_PATIENCE: Duration = Duration::from_secs(40);

/// One small query; where PostgreSQL is about to fall, it never answers.
const QUERY_PATIENCE: Duration = Duration::from_secs(2);

/// A program that was killed is back within its manager's pause; one that needs longer waits for PostgreSQL.
const TARGET_PATIENCE: Duration = Duration::from_secs(15);

/// Does all faults and returns when the last one is over.
pub async fn run(
    stack: &Arc<Stack>,
    ledger: &Ledger,
    counts: &Counts,
    seed: u64,
    progress: impl Fn(usize, usize, Kind),
) {
    let mut dice = Dice::new(seed, "faults");
    let mut kinds = counts.all();
    dice.shuffle(&mut kinds);
    let total = kinds.len();
    let step = counts.duration() / u32::try_from(total.max(1)).unwrap_or(u32::MAX);
    let step_ms = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
    let mut running = JoinSet::new();
    for (number, kind) in kinds.into_iter().enumerate() {
        // Twice the step at most: two may fall together, and none is left for the end.
        tokio::time::sleep(dice.millis(0..=2 * step_ms)).await;
        progress(number + 1, total, kind);
        let fault = Fault {
            stack: stack.clone(),
            ledger: ledger.clone(),
            kind,
            dice: Dice::new(seed, &format!("fault {number}")),
        };
        running.spawn(fault.happen());
    }
    while running.join_next().await.is_some() {}
}

struct Fault {
    stack: Arc<Stack>,
    ledger: Ledger,
    kind: Kind,
    dice: Dice,
}

impl Fault {
    async fn happen(mut self) {
        match self.kind {
            Kind::Backend => self.kill_backend().await,
            Kind::AllBackends => self.kill_all_backends().await,
            Kind::Worker => self.kill_worker().await,
            Kind::Postgres => {
                self.write_down("", self.running_on(None).await);
                self.stack.database.kill().await;
            }
            Kind::PostgresBackend => {
                self.write_down("", self.running_on(None).await);
                self.stack.database.kill_one_backend(&mut self.dice).await;
            }
            Kind::Nginx => {
                let running = self.running_on(None).await;
                self.alive_nginx().await;
                self.write_down("", running);
                self.stack.nginx.signal_group(Signal::SIGKILL);
            }
            Kind::Freeze => self.freeze().await,
            Kind::Rolling => self.restart_all().await,
        }
    }

    async fn kill_backend(&mut self) {
        let Some(index) = self.alive().await else { return };
        let Some(replica) = self.stack.replicas.get(index) else { return };
        let running = self.running_on(replica.id()).await;
        self.write_down(replica.process.name(), running);
        replica.process.signal(Signal::SIGKILL);
    }

    async fn kill_all_backends(&mut self) {
        let running = self.running_on(None).await;
        self.write_down("", running);
        for replica in &self.stack.replicas {
            replica.process.signal(Signal::SIGKILL);
        }
    }

    async fn kill_worker(&mut self) {
        let Some(index) = self.alive().await else { return };
        let Some(replica) = self.stack.replicas.get(index) else { return };
        // A server that has just started loads its model with the first answer.
        let worker = async {
            loop {
                match replica.worker() {
                    Some(worker) => return worker,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let Ok(worker) = tokio::time::timeout(TARGET_PATIENCE, worker).await else { return };
        let running = self.running_on(replica.id()).await;
        self.write_down(&format!("of {}", replica.process.name()), running);
        // It may have ended with its server in this moment.
        let _ = nix::sys::signal::kill(Pid::from_raw(worker), Signal::SIGKILL);
    }

    async fn freeze(&mut self) {
        let Some(index) = self.alive().await else { return };
        let Some(replica) = self.stack.replicas.get(index) else { return };
        let running = self.running_on(replica.id()).await;
        self.write_down(replica.process.name(), running);
        replica.process.signal(Signal::SIGSTOP);
        tokio::time::sleep(self.dice.millis(FREEZE_MS)).await;
        self.ledger.note("FAULT", format_args!("{} wakes", replica.process.name()));
        replica.process.signal(Signal::SIGCONT);
    }

    async fn restart_all(&mut self) {
        for replica in &self.stack.replicas {
            let running = self.running_on(replica.id()).await;
            self.write_down(replica.process.name(), running);
            let in_order = tokio::time::timeout(ORDERLY_PATIENCE, restart(replica)).await.is_ok();
            self.ledger.check(Rule::NothingLeaks, in_order, || {
                format!("{} did not end and come back within {ORDERLY_PATIENCE:?}", replica.process.name())
            });
        }
    }

    fn write_down(&self, what: &str, hit: BTreeSet<GenerationId>) {
        self.ledger.fault(self.kind.index(), &format!("{} {what}", self.kind), &hit);
    }

    async fn alive_nginx(&self) {
        let mut pid = self.stack.nginx.watch();
        let _ = tokio::time::timeout(TARGET_PATIENCE, restarted(&mut pid, None)).await;
    }

    /// A server that runs; waits for one that is being started.
    async fn alive(&mut self) -> Option<usize> {
        let mut order: Vec<usize> = (0..self.stack.replicas.len()).collect();
        self.dice.shuffle(&mut order);
        let runs =
            |index: &usize| self.stack.replicas.get(*index).is_some_and(|it| it.process.pid().is_some());
        if let Some(index) = order.iter().copied().find(runs) {
            return Some(index);
        }
        let index = order.first().copied()?;
        let mut pid = self.stack.replicas.get(index)?.process.watch();
        tokio::time::timeout(TARGET_PATIENCE, restarted(&mut pid, None)).await.ok()?;
        Some(index)
    }

    /// The answers that are being written, by one server or by all. None are known while PostgreSQL is away.
    async fn running_on(&self, owner: Option<Uuid>) -> BTreeSet<GenerationId> {
        let Ok(client) = self.stack.database.client().await else { return BTreeSet::new() };
        let query = "SELECT id::text FROM generations WHERE status = 'running' AND ($1::text IS NULL OR owner::text = $1)";
        let owner = owner.map(|owner| owner.to_string());
        let rows = tokio::time::timeout(QUERY_PATIENCE, client.query(query, &[&owner])).await;
        let rows = rows.ok().and_then(Result::ok).unwrap_or_default();
        rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect()
    }
}

async fn restart(replica: &Replica) {
    let mut pid = replica.process.watch();
    let former = *pid.borrow();
    replica.process.signal(ORDERLY);
    restarted(&mut pid, former).await;
    // Another fault may hit it meanwhile; whether it comes back is checked when all of them are over.
    let _ = readiness::wait(replica.address, "/readyz").await;
}
