//! A block of code.
