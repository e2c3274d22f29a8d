//! What is taken out of a request: who calls and from where, the body, the id of what is made. For handlers
//! and middleware alike; whether somebody may do something is not decided here.

mod body;
mod caller;
mod current_user;
mod made_id;

pub use body::Body;
pub(crate) use body::read as read_body;
pub use caller::Caller;
pub use current_user::CurrentUser;
pub use made_id::MadeId;
