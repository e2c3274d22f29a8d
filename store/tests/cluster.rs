//! The private PostgreSQL: made, started, adopted, recovered, watched and stopped, each time a real one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails where it stands"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, getpgid, getpgrp};
use store::{ClusterError, ClusterState, Durability, EmbeddedCluster, Store, StoreConfig};

/// A directory that another account may enter, as the one of a server is.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("oriel-cluster-").tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

async fn start(directory: &Path) -> EmbeddedCluster {
    EmbeddedCluster::start_with(directory, Durability::Fast).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn connect(cluster: &EmbeddedCluster) -> Store {
    Store::connect(&StoreConfig::new(cluster.database_url())).await.unwrap()
}

fn pid(cluster: &EmbeddedCluster) -> Pid {
    match *cluster.watch().borrow() {
        ClusterState::Running { pid, .. } => Pid::from_raw(pid),
        other => panic!("not running: {other:?}"),
    }
}

fn pid_file(directory: &Path) -> PathBuf {
    directory.join("postgres/data/postmaster.pid")
}

fn is_gone(pid: Pid) -> bool {
    kill(pid, None) == Err(Errno::ESRCH)
}

#[tokio::test]
async fn a_cluster_is_made_migrated_and_stopped_without_a_trace() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let store = connect(&cluster).await;
    assert!(!store.migrate().await.unwrap().is_empty());
    let pid = pid(&cluster);
    let mut state = cluster.watch();
    cluster.stop().await.unwrap();
    assert!(is_gone(pid));
    assert!(!pid_file(directory.path()).exists());
    assert_eq!(*state.borrow_and_update(), ClusterState::Stopped);
    assert!(store.ping().await.is_err());
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_second_start() {
    let directory = directory();
    let first = start(directory.path()).await;
    let store = connect(&first).await;
    store.migrate().await.unwrap();
    store.agree_on_setting("kept", &serde_json::json!(1)).await.unwrap();
    first.stop().await.unwrap();
    let second = start(directory.path()).await;
    let store = connect(&second).await;
    assert!(store.migrate().await.unwrap().is_empty());
    let kept = store.agree_on_setting("kept", &serde_json::json!(2)).await.unwrap();
    assert_eq!(kept, serde_json::json!(1));
    second.stop().await.unwrap();
}

#[tokio::test]
async fn ctrl_c_does_not_reach_it_and_only_its_account_does() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let pid = pid(&cluster);
    assert_ne!(getpgid(Some(pid)).unwrap(), getpgrp());
    let metadata = fs::metadata(directory.path().join("postgres")).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o700);
    let owner = fs::metadata(format!("/proc/{pid}")).map_or(metadata.uid(), |process| process.uid());
    assert_eq!(owner, metadata.uid(), "data and process belong to the same account");
    assert_ne!(owner, 0, "PostgreSQL does not run as root");
    if !Uid::effective().is_root() {
        assert_eq!(owner, Uid::effective().as_raw());
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_killed_is_started_again() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let store = connect(&cluster).await;
    let mut state = cluster.watch();
    for round in 1..=2 {
        let killed = pid(&cluster);
        kill(killed, Signal::SIGKILL).unwrap();
        let again = |state: &ClusterState| matches!(state, ClusterState::Running { restarts, .. } if *restarts == round);
        state.wait_for(again).await.unwrap();
        assert_ne!(pid(&cluster), killed);
        // The pool may not have noticed yet that its one connection is dead.
        let _ = store.ping().await;
        store.ping().await.unwrap();
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_runs_already_is_adopted_watched_and_stopped() {
    let directory = directory();
    let first = start(directory.path()).await;
    let running = pid(&first);
    let second = start(directory.path()).await;
    assert_eq!(pid(&second), running);
    connect(&second).await;
    second.stop().await.unwrap();
    // The first one thinks that its server died, and starts it again: stop it too.
    let mut state = first.watch();
    state.wait_for(|state| matches!(state, ClusterState::Running { restarts: 1, .. })).await.unwrap();
    first.stop().await.unwrap();
    assert!(!pid_file(directory.path()).exists());
}

#[tokio::test]
async fn an_adopted_server_that_is_killed_is_started_again() {
    let directory = directory();
    let first = start(directory.path()).await;
    let running = pid(&first);
    let second = start(directory.path()).await;
    let mut state = second.watch();
    // Both watch the same server; whoever is first starts it, the other one adopts it.
    kill(running, Signal::SIGKILL).unwrap();
    state.wait_for(|state| matches!(state, ClusterState::Running { restarts: 1, .. })).await.unwrap();
    connect(&second).await;
    first.watch().wait_for(|state| matches!(state, ClusterState::Running { restarts: 1, .. })).await.unwrap();
    assert_eq!(pid(&first), pid(&second));
    drop(first);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn the_pid_file_of_a_crash_is_recovered_also_when_its_number_lives_on_as_something_else() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let file = pid_file(directory.path());
    let text = fs::read_to_string(&file).unwrap();
    cluster.stop().await.unwrap();

    fs::write(&file, text.replacen(text.lines().next().unwrap(), "999999999", 1)).unwrap();
    start(directory.path()).await.stop().await.unwrap();

    let mut command = std::process::Command::new("sleep");
    let owner = fs::metadata(directory.path().join("postgres")).unwrap().uid();
    let mut other = command.uid(owner).arg("600").spawn().unwrap();
    fs::write(&file, text.replacen(text.lines().next().unwrap(), &other.id().to_string(), 1)).unwrap();
    start(directory.path()).await.stop().await.unwrap();
    assert!(other.try_wait().unwrap().is_none(), "the other process was left alone");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_cluster_that_was_being_made_when_the_power_went_is_made_again() {
    let directory = directory();
    start(directory.path()).await.stop().await.unwrap();
    let root = directory.path().join("postgres");
    fs::rename(root.join("data"), root.join("data.new")).unwrap();
    fs::remove_file(root.join("data.new/PG_VERSION")).unwrap();
    let cluster = start(directory.path()).await;
    assert!(!root.join("data.new").exists());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_too_long_for_a_socket_works_all_the_same() {
    let parent = directory();
    let deep = parent.path().join("a-directory-with-quite-a-long-name/".repeat(4));
    fs::create_dir_all(&deep).unwrap();
    let cluster = start(&deep).await;
    connect(&cluster).await;
    let url = cluster.database_url();
    cluster.stop().await.unwrap();
    let socket_directory = url.split(['@', ':']).nth(2).unwrap().replace("%2F", "/");
    assert!(socket_directory.starts_with("/tmp/oriel-"), "{url}");
    fs::remove_dir_all(socket_directory).unwrap();
}

#[tokio::test]
async fn data_of_a_version_that_is_not_installed_are_left_alone_and_the_way_out_is_told() {
    let directory = directory();
    start(directory.path()).await.stop().await.unwrap();
    fs::write(directory.path().join("postgres/data/PG_VERSION"), "9999\n").unwrap();
    let Err(error) = EmbeddedCluster::start(directory.path()).await else { panic!("started") };
    assert!(matches!(error, ClusterError::OtherVersion { wanted: 9999, .. }), "{error}");
    assert!(error.to_string().contains("apt install postgresql-9999"), "{error}");
}

#[tokio::test]
async fn a_directory_that_the_account_may_not_enter_is_named() {
    if !Uid::effective().is_root() {
        return;
    }
    let closed = directory();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let inner = closed.path().join("data");
    let Err(error) = EmbeddedCluster::start(&inner).await else { panic!("started") };
    let ClusterError::NoWay { directory, .. } = &error else { panic!("{error}") };
    assert_eq!(directory, &closed.path().canonicalize().unwrap());
    assert!(error.to_string().contains("DATA_DIR"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let directory = directory();
    start(directory.path()).await.stop().await.unwrap();
    let settings = directory.path().join("postgres/data/postgresql.conf");
    fs::write(&settings, "no_such_setting = 1\n").unwrap();
    let Err(error) = EmbeddedCluster::start(directory.path()).await else { panic!("started") };
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_is_dropped_stops_by_itself() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let mut state = cluster.watch();
    drop(cluster);
    let stopped = state.wait_for(|state| *state == ClusterState::Stopped);
    tokio::time::timeout(Duration::from_secs(60), stopped).await.unwrap().unwrap();
    assert!(!pid_file(directory.path()).exists());
}

#[tokio::test]
async fn a_stop_while_it_is_being_started_again_leaves_nothing_behind() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    kill(pid(&cluster), Signal::SIGKILL).unwrap();
    cluster.watch().wait_for(|state| *state == ClusterState::Restarting).await.unwrap();
    cluster.stop().await.unwrap();
    let left = fs::read_to_string(pid_file(directory.path())).unwrap_or_default();
    let left = left.lines().next().and_then(|line| line.parse().ok()).map(Pid::from_raw);
    assert!(left.is_none_or(is_gone), "{left:?}");
}

/// Whether a process that is not ours has ended, even where nobody has looked at its end yet.
fn has_ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// The processes that the server has started.
fn children(pid: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap())).collect()
}

async fn started_again(cluster: &EmbeddedCluster, times: u32) {
    let again =
        |state: &ClusterState| matches!(state, ClusterState::Running { restarts, .. } if *restarts == times);
    cluster.watch().wait_for(again).await.unwrap();
}

#[tokio::test]
async fn children_of_a_killed_server_that_are_halted_do_not_keep_the_next_one_from_starting() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let store = connect(&cluster).await;
    let server = pid(&cluster);
    let left = children(server);
    if left.is_empty() {
        // No /proc: nobody can find them here, and the tests of other systems say what happens then.
        return cluster.stop().await.unwrap();
    }
    for child in &left {
        kill(*child, Signal::SIGSTOP).unwrap();
    }
    kill(server, Signal::SIGKILL).unwrap();
    started_again(&cluster, 1).await;
    assert!(left.into_iter().all(has_ended));
    store.ping().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_committed_survives_the_kill_of_the_server_and_of_one_of_its_processes() {
    let directory = directory();
    let cluster = EmbeddedCluster::start(directory.path()).await.unwrap();
    let store = connect(&cluster).await;
    store.migrate().await.unwrap();
    for round in 1..=3 {
        let kept = serde_json::json!(round);
        let name = format!("round {round}");
        assert_eq!(store.agree_on_setting(&name, &kept).await.unwrap(), kept);
        if round == 2 {
            // One of its own: the server ends all connections, recovers and goes on as the same process.
            let (server, outages) = (pid(&cluster), store.availability().outages());
            kill(children(server)[0], Signal::SIGKILL).unwrap();
            while store.availability().outages() == outages {
                let _ = store.ping().await;
            }
            store.until_up().await;
            assert_eq!(pid(&cluster), server);
        } else {
            kill(pid(&cluster), Signal::SIGKILL).unwrap();
            started_again(&cluster, if round == 1 { 1 } else { 2 }).await;
        }
        let other = serde_json::json!("other");
        assert_eq!(store.agree_on_setting(&name, &other).await.unwrap(), kept, "{name}");
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_lock_of_a_socket_whose_number_lives_on_as_something_else_is_removed() {
    let directory = directory();
    let cluster = start(directory.path()).await;
    let lock = directory.path().join("postgres/.s.PGSQL.5432.lock");
    let text = fs::read_to_string(&lock).unwrap();
    cluster.stop().await.unwrap();
    let owner = fs::metadata(directory.path().join("postgres")).unwrap().uid();
    let mut other = std::process::Command::new("sleep").uid(owner).arg("600").spawn().unwrap();
    fs::write(&lock, text.replacen(text.lines().next().unwrap(), &other.id().to_string(), 1)).unwrap();
    std::os::unix::fs::chown(&lock, Some(owner), None).unwrap();
    start(directory.path()).await.stop().await.unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
}
