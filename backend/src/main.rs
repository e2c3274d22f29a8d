//! The program `oriel`.

fn main() {}
