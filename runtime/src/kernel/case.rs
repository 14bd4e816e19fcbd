//! Random cases for the property suites of all kernel families, and the oracle that judges them.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::Staged;
use crate::Isa;
use crate::format::{Bounds, LANES};
use crate::random::Random;

/// A kernel under test: computes the maps of a case with an instruction set.
pub type Kernel = fn(Isa, &Case, &mut [f32]);

/// Stamps the property suite onto every implementation of a convolution kernel.
macro_rules! suite {
    ($kernel:expr) => {
        #[test]
        fn scalar_agrees_with_the_oracle() {
            case::run_suite(crate::Isa::Scalar, $kernel);
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        fn avx2_agrees_with_the_oracle() {
            match crate::Avx2::detect() {
                Some(token) => case::run_suite(crate::Isa::Avx2(token), $kernel),
                None => std::eprintln!("SKIPPED: this CPU has no AVX2"),
            }
        }
    };
}
pub(crate) use suite;

/// Compares a kernel with the oracle on random convolutions, and sees that bounds hide no NaN.
pub fn run_suite(isa: Isa, kernel: Kernel) {
    proptest!(|(case in Case::maps())| {
        case.check(|maps| kernel(isa, &case, maps));
    });
    let case = Case::not_a_number();
    let mut maps = [0.0; 5 * 9];
    kernel(isa, &case, &mut maps);
    assert!(maps.iter().all(|value| value.is_nan()), "{maps:?}");
}

/// One layer with its staged input. A linear layer is the case of one output position.
#[derive(Clone, Debug)]
pub struct Case {
    pub rows: usize,
    pub columns: usize,
    pub bounds: Bounds,
    measures: [usize; 3],
    bias: Vec<f32>,
    /// Row-major, with zeros for pruned weights.
    weights: Vec<f32>,
    planes: Vec<f32>,
    offsets: Vec<u32>,
    /// Shifts blobs to any address.
    misalignment: usize,
}

/// How weights and inputs are drawn.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// Between −1 and 1.
    Mixed,
    /// Pairs of large values that cancel.
    Cancelling,
    /// Weights below the least normal number.
    Subnormal,
}

impl Case {
    /// Convolutions with maps of 1 to some 140 positions.
    pub fn maps() -> impl Strategy<Value = Self> {
        let map = prop_oneof![
            (Just(1), 1_usize..=2 * 64 + 1),
            (1_usize..=12, 1_usize..=12)
        ];
        let shape = (1_usize..=9, 1_usize..=40, map, 0_usize..=3);
        Self::any(shape.boxed())
    }

    /// Five maps of nine values, all of them NaN before they are clamped.
    fn not_a_number() -> Self {
        Self {
            rows: 5,
            columns: 1,
            bounds: Bounds::RELU6,
            measures: [3, 3, 3],
            bias: vec![0.0; 5],
            weights: vec![1.0; 5],
            planes: vec![f32::NAN; 2 * LANES],
            offsets: vec![0],
            misalignment: 0,
        }
    }

    /// Linear layers.
    pub fn vectors() -> impl Strategy<Value = Self> {
        let shape = (1_usize..=5, 1_usize..=100, Just((1, 1)), Just(0));
        Self::any(shape.boxed()).prop_map(|mut case| {
            case.offsets = (0..case.columns as u32).collect();
            case
        })
    }

    fn any(
        shape: BoxedStrategy<(usize, usize, (usize, usize), usize)>,
    ) -> impl Strategy<Value = Self> {
        let density = prop_oneof![Just(0_f32), Just(1_f32), 0_f32..=1.0];
        let values = prop_oneof![
            Just(Values::Mixed),
            Just(Values::Cancelling),
            Just(Values::Subnormal)
        ];
        let bounds = prop_oneof![Just(Bounds::NONE), Just(Bounds::RELU), Just(Bounds::RELU6)];
        (shape, density, values, bounds, any::<u64>()).prop_map(
            |((rows, columns, (height, width), halo), density, values, bounds, seed)| {
                let mut random = Random::new(seed);
                let pitch = width + halo;
                let run = (height * pitch).next_multiple_of(LANES);
                let mut draw = |count, scale: f32, cancelling| -> Vec<f32> {
                    let mut drawn: Vec<f32> =
                        (0..count).map(|_| scale * random.signed_unit()).collect();
                    if cancelling {
                        for index in (1..drawn.len()).step_by(2) {
                            drawn[index] = -drawn[index - 1];
                        }
                    }
                    drawn
                };
                let (scale, cancelling) = match values {
                    Values::Mixed => (1.0, false),
                    Values::Cancelling => (1e6, true),
                    Values::Subnormal => (f32::MIN_POSITIVE / 2.0, false),
                };
                let bias = draw(rows, scale, false);
                let mut weights = draw(rows * columns, scale, cancelling);
                let planes = draw(3 * columns + run, 1.0, false);
                for weight in &mut weights {
                    if random.unit() >= density {
                        *weight = 0.0;
                    }
                }
                Self {
                    rows,
                    columns,
                    bounds,
                    measures: [height, width, pitch],
                    bias,
                    weights,
                    planes,
                    offsets: (0..columns)
                        .map(|_| random.below(3 * columns + 1) as u32)
                        .collect(),
                    misalignment: random.below(4),
                }
            },
        )
    }

