use super::*;

fn ids_of(names: &[&str]) -> Vec<String> {
    let files: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
    ids(&files).into_keys().collect()
}

#[test]
fn an_id_is_the_stem_without_the_quantisation() {
    for (file, id) in [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
        ("gemma-3-270m-it-Q4_K_M.gguf", "gemma-3-270m-it"),
        ("Qwen3-4B-UD-Q4_K_XL.gguf", "qwen3-4b"),
        ("model-F16.gguf", "model"),
        ("llama-3.2-1b-IQ3_XXS-00001-of-00003.gguf", "llama-3.2-1b"),
        ("my model (best).gguf", "my-model--best-"),
        ("q4_0.gguf", "q4_0"),
        ("phi-4.gguf", "phi-4"),
        ("quartz-q1.gguf", "quartz"),
        ("team-qa.gguf", "team-qa"),
    ] {
        assert_eq!(ids_of(&[file]), [id], "{file}");
    }
}

#[test]
fn files_that_would_share_an_id_keep_their_quantisation() {
    assert_eq!(ids_of(&["a-Q4_0.gguf", "a-Q8_0.gguf", "b-Q4_0.gguf"]), ["a-q4_0", "a-q8_0", "b"]);
    assert_eq!(ids_of(&["x/a-Q4_0.gguf", "y/a-Q4_0.gguf"]), ["a-q4_0", "a-q4_0-2"]);
}

#[test]
fn a_directory_gives_its_models_and_says_what_is_wrong_with_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let nested = directory.path().join("maker/model");
    fs::create_dir_all(&nested).unwrap();
    crate::scripted::ScriptedModel::default().write(&nested.join("Good-Q4_0.gguf")).unwrap();
    fs::write(directory.path().join("bad.gguf"), "<html>not found</html>").unwrap();
    fs::write(directory.path().join("readme.md"), "hello").unwrap();
    fs::write(directory.path().join("big-00002-of-00002.gguf"), "a later part").unwrap();

    let (found, _) = scan(directory.path()).unwrap();
    let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids, ["bad", "good"]);
    assert!(found[0].header.as_ref().unwrap_err().to_string().contains("not a GGUF file"));
    assert_eq!(found[1].name, "Good");
}

#[test]
fn a_model_is_named_after_its_file() {
    for (stem, id, expected) in [
        ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct", "SmolLM2 135M Instruct"),
        ("gemma-3-270m-q4_k_m", "gemma-3-270m", "Gemma 3 270m"),
        ("gemma-3-270m-q4_0", "gemma-3-270m-q4_0", "Gemma 3 270m Q4 0"),
        ("weights", "weights-2", "Weights"),
    ] {
        assert_eq!(name(stem, id), expected);
    }
}

#[test]
fn a_single_file_is_a_model_whatever_it_is_called() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights");
    crate::scripted::ScriptedModel::default().write(&path).unwrap();
    let (found, _) = scan(&path).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].header.is_ok());
}

#[test]
fn a_link_is_called_by_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let blob = directory.path().join("0123abcd");
    crate::scripted::write_model(&blob).unwrap();
    let link = directory.path().join("Nice-Name-Q4_0.gguf");
    std::os::unix::fs::symlink(&blob, &link).unwrap();
    let (found, _) = scan(&link).unwrap();
    assert_eq!(found[0].id.as_str(), "nice-name");
    assert_eq!(found[0].size_bytes, fs::metadata(&blob).unwrap().len());
}

#[test]
fn a_missing_path_is_an_error() {
    assert!(scan(Path::new("/nowhere/at/all")).is_err());
}
