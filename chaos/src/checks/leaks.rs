//! Whether anything is left over when everybody has gone: slots, connections, processes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use shared::{ClientId, GenerationOptions, SendAccepted, SendMessage, paths};
use tokio::sync::watch;

use crate::ledger::{Ledger, Rule};
use crate::people::api::Browser;
use crate::people::device::Device;
use crate::people::screen::End;
use crate::stack::process::{ProcessInfo, processes};
use crate::stack::{DATABASE_CONNECTIONS, Replica, SLOTS, Stack, WORKER};

/// All slots together answer within this, or one of them is not free: an answer of three tokens takes a tenth of it.
const SERVED_WITHIN: Duration = Duration::from_secs(6);

/// Connections of a server beside its pool: it listens for notifications on one, and sends them on another.
const CONNECTIONS_BESIDE: u32 = 4;

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

/// As many answers as there are slots, at once, from one server: each must begin as if nobody else were there.
async fn check_slots(ledger: &Ledger, replica: &Replica, number: usize, seed: u64) {
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
    let answers = devices.iter().map(|device| async {
        let stream = tokio::spawn(device.clone().follow());
        let end = tokio::time::timeout(SERVED_WITHIN, one_answer(device)).await;
        stream.abort();
        end.ok().flatten()
    });
    let ends = join_all(answers).await;
    let served = ends.iter().filter(|end| **end == Some(End::Done)).count();
    ledger.check(Rule::NothingLeaks, served == devices.len(), || {
        format!(
            "{} answered {served} of {SLOTS} at once within {SERVED_WITHIN:?} ({ends:?}; sign-ins took {signed_in:?})",
            replica.process.name()
        )
    });
}

async fn one_answer(device: &std::sync::Arc<Device>) -> Option<End> {
    let body = SendMessage {
        client_id: ClientId::new(),
        conversation_id: None,
        parent_id: None,
        from_start: false,
        content: "is there a free slot? tokens:3".to_owned(),
        model: None,
        options: GenerationOptions::default(),
    };
    let accepted: SendAccepted = device.browser().ask(Method::POST, paths::CHAT, Some(&body)).await.ok()?;
    device.open(accepted.conversation_id, false);
    device.expect(accepted.generation_id);
    device.end_of(accepted.generation_id).await
}

async fn check_connections(ledger: &Ledger, stack: &Stack) {
    let ports: Vec<u16> = stack.replicas.iter().map(|replica| replica.address.port()).collect();
    let deadline = Instant::now() + SETTLED_WITHIN;
    let left = loop {
        let left = established(&ports);
        if left == 0 || Instant::now() > deadline {
            break left;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    ledger.check(Rule::NothingLeaks, left == 0, || {
        format!("{left} connections to the servers are open {SETTLED_WITHIN:?} after everybody has gone")
    });
    let most =
        (DATABASE_CONNECTIONS + CONNECTIONS_BESIDE) * u32::try_from(stack.replicas.len()).unwrap_or(u32::MAX);
    let found = database_connections(stack).await;
    ledger.check(Rule::NothingLeaks, found.is_some_and(|found| found <= i64::from(most)), || {
        format!("PostgreSQL has {found:?} connections of the servers; {most} are the bound")
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

/// One worker for each server, nobody without a parent, no zombies.
fn check_processes(ledger: &Ledger, stack: &Stack) {
    let all = processes();
    let mut ours: Vec<i32> = stack.replicas.iter().filter_map(|replica| replica.process.pid()).collect();
    let is_worker = |it: &&ProcessInfo| WORKER.starts_with(&it.name) && it.name.len() >= 15;
    for pid in &ours {
        let workers = all.iter().filter(is_worker).filter(|it| it.parent == *pid && !it.is_zombie).count();
        ledger.check(Rule::NothingLeaks, workers == 1, || format!("process {pid} has {workers} workers"));
    }
    let orphans: Vec<i32> = orphaned_workers(&all, stack);
    ledger.check(Rule::NothingLeaks, orphans.is_empty(), || format!("workers without a server: {orphans:?}"));
    ours.extend(stack.nginx.pid());
    ours.extend(i32::try_from(std::process::id()));
    let zombies: Vec<&ProcessInfo> =
        all.iter().filter(|it| it.is_zombie && ours.contains(&it.parent)).collect();
    ledger.check(Rule::NothingLeaks, zombies.is_empty(), || format!("zombies: {zombies:?}"));
}

/// Workers of this run that outlived their server: they know its data directory as their own directory.
fn orphaned_workers(all: &[ProcessInfo], stack: &Stack) -> Vec<i32> {
    let servers: Vec<i32> = stack.replicas.iter().filter_map(|replica| replica.process.pid()).collect();
    let of_this_run = |pid: i32| {
        std::fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|directory| directory.starts_with(stack.path()))
    };
    let workers = all.iter().filter(|it| WORKER.starts_with(&it.name) && !it.is_zombie);
    workers.filter(|it| !servers.contains(&it.parent) && of_this_run(it.pid)).map(|it| it.pid).collect()
}