    pub fn staged(&self) -> Staged<'_> {
        Staged::new(&self.planes, &self.offsets, self.measures)
    }

    /// The input of a linear layer.
    pub fn vector(&self) -> &[f32] {
        &self.planes[..self.columns]
    }

    pub fn dense_blob(&self) -> Unaligned {
        let words = self.bias.iter().chain(&self.weights);
        self.unaligned(words.flat_map(|word| word.to_le_bytes()).collect())
    }

    pub fn sparse_blob(&self) -> Unaligned {
        let mut pointers = vec![0_u32];
        let (mut values, mut columns) = (Vec::new(), Vec::new());
        for row in self.weights.chunks_exact(self.columns) {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                values.push(value);
                columns.push(column as u16);
            }
            pointers.push(values.len() as u32);
        }
        let mut blob: Vec<u8> = self
            .bias
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        blob.extend(pointers.iter().flat_map(|word| word.to_le_bytes()));
        blob.extend(values.iter().flat_map(|word| word.to_le_bytes()));
        blob.extend(columns.iter().flat_map(|word| word.to_le_bytes()));
        blob.resize(blob.len().next_multiple_of(4), 0);
        self.unaligned(blob)
    }

    fn unaligned(&self, blob: Vec<u8>) -> Unaligned {
        let mut bytes = vec![0xFF; self.misalignment];
        bytes.extend(blob);
        Unaligned {
            bytes,
            start: self.misalignment,
        }
    }

    /// Runs a kernel on outputs that start as NaN between canaries, and compares each with a sum in
    /// 64 bits. The tolerance is that of summing in any order: products and sums are each rounded, so
    /// the error is at most (number of terms + 1) · ε · Σ|w·x|, and products may underflow.
    pub fn check(&self, kernel: impl FnOnce(&mut [f32])) {
        const CANARY: f32 = 12345.0;
        let [height, width, pitch] = self.measures;
        let mut outputs = vec![f32::NAN; self.rows * height * width + 2];
        let last = outputs.len() - 1;
        (outputs[0], outputs[last]) = (CANARY, CANARY);
        kernel(&mut outputs[1..last]);
        assert_eq!(
            (outputs[0], outputs[last]),
            (CANARY, CANARY),
            "a canary was overwritten"
        );

        let mut outputs = outputs[1..last].iter();
        for (row, &bias) in self.weights.chunks_exact(self.columns).zip(&self.bias) {
            for position in (0..height).flat_map(|y| (0..width).map(move |x| y * pitch + x)) {
                let (mut sum, mut magnitude) = (f64::from(bias), f64::from(bias.abs()));
                let mut terms = 1.0;
                for (column, &weight) in
                    row.iter().enumerate().filter(|(_, weight)| **weight != 0.0)
                {
                    let at = self.offsets[column] as usize + position;
                    let product = f64::from(weight) * f64::from(self.planes[at]);
                    sum += product;
                    magnitude += product.abs();
                    terms += 1.0;
                }
                let expected = sum.clamp(self.bounds.low.into(), self.bounds.high.into());
                let output = f64::from(*outputs.next().unwrap());
                let tolerance = (terms + 1.0) * f64::from(f32::EPSILON) * magnitude
                    + terms * f64::from(f32::from_bits(1));
                let error = (output - expected).abs();
                assert!(
                    error <= tolerance,
                    "{output} for {expected}, tolerance {tolerance}"
                );
            }
        }
    }
}

/// A blob at any address.
pub struct Unaligned {
    bytes: Vec<u8>,
    start: usize,
}

impl core::ops::Deref for Unaligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
