//! No bytes make the import panic, or take more memory or time than stated: damaged models by the ten thousand.
//!
//! `SINEW_HOSTILE_MODELS=1000000 cargo test --release -p sinew-models --test onnx_hostile` tries as many as one likes, from number
//! `SINEW_HOSTILE_FIRST` on. A model that fails is named by its number; the same number makes the same model. One test alone is in here, because the memory of a whole process is
//! measured.

mod damage;
mod seeds;

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use onnx_protobuf::Message;
use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sinew_models::onnx::{ImportOptions, import_bytes};
use sinew_models::{Network, Operator, ValueId, reference};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Models that are tried unless the environment says otherwise.
const MODELS: u64 = 20_000;

/// Elements that the constants of one model may have.
const MAX_ELEMENTS: usize = 1 << 16;

/// Bytes that the import of one model may take: 64 for each of those elements, of which parameters have as many again, and 1000 for each
/// byte of a file.
fn allowed_memory(file: usize) -> usize {
    MAX_ELEMENTS * 128 + file * 1000
}

/// Time that the import of one model may take on a machine that is busy with other things.
const ALLOWED_TIME: Duration = Duration::from_secs(5);

/// Operations above which an imported network is not run.
const MAX_OPERATIONS: usize = 1 << 18;

#[test]
fn damaged_models_are_refused_or_imported_within_bounds() {
    let models = from_environment("SINEW_HOSTILE_MODELS", MODELS);
    let first = from_environment("SINEW_HOSTILE_FIRST", 0);
    let seeds = seeds::all();
    for (name, model) in &seeds {
        let bytes = model.write_to_bytes().unwrap();
        let import = import_bytes(&bytes, None, &options(model));
        import.unwrap_or_else(|error| panic!("the seed {name} is not damaged: {error}"));
    }
    let (mut imported, mut worst, mut slowest) = (0u64, 0, Duration::ZERO);
    for number in first..first + models {
        let (name, bytes, options) = damaged(&seeds, number);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let start = Instant::now();
        let result = catch_unwind(|| import_bytes(&bytes, None, &options).ok());
        let time = start.elapsed();
        let memory = MEMORY.peak_usage().saturating_sub(before);
        let model = || format!("model {number} (from {name}, {} bytes)", bytes.len());
        let Ok(import) = result else {
            panic!("{} made the import panic", model());
        };
        assert!(
            memory <= allowed_memory(bytes.len()),
            "{} took {memory} bytes of memory",
            model()
        );
        assert!(time <= ALLOWED_TIME, "{} took {time:?}", model());
        worst = worst.max(memory);
        slowest = slowest.max(time);
        if let Some(import) = import {
            imported += 1;
            let ran = catch_unwind(|| run(&import.network));
            assert!(ran.is_ok(), "{} was imported and does not run", model());
        }
    }
    println!("{imported} of {models} imported; at most {worst} bytes and {slowest:?} each");
    // Damage that always hits the first check would prove little.
    assert!(
        imported >= models / 20,
        "only {imported} of {models} passed"
    );
}

fn from_environment(name: &str, default: u64) -> u64 {
    let number = std::env::var(name);
    number.map_or(default, |number| number.parse().expect("it is a number"))
}

/// Model number `number`: its seed's name, its bytes, and the options for it.
fn damaged(
    seeds: &[(&'static str, onnx_protobuf::ModelProto)],
    number: u64,
) -> (&'static str, Vec<u8>, ImportOptions) {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let (name, model) = &seeds[random.random_range(0..seeds.len())];
    let mut model = model.clone();
    for _ in 0..random.random_range(0..4) {
        damage::model(&mut model, &mut random);
    }
    let mut bytes = model.write_to_bytes().expect("messages can be written");
    if random.random_bool(0.3) {
        damage::bytes(&mut bytes, &mut random);
    }
    let mut options = options(&model);
    options.whole = random.random_bool(0.3);
    if random.random_bool(0.1) {
        let axes = random.random_range(0..5);
        options.input_shape = Some((0..axes).map(|_| random.random_range(0..9)).collect());
    }
    (name, bytes, options)
}

fn options(model: &onnx_protobuf::ModelProto) -> ImportOptions {
    ImportOptions {
        output: model.graph.output.first().map(|output| output.name.clone()),
        max_elements: MAX_ELEMENTS,
        ..ImportOptions::default()
    }
}

/// Runs a network, unless that takes long.
fn run(network: &Network) {
    let elements = |value: ValueId| network.shape(value).elements();
    let nodes = network.nodes().iter().enumerate();
    let cost = nodes.map(|(index, node)| {
        let result = elements(ValueId::of_node(index));
        let inputs: usize = node.inputs.iter().map(|value| elements(*value)).sum();
        let each = match &node.operator {
            Operator::Convolution { weight, .. } | Operator::Linear { weight, .. } => {
                network.parameter(*weight).values().len()
            }
            Operator::MaxPool(window) | Operator::AveragePool(window) => {
                window.kernel[0].saturating_mul(window.kernel[1])
            }
            Operator::MatMul => elements(node.inputs[0]),
            _ => 1,
        };
        result.saturating_mul(each).saturating_add(inputs)
    });
    let cost = cost.fold(0usize, usize::saturating_add);
    if cost > MAX_OPERATIONS {
        return;
    }
    let image = vec![0.5; elements(ValueId::INPUT)];
    let output = reference::evaluate(network, &image, 1);
    assert_eq!(output.len(), elements(network.output()));
}
