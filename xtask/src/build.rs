//! Compiles what runs: the page and the two programs.

mod cmake;
pub mod compress;
pub mod machine;
pub mod page;
pub mod programs;
pub mod stamp;
