//! What must be on the machine before anything can be built: each room sees to one thing, and does nothing where it is
//! there already. Everything that is downloaded goes into a private directory of this account.

pub mod models;
pub mod packages;
pub mod python;
pub mod tools;
pub mod wasm_source;
pub mod wasm_target;
