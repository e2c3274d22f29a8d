//! One Oriel per data directory: the lock lives as long as the process that holds it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::failure::{Doing, Failure, Outcome};

/// Held while Oriel runs.
pub struct Lock(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

/// Takes the lock, or says who holds it.
pub fn take(data: &Path, address: &str) -> Outcome<Lock> {
    fs::create_dir_all(data).doing(format_args!("make {}", data.display()))?;
    let path = data.join("up.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .doing(format_args!("open {}", path.display()))?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        file.read_to_string(&mut holder).doing(format_args!("read {}", path.display()))?;
        return Err(Failure::new(format!("Oriel is running already: {}", holder.trim())));
    }
    file.set_len(0).doing(format_args!("write {}", path.display()))?;
    file.rewind().doing(format_args!("write {}", path.display()))?;
    writeln!(file, "{address} (process {}). Ctrl-C there ends it.", std::process::id())
        .doing(format_args!("write {}", path.display()))?;
    Ok(Lock(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_told_where_the_first_one_runs() {
        let data = tempfile::tempdir().unwrap();
        let held = take(data.path(), "http://localhost:8080").unwrap();
        let told = take(data.path(), "http://localhost:9090").err().unwrap().to_string();
        assert!(told.contains("http://localhost:8080"), "{told}");
        drop(held);
        assert!(take(data.path(), "http://localhost:9090").is_ok());
    }
}
