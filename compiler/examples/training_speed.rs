//! Times N-FGSM training steps on all cores: `cargo run --release -p sinew --example training_speed -- [NETWORK [BATCH]]`.
//!
//! A step is what training does with a batch on the host: a gradient for the images, then one for the parameters with the batch's
//! statistics. Random images of 28×28, the best of ten runs of four steps.

use std::error::Error;
use std::time::Instant;

use rand::RngExt;
use sinew::attack::CrossEntropy;
use sinew::backprop::Backprop;
use sinew::classifier::{Differentiable, slopes};
use sinew::seed::stream;
use sinew::trainable::{Normalization, Request, Responses, Trainable};
use sinew_models::{ZooOptions, zoo};

const PIXELS: usize = 28 * 28;
const RUNS: usize = 10;
const STEPS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "small_cnn".to_owned());
    let batch: usize = arguments.next().map_or(Ok(128), |batch| batch.parse())?;
    let options = ZooOptions {
        input_shape: [1, 28, 28],
        labels: (0..10).map(|class| class.to_string()).collect(),
        width: 1.0,
        mean: vec![0.3],
        deviation: vec![0.35],
        seed: 1,
    };
    let network = zoo::build(&name, &options)?;
    let engine = Backprop::new(&network)?;
    let mut random = stream(1, "images", &[]);
    let images: Vec<f32> = (0..batch * PIXELS).map(|_| random.random()).collect();
    let labels: Vec<usize> = (0..batch).map(|index| index % 10).collect();
    let loss = CrossEntropy(&labels);
    let mut best = [f64::INFINITY; 2];
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..STEPS {
            engine.gradient(&images, &loss)?;
        }
        let middle = Instant::now();
        for _ in 0..STEPS {
            let request = Request {
                batches: &[&images],
                normalization: Normalization::Batch,
                points: &[],
                parameters: true,
            };
            engine.backward(&request, &mut |responses| Responses {
                logits: vec![slopes(&loss, &responses.logits[0], 10, 0).1],
                points: Vec::new(),
            })?;
        }
        let seconds =
            [middle - start, middle.elapsed()].map(|time| time.as_secs_f64() / STEPS as f64);
        best = [0, 1].map(|part| best[part].min(seconds[part]));
    }
    let [attack, training] = best.map(|seconds| batch as f64 / seconds);
    let both = batch as f64 / (best[0] + best[1]);
    println!(
        "`{name}`, batches of {batch}: {attack:.0} attacked, {training:.0} learnt, {both:.0} both, images/s"
    );
    Ok(())
}
