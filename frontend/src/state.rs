//! Pure state: values and what can happen to them. No browser in here, so all of it is tested natively; the
//! contexts hold these values in [`store::Store`]s and the hooks show them.

pub mod backoff;
pub mod connection;
pub mod conversation;
pub mod conversations;
pub mod days;
pub mod drafts;
pub mod failure;
pub mod models;
pub mod outbox;
pub mod same;
pub mod session;
pub mod store;
pub mod toasts;
