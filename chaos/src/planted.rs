//! That the ledger test can fail: each violation is planted into a world where every promise was kept, and the checks
//! have to find the promises that it breaks, and no other.
//!
//! Wires are altered between server and client, the record behind the server's back. The screens, the ledger and the
//! checks are those of a run.

mod machine;
mod record;
mod wire;
mod world;

use std::collections::BTreeSet;

use crate::ledger::Rule;
use world::World;

/// The promises that are found broken in a world into which something was planted.
fn found(plant: impl FnOnce(&mut World)) -> BTreeSet<Rule> {
    let mut world = World::new();
    plant(&mut world);
    world.unfold();
    world.broken()
}

fn only(rule: Rule) -> BTreeSet<Rule> {
    BTreeSet::from([rule])
}

#[test]
fn where_nothing_is_planted_nothing_is_found_and_every_promise_about_texts_was_looked_at() {
    let mut world = World::new();
    world.unfold();
    assert_eq!(world.broken(), BTreeSet::new());
    let elsewhere = [Rule::NothingRefused, Rule::NothingLeaks, Rule::NothingCrashed];
    for rule in Rule::ALL.into_iter().filter(|rule| !elsewhere.contains(rule)) {
        assert!(world.ledger.counts(rule).0 > 0, "{rule} was never looked at");
    }
}
