//! How a service names what is not there.

use store::StoreError;

use crate::error::AppError;

/// For `map_err`: `what` does not exist or is somebody else's; every other error stays what it is.
pub fn absent(what: &'static str) -> impl FnOnce(StoreError) -> AppError {
    move |error| match error {
        StoreError::NotFound => AppError::not_found(what),
        error => error.into(),
    }
}
