//! Rounds of readers.

use futures_util::future::try_join_all;

use crate::Options;
use crate::client::Person;
use crate::failure::Failure;
use crate::figures::{Figures, Reading};

/// Signs in and chats; the first round loads the model and is not counted.
pub async fn run(options: &Options) -> Result<Figures, Failure> {
    let person = Person::sign_in(options).await?;
    let mut readings = Vec::new();
    for round in 0..options.rounds.max(2) {
        let heard = try_join_all((0..options.readers.max(1)).map(|_| person.chat(options))).await?;
        if round > 0 {
            readings.extend(heard.iter().map(Reading::from));
        }
    }
    Ok(Figures { readers: options.readers.max(1), readings })
}
