//! Everything that crosses the wire between the page and the server: ids, messages, requests, views,
//! errors, stream events, the SSE codec and the reducer that turns events into text.
//!
//! Pure data and pure functions: no I/O, no clock but for making ids. Compiles for WASM.

pub mod api_key;
pub mod auth;
pub mod chat;
pub mod code_block;
pub mod conversation;
pub mod error;
pub mod event;
pub mod headers;
pub mod id;
pub mod limits;
pub mod message;
pub mod model;
pub mod page;
pub mod paths;
pub mod reducer;
pub mod sse;
pub mod theme;

pub use api_key::{ApiKey, ApiKeyMade, CreateApiKey};
pub use auth::{
    ChangePassword, Login, PasswordChanged, Registration, RegistrationPolicy, Role, Session, SetupState,
    UpdateMe, User,
};
pub use chat::{ContextPolicy, Continue, GenerationOptions, Regenerate, SendAccepted, SendMessage};
pub use code_block::CodeBlock;
pub use conversation::{Conversation, ConversationSummary, CreateConversation, UpdateConversation};
pub use error::{ApiError, ContextOverflow, ErrorCode, FieldError};
pub use event::{ChunkKind, Cursor, StreamEvent};
pub use id::{ApiKeyId, ClientId, ConversationId, GenerationId, MessageId, SessionId, UserId};
pub use message::{Author, FinishReason, Message, MessageStatus, Usage};
pub use model::{LoadStage, Model, ModelState};
pub use page::Page;
pub use theme::Theme;
