//! After the last fault, when everybody has seen the end of what they asked for: is everything true that was promised?

pub mod devices;
pub mod journal;
pub mod leaks;
pub mod messages;
pub mod record;

use std::time::{Duration, Instant};

use crate::failure::{Doing, Outcome};
use crate::faults::kind::Kind;
use crate::ledger::{Ledger, Rule};
use crate::people::People;
use crate::stack::Stack;
use crate::stack::process::Exit;
use journal::Endings;
use record::Record;

/// Answers that nobody waited for end by themselves: the longest takes ten seconds, after all recoveries.
const END_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what still runs.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A server that starts while PostgreSQL recovers may give up and be started again.
const OUTAGE: Duration = Duration::from_secs(20);

/// Checks what was kept and shown. All clients still have their screens.
pub async fn texts(ledger: &Ledger, stack: &Stack, people: &People, seed: u64) -> Outcome<Endings> {
    let client = stack.database.client().await?;
    let deadline = Instant::now() + END_PATIENCE;
    let unfinished = loop {
        let query = "SELECT id::text || ' ' || status || ' of ' || owner::text FROM generations
            WHERE status IN ('queued', 'running', 'stopping')";
        let rows = client.query(query, &[]).await.doing("look for running answers")?;
        if rows.is_empty() || Instant::now() > deadline {
            break rows.iter().map(|row| row.get(0)).collect::<Vec<String>>();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    ledger.check(Rule::EndedOnce, unfinished.is_empty(), || format!("these have not ended: {unfinished:?}"));
    let record = Record::read(&client).await?;
    messages::check(ledger, &record);
    let endings = journal::check(ledger, &record);
    devices::check_screens(ledger, &record, &people.shown());
    devices::check_reload(ledger, &record, stack, people, seed).await;
    Ok(endings)
}

/// Checks that no program ended without a signal of ours. Gives how often one could not start without PostgreSQL.
pub fn exits(ledger: &Ledger, exits: &[Exit]) -> u64 {
    let outages = ledger.fault_times(&[Kind::Postgres.index(), Kind::PostgresBackend.index()]);
    let mut refused = 0;
    for exit in exits {
        let without_database = exit.status.code() == Some(1)
            && outages.iter().any(|outage| exit.at >= *outage && exit.at.duration_since(*outage) < OUTAGE);
        refused += u64::from(without_database && !exit.intended);
        ledger.check(Rule::NothingCrashed, exit.intended || without_database, || exit.describe());
    }
    refused
}
