//! Pools: largest element, mean or norm of windows, and of whole maps.
//!
//! All of them are separable: over more than two spatial axes, pools follow one another, the last two axes first.

use super::composition::{absolute_power, affine, power};
use super::spatial::{self, AutoPad, Slide};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::function::Reduction;
use crate::window::Window;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[
    ("AveragePool", average_pool),
    ("GlobalAveragePool", global_average_pool),
    ("GlobalLpPool", global_lp_pool),
    ("GlobalMaxPool", global_max_pool),
    ("LpPool", lp_pool),
    ("MaxPool", max_pool),
];

type PoolOfMap = fn(&mut Lowering, &Value, Window) -> Result<Value, Refusal>;

/// `MaxPool`, without its second output.
fn max_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    // It says how the second output counts.
    node.ignore(&["storage_order"]);
    let x = lowering.input(node, 0)?;
    let mut slides = slides(node, &x)?;
    let extensions = extensions(node, &x, &slides)?;
    extend(&mut slides, &extensions);
    Ok(vec![separably(lowering, &x, &slides, Lowering::max_pool)?])
}

/// `AveragePool`.
fn average_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    Ok(vec![average(lowering, node, &x)?])
}

/// Means of the windows that `node` describes.
pub(super) fn average(
    lowering: &mut Lowering,
    node: &GraphNode,
    x: &Value,
) -> Result<Value, Refusal> {
    let mut slides = slides(node, x)?;
    let extensions = extensions(node, x, &slides)?;
    let mut x = x.clone();
    if node.int("count_include_pad", 0)? != 0 {
        // Declared padding counts as zeros; what rounding up adds never does.
        x = pad(lowering, &x, &mut slides)?;
    }
    extend(&mut slides, &extensions);
    separably(lowering, &x, &slides, Lowering::average_pool)
}

/// `LpPool`.
fn lp_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let order = order(node)?;
    let mut slides = slides(node, &x)?;
    let extensions = extensions(node, &x, &slides)?;
    extend(&mut slides, &extensions);
    let powers = absolute_power(lowering, &x, order)?;
    let padded = pad(lowering, &powers, &mut slides)?;
    let means = separably(lowering, &padded, &slides, Lowering::average_pool)?;
    let taps: f32 = slides.iter().map(|slide| slide.kernel as f32).product();
    let sums = affine(lowering, &means, taps, 0.0)?;
    Ok(vec![power(lowering, &sums, 1.0 / order)?])
}

/// `GlobalAveragePool`.
fn global_average_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    Ok(vec![globally(lowering, &x, Reduction::Mean)?])
}

/// `GlobalMaxPool`.
fn global_max_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    Ok(vec![globally(lowering, &x, Reduction::Maximum)?])
}

/// `GlobalLpPool`.
fn global_lp_pool(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let order = order(node)?;
    let powers = absolute_power(lowering, &x, order)?;
    let sums = globally(lowering, &powers, Reduction::Sum)?;
    Ok(vec![power(lowering, &sums, 1.0 / order)?])
}

/// Every map of `x` reduced to one element.
pub(super) fn globally(
    lowering: &mut Lowering,
    x: &Value,
    reduction: Reduction,
) -> Result<Value, Refusal> {
    check_rank(x)?;
    let axes: Vec<usize> = (2..x.rank()).collect();
    lowering.reduce(reduction, x, &axes)
}

fn check_rank(x: &Value) -> Result<(), Refusal> {
    if x.rank() < 3 {
        let rank = x.rank();
        return Err(format!("takes an input with spatial axes, not {rank} axes in all").into());
    }
    Ok(())
}

fn slides(node: &GraphNode, x: &Value) -> Result<Vec<Slide>, Refusal> {
    check_rank(x)?;
    let lengths = &x.shape()[2..];
    let kernel = spatial::kernel_shape(node, lengths.len())?;
    let slides = spatial::slides(node, &kernel, lengths)?;
    let resolved = matches!(AutoPad::of(node)?, AutoPad::SameUpper | AutoPad::SameLower);
    if resolved && slides.iter().any(|slide| slide.dilation > 1) {
        return Err("auto_pad with dilations has no agreed meaning for pools: give pads".into());
    }
    Ok(slides)
}

/// What rounding up the number of windows adds to the padding at the end of each axis.
fn extensions(node: &GraphNode, x: &Value, slides: &[Slide]) -> Result<Vec<usize>, Refusal> {
    let mode = AutoPad::of(node)?;
    let rounds_down = node.int("ceil_mode", 0)? == 0;
    if rounds_down || matches!(mode, AutoPad::SameUpper | AutoPad::SameLower) {
        return Ok(vec![0; slides.len()]);
    }
    let lengths = x.shape()[2..].iter();
    let extensions = slides.iter().zip(lengths);
    let extensions: Vec<usize> = extensions
        .map(|(slide, length)| slide.round_up(*length))
        .collect();
    if mode == AutoPad::Valid && extensions.iter().any(|extension| *extension > 0) {
        return Err(
            "ceil_mode without any padding (VALID) has no agreed meaning: give pads".into(),
        );
    }
    Ok(extensions)
}

fn extend(slides: &mut [Slide], extensions: &[usize]) {
    for (slide, extension) in slides.iter_mut().zip(extensions) {
        slide.after += extension;
    }
}

/// Writes the padding of `slides` out as zeros.
fn pad(lowering: &mut Lowering, x: &Value, slides: &mut [Slide]) -> Result<Value, Refusal> {
    let mut x = x.clone();
    for (axis, slide) in slides.iter_mut().enumerate() {
        if slide.before + slide.after > 0 {
            x = spatial::pad(lowering, &x, axis + 2, slide.before, slide.after)?;
            (slide.before, slide.after) = (0, 0);
        }
    }
    Ok(x)
}

/// Pools the spatial axes of `x`: the last two together, then the others one by one. A single one is the width of maps of height 1.
fn separably(
    lowering: &mut Lowering,
    x: &Value,
    slides: &[Slide],
    pool: PoolOfMap,
) -> Result<Value, Refusal> {
    let mut shape = x.shape().to_vec();
    let mut slides = slides.to_vec();
    let single = slides.len() == 1;
    if single {
        shape.insert(2, 1);
        slides.insert(0, Slide::UNIT);
    }
    let last = shape.len() - 1;
    let mut horizontal = slides[last - 2];
    let mut y = x.clone();
    for axis in (2..last).rev() {
        let [maps, width] = [&shape[..axis], &shape[axis + 1..]].map(|axes| axes.iter().product());
        let map = lowering.reshape(&y, &[1, maps, shape[axis], width])?;
        y = pool(
            lowering,
            &map,
            spatial::window(slides[axis - 2], horizontal),
        )?;
        shape[axis] = y.shape()[2];
        if axis + 1 == last {
            shape[last] = y.shape()[3];
        }
        horizontal = Slide::UNIT;
    }
    if single {
        shape.remove(2);
    }
    lowering.reshape(&y, &shape)
}

/// The `p` of a norm.
fn order(node: &GraphNode) -> Result<f32, Refusal> {
    let order = node.int("p", 2)?;
    if order < 1 {
        return Err(format!("the order p of the norm is {order}, it must be at least 1").into());
    }
    Ok(order as f32)
}

#[cfg(test)]
mod tests;
