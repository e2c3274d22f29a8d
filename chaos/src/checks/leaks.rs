//! Whether anything is left over when everybody has gone: slots, connections, processes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use shared::{ClientId, GenerationId, GenerationOptions, SendAccepted, SendMessage, paths};
use store::CONNECTIONS_BESIDE_POOL;
use tokio::sync::watch;

use crate::ledger::{Ledger, Rule};
use crate::people::api::Browser;
use crate::people::device::Device;
use crate::people::screen::End;
use crate::stack::process::{ProcessInfo, is_program, processes};
use crate::stack::{DATABASE_CONNECTIONS, Replica, SLOTS, Stack, WORKER};

/// All slots together have begun within this, or one of them is not free: a tenth of what one of the answers takes.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

/// At 50 tokens a second far longer than [`SERVED_WITHIN`]: who waits for a slot of another does not get it in time.
const QUESTION: &str = "is there a free slot? tokens:5000";

/// nginx keeps idle connections to the servers for 4 s; a minute is more than any time limit on the way.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Checks everything, with the stack still running and all clients gone.
pub async fn check(ledger: &Ledger, stack: &Stack, seed: u64) {
    join_all(
        stack.replicas.iter().enumerate().map(|(number, replica)| check_slots(ledger, replica, number, seed)),
    )
    .await;
    check_connections(ledger, stack).await;
    check_processes(ledger, stack);
}

/// As many answers as there are slots, at once, from one server: all must be written at the same time.
pub async fn check_slots(ledger: &Ledger, replica: &Replica, number: usize, seed: u64) {
    let began = Instant::now();
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 2, u8::try_from(number + 1).unwrap_or(u8::MAX)));
    let (who, email) = (format!("slots{number}"), format!("slots{number}@example.org"));
    let over = watch::Sender::new(false);
    let devices = (0..SLOTS).map(|slot| {
        let browser = Browser::new(
            format!("{who}s{slot}"),
            email.clone(),
            local,
            replica.address,
            ledger.clone(),
            seed,
        );
        browser.map(|browser| Device::new(browser, ledger.clone(), None, over.subscribe()))
    });
    let Ok(devices) = devices.collect::<Result<Vec<_>, _>>() else { return };
    for (index, device) in devices.iter().enumerate() {
        match index {
            0 => device.browser().register().await,
            _ => device.browser().sign_in().await,
        }
    }
    let signed_in = began.elapsed();
    let streams: Vec<_> = devices.iter().map(|device| tokio::spawn(device.clone().follow())).collect();
    let served = join_all(devices.iter().map(|device| async move {
        let id = ask(device).await?;
        tokio::time::timeout(SERVED_WITHIN, device.first_text_of(id)).await.ok()?;
        Some((device, id))
    }))
    .await;
    let count = served.iter().flatten().count();
    ledger.check(Rule::NothingLeaks, count == devices.len(), || {
        format!(
            "{} wrote {count} of {SLOTS} answers at once within {SERVED_WITHIN:?} (sign-ins took {signed_in:?})",
            replica.process.name()
        )
    });
    let stops = join_all(served.iter().flatten().map(|(device, id)| async move {
        let path = paths::generation_stop(*id);
        device.browser().insist::<()>(Method::POST, &path, None::<&()>).await?;
        tokio::time::timeout(SERVED_WITHIN, device.end_of(*id)).await.ok().flatten()
    }))
    .await;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
    ledger.check(Rule::NothingLeaks, stops.iter().all(|end| *end == Some(End::Stopped)), || {
        format!("{}: answers were stopped and ended as {stops:?}", replica.process.name())
    });
}

async fn ask(device: &Device) -> Option<GenerationId> {
    let body = SendMessage {
        client_id: ClientId::new(),
        conversation_id: None,
        parent_id: None,
        from_start: false,
        content: QUESTION.to_owned(),
        model: None,
        options: GenerationOptions::default(),
    };
    let accepted: SendAccepted = device.browser().ask(Method::POST, paths::CHAT, Some(&body)).await.ok()?;
    device.open(accepted.conversation_id, false);
    device.expect(accepted.generation_id);
    Some(accepted.generation_id)
}

