//! Measures how fast chunks are appended to the journal of a durable private PostgreSQL.
//!
//! `cargo run --release -p store --example journal_speed -- <directory> [seconds a figure]`

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use shared::{ChunkKind, ClientId, Role};
use store::{
    Claim, EmbeddedCluster, NewChunk, NewSend, NewUser, Parent, ReplicaId, SendOutcome, Store, StoreConfig,
};
use uuid::Uuid;

/// Generations that write at the same time, and chunks of each in one batch.
const SHAPES: [(u32, u32); 6] = [(1, 1), (8, 1), (32, 1), (32, 4), (200, 1), (50, 4)];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("name a directory")?);
    let seconds = arguments.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(5);
    let cluster = EmbeddedCluster::start(&directory).await?;
    let store = Store::connect(&StoreConfig::new(cluster.database_url())).await?;
    store.migrate().await?;
    println!("generations  chunks each  batches/s  rows/s  p50 ms  p99 ms");
    for (generations, chunks) in SHAPES {
        measure(&store, generations, chunks, Duration::from_secs(seconds)).await?;
    }
    store.close();
    cluster.stop().await?;
    Ok(())
}

async fn measure(store: &Store, generations: u32, chunks: u32, time: Duration) -> Result<(), Box<dyn Error>> {
    let owner = ReplicaId::new();
    store.register_replica(owner, Uuid::now_v7()).await?;
    let claims = begin(store, owner, generations).await?;
    let body = " a token or two";
    let mut took = Vec::new();
    let began = Instant::now();
    let mut seq = 0;
    while began.elapsed() < time {
        let batch: Vec<NewChunk> = claims
            .iter()
            .flat_map(|claim| {
                (1..=chunks).map(move |nth| NewChunk {
                    generation_id: claim.generation_id,
                    epoch: claim.epoch,
                    seq: seq + nth,
                    byte_offset: (seq + nth - 1) * body.len() as u32,
                    kind: ChunkKind::Text,
                    body: body.to_owned(),
                    tokens: vec![1, 2, 3],
                })
            })
            .collect();
        seq += chunks;
        let sent = Instant::now();
        let lost = store.append_chunks(owner, &batch).await?;
        took.push(sent.elapsed());
        if !lost.is_empty() {
            return Err("a generation was lost".into());
        }
    }
    let batches = took.len() as f64 / began.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "{generations:>11}  {chunks:>11}  {batches:>9.0}  {:>6.0}  {:>6.2}  {:>6.2}",
        batches * f64::from(generations * chunks),
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
    );
    Ok(())
}

async fn begin(store: &Store, owner: ReplicaId, generations: u32) -> Result<Vec<Claim>, Box<dyn Error>> {
    let email = format!("{}@example.org", Uuid::now_v7());
    let user = NewUser { email, name: "Ada".to_owned(), password_hash: String::new() };
    let user = store.create_user(&user, Role::User).await?.id;
    let mut claims = Vec::new();
    for _ in 0..generations {
        let new = NewSend {
            client_id: ClientId::new(),
            body_sha256: [0; 32],
            conversation_id: None,
            parent: Parent::Start,
            content: "Hello?".to_owned(),
            model: None,
            request: serde_json::json!({}),
            owner,
        };
        let SendOutcome::Began(ids) = store.begin_send(user, &new).await? else { continue };
        let claim = Claim::first(ids.generation_id, owner);
        store.start_generation(claim, &serde_json::json!({}), &[]).await?;
        claims.push(claim);
    }
    Ok(claims)
}
