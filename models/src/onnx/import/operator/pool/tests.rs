//! Pools, against values worked out by hand.

use proptest::prelude::*;

use crate::onnx::import::testing::{Model, int_attribute, ints_attribute, string_attribute};

fn ramp(count: usize) -> Vec<f32> {
    (0..count)
        .map(|index| ((index * 5) % 7) as f32 - 3.0)
        .collect()
}

#[test]
fn three_spatial_axes_are_pooled_one_after_the_other() {
    let attributes = vec![
        ints_attribute("kernel_shape", &[2, 2, 2]),
        ints_attribute("strides", &[1, 2, 1]),
    ];
    let model = Model::of_node(11, &[1, 2, 2, 2, 3], "AveragePool", &[], attributes);
    assert_eq!(model.output_shape(), [1, 2, 1, 1, 2]);
    let x = ramp(24);
    let mean = |channel: usize, column: usize| {
        let taps = (0..8).map(|tap| {
            let (depth, row, shift) = (tap >> 2, tap >> 1 & 1, tap & 1);
            x[channel * 12 + depth * 6 + row * 3 + column + shift]
        });
        taps.sum::<f32>() / 8.0
    };
    assert_eq!(
        model.run(&x),
        [mean(0, 0), mean(0, 1), mean(1, 0), mean(1, 1)]
    );
}

#[test]
fn same_padding_does_not_count() {
    let attributes = vec![
        ints_attribute("kernel_shape", &[2]),
        string_attribute("auto_pad", "SAME_LOWER"),
    ];
    let model = Model::of_node(11, &[1, 1, 3], "AveragePool", &[], attributes);
    assert_eq!(model.run(&[1.0, 3.0, 5.0]), [1.0, 2.0, 4.0]);
}

#[test]
fn global_pools_leave_one_element_of_each_map() {
    let run = |operator, attributes| {
        let model = Model::of_node(11, &[1, 2, 2, 1], operator, &[], attributes);
        assert_eq!(model.output_shape(), [1, 2, 1, 1]);
        model.run(&[3.0, -4.0, 1.0, 2.0])
    };
    assert_eq!(run("GlobalAveragePool", vec![]), [-0.5, 1.5]);
    assert_eq!(run("GlobalMaxPool", vec![]), [3.0, 2.0]);
    assert_eq!(run("GlobalLpPool", vec![]), [5.0, 5f32.sqrt()]);
    assert_eq!(run("GlobalLpPool", vec![int_attribute("p", 1)]), [7.0, 3.0]);
}

#[test]
fn pools_that_are_none_are_refused() {
    let refusal =
        |shape: &[i64], attributes| Model::of_node(11, shape, "MaxPool", &[], attributes).refusal();
    assert!(refusal(&[1, 1, 4], vec![]).contains("no kernel_shape"));
    let kernel = || ints_attribute("kernel_shape", &[2]);
    assert!(refusal(&[1, 4], vec![kernel()]).contains("spatial axes"));
    assert!(refusal(&[1, 1, 4, 4], vec![kernel()]).contains("1 numbers instead of 2"));
    let long = ints_attribute("kernel_shape", &[5]);
    assert!(refusal(&[1, 1, 4], vec![long]).contains("fits"));
    let mode = |mode| string_attribute("auto_pad", mode);
    let valid = vec![
        kernel(),
        mode("VALID"),
        int_attribute("ceil_mode", 1),
        ints_attribute("strides", &[2]),
    ];
    assert!(refusal(&[1, 1, 5], valid).contains("VALID"));
    let dilated = vec![
        kernel(),
        mode("SAME_UPPER"),
        ints_attribute("dilations", &[2]),
    ];
    assert!(refusal(&[1, 1, 5], dilated).contains("auto_pad with dilations"));
    let order = vec![kernel(), int_attribute("p", 0)];
    let order = Model::of_node(11, &[1, 1, 4], "LpPool", &[], order).refusal();
    assert!(order.contains("at least 1"), "{order}");
}

