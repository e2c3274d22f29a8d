//! Violations of the machine: what is left over, what ended by itself, what is refused.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use shared::{ApiError, ErrorCode};
use tokio::net::{TcpListener, TcpStream};

use super::only;
use super::world::World;
use crate::checks::{self, leaks};
use crate::ledger::Rule;
use crate::people::api::{Backoff, Browser, Trouble};
use crate::stack::WORKER;
use crate::stack::process::{Exit, ProcessInfo};

fn worker(pid: i32, parent: i32) -> ProcessInfo {
    let mut name = WORKER.to_owned();
    name.truncate(15);
    ProcessInfo { pid, parent, name, is_zombie: false }
}

fn broken_by(all: &[ProcessInfo]) -> BTreeSet<Rule> {
    let world = World::new();
    leaks::compare_processes(&world.ledger, &[10], &[1], all, |_| true);
    world.broken()
}

#[test]
fn a_worker_that_outlives_its_server_and_a_second_one_and_a_zombie_are_left_over() {
    assert_eq!(broken_by(&[worker(11, 10)]), BTreeSet::new());
    assert_eq!(broken_by(&[worker(11, 10), worker(12, 1)]), only(Rule::NothingLeaks));
    assert_eq!(broken_by(&[worker(11, 10), worker(12, 10)]), only(Rule::NothingLeaks));
    let zombie = ProcessInfo { is_zombie: true, ..worker(12, 10) };
    assert_eq!(broken_by(&[worker(11, 10), zombie]), only(Rule::NothingLeaks));
}

#[tokio::test]
async fn a_connection_that_stays_open_is_left_over() {
    let world = World::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    leaks::check_sockets(&world.ledger, &[address.port()], Duration::ZERO).await;
    assert_eq!(world.broken(), BTreeSet::new());
    let _left = (TcpStream::connect(address).await.unwrap(), listener.accept().await.unwrap());
    leaks::check_sockets(&world.ledger, &[address.port()], Duration::ZERO).await;
    assert_eq!(world.broken(), only(Rule::NothingLeaks));
}

#[test]
fn a_program_that_ends_without_a_signal_of_the_test_has_crashed() {
    for (status, intended) in [(9, true), (9, false), (101 << 8, false), (0, false)] {
        let world = World::new();
        let status = ExitStatus::from_raw(status);
        let exit = Exit { name: "oriel 1".into(), at: Instant::now(), status, intended };
        checks::exits(&world.ledger, &[exit]);
        assert_eq!(world.broken().is_empty(), intended, "{status}");
        assert!(world.broken().is_subset(&only(Rule::NothingCrashed)));
    }
}

#[tokio::test]
async fn a_request_in_good_faith_that_is_refused_is_found() {
    let world = World::new();
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let address = (local, 1).into();
    let browser =
        Browser::new("p0d0".into(), "p0@example.org".into(), local, address, world.ledger.clone(), 1)
            .unwrap();
    let refused = |status, code| {
        Trouble::Refused(status, ApiError { retry_after_s: Some(0), ..ApiError::new(code, "") })
    };
    let mut backoff = Backoff::new(browser.dice("test"));
    let passes = refused(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::DatabaseUnavailable);
    assert!(browser.recovers("a message", &passes, &mut backoff).await);
    assert_eq!(world.broken(), BTreeSet::new());
    let conflict = refused(StatusCode::CONFLICT, ErrorCode::Conflict);
    assert!(!browser.recovers("a message", &conflict, &mut backoff).await);
    assert_eq!(world.broken(), only(Rule::NothingRefused));
}
