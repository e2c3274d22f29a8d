//! The private PostgreSQL of an installation that was given none.

/// Why the private PostgreSQL does not run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {}

/// A running private PostgreSQL.
pub struct EmbeddedCluster;
