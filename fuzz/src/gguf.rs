//! The file of a model.

use std::io::Cursor;

use engine::gguf::Header;

/// Reads it as whoever loads a model does.
pub fn gguf(bytes: &[u8]) -> bool {
    let Ok(header) = Header::parse(Cursor::new(bytes), bytes.len() as u64) else { return false };
    let _ = (header.check_is_adapter(), header.context_tokens(), header.of_layer("attention.head_count", 0));
    let _ = header.check_is_model();
    true
}
