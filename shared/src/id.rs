//! Identifiers: UUIDv7, so that they sort by the time they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts after those made before.
            #[allow(clippy::new_without_default, reason = "two calls give two values; a default must not")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl From<$name> for Uuid {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// An account.
    UserId
);
id!(
    /// One sign-in on one device.
    SessionId
);
id!(
    /// An API key.
    ApiKeyId
);
id!(
    /// A conversation: a tree of messages.
    ConversationId
);
id!(
    /// A message: a node of a conversation's tree.
    MessageId
);
id!(
    /// One run of a model that produces one assistant message.
    GenerationId
);
id!(
    /// Made by a client when a message is composed: repeating a send with it is harmless.
    ClientId
);
