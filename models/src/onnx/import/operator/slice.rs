//! Parts, repetitions and joins along axes.

use super::constant::lengths;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::onnx::import::lowering::position;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("CenterCropPad", center_crop_pad),
    ("Concat", concat),
    ("Expand", expand),
    ("Slice", slice),
    ("Split", split),
    ("Tile", tile),
];

fn slice(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let mut x = lowering.input(node, 0)?;
    let [starts, ends, axes, steps] = if node.opset < 10 {
        [
            node.ints("starts")?,
            node.ints("ends")?,
            node.ints("axes")?,
            None,
        ]
    } else {
        let input = |index| lowering.integers(node, index);
        [input(1)?, input(2)?, input(3)?, input(4)?]
    };
    let (Some(starts), Some(ends)) = (starts, ends) else {
        return Err("has no starts or no ends".into());
    };
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("its starts, ends, axes and steps are not as many".into());
    }
    x.axes(&axes)?;
    for (index, axis) in axes.iter().enumerate() {
        let axis = x.axis(*axis)?;
        let indices = positions(x.shape()[axis], starts[index], ends[index], steps[index])?;
        x = lowering.select(&x, axis, indices, 0.0)?;
    }
    Ok(vec![x])
}

/// The positions of an axis from `start` in steps until `end`, which is not reached.
fn positions(
    length: usize,
    start: i64,
    end: i64,
    step: i64,
) -> Result<Vec<Option<usize>>, Refusal> {
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    match step {
        0 => Err("its step is 0".into()),
        1.. => {
            let range = position(start, length)..position(end, length);
            Ok(range.step_by(stride).map(Some).collect())
        }
        _ => {
            // Counted from the other end the step is forward. Before the first element is a place too: −length − 1.
            let mirrored = |number: i64| {
                let length = length as i64;
                let number = if number < 0 {
                    number.saturating_add(length)
                } else {
                    number
                };
                position(
                    (length - 1).saturating_sub(number.clamp(-1, length - 1)),
                    length as usize,
                )
            };
            let range = mirrored(start)..mirrored(end);
            Ok(range
                .step_by(stride)
                .map(|place| Some(length - 1 - place))
                .collect())
        }
    }
}

