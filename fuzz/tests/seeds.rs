//! What `cargo fuzz` does for hours, for seconds and with the stable compiler: each target reads its seeds, and then the
//! same with damage. The damage is the same in every run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Damaged files for each target: a few seconds of an unoptimised build.
const CASES: u32 = 4_000;

/// What is done to a good file.
#[derive(Clone, Debug)]
enum Damage {
    /// Some of its bytes are others, often those of a number at a border.
    Overwritten { at: Index, with: Vec<u8> },
    /// A stretch of it comes again, many times even.
    Repeated { at: Index, bytes: usize, times: usize },
    /// A stretch of it is not there.
    Left { at: Index, bytes: usize },
    /// It ends here.
    Cut { at: Index },
}

fn damage() -> impl Strategy<Value = Damage> {
    let border = prop::sample::select(vec![0, 1, 4, 9, 63, 64, 0x7fff_ffff, 0xffff_ffff, 1 << 63, u64::MAX]);
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::collection::vec(prop::sample::select(br#"{}[]()"\,:#*+?-0u"#.to_vec()), 1..4),
        (border, 1_usize..9).prop_map(|(number, bytes)| number
            .to_le_bytes()
            .into_iter()
            .take(bytes)
            .collect()),
    ];
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), bytes).prop_map(|(at, with)| Damage::Overwritten { at, with }),
        2 => (at(), 1_usize..64, 1_usize..100)
            .prop_map(|(at, bytes, times)| Damage::Repeated { at, bytes, times }),
        2 => (at(), 1_usize..64).prop_map(|(at, bytes)| Damage::Left { at, bytes }),
        1 => at().prop_map(|at| Damage::Cut { at }),
    ]
}

impl Damage {
    fn applied_to(&self, file: &mut Vec<u8>) {
        let (Self::Overwritten { at, .. }
        | Self::Repeated { at, .. }
        | Self::Left { at, .. }
        | Self::Cut { at }) = self;
        if file.is_empty() {
            return;
        }
        let at = at.index(file.len());
        match self {
            Self::Overwritten { with, .. } => {
                file.iter_mut().skip(at).zip(with).for_each(|(byte, new)| *byte = *new);
            }
            Self::Repeated { bytes, times, .. } => {
                let stretch: Vec<u8> = file.iter().skip(at).take(*bytes).copied().collect();
                file.splice(at..at, stretch.repeat(*times));
            }
            Self::Left { bytes, .. } => drop(file.drain(at..(at + bytes).min(file.len()))),
            Self::Cut { .. } => file.truncate(at),
        }
    }
}

fn here(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)
}

/// Names of what a directory holds, without endings.
fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(here(directory)).expect("a directory").map(|entry| entry.expect("an entry"));
    entries.filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned())).collect()
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let files = fs::read_dir(here("seeds").join(target.name)).expect("its seeds");
    files.map(|file| fs::read(file.expect("an entry").path()).expect("a seed")).collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
}

#[test]
fn seeds_are_read() {
    for target in TARGETS {
        let seeds = seeds(&target);
        assert!(seeds.len() >= 2, "{}: too few seeds", target.name);
        for seed in seeds {
            assert!((target.read)(&seed), "{}: {:?}", target.name, String::from_utf8_lossy(&seed));
        }
    }
}

#[test]
fn damaged_seeds_are_read_or_refused_and_some_of_both() {
    for target in TARGETS {
        // Files of failures are for those who search without an end; here a failure comes again by itself.
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..Config::default()
        };
        let files = (prop::sample::select(seeds(&target)), prop::collection::vec(damage(), 1..6));
        let outcomes = std::cell::RefCell::new(BTreeSet::new());
        let found = TestRunner::new(config).run(&files, |(mut file, damages)| {
            damages.iter().for_each(|damage| damage.applied_to(&mut file));
            outcomes.borrow_mut().insert((target.read)(&file));
            Ok(())
        });
        found.unwrap_or_else(|failure| panic!("{}: {failure}", target.name));
        assert_eq!(outcomes.into_inner().len(), 2, "{}: the damage changes nothing", target.name);
    }
}
