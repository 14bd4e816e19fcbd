//! Damaged files of real networks, by the ten thousand: whatever the damage, every reader answers, and what it accepts also runs.
//!
//! Seeded, so that a failure can be repeated: its message has the number of the mutant. `runtime/tests/mutation.rs` does the same
//! to files that are made for every corner of the format; these here have the structure of what users load.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sinew::pack::{Manifest, pack, unpack};
use sinew_models::{Archive, Network, reference, zoo};
use sinew_runtime::format::{Header, SectionEntry, crc32c};
use sinew_runtime::{Model, Session};
use sinew_tests::network::{INPUT_SHAPES, random, zoo_network};

/// The zoo's networks at their narrowest, so that damage often meets a header, a record or an index, and not only a weight.
fn networks() -> Vec<Network> {
    let both =
        |name| [0.0, 0.9].map(|sparsity| zoo_network(name, INPUT_SHAPES[0], 1.0 / 64.0, sparsity));
    zoo::NAMES.into_iter().flat_map(both).collect()
}

/// One to three kinds of damage at random places.
fn damage(file: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..=3) {
        if file.is_empty() {
            return;
        }
        // Headers, tables and plans come first: half of the damage is done to the first kilobytes.
        let reach = if random.random_bool(0.5) {
            file.len()
        } else {
            file.len().min(4096)
        };
        let at = random.random_range(0..reach);
        let length = random.random_range(0..=64.min(file.len() - at));
        match random.random_range(0..8) {
            0..4 => file[at] ^= 1 << random.random_range(0..8),
            4 => file[at] = random.random(),
            5 => file.truncate(at),
            6 => {
                let from = random.random_range(0..=file.len() - length);
                file.copy_within(from..from + length, at);
            }
            _ => {
                let copy = file[at..at + length].to_vec();
                file.splice(at..at, copy);
            }
        }
    }
}

/// Makes the checksums of a damaged `.sinew` file match again, as far as its table can be followed.
fn reseal(file: &mut [u8]) {
    let word = |bytes: &[u8], at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
    };
    let Some(sections) = file.get(12).map(|count| usize::from(*count)) else {
        return;
    };
    let table = Header::BYTES..Header::BYTES + sections * SectionEntry::BYTES;
    if file.len() < table.end {
        return;
    }
    for entry in table.clone().step_by(SectionEntry::BYTES) {
        let start = word(file, entry + 8);
        let end = start.saturating_add(word(file, entry + 16));
        if let Some(contents) = file.get(start..end) {
            let checksum = crc32c(contents);
            file[entry + 4..entry + 8].copy_from_slice(&checksum.to_le_bytes());
        }
    }
    let checksum = crc32c(&file[table]);
    file[24..28].copy_from_slice(&checksum.to_le_bytes());
    let checksum = crc32c(&file[..60]);
    file[60..64].copy_from_slice(&checksum.to_le_bytes());
}

/// Calls `survive` with `count` damaged copies of `files`, and counts how often it says that the file was accepted.
fn accepted(
    files: &[Vec<u8>],
    count: usize,
    seed: u64,
    reseal: fn(&mut [u8]),
    survive: fn(&[u8]) -> bool,
) -> usize {
    let mut random = random(seed);
    let mut accepted = 0;
    for number in 0..count {
        let mut file = files[random.random_range(0..files.len())].clone();
        damage(&mut file, &mut random);
        if random.random_bool(0.5) {
            reseal(&mut file);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| survive(&file)));
        accepted += usize::from(outcome.unwrap_or_else(|_| panic!("mutant {number}")));
    }
    accepted
}

/// The logits of a model for a grey image; `None` if it does not parse.
fn run(file: &[u8]) -> Option<Vec<f32>> {
    let model = Model::parse(file).ok()?;
    let mut memory = vec![0; model.arena_bytes()];
    let mut logits = vec![0.0; model.output_len()];
    let mut session = Session::new(&model, &mut memory).unwrap();
    let image = vec![0.5; model.input_len()];
    session.run(&image, &mut logits).unwrap();
    Some(logits)
}

/// What parses runs, and if it has a twin, that is the same model.
fn survives_as_a_model(file: &[u8]) -> bool {
    let (logits, twin) = (run(file), unpack(file));
    let Some(logits) = logits else {
        assert!(twin.is_err(), "what the runtime refuses has no twin");
        return false;
    };
    if let Ok(twin) = twin {
        let again = run(&pack(&twin, &Manifest::new(&twin, None)).unwrap()).unwrap();
        let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
        assert_eq!(again.len(), logits.len());
        assert!(again.iter().zip(&logits).all(same), "{again:?} {logits:?}");
    }
    true
}

#[test]
fn no_damaged_model_makes_a_reader_panic() {
    let networks = networks();
    let files: Vec<Vec<u8>> = networks
        .iter()
        .map(|network| pack(network, &Manifest::new(network, None)).unwrap())
        .collect();
    let accepted = accepted(&files, 60_000, 11, reseal, survives_as_a_model);
    assert!(accepted > 5_000, "only {accepted} files ran");
}

/// Runs what is read, and writes it again.
fn survives_as_a_checkpoint(file: &[u8]) -> bool {
    let Ok(archive) = Archive::from_bytes(file) else {
        return false;
    };
    let input = archive.network.input_shape().iter().product();
    reference::evaluate(&archive.network, &vec![0.5; input], 1);
    let bytes = archive.to_bytes().unwrap();
    assert_eq!(Archive::from_bytes(&bytes).unwrap(), archive);
    let _ = pack(&archive.network, &Manifest::new(&archive.network, None));
    true
}

#[test]
fn no_damaged_checkpoint_makes_the_reader_panic() {
    let networks = networks();
    let files: Vec<Vec<u8>> = networks
        .into_iter()
        .map(|network| Archive::from(network).to_bytes().unwrap())
        .collect();
    let accepted = accepted(&files, 20_000, 12, |_| (), survives_as_a_checkpoint);
    assert!(accepted > 500, "only {accepted} files were read");
}
