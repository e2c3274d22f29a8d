//! engine-llama
fn main() {}
