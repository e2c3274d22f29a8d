//! Compiles what runs: the page and the two programs.

pub mod compress;
pub mod machine;
pub mod page;
pub mod programs;
pub mod stamp;