async fn check_connections(ledger: &Ledger, stack: &Stack) {
    let ports: Vec<u16> = stack.replicas.iter().map(|replica| replica.address.port()).collect();
    check_sockets(ledger, &ports, SETTLED_WITHIN).await;
    let most = (DATABASE_CONNECTIONS + CONNECTIONS_BESIDE_POOL)
        * u32::try_from(stack.replicas.len()).unwrap_or(u32::MAX);
    let found = database_connections(stack).await;
    ledger.check(Rule::NothingLeaks, found.is_some_and(|found| found <= i64::from(most)), || {
        format!("PostgreSQL has {found:?} connections of the servers; {most} are the bound")
    });
}

/// Nobody is connected to these ports any more, at the latest after `patience`.
pub async fn check_sockets(ledger: &Ledger, ports: &[u16], patience: Duration) {
    let deadline = Instant::now() + patience;
    let left = loop {
        let left = established(ports);
        if left == 0 || Instant::now() > deadline {
            break left;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    ledger.check(Rule::NothingLeaks, left == 0, || {
        format!("{left} connections to the servers are open {patience:?} after everybody has gone")
    });
}

async fn database_connections(stack: &Stack) -> Option<i64> {
    let client = stack.database.client().await.ok()?;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    client.query_one(query, &[]).await.ok().map(|row| row.get(0))
}

/// Connections to these ports of ours that are open.
fn established(ports: &[u16]) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let is_ours = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        let local = words.next().and_then(|address| address.rsplit_once(':')).map(|(_, port)| port);
        let port = local.and_then(|port| u16::from_str_radix(port, 16).ok());
        let state = words.nth(1);
        state == Some(ESTABLISHED) && port.is_some_and(|port| ports.contains(&port))
    };
    table.lines().filter(is_ours).count()
}

fn check_processes(ledger: &Ledger, stack: &Stack) {
    let servers: Vec<i32> = stack.replicas.iter().filter_map(|replica| replica.process.pid()).collect();
    let others: Vec<i32> =
        stack.nginx.pid().into_iter().chain(i32::try_from(std::process::id()).ok()).collect();
    let is_ours = |worker: &ProcessInfo| {
        // Workers know their server's data directory as their own directory.
        std::fs::read_link(format!("/proc/{}/cwd", worker.pid))
            .is_ok_and(|directory| directory.starts_with(stack.path()))
    };
    compare_processes(ledger, &servers, &others, &processes(), is_ours);
}

/// One worker for each server, no worker of `is_ours` that outlived its server, no zombies.
pub fn compare_processes(
    ledger: &Ledger,
    servers: &[i32],
    others: &[i32],
    all: &[ProcessInfo],
    is_ours: impl Fn(&ProcessInfo) -> bool,
) {
    let workers: Vec<&ProcessInfo> =
        all.iter().filter(|it| is_program(it, WORKER) && !it.is_zombie).collect();
    for pid in servers {
        let count = workers.iter().filter(|it| it.parent == *pid).count();
        ledger.check(Rule::NothingLeaks, count == 1, || format!("process {pid} has {count} workers"));
    }
    let orphans: Vec<i32> =
        workers.iter().filter(|it| !servers.contains(&it.parent) && is_ours(it)).map(|it| it.pid).collect();
    ledger.check(Rule::NothingLeaks, orphans.is_empty(), || format!("workers without a server: {orphans:?}"));
    let is_parent = |pid: i32| servers.contains(&pid) || others.contains(&pid);
    let zombies: Vec<&ProcessInfo> = all.iter().filter(|it| it.is_zombie && is_parent(it.parent)).collect();
    ledger.check(Rule::NothingLeaks, zombies.is_empty(), || format!("zombies: {zombies:?}"));
}
