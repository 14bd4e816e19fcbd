//! Convolutions, plain and transposed, over one or two spatial axes.
//!
//! A transposed convolution is a convolution of the input with zeros between its elements, with mirrored weights (Dumoulin and Visin,
//! "A guide to convolution arithmetic for deep learning", 2016).

use super::spatial::{self, AutoPad, Slide};
use super::{GraphNode, Lower, Lowering, Refusal, Value};
use crate::onnx::import::lowering::Constant;
use crate::onnx::import::tensor::Tensor;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Conv", conv), ("ConvTranspose", conv_transpose)];

/// `Conv`.
fn conv(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let weight = lowering.input(node, 1)?;
    let bias = lowering.constant_input(node, 2)?;
    Ok(vec![convolve(lowering, node, &x, &weight, bias.as_ref())?])
}

/// `x` convolved with a constant `weight`, with the window that the attributes of `node` describe.
pub(super) fn convolve(
    lowering: &mut Lowering,
    node: &GraphNode,
    x: &Value,
    weight: &Value,
    bias: Option<&Constant>,
) -> Result<Value, Refusal> {
    let (kernel, lengths) = spatial_axes(node, x, weight)?;
    let slides = spatial::slides(node, kernel, lengths)?;
    let groups = groups(node)?;
    slide(lowering, x, constant_weight(weight)?, bias, &slides, groups)
}

/// `ConvTranspose`.
fn conv_transpose(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let weight = lowering.input(node, 1)?;
    let bias = lowering.constant_input(node, 2)?;
    let (kernel, lengths) = spatial_axes(node, &x, &weight)?;
    let groups = groups(node)?;
    let mut slides = spatial::unpadded(node, kernel)?;
    let crops = crops(node, &slides, lengths)?;
    let mirrored = mirror(constant_weight(&weight)?, groups)?;
    let mut stuffed = x.clone();
    for (axis, (slide, crop)) in slides.iter_mut().zip(crops).enumerate() {
        // What every window that touches the input needs around it, less what is cropped. Where more is cropped than lies there, of the
        // input too, and then the padding is written out.
        let last = ((lengths[axis] - 1) * slide.stride) as i64;
        let [before, after] = crop.map(|crop| slide.extent() as i64 - 1 - crop);
        let (positions, before, after) = match before < 0 || after < 0 {
            true => (-before..=last + after, 0, 0),
            false => (0..=last, before as usize, after as usize),
        };
        if positions.is_empty() {
            return Err("the padding leaves nothing of the output".into());
        }
        lowering.claim(&[(positions.end() - positions.start() + 1) as usize])?;
        let stride = slide.stride as i64;
        let source = |position: i64| {
            let holds = (0..=last).contains(&position) && position % stride == 0;
            holds.then_some((position / stride) as usize)
        };
        *slide = Slide {
            stride: 1,
            before,
            after,
            ..*slide
        };
        let indices = positions.map(source).collect();
        stuffed = lowering.select(&stuffed, axis + 2, indices, 0.0)?;
    }
    let y = slide(
        lowering,
        &stuffed,
        &mirrored,
        bias.as_ref(),
        &slides,
        groups,
    )?;
    Ok(vec![y])
}

/// Kernel and lengths of the spatial axes, where `x` and `weight` fit the operators here.
fn spatial_axes<'a>(
    node: &GraphNode,
    x: &'a Value,
    weight: &'a Value,
) -> Result<(&'a [usize], &'a [usize]), Refusal> {
    if !matches!(x.rank(), 3 | 4) {
        let rank = x.rank();
        let problem =
            format!("takes an input with one or two spatial axes, not {rank} axes in all");
        return Err(problem.into());
    }
    if weight.rank() != x.rank() {
        let (weight, input) = (weight.rank(), x.rank());
        return Err(format!("weights have {weight} axes, the input has {input}").into());
    }
    if x.elements() == 0 || weight.elements() == 0 {
        return Err("takes an input and weights with elements".into());
    }
    let kernel = &weight.shape()[2..];
    if node.ints("kernel_shape")?.is_some() && spatial::kernel_shape(node, kernel.len())? != kernel
    {
        return Err(format!("kernel_shape is not that of the weights, {kernel:?}").into());
    }
    Ok((kernel, &x.shape()[2..]))
}

fn groups(node: &GraphNode) -> Result<usize, Refusal> {
    let groups = node.int("group", 1)?;
    usize::try_from(groups)
        .ok()
        .filter(|groups| *groups > 0)
        .ok_or_else(|| format!("group is {groups}").into())
}

fn constant_weight(weight: &Value) -> Result<&Constant, Refusal> {
    let refusal = || "weights that are computed are not supported; they must be constants".into();
    weight.constant().ok_or_else(refusal)
}

