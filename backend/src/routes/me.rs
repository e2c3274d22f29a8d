//! TODO

use super::Endpoint;

/// The rows of this module in the route table.
pub(super) fn endpoints() -> Vec<Endpoint> {
    Vec::new()
}
