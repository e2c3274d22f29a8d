//! Models in several files: `model-00002-of-00005.gguf`.

use std::path::{Path, PathBuf};

/// Most files of one model: the largest have a few dozen.
const PARTS_MAX: u32 = 1_000;

/// All files of the model whose first file is `path`, which is the first of them.
pub fn parts(path: &Path) -> Vec<PathBuf> {
    split(path).unwrap_or_else(|| vec![path.to_owned()])
}

fn split(path: &Path) -> Option<Vec<PathBuf>> {
    let (head, total) = path.file_name()?.to_str()?.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (name, first) = head.rsplit_once('-')?;
    let count = total.parse().ok().filter(|count| (1..=PARTS_MAX).contains(count))?;
    if first.parse() != Ok(1_u32) {
        return None;
    }
    // llama.cpp finds them by just this form.
    Some(
        (1..=count).map(|part| path.with_file_name(format!("{name}-{part:05}-of-{count:05}.gguf"))).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_in_several_files_is_all_of_them() {
        let three = parts(Path::new("/m/big-00001-of-00003.gguf"));
        let names =
            ["/m/big-00001-of-00003.gguf", "/m/big-00002-of-00003.gguf", "/m/big-00003-of-00003.gguf"];
        assert_eq!(three, names.map(PathBuf::from));
        for single in
            ["/m/big.gguf", "/m/best-of-5.gguf", "/m/big-00001-of-99999.gguf", "/m/big-00002-of-00003.gguf"]
        {
            assert_eq!(parts(Path::new(single)), [PathBuf::from(single)]);
        }
    }
}