fn split(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = x.axis(node.int("axis", 0)?)?;
    let length = x.shape()[axis];
    let sizes = match node.opset < 13 {
        true => node.ints("split")?,
        false => lowering.integers(node, 1)?,
    };
    let outputs = node.outputs.len();
    let count = node.int("num_outputs", outputs as i64)?;
    let sizes = match sizes {
        Some(sizes) => lengths(&sizes)?,
        None if count != outputs as i64 => return Err("has not as many outputs as it says".into()),
        // The last part may be shorter since opset 18.
        None if length % outputs == 0 || node.opset >= 18 => {
            let size = length.div_ceil(outputs);
            let starts = (0..outputs).map(|part| (part * size).min(length));
            starts.map(|start| size.min(length - start)).collect()
        }
        None => {
            return Err(Refusal(format!(
                "{length} elements are not {outputs} equal parts"
            )));
        }
    };
    let total = sizes
        .iter()
        .try_fold(0usize, |sum, size| sum.checked_add(*size));
    if total != Some(length) || sizes.len() != outputs {
        return Err(Refusal(format!(
            "its {outputs} parts of {sizes:?} elements are not the {length} of the axis"
        )));
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for (size, name) in sizes.iter().zip(&node.outputs) {
        let indices = (start..start + size).map(Some).collect();
        // A part that is not wanted is not made.
        parts.push(match name {
            Some(_) => lowering.select(&x, axis, indices, 0.0)?,
            None => x.clone(),
        });
        start += size;
    }
    Ok(parts)
}

fn concat(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let values = lowering.inputs(node)?;
    let first = values.first().ok_or("has no input")?;
    if !node.has("axis") {
        return Err("has no axis".into());
    }
    let axis = first.axis(node.int("axis", 0)?)?;
    Ok(vec![lowering.concat(&values, axis)?])
}

/// Repetition as in NumPy's broadcasting, in both directions.
fn expand(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let dims = lowering.integers(node, 1)?.ok_or("has no shape")?;
    if x.constant().is_none() {
        lowering.refuse_batch(&dims)?;
    }
    let target = lengths(&dims)?;
    let missing = target.len().saturating_sub(x.rank());
    let shape = [vec![1; missing], x.shape().to_vec()].concat();
    let first = shape.len() - target.len();
    let mut x = lowering.reshape(&x, &shape)?;
    for (index, wanted) in target.iter().enumerate() {
        let axis = first + index;
        match (shape[axis], *wanted) {
            (length, wanted) if length == wanted || wanted == 1 => {}
            (1, wanted) => {
                lowering.claim(&[wanted])?;
                x = lowering.select(&x, axis, vec![Some(0); wanted], 0.0)?;
            }
            (length, wanted) => {
                return Err(Refusal(format!(
                    "axis {axis} of length {length} cannot become {wanted}"
                )));
            }
        }
    }
    Ok(vec![x])
}

fn tile(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let mut x = lowering.input(node, 0)?;
    let repeats = lengths(&lowering.integers(node, 1)?.ok_or("has no repeats")?)?;
    if repeats.len() != x.rank() {
        return Err("has not one number of repeats for each axis".into());
    }
    for (axis, repeats) in repeats.into_iter().enumerate() {
        let length = x.shape()[axis];
        lowering.claim(&[length, repeats])?;
        let indices = (0..repeats).flat_map(|_| (0..length).map(Some)).collect();
        x = lowering.select(&x, axis, indices, 0.0)?;
    }
    Ok(vec![x])
}

/// The middle of an axis, or the whole axis in the middle of zeros.
fn center_crop_pad(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let mut x = lowering.input(node, 0)?;
    let target = lengths(&lowering.integers(node, 1)?.ok_or("has no shape")?)?;
    let axes = match node.ints("axes")? {
        Some(numbers) => numbers,
        None => (0..x.rank() as i64).collect(),
    };
    if axes.len() != target.len() {
        return Err("its shape has not one number for each axis".into());
    }
    x.axes(&axes)?;
    for (axis, wanted) in axes.into_iter().zip(target) {
        let axis = x.axis(axis)?;
        let length = x.shape()[axis];
        lowering.claim(&[wanted])?;
        let skipped = length.saturating_sub(wanted) / 2;
        let before = wanted.saturating_sub(length) / 2;
        let source = |place: usize| place.checked_sub(before).map(|place| place + skipped);
        let indices = (0..wanted).map(|place| source(place).filter(|index| *index < length));
        x = lowering.select(&x, axis, indices.collect(), 0.0)?;
    }
    Ok(vec![x])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::positions;
    use crate::onnx::import::testing::{Model, int_attribute, ints, ints_attribute};

    fn counted(count: u8) -> Vec<f32> {
        (0..count).map(f32::from).collect()
    }

    fn one(operator: &str, opset: i64, shape: &[i64], inputs: &[&[i64]]) -> Model {
        let tensor = |(index, values): (usize, &&[i64])| {
            ints(&format!("i{index}"), &[values.len() as i64], values)
        };
        let inputs: Vec<_> = inputs.iter().enumerate().map(tensor).collect();
        Model::of_node(opset, shape, operator, &inputs, vec![])
    }

    proptest! {
        /// The rules of Python, in which the standard states them, by way of an endless walk.
        #[test]
        fn slices_are_those_of_python(
            length in 0usize..6, start in -9i64..9, end in -9i64..9, step in -4i64..4,
        ) {
            prop_assume!(step != 0);
            let size = length as i64;
            let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
            let place = |number: i64| (if number < 0 { number + size } else { number }).clamp(low, high);
            let walk = (0..).map(|index| place(start) + index * step);
            let before_end = |at: &i64| if step > 0 { *at < place(end) } else { *at > place(end) };
            let expected: Vec<_> = walk.take_while(before_end).map(|at| Some(at as usize)).collect();
            prop_assert_eq!(positions(length, start, end, step).unwrap(), expected);
        }

        #[test]
        fn no_number_is_too_large_for_a_slice(length in 0usize..6, start: i64, end: i64, step: i64) {
            if let Ok(positions) = positions(length, start, end, step) {
                prop_assert!(positions.iter().all(|at| at.is_some_and(|at| at < length)));
            }
        }
    }

    #[test]
    fn slices_cut_the_named_axes() {
        let model = one("Slice", 13, &[2, 4], &[&[3], &[i64::MIN], &[1], &[-2]]);
        assert_eq!(model.run(&counted(8)), [3.0, 1.0, 7.0, 5.0]);
        let attributes = vec![
            ints_attribute("starts", &[1, 0]),
            ints_attribute("ends", &[2, -1]),
        ];
        let old = Model::of_node(9, &[2, 4], "Slice", &[], attributes);
        assert_eq!(old.run(&counted(8)), [4.0, 5.0, 6.0]);
        let empty = one("Slice", 13, &[2, 4], &[&[2], &[2], &[1]]);
        assert!(empty.refusal().contains("empty"));
        let twice = one("Slice", 13, &[2, 4], &[&[0, 0], &[1, 1], &[1, -1]]);
        assert!(twice.refusal().contains("named twice"));
    }

    #[test]
    fn parts_are_equal_unless_their_sizes_are_given() {
        let model = |opset, sizes: Option<&[i64]>, output: &str| {
            let mut model = Model::new(opset).input("x", &[5]);
            let mut inputs = vec!["x"];
            if let Some(sizes) = sizes {
                model = model.initializer(ints("sizes", &[sizes.len() as i64], sizes));
                inputs.push("sizes");
            }
            model
                .node("Split", &inputs, &["a", "b"], vec![])
                .output(output)
        };
        assert_eq!(model(18, None, "b").run(&counted(5)), [3.0, 4.0]);
        assert!(model(13, None, "b").refusal().contains("not 2 equal parts"));
        assert_eq!(model(13, Some(&[1, 4]), "a").run(&counted(5)), [0.0]);
        assert!(
            model(13, Some(&[1, 3]), "a")
                .refusal()
                .contains("are not the 5")
        );
    }

    #[test]
    fn joins_put_constants_and_values_in_order() {
        let model = Model::new(13)
            .input("x", &[1, 2])
            .initializer(crate::onnx::import::testing::floats("c", &[1, 1], &[9.0]))
            .node(
                "Concat",
                &["c", "x", "c"],
                &["y"],
                vec![int_attribute("axis", -1)],
            )
            .output("y");
        assert_eq!(model.run(&counted(2)), [9.0, 0.0, 1.0, 9.0]);
        // In batches of one sample the first axis is not part of the network.
        let network = model.import().unwrap().network;
        assert_eq!(network.shape(network.output()).0, [4]);
    }

    #[test]
    fn repetition_expands_and_tiles() {
        let model = one("Expand", 13, &[2, 1], &[&[2, 1, 3]]);
        assert_eq!(model.output_shape(), [2, 2, 3]);
        let half = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        assert_eq!(model.run(&counted(2)), [half, half].concat());
        assert_eq!(one("Expand", 13, &[2, 3], &[&[1]]).output_shape(), [2, 3]);
        assert!(
            one("Expand", 13, &[2], &[&[3]])
                .refusal()
                .contains("cannot become 3")
        );
        let model = one("Tile", 13, &[1, 2], &[&[2, 2]]);
        assert_eq!(model.run(&counted(2)), [0.0, 1.0].repeat(4));
    }

    #[test]
    fn the_middle_is_cropped_or_padded() {
        let crop = one("CenterCropPad", 18, &[5], &[&[2]]);
        assert_eq!(crop.run(&counted(5)), [1.0, 2.0]);
        let pad = one("CenterCropPad", 18, &[2], &[&[5]]);
        assert_eq!(pad.run(&[1.0, 2.0]), [0.0, 1.0, 2.0, 0.0, 0.0]);
    }
}
