//! Other axes for the same elements.

use super::constant::lengths;
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::onnx::import::lowering::{axes, axis, check_rank};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("DepthToSpace", depth_to_space),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("SpaceToDepth", space_to_depth),
    ("Squeeze", squeeze),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

fn reshape(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let dims = lowering.integers(node, 1)?.ok_or("has no shape")?;
    if x.constant().is_none() {
        lowering.refuse_batch(&dims)?;
    }
    let keeps_zeros = node.int("allowzero", 0)? != 0;
    let mut shape = Vec::new();
    let mut open = None;
    for (index, dim) in dims.iter().enumerate() {
        shape.push(match dim {
            0 if !keeps_zeros => *x
                .shape()
                .get(index)
                .ok_or("its shape copies an axis that is not there")?,
            -1 if open.replace(index).is_none() => 1,
            -1 => return Err("its shape leaves two axes open".into()),
            _ => lengths(&[*dim])?[0],
        });
    }
    if let Some(open) = open {
        let known = shape
            .iter()
            .try_fold(1usize, |n, axis| n.checked_mul(*axis));
        let length = known.and_then(|known| x.elements().checked_div(known));
        shape[open] =
            length.ok_or_else(|| Refusal(format!("shape {dims:?} has no place for -1")))?;
    }
    Ok(vec![lowering.reshape(&x, &shape)?])
}

/// Two axes: those before `axis`, and the others.
fn flatten(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let number = node.int("axis", 1)?;
    let rank = x.rank();
    let cut = if number == rank as i64 {
        rank
    } else {
        axis(number, rank)?
    };
    let (before, after) = x.shape().split_at(cut);
    let shape = [before, after].map(|axes| axes.iter().product());
    Ok(vec![lowering.reshape(&x, &shape)?])
}

/// The axes that a node names, in an attribute before opset 13 and in an input since.
fn named_axes(lowering: &Lowering, node: &GraphNode) -> Result<Option<Vec<i64>>, Refusal> {
    if node.opset < 13 {
        node.ints("axes")
    } else {
        lowering.integers(node, 1)
    }
}

fn squeeze(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let removed = match named_axes(lowering, node)? {
        Some(numbers) => x.axes(&numbers)?,
        None => (0..x.rank()).filter(|axis| x.shape()[*axis] == 1).collect(),
    };
    if let Some(axis) = removed.iter().find(|axis| x.shape()[**axis] != 1) {
        let length = x.shape()[*axis];
        return Err(Refusal(format!("axis {axis} has length {length}, not 1")));
    }
    let kept = (0..x.rank()).filter(|axis| !removed.contains(axis));
    let shape: Vec<usize> = kept.map(|axis| x.shape()[axis]).collect();
    Ok(vec![lowering.reshape(&x, &shape)?])
}

fn unsqueeze(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let numbers = named_axes(lowering, node)?.ok_or("has no axes")?;
    check_rank(x.rank() + numbers.len())?;
    let mut shape = x.shape().to_vec();
    // Rising, so that each is inserted where it is to be.
    for axis in axes(&numbers, x.rank() + numbers.len())? {
        shape.insert(axis, 1);
    }
    Ok(vec![lowering.reshape(&x, &shape)?])
}

