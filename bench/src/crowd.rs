//! Many people, each with an account of their own.

use std::net::Ipv4Addr;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Client;
use shared::ClientId;

use crate::failure::Failure;
use crate::person::Person;

/// Requests that prepare a measurement and run at the same time: enough to keep the server busy, few enough that none
/// is refused because too many passwords wait to be hashed.
pub const AT_ONCE: usize = 8;

/// Makes `count` accounts.
pub async fn gather(address: &str, count: usize) -> Result<Vec<Person>, Failure> {
    let client = Client::new();
    let run = ClientId::new().to_string();
    // The first one is made alone: it becomes the administrator.
    let mut people = vec![join(&client, address, &run, 0).await?];
    let others = stream::iter(1..count.max(1))
        .map(async |number| join(&client, address, &run, number).await)
        .buffer_unordered(AT_ONCE);
    people.extend(others.try_collect::<Vec<_>>().await?);
    Ok(people)
}

/// `run` is what makes the address unique, and the password.
async fn join(client: &Client, address: &str, run: &str, number: usize) -> Result<Person, Failure> {
    let email = format!("reader-{number}-{run}@example.org");
    // The network for measurements (RFC 2544) has room for a hundred thousand.
    let from = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 1).to_bits() + (number % 100_000) as u32);
    let from = if number == 0 { Ipv4Addr::LOCALHOST } else { from };
    Person::register(client, address, &email, run, from).await
}
