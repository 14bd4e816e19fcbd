//! Times N-FGSM training steps of both engines on all cores: `cargo run --release -p sinew --example training_speed -- [NETWORK…]`.
//!
//! A step is what training does with a batch of 128: a gradient for the images, then one for the parameters with the batch's statistics.
//! Networks are dense, or pruned by magnitude and asked for the gradients of what was kept. Random images of 28×28, in turns, the best of
//! five runs of two steps; without arguments for a few networks of the zoo. Set `MALLOC_MMAP_THRESHOLD_` and `MALLOC_TRIM_THRESHOLD_` to
//! 1073741824, as the program does for itself: burn frees and allocates large blocks all the time.

use std::error::Error;
use std::time::Instant;

use rand::RngExt;
use sinew::attack::CrossEntropy;
use sinew::backprop::Backprop;
use sinew::classifier::{ComputeError, slopes};
use sinew::execute::{DeviceChoice, Executor};
use sinew::prune::prune_by_magnitude;
use sinew::seed::stream;
use sinew::trainable::{Normalization, Request, Responses, Trainable, Wanted};
use sinew_models::{ZooOptions, zoo};

const BATCH: usize = 128;
const PIXELS: usize = 28 * 28;
const RUNS: usize = 5;
const STEPS: usize = 2;
const SPARSITIES: [f64; 4] = [0.0, 0.75, 0.9, 0.98];

fn main() -> Result<(), Box<dyn Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = ["small_cnn", "conv_cnn", "resnet8"]
            .map(str::to_owned)
            .into();
    }
    println!("| network | zeros | burn, images/s | backprop, images/s | ratio |");
    println!("|---|---:|---:|---:|---:|");
    for name in names {
        for sparsity in SPARSITIES {
            compare(&name, sparsity)?;
        }
    }
    Ok(())
}

fn compare(name: &str, sparsity: f64) -> Result<(), Box<dyn Error>> {
    let options = ZooOptions {
        input_shape: [1, 28, 28],
        labels: (0..10).map(|class| class.to_string()).collect(),
        width: 1.0,
        mean: vec![0.3],
        deviation: vec![0.35],
        seed: 1,
    };
    let mut network = zoo::build(name, &options)?;
    prune_by_magnitude(&mut network, sparsity)?;
    let device = DeviceChoice::Cpu.open()?;
    let engines: [&dyn Trainable; 2] =
        [&Executor::new(&network, &device), &Backprop::new(&network)?];
    let mut random = stream(1, "images", &[]);
    let images: Vec<f32> = (0..BATCH * PIXELS).map(|_| random.random()).collect();
    let mut best = [f64::INFINITY; 2];
    for _ in 0..RUNS {
        for (engine, best) in engines.iter().zip(&mut best) {
            let start = Instant::now();
            for _ in 0..STEPS {
                step(*engine, &images)?;
            }
            *best = best.min(start.elapsed().as_secs_f64() / STEPS as f64);
        }
    }
    let [burn, backprop] = best.map(|seconds| BATCH as f64 / seconds);
    let ratio = backprop / burn;
    let zeros = 100.0 * sparsity;
    println!("| `{name}` | {zeros:.0} % | {burn:.0} | {backprop:.0} | {ratio:.1}× |");
    Ok(())
}

fn step(engine: &dyn Trainable, images: &[f32]) -> Result<(), ComputeError> {
    let labels: Vec<usize> = (0..BATCH).map(|index| index % 10).collect();
    let loss = CrossEntropy(&labels);
    engine.gradient(images, &loss)?;
    let request = Request {
        batches: &[images],
        normalization: Normalization::Batch,
        points: &[],
        parameters: Wanted::Kept,
    };
    engine.backward(&request, &mut |responses| Responses {
        logits: vec![slopes(&loss, &responses.logits[0], 10, 0).1],
        points: Vec::new(),
    })?;
    Ok(())
}
