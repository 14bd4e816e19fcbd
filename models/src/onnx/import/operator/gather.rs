//! Elements and rows at places that constants name.

use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::BinaryFunction;
use crate::onnx::import::lowering::Constant;
use crate::onnx::import::tensor::{Data, ElementType, Tensor};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("OneHot", one_hot),
    ("ReverseSequence", reverse_sequence),
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
];

/// The constant places at input 1, which negative numbers count from the end.
fn places(lowering: &Lowering, node: &GraphNode) -> Result<Constant, Refusal> {
    let places = lowering.constant_input(node, 1)?.ok_or("has no indices")?;
    match places.integers() {
        Some(_) => Ok(places),
        None => Err("its indices are no integers".into()),
    }
}

/// The position that a number of the file names on an axis of `length`.
fn place(number: i64, length: usize) -> Result<usize, Refusal> {
    let from_end = || length.checked_sub(usize::try_from(number.unsigned_abs()).ok()?);
    let place = if number < 0 {
        from_end()
    } else {
        usize::try_from(number).ok()
    };
    let place = place.filter(|place| *place < length);
    place.ok_or_else(|| Refusal(format!("index {number} of an axis of length {length}")))
}

fn gather(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = x.axis(node.int("axis", 0)?)?;
    let places = places(lowering, node)?;
    let length = x.shape()[axis];
    let numbers = places.integers().unwrap_or_default().iter();
    let indices: Result<Vec<_>, _> = numbers
        .map(|number| place(*number, length).map(Some))
        .collect();
    let shape = [&x.shape()[..axis], &places.shape, &x.shape()[axis + 1..]].concat();
    let chosen = lowering.select(&x, axis, indices?, 0.0)?;
    Ok(vec![lowering.reshape(&chosen, &shape)?])
}

/// Strides of a row-major array.
fn strides(shape: &[usize]) -> Vec<usize> {
    let after = |axis: usize| shape[axis + 1..].iter().product();
    (0..shape.len()).map(after).collect()
}

/// The index in an array of `shape` that lies at `position`.
fn index_at(position: usize, shape: &[usize]) -> Vec<usize> {
    let axes = shape.iter().zip(strides(shape));
    axes.map(|(length, stride)| position / stride % length)
        .collect()
}

/// The elements of `x` at positions counted over the whole of it.
fn pick(
    lowering: &mut Lowering,
    x: &Value,
    positions: Vec<usize>,
    shape: &[usize],
) -> Result<Value, Refusal> {
    let flat = lowering.reshape(x, &[x.elements()])?;
    let indices = positions.into_iter().map(Some).collect();
    let chosen = lowering.select(&flat, 0, indices, 0.0)?;
    lowering.reshape(&chosen, shape)
}

/// For each element of `indices` the position in an array of `shape` where the index along `axis` is replaced by that element.
fn positions_along(
    lowering: &mut Lowering,
    indices: &Constant,
    shape: &[usize],
    axis: usize,
) -> Result<Vec<usize>, Refusal> {
    let fits = indices.shape.len() == shape.len()
        && (0..shape.len()).all(|other| other == axis || indices.shape[other] <= shape[other]);
    if !fits {
        return Err(Refusal(format!(
            "indices of shape {:?} for a value of shape {shape:?}",
            indices.shape
        )));
    }
    lowering.claim(&indices.shape)?;
    let strides = strides(shape);
    let numbers = indices.integers().unwrap_or_default().iter().enumerate();
    let positions = numbers.map(|(position, number)| {
        let mut index = index_at(position, &indices.shape);
        index[axis] = place(*number, shape[axis])?;
        Ok(index
            .iter()
            .zip(&strides)
            .map(|(index, stride)| index * stride)
            .sum())
    });
    positions.collect()
}

fn gather_elements(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let axis = x.axis(node.int("axis", 0)?)?;
    let indices = places(lowering, node)?;
    let positions = positions_along(lowering, &indices, x.shape(), axis)?;
    Ok(vec![pick(lowering, &x, positions, &indices.shape)?])
}

/// Where the blocks begin that the last axis of `indices` names in an array of `shape`, and the shape of a block. The first `batch`
/// axes are common.
fn blocks(
    lowering: &mut Lowering,
    indices: &Constant,
    shape: &[usize],
    batch: usize,
) -> Result<(Vec<usize>, Vec<usize>), Refusal> {
    let wrong = || {
        let indices = &indices.shape;
        Refusal(format!(
            "indices of shape {indices:?} for a value of shape {shape:?}"
        ))
    };
    let (&depth, outer) = indices.shape.split_last().ok_or_else(wrong)?;
    let named = batch
        .checked_add(depth)
        .filter(|named| *named <= shape.len())
        .ok_or_else(wrong)?;
    if depth == 0 || outer.get(..batch) != Some(&shape[..batch]) {
        return Err(wrong());
    }
    lowering.claim(&indices.shape)?;
    let strides = strides(shape);
    let tuples = indices.integers().unwrap_or_default().chunks_exact(depth);
    let starts = tuples.enumerate().map(|(position, tuple)| {
        let mut index = index_at(position, outer);
        index.truncate(batch);
        for (number, length) in tuple.iter().zip(&shape[batch..]) {
            index.push(place(*number, *length)?);
        }
        Ok(index
            .iter()
            .zip(&strides)
            .map(|(index, stride)| index * stride)
            .sum())
    });
    let starts: Result<_, Refusal> = starts.collect();
    Ok((starts?, shape[named..].to_vec()))
}

