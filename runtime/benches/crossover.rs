//! At which density does the sparse kernel stop being faster than the dense one? Prints a table; the
//! compiler chooses encodings by figures like these. `cargo bench -p sinew-runtime`
//!
//! Times are the best of many runs of a model with a single layer, staging included.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use sinew_runtime::format::{Bounds, Encoding, Operator, Window};
use sinew_runtime::{Isa, Model, Session};
use support::Network;

const DENSITIES: [f32; 12] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

fn main() {
    // Channels, side of the map, side of the kernel.
    let layers = [
        (64, 14, 3),
        (64, 14, 1),
        (64, 32, 3),
        (128, 16, 3),
        (256, 8, 3),
        (512, 4, 3),
        (16, 28, 3),
    ];
    for isa in [Isa::Scalar, Isa::detect()] {
        let name = isa.name();
        for (channels, side, kernel) in layers {
            println!(
                "\n{name}: {channels} → {channels} channels, {kernel}×{kernel}, {side}×{side}"
            );
            let time = |encoding, density| {
                layer_time(isa, convolution(encoding, kernel), channels, side, density)
            };
            table(time);
        }
        for features in [512, 4096] {
            println!("\n{name}: linear {features} → {features}");
            let operator = |encoding| Operator::Linear {
                encoding,
                bounds: Bounds::RELU,
            };
            table(|encoding, density| layer_time(isa, operator(encoding), features, 1, density));
        }
    }
}

/// Prints a line for each density and the density at which both kernels take the same time.
fn table(time: impl Fn(Encoding, f32) -> (Duration, u64)) {
    let (dense, macs) = time(Encoding::Dense, 1.0);
    println!(
        "  dense        {:>9.1?}  {:>5.1} GFLOP/s",
        dense,
        gflops(macs, dense)
    );
    let mut crossover = None;
    let mut last: Option<(f64, f64)> = None;
    for density in DENSITIES {
        let (sparse, macs) = time(Encoding::Sparse, density);
        let ratio = sparse.as_secs_f64() / dense.as_secs_f64();
        println!(
            "  sparse {:>4.0} % {:>9.1?}  {:>5.1} GFLOP/s  {:>5.2}× dense's time",
            100.0 * density,
            sparse,
            gflops(macs, sparse),
            ratio
        );
        if let Some((density_before, ratio_before)) =
            last.filter(|_| crossover.is_none() && ratio > 1.0)
        {
            let part = (1.0 - ratio_before) / (ratio - ratio_before);
            crossover = Some(density_before + part * (f64::from(density) - density_before));
        }
        last = Some((density.into(), ratio));
    }
    match crossover {
        Some(density) => println!("  crossover at {:.0} %", 100.0 * density),
        None => println!("  no crossover"),
    }
}

fn gflops(macs: u64, time: Duration) -> f64 {
    2.0 * macs as f64 / time.as_secs_f64() / 1e9
}

fn convolution(encoding: Encoding, kernel: u16) -> Operator {
    Operator::Convolution {
        encoding,
        bounds: Bounds::RELU,
        window: Window {
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [kernel / 2; 4],
            dilation: [1; 2],
        },
        groups: 1,
    }
}

/// The best time of a single layer, and the multiply-accumulates it takes.
fn layer_time(
    isa: Isa,
    operator: Operator,
    channels: u32,
    side: u32,
    density: f32,
) -> (Duration, u64) {
    let mut network = Network::new([channels, side, side], 1);
    network.add(operator, &[0], channels, density);
    let file = network.parts().file();
    let model = Model::parse(&file).unwrap();
    let mut memory = vec![0; model.arena_bytes()];
    let mut session = Session::with_isa(&model, &mut memory, isa).unwrap();
    let input = vec![0.5; model.input_len()];
    let mut output = vec![0.0; model.output_len()];
    let mut best = Duration::MAX;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(150) {
        let run = Instant::now();
        session.run(black_box(&input), &mut output).unwrap();
        best = best.min(run.elapsed());
        black_box(&output);
    }
    (best, model.macs_effective())
}
