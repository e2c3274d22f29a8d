//! Hears the hints of other replicas: one task with a connection of its own.
//!
//! Whenever it listens again after a connection was lost, it reads again what this replica's readers watch.

use std::convert::Infallible;

use store::StoreError;
use tokio::time::Instant;

use super::super::Generations;
use super::super::backoff::Backoff;
use super::notice::Notice;

/// Listens until it is dropped.
pub async fn run(generations: Generations) {
    let mut alive_at = Instant::now();
    let mut backoff = Backoff::default();
    loop {
        let Err(error) = listen(&generations, &mut alive_at, &mut backoff).await;
        if backoff.is_first() {
            tracing::debug!(%error, "hints of other replicas are not heard until the database is back");
        }
        backoff.wait_for(generations.store()).await;
    }
}

async fn listen(
    generations: &Generations,
    alive_at: &mut Instant,
    backoff: &mut Backoff,
) -> Result<Infallible, StoreError> {
    let mut listener = generations.store().listener().await?;
    generations.read_again(alive_at.elapsed()).await?;
    loop {
        *alive_at = Instant::now();
        *backoff = Backoff::default();
        let Some(text) = listener.next().await? else { continue };
        match Notice::parse(&text) {
            Some(notice) if notice.from == generations.owner() => {}
            Some(notice) => {
                generations.inner.follower.moved(&notice.moved);
                notice.hints.into_iter().for_each(|hint| generations.heed(hint));
            }
            None => tracing::debug!(text, "a hint that no Oriel wrote"),
        }
    }
}