/// What a pool along one axis is by definition.
#[derive(Clone, Copy, Debug)]
struct Pool {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
    ceil: bool,
}

impl Pool {
    /// For each window the positions of its taps, counted from the beginning of the input; `None` where no window fits.
    fn windows(&self, length: usize) -> Option<Vec<Vec<i64>>> {
        let extent = (self.kernel - 1) * self.dilation + 1;
        let room = (length + self.pads[0] + self.pads[1]).checked_sub(extent)?;
        let mut last = room / self.stride;
        if self.ceil && room % self.stride > 0 && (last + 1) * self.stride < length + self.pads[0] {
            last += 1;
        }
        let start = |window| (window * self.stride) as i64 - self.pads[0] as i64;
        let taps =
            |window| (0..self.kernel).map(move |tap| start(window) + (tap * self.dilation) as i64);
        Some((0..=last).map(|window| taps(window).collect()).collect())
    }

    fn model(&self, operator: &str, length: usize, include: bool) -> Model {
        let number = |number: usize| number as i64;
        let mut attributes = vec![
            ints_attribute("kernel_shape", &[number(self.kernel)]),
            ints_attribute("strides", &[number(self.stride)]),
            ints_attribute("dilations", &[number(self.dilation)]),
            ints_attribute("pads", &self.pads.map(number)),
            int_attribute("ceil_mode", i64::from(self.ceil)),
        ];
        if operator == "AveragePool" {
            attributes.push(int_attribute("count_include_pad", i64::from(include)));
        }
        Model::of_node(22, &[1, 1, number(length)], operator, &[], attributes)
    }
}

fn pools() -> impl Strategy<Value = (Pool, usize)> {
    let sizes = (1usize..4, 1usize..4, 1usize..3, 0usize..3, 0usize..3);
    (sizes, any::<bool>(), 1usize..8).prop_map(|(sizes, ceil, length)| {
        let (kernel, stride, dilation, before, after) = sizes;
        let pool = Pool {
            kernel,
            stride,
            dilation,
            pads: [before, after],
            ceil,
        };
        (pool, length)
    })
}

proptest! {
    #[test]
    fn pools_are_what_their_windows_hold((pool, length) in pools()) {
        let Some(windows) = pool.windows(length) else {
            prop_assert!(pool.model("MaxPool", length, false).import_whole().is_err());
            return Ok(());
        };
        let x = ramp(length);
        let inside = |window: &Vec<i64>| -> Vec<f32> {
            let taps = window.iter().filter(|tap| (0..length as i64).contains(*tap));
            taps.map(|tap| x[*tap as usize]).collect()
        };
        let held: Vec<Vec<f32>> = windows.iter().map(inside).collect();
        if held.iter().any(Vec::is_empty) {
            prop_assert!(pool.model("MaxPool", length, false).refusal().contains("nothing but padding"));
            return Ok(());
        }
        let largest: Vec<f32> = held.iter().map(|taps| taps.iter().copied().fold(f32::MIN, f32::max)).collect();
        prop_assert_eq!(pool.model("MaxPool", length, false).run(&x), largest);

        let near = |got: Vec<f32>, wanted: Vec<f32>| {
            got.len() == wanted.len() && got.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        let mean: Vec<f32> = held.iter().map(|taps| taps.iter().sum::<f32>() / taps.len() as f32).collect();
        prop_assert!(near(pool.model("AveragePool", length, false).run(&x), mean));
        let padded = |window: &Vec<i64>| {
            let end = (length + pool.pads[1]) as i64;
            window.iter().filter(|tap| **tap < end).count() as f32
        };
        let sums = held.iter().map(|taps| taps.iter().sum::<f32>());
        let mean = sums.zip(&windows).map(|(sum, window)| sum / padded(window)).collect();
        prop_assert!(near(pool.model("AveragePool", length, true).run(&x), mean));
        let norm = held.iter().map(|taps| taps.iter().map(|tap| tap * tap).sum::<f32>().sqrt()).collect();
        prop_assert!(near(pool.model("LpPool", length, false).run(&x), norm));
    }
}
