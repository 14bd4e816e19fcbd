//! Times the three engines that give attacks their gradients, on all cores:
//! `cargo run --release -p sinew --example gradient_speed -- [NETWORK [SPARSITY]]`.
//!
//! Cross-entropy gradients of 256 random images of 28×28, in turns, the best of seven; without arguments for a few networks of the zoo, dense
//! and with 90 % zeros. Set `MALLOC_MMAP_THRESHOLD_` and `MALLOC_TRIM_THRESHOLD_` to 1073741824, as the program does for itself: burn
//! frees and allocates large blocks all the time.

use std::error::Error;
use std::time::Instant;

use rand::RngExt;
use sinew::attack::CrossEntropy;
use sinew::backprop::Backprop;
use sinew::classifier::Differentiable;
use sinew::execute::{DeviceChoice, Executor};
use sinew::prune::prune_by_magnitude;
use sinew::pullback::Program;
use sinew::seed::stream;
use sinew_models::{ZooOptions, zoo};

const IMAGES: usize = 256;
const PIXELS: usize = 28 * 28;
const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("| network | zeros | burn, images/s | pullback, images/s | backprop, images/s |");
    println!("|---|---:|---:|---:|---:|");
    match arguments.as_slice() {
        [] => {
            for network in ["small_cnn", "resnet8", "mobilenetv2", "resnet18"] {
                compare(network, 0.0)?;
                compare(network, 0.9)?;
            }
            Ok(())
        }
        [network] => compare(network, 0.0),
        [network, sparsity, ..] => compare(network, sparsity.parse()?),
    }
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
    if sparsity > 0.0 {
        prune_by_magnitude(&mut network, sparsity)?;
    }
    let mut random = stream(1, "images", &[]);
    let images: Vec<f32> = (0..IMAGES * PIXELS).map(|_| random.random()).collect();
    let labels: Vec<usize> = (0..IMAGES).map(|index| index % 10).collect();
    let device = DeviceChoice::Cpu.open()?;
    let executor = Executor::new(&network, &device);
    let program = Program::new(&network)?;
    let backprop = Backprop::new(&network)?;
    let engines: [&dyn Differentiable; 3] = [&executor, &program.pullback(), &backprop];
    let mut best = [0.0f64; 3];
    for _ in 0..RUNS {
        for (best, engine) in best.iter_mut().zip(engines) {
            let start = Instant::now();
            engine.gradient(&images, &CrossEntropy(&labels))?;
            *best = best.max(IMAGES as f64 / start.elapsed().as_secs_f64());
        }
    }
    let [burn, pullback, backprop] = best;
    println!(
        "| `{name}` | {:.0} % | {burn:.0} | {pullback:.0} | {backprop:.0} |",
        100.0 * sparsity,
    );
    Ok(())
}