fn gather_nd(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let batch = usize::try_from(node.int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let batch = Some(batch)
        .filter(|batch| *batch < x.rank())
        .ok_or("has too many batch axes")?;
    let indices = places(lowering, node)?;
    let (starts, block) = blocks(lowering, &indices, x.shape(), batch)?;
    let size: usize = block.iter().product();
    let shape = [&indices.shape[..indices.shape.len() - 1], &block].concat();
    if size == 0 {
        return Err("takes no empty values".into());
    }
    // Rows instead of elements: a list of them is shorter.
    let rows = lowering.reshape(&x, &[x.elements() / size, size])?;
    let chosen = starts.iter().map(|start| Some(start / size)).collect();
    let chosen = lowering.select(&rows, 0, chosen, 0.0)?;
    Ok(vec![lowering.reshape(&chosen, &shape)?])
}

/// `x` with the elements of `updates` at `positions`; of several at one position the last.
fn put(
    lowering: &mut Lowering,
    x: &Value,
    updates: &Value,
    positions: impl Iterator<Item = usize>,
) -> Result<Value, Refusal> {
    let elements = x.elements();
    lowering.claim(&[elements])?;
    let mut sources: Vec<usize> = (0..elements).collect();
    for (update, position) in positions.enumerate() {
        sources[position] = elements + update;
    }
    let x_flat = lowering.reshape(x, &[elements])?;
    let updates = lowering.reshape(updates, &[updates.elements()])?;
    let both = lowering.concat(&[x_flat, updates], 0)?;
    pick(lowering, &both, sources, x.shape())
}

fn refuse_reduction(node: &GraphNode) -> Result<(), Refusal> {
    match node.string("reduction", "none")?.as_str() {
        "none" => Ok(()),
        other => Err(Refusal(format!("reduction \"{other}\" is not supported"))),
    }
}

fn scatter_elements(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    refuse_reduction(node)?;
    let [x, updates] = [lowering.input(node, 0)?, lowering.input(node, 2)?];
    let axis = x.axis(node.int("axis", 0)?)?;
    let indices = places(lowering, node)?;
    if updates.shape() != indices.shape {
        return Err("has not one update for each index".into());
    }
    let positions = positions_along(lowering, &indices, x.shape(), axis)?;
    Ok(vec![put(lowering, &x, &updates, positions.into_iter())?])
}

fn scatter_nd(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    refuse_reduction(node)?;
    let [x, updates] = [lowering.input(node, 0)?, lowering.input(node, 2)?];
    let indices = places(lowering, node)?;
    let (starts, block) = blocks(lowering, &indices, x.shape(), 0)?;
    let outer = &indices.shape[..indices.shape.len() - 1];
    if updates.shape() != [outer, &block].concat() {
        return Err("has not one update for each index".into());
    }
    let size: usize = block.iter().product();
    lowering.claim(updates.shape())?;
    let positions = starts.iter().flat_map(|start| *start..start + size);
    Ok(vec![put(lowering, &x, &updates, positions)?])
}

/// Along a new axis one value at the place that an index names, and another everywhere else.
fn one_hot(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let indices = lowering.input(node, 0)?;
    let depth = lowering.constant_input(node, 1)?.ok_or("has no depth")?;
    let depth = match depth.floats()[..] {
        [depth] if depth >= 1.0 => depth as usize,
        _ => return Err("its depth is not a number above 0".into()),
    };
    let values = lowering.input(node, 2)?;
    if values.shape() != [2] {
        return Err("has not two values".into());
    }
    let number = node.int("axis", -1)?;
    let axis = crate::onnx::import::lowering::axis(number, indices.rank() + 1)?;
    let mut shape = indices.shape().to_vec();
    shape.insert(axis, 1);
    let indices = lowering.reshape(&indices, &shape)?;

    // An index from −depth to −1 counts from the end.
    let mut classes = vec![1; shape.len()];
    classes[axis] = depth;
    lowering.claim(&[depth, 2])?;
    let mut is_class = |shift: i64| {
        let numbers: Vec<i64> = (0..depth as i64).map(|class| class - shift).collect();
        let numbers = match indices.element().is_float() {
            true => lowering.constant(&classes, numbers.iter().map(|n| *n as f32).collect()),
            false => Tensor {
                element: ElementType::Int64,
                shape: classes.clone(),
                data: Data::Int(numbers),
            }
            .into(),
        };
        lowering.binary(BinaryFunction::Equal, &indices, &numbers)
    };
    let [from_start, from_end] = [is_class(0)?, is_class(depth as i64)?];
    let hot = lowering.binary(BinaryFunction::Maximum, &from_start, &from_end)?;
    let off = lowering.select(&values, 0, vec![Some(0)], 0.0)?;
    let on = lowering.select(&values, 0, vec![Some(1)], 0.0)?;
    Ok(vec![lowering.choose(&hot, &on, &off)?])
}

/// The first elements of each sequence the other way round.
fn reverse_sequence(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let lengths = lowering.integers(node, 1)?.ok_or("has no lengths")?;
    let time = x.axis(node.int("time_axis", 0)?)?;
    let batch = x.axis(node.int("batch_axis", 1)?)?;
    if time == batch || lengths.len() != x.shape()[batch] {
        return Err("has not one length for each sequence".into());
    }
    lowering.claim(x.shape())?;
    let strides = strides(x.shape());
    let positions = (0..x.elements()).map(|position| {
        let index = index_at(position, x.shape());
        let length = usize::try_from(lengths[index[batch]]).unwrap_or_default();
        match index[time] {
            at if at < length.min(x.shape()[time]) => {
                let mirrored = length.min(x.shape()[time]) - 1 - at;
                position - at * strides[time] + mirrored * strides[time]
            }
            _ => position,
        }
    });
    let positions = positions.collect();
    Ok(vec![pick(lowering, &x, positions, x.shape())?])
}

#[cfg(test)]
mod tests;
