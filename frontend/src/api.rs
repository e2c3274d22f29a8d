//! The only room that fetches.
