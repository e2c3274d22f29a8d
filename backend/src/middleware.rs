//! What every request passes: [`handover`] (streams leave actix), [`boundary`] (request id, log, error bodies, headers), [`patience`] (waiting for the
//! database), [`isolate`] (which runtime a handler's tasks live on, and its panics), [`access`] (who is calling) and, on a
//! POST, [`idempotency`] (what was answered before).

pub mod access;
pub mod boundary;
pub mod cors;
mod error_response;
pub mod handover;
pub mod headers;
pub mod idempotency;
pub mod isolate;
pub mod patience;
pub mod request_id;
