//! Everything that is kept: PostgreSQL through diesel-async, the migrations, the journal of running answers,
//! and the private PostgreSQL that Oriel starts where it was given none.
//!
//! One file per table, with its rows and queries; the services of the backend call them as methods of
//! [`Store`]. Every query for a person's thing takes that person's id, and what belongs to somebody else is
//! [`StoreError::NotFound`]. No HTTP, no model and no configuration is known here, and no diesel type leaves.

pub mod api_keys;
pub mod assembly;
pub mod availability;
pub mod claims;
pub mod cluster;
mod column;
pub mod connection;
pub mod continuations;
pub mod conversations;
pub mod cursor;
pub mod error;
pub mod generations;
pub mod idempotency;
pub mod journal;
pub mod messages;
pub mod migration;
pub mod notify;
pub mod partitions;
pub mod passwords;
pub mod replicas;
mod schema;
pub mod sends;
pub mod sessions;
pub mod settings;
pub mod survey;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod throttle;
pub mod upkeep;
pub mod users;
pub mod watched;

pub use api_keys::{ApiKeyRow, KeyHolder, NewApiKey};
pub use assembly::Assembled;
pub use availability::Availability;
pub use claims::Orphans;
pub use cluster::{ClusterError, ClusterState, Durability, EmbeddedCluster};
pub use column::{Sha256, storable};
pub use connection::{MAX_CONNECTIONS_DEFAULT, Store, StoreConfig};
pub use continuations::NewContinuation;
pub use conversations::{ConversationChanges, NewConversation};
pub use error::StoreError;
pub use generations::{Claim, Ending, GenerationRow, GenerationStatus, Started, StopOutcome};
pub use idempotency::{Begun, KeptAnswer, KeyedRequest};
pub use journal::{Chunk, JournalRead, NewChunk, Snapshot};
pub use notify::{Listener, Notifier};
pub use passwords::{Ended, Kept};
pub use replicas::{Heart, Heartbeat, LEASE_S, ReplicaId};
pub use sends::{NewRegeneration, NewSend, Parent, SendOutcome};
pub use sessions::{NewSession, Rotation, SessionRow};
pub use survey::{CONNECTIONS_BESIDE_POOL, Shortage, Survey};
#[cfg(feature = "test-support")]
pub use test_support::TestDatabase;
pub use throttle::{LoginAttempt, ThrottlePolicy};
pub use upkeep::Upkeep;
pub use users::{NewUser, UserRow};
pub use watched::{News, Place, Recent, Watch};