/// The convolution on maps; one spatial axis is the width of a map of height 1.
fn slide(
    lowering: &mut Lowering,
    x: &Value,
    weight: &Constant,
    bias: Option<&Constant>,
    slides: &[Slide],
    groups: usize,
) -> Result<Value, Refusal> {
    let [horizontal] = slides else {
        let window = spatial::window(slides[0], slides[1]);
        return lowering.convolution(x, weight, bias, window, groups);
    };
    let raised = |shape: &[usize]| [&shape[..2], &[1], &shape[2..]].concat();
    let weight = weight.with(Tensor::clone(weight).reshaped(raised(&weight.shape)));
    let map = lowering.reshape(x, &raised(x.shape()))?;
    let window = spatial::window(Slide::UNIT, *horizontal);
    let y = lowering.convolution(&map, &weight, bias, window, groups)?;
    let [batch, channels, _, length] = y.shape() else {
        unreachable!("a convolution of a map is a map");
    };
    lowering.reshape(&y, &[*batch, *channels, *length])
}

/// What a transposed convolution takes away at the beginning and at the end of each spatial axis; below zero where it adds to it.
fn crops(node: &GraphNode, slides: &[Slide], lengths: &[usize]) -> Result<Vec<[i64; 2]>, Refusal> {
    let rank = slides.len();
    let extra = spatial::sizes(node, "output_padding", rank, 0, 0)?;
    let mode = AutoPad::of(node)?;
    let explicit = node.ints("output_shape")?.is_some();
    let wanted = match mode {
        _ if explicit => spatial::sizes(node, "output_shape", rank, 1, 1)?,
        AutoPad::SameUpper | AutoPad::SameLower => {
            let strides = slides.iter().map(|slide| slide.stride);
            lengths
                .iter()
                .zip(strides)
                .map(|(n, stride)| n * stride)
                .collect()
        }
        AutoPad::Explicit => {
            let pads = spatial::sizes(node, "pads", 2 * rank, 0, 0)?;
            let crop = |axis| {
                [
                    pads[axis] as i64,
                    pads[rank + axis] as i64 - extra[axis] as i64,
                ]
            };
            return Ok((0..rank).map(crop).collect());
        }
        AutoPad::Valid => {
            return Ok(extra.iter().map(|extra| [0, -(*extra as i64)]).collect());
        }
    };
    let crop = |axis: usize| {
        let slide = &slides[axis];
        let full = (lengths[axis] - 1) * slide.stride + slide.extent() + extra[axis];
        let Some(total) = full.checked_sub(wanted[axis]) else {
            // What the kernel does not reach lies at the end. Where it is more than one position, or follows from the stride, tools do
            // not agree.
            return match wanted[axis] - full {
                1 if explicit => Ok([0, -1 - extra[axis] as i64]),
                _ => Err(format!(
                    "an output of length {} is wanted, the kernel reaches {full}: give pads and output_padding",
                    wanted[axis]
                )),
            };
        };
        // Before version 11 the standard put the longer half elsewhere, and tools do not agree.
        if node.opset < 11 && total % 2 == 1 {
            return Err(
                "output_shape with odd padding before opset 11 has no agreed meaning".to_owned(),
            );
        }
        let (before, after) = mode.split(total);
        Ok([before as i64, after as i64 - extra[axis] as i64])
    };
    Ok((0..rank).map(crop).collect::<Result<_, _>>()?)
}

/// Weights `[input channel, output channel / groups, …]` of a transposed convolution as those of a plain one,
/// `[output channel, input channel / groups, …]`, with every kernel turned around.
fn mirror(weight: &Constant, groups: usize) -> Result<Constant, Refusal> {
    let [inputs, outputs_of_group, ref kernel @ ..] = weight.shape[..] else {
        unreachable!("weights have the rank of the input");
    };
    if inputs % groups != 0 {
        return Err(format!("{groups} groups do not divide {inputs} input channels").into());
    }
    let inputs_of_group = inputs / groups;
    let taps: usize = kernel.iter().product();
    let values = weight.floats();
    let mut mirrored = Vec::with_capacity(values.len());
    for group in 0..groups {
        for output in 0..outputs_of_group {
            for input in 0..inputs_of_group {
                let source = (group * inputs_of_group + input) * outputs_of_group + output;
                mirrored.extend(values[source * taps..][..taps].iter().rev());
            }
        }
    }
    let shape = [&[groups * outputs_of_group, inputs_of_group], kernel].concat();
    Ok(weight.with(Tensor::of_floats(shape, mirrored)))
}

#[cfg(test)]
mod tests;