fn transpose(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let order: Vec<usize> = match node.ints("perm")? {
        Some(order) => order
            .iter()
            .map(|number| axis(*number, x.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..x.rank()).rev().collect(),
    };
    Ok(vec![lowering.transpose(&x, &order)?])
}

/// Batch, channel, height and width of a map, and the side of a block.
fn blocks(x: &Value, node: &GraphNode) -> Result<([usize; 4], usize), Refusal> {
    let &[batch, channels, height, width] = x.shape() else {
        return Err("takes maps [batch, channel, height, width]".into());
    };
    let side = usize::try_from(node.int("blocksize", 0)?).unwrap_or_default();
    if side == 0 || side > channels.max(height).max(width) {
        return Err(Refusal(format!("its blocks have side {side}")));
    }
    Ok(([batch, channels, height, width], side))
}

fn depth_to_space(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let ([batch, channels, height, width], side) = blocks(&x, node)?;
    let inner = channels / (side * side);
    let mode = node.string("mode", "DCR")?;
    let (cut, order) = match mode.as_str() {
        "DCR" => (
            [batch, side, side, inner, height, width],
            [0, 3, 4, 1, 5, 2],
        ),
        "CRD" => (
            [batch, inner, side, side, height, width],
            [0, 1, 4, 2, 5, 3],
        ),
        _ => return Err(Refusal(format!("mode \"{mode}\" is not known"))),
    };
    let x = lowering.reshape(&x, &cut)?;
    let x = lowering.transpose(&x, &order)?;
    let shape = [batch, inner, height * side, width * side];
    Ok(vec![lowering.reshape(&x, &shape)?])
}

fn space_to_depth(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let ([batch, channels, height, width], side) = blocks(&x, node)?;
    let [height, width] = [height / side, width / side];
    let cut = [batch, channels, height, side, width, side];
    let x = lowering.reshape(&x, &cut)?;
    let x = lowering.transpose(&x, &[0, 3, 5, 1, 2, 4])?;
    let shape = [batch, channels * side * side, height, width];
    Ok(vec![lowering.reshape(&x, &shape)?])
}

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{
        Model, int_attribute, ints, ints_attribute, string_attribute,
    };

    fn counted(count: u8) -> Vec<f32> {
        (0..count).map(f32::from).collect()
    }

    fn reshape(input: &[i64], dims: &[i64], allowzero: i64) -> Model {
        let dims = ints("dims", &[dims.len() as i64], dims);
        let attributes = vec![int_attribute("allowzero", allowzero)];
        Model::of_node(14, input, "Reshape", &[dims], attributes)
    }

    #[test]
    fn reshape_copies_axes_and_finds_the_open_one() {
        assert_eq!(reshape(&[2, 3, 4], &[0, -1], 0).output_shape(), [2, 12]);
        assert_eq!(reshape(&[2, 3, 4], &[4, 6], 1).output_shape(), [4, 6]);
        assert!(
            reshape(&[2, 3], &[-1, -1], 0)
                .refusal()
                .contains("two axes open")
        );
        assert!(
            reshape(&[2, 3], &[0, 3], 1)
                .refusal()
                .contains("do not fill")
        );
        assert!(
            reshape(&[2, 3], &[2, 0, 0], 0)
                .refusal()
                .contains("not there")
        );
        assert!(
            reshape(&[2, 3], &[4, -1], 0)
                .refusal()
                .contains("do not fill")
        );
    }

    #[test]
    fn a_batch_in_a_constant_shape_is_refused() {
        let error = reshape(&[2, 3, 4], &[2, -1], 0).import().unwrap_err();
        assert!(
            error.to_string().contains("holds the batch of 2"),
            "{error}"
        );
        let network = reshape(&[-1, 3, 4], &[1, -1], 0).import().unwrap().network;
        assert_eq!(network.shape(network.output()).0, [12]);
    }

    #[test]
    fn flatten_makes_two_axes() {
        let shape = |axis| {
            let attributes = vec![int_attribute("axis", axis)];
            Model::of_node(13, &[2, 3, 4], "Flatten", &[], attributes).output_shape()
        };
        assert_eq!([shape(0), shape(1), shape(3)], [[1, 24], [2, 12], [24, 1]]);
        assert_eq!(shape(-1), [6, 4]);
    }

    #[test]
    fn axes_of_length_one_come_and_go() {
        let shape = |operator, opset, axes: &[i64]| {
            let model = match opset < 13 {
                true => {
                    let attributes = vec![ints_attribute("axes", axes)];
                    Model::of_node(opset, &[1, 3, 1], operator, &[], attributes)
                }
                false => {
                    let axes = ints("axes", &[axes.len() as i64], axes);
                    Model::of_node(opset, &[1, 3, 1], operator, &[axes], vec![])
                }
            };
            model.output_shape()
        };
        for opset in [11, 13] {
            assert_eq!(shape("Squeeze", opset, &[-1]), [1, 3]);
            assert_eq!(shape("Unsqueeze", opset, &[4, 0]), [1, 1, 3, 1, 1]);
        }
        let all = Model::of_node(13, &[1, 3, 1], "Squeeze", &[], vec![]);
        assert_eq!(all.output_shape(), [3]);
        let attributes = vec![ints_attribute("axes", &[1])];
        let wrong = Model::of_node(11, &[1, 3, 1], "Squeeze", &[], attributes);
        assert!(wrong.refusal().contains("axis 1 has length 3"));
    }

    #[test]
    fn transposed_without_an_order_the_axes_are_turned_round() {
        let model = Model::of_node(13, &[2, 3], "Transpose", &[], vec![]);
        assert_eq!(model.run(&counted(6)), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn blocks_go_from_channels_to_space_and_back() {
        // Four channels of 1×2: a block's rows and columns are the channels' higher digits (DCR).
        let side = || int_attribute("blocksize", 2);
        let attributes = vec![side()];
        let model = Model::of_node(13, &[1, 4, 1, 2], "DepthToSpace", &[], attributes);
        let spread = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0];
        assert_eq!(model.run(&counted(8)), spread);
        let model = Model::of_node(13, &[1, 1, 2, 4], "SpaceToDepth", &[], vec![side()]);
        assert_eq!(model.run(&spread), counted(8));
        // With eight channels the two orders differ.
        let order = |mode| {
            let attributes = vec![side(), string_attribute("mode", mode)];
            Model::of_node(13, &[1, 8, 1, 1], "DepthToSpace", &[], attributes).run(&counted(8))
        };
        assert_eq!(order("DCR"), [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
        assert_eq!(order("CRD"), counted(8));
    }
}
