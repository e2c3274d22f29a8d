//! `/v1`: the routes that clients of OpenAI's API know, over the same services. Their wire types are here and not in
//! `shared`, because the page does not use them. Unknown fields are ignored, and a known field that is not understood is
//! refused by its name.
//!
//! An answer belongs to its connection (see `services::completions`): no journal, no conversation.

pub mod chat;
pub mod models;
mod prefer;

use super::Endpoint;

/// The rows of these modules in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [models::endpoints(), chat::endpoints()].concat()
}
