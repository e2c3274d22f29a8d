//! What every request passes: [`boundary`] (request id, log, error bodies, headers), [`access`] (who is calling) and
//! [`isolate`] (which runtime a handler's tasks live on, and its panics).

pub mod access;
pub mod boundary;
pub mod cors;
mod error_response;
pub mod headers;
pub mod isolate;
pub mod request_id;
