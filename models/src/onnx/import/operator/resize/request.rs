//! What a node asks for: how long each axis becomes, and where in the input the elements of the result lie.

use super::interpolation::{Filter, Interpolation};
use super::{GraphNode, Lowering, Method, Refusal, Value};

/// A resizing.
pub(super) struct Request {
    pub method: Method,
    pub axes: Vec<Axis>,
    /// Stands for what lies beyond the input, where a region leaves it.
    pub extrapolation: f32,
}

/// One axis that is resized.
pub(super) struct Axis {
    /// Its number.
    pub axis: usize,
    /// Its length before.
    pub length: usize,
    /// Its length after.
    pub size: usize,
    /// The ratio of the two, before any rounding.
    pub scale: f32,
    coordinates: Coordinates,
}

/// How positions in the result become positions in the input, by the names of the standard.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    /// A region between two fractions of the axis.
    TfCropAndResize(f32, f32),
}

impl Axis {
    /// Whether it becomes another one.
    pub fn changes(&self) -> bool {
        let whole = !self.crops() || self.coordinates == Coordinates::TfCropAndResize(0.0, 1.0);
        self.scale != 1.0 || self.size != self.length || !whole
    }

    /// Whether positions may lie outside.
    pub fn crops(&self) -> bool {
        matches!(self.coordinates, Coordinates::TfCropAndResize(..))
    }

    /// Where in the input the element `index` of the result lies.
    pub fn position(&self, index: usize) -> f32 {
        let [index, length, size] = [index, self.length, self.size].map(|number| number as f32);
        let centre = (index + 0.5) / self.scale;
        match self.coordinates {
            Coordinates::HalfPixel => centre - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = size / (self.scale * length);
                length / 2.0 * (1.0 - adjustment) + centre - 0.5
            }
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if self.size == 1 => 0.0,
            Coordinates::PytorchHalfPixel => centre - 0.5,
            Coordinates::AlignCorners => index * (length - 1.0) / (size - 1.0),
            Coordinates::Asymmetric => index / self.scale,
            Coordinates::TfHalfPixelForNn => centre,
            Coordinates::TfCropAndResize(start, end) if self.size == 1 => {
                0.5 * (start + end) * (length - 1.0)
            }
            Coordinates::TfCropAndResize(start, end) => {
                start * (length - 1.0) + index * (end - start) * (length - 1.0) / (size - 1.0)
            }
        }
    }
}

impl Request {
    /// What `Upsample`, and `Resize` of opset 10, ask for.
    pub fn upsample(
        node: &GraphNode,
        x: &Value,
        scales: Option<Vec<f32>>,
    ) -> Result<Self, Refusal> {
        let method = match node.string("mode", "nearest")?.as_str() {
            "nearest" => Method::Nearest(f32::floor),
            "linear" => Method::Interpolation(Interpolation {
                filter: Filter::Linear,
                antialias: false,
                exclude_outside: false,
            }),
            other => return Err(format!("mode \"{other}\" is not in the standard").into()),
        };
        let axes = (0..x.rank()).collect::<Vec<_>>();
        let lengths = scaled(x, &axes, &scales.ok_or("has no scales")?)?;
        let axis = |(axis, (size, scale))| Axis {
            axis,
            length: x.shape()[axis],
            size,
            scale,
            coordinates: Coordinates::Asymmetric,
        };
        Ok(Self {
            method,
            axes: axes.into_iter().zip(lengths).map(axis).collect(),
            extrapolation: 0.0,
        })
    }

    /// What `Resize` of opset 11 and later asks for.
    pub fn resize(lowering: &Lowering, node: &GraphNode, x: &Value) -> Result<Self, Refusal> {
        let axes = match node.ints("axes")? {
            None => (0..x.rank()).collect(),
            Some(numbers) => {
                x.axes(&numbers)?;
                let axes = numbers.iter().map(|number| x.axis(*number));
                axes.collect::<Result<Vec<_>, _>>()?
            }
        };
        let coordinates = node.string("coordinate_transformation_mode", "half_pixel")?;
        let policy = node.string("keep_aspect_ratio_policy", "stretch")?;
        let scales = lowering
            .floats(node, 2)?
            .filter(|scales| !scales.is_empty());
        let sizes = lowering
            .integers(node, 3)?
            .filter(|sizes| !sizes.is_empty());
        let lengths = match (&scales, sizes) {
            (Some(scales), None) => scaled(x, &axes, scales)?,
            (None, Some(sizes)) => sized(x, &axes, &sizes, &policy)?,
            _ => return Err("needs either scales or sizes".into()),
        };
        let regions = match coordinates.as_str() {
            "tf_crop_and_resize" => regions(lowering, node, axes.len())?,
            _ => vec![(0.0, 1.0); axes.len()],
        };
        let mut resized = Vec::new();
        for ((axis, (size, scale)), (start, end)) in axes.into_iter().zip(lengths).zip(regions) {
            let length = x.shape()[axis];
            let coordinates = match coordinates.as_str() {
                "half_pixel" => Coordinates::HalfPixel,
                "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
                "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
                "align_corners" => Coordinates::AlignCorners,
                "asymmetric" => Coordinates::Asymmetric,
                "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
                "tf_crop_and_resize" => Coordinates::TfCropAndResize(start, end),
                other => {
                    return Err(format!("coordinates \"{other}\" are not in the standard").into());
                }
            };
            let fraction = (length as f32 * scale - size as f32).abs();
            if coordinates == Coordinates::AlignCorners && fraction > 1e-3 {
                return Err(
                    "aligned corners have no agreed meaning where the scale gives a fraction of an element; give sizes".into(),
                );
            }
            if scales.is_some() && (start, end) != (0.0, 1.0) {
                return Err("a region together with scales is not supported; give sizes".into());
            }
            resized.push(Axis {
                axis,
                length,
                size,
                scale,
                coordinates,
            });
        }
        Ok(Self {
            method: method(node)?,
            axes: resized,
            extrapolation: node.float("extrapolation_value", 0.0)?,
        })
    }
}

fn method(node: &GraphNode) -> Result<Method, Refusal> {
    let nearest = node.string("nearest_mode", "round_prefer_floor")?;
    let a = node.float("cubic_coeff_a", -0.75)?;
    let antialias = node.int("antialias", 0)? != 0;
    let exclude_outside = node.int("exclude_outside", 0)? != 0;
    let filter = match node.string("mode", "nearest")?.as_str() {
        "nearest" => {
            return Ok(Method::Nearest(match nearest.as_str() {
                "round_prefer_floor" => |position: f32| (position - 0.5).ceil(),
                "round_prefer_ceil" => f32::round,
                "floor" => f32::floor,
                "ceil" => f32::ceil,
                other => {
                    return Err(format!("nearest_mode \"{other}\" is not in the standard").into());
                }
            }));
        }
        "linear" => Filter::Linear,
        "cubic" => Filter::Cubic(a.into()),
        other => return Err(format!("mode \"{other}\" is not in the standard").into()),
    };
    Ok(Method::Interpolation(Interpolation {
        filter,
        antialias,
        exclude_outside,
    }))
}

/// Length and scale of the axes where scales are given.
fn scaled(x: &Value, axes: &[usize], scales: &[f32]) -> Result<Vec<(usize, f32)>, Refusal> {
    if scales.len() != axes.len() {
        return Err(format!("has {} scales for {} axes", scales.len(), axes.len()).into());
    }
    let lengths = axes.iter().zip(scales).map(|(axis, scale)| {
        let size = (x.shape()[*axis] as f32 * scale).floor();
        Ok((checked_size(size)?, *scale))
    });
    lengths.collect()
}

/// Length and scale of the axes where sizes are given.
fn sized(
    x: &Value,
    axes: &[usize],
    sizes: &[i64],
    policy: &str,
) -> Result<Vec<(usize, f32)>, Refusal> {
    if sizes.len() != axes.len() {
        return Err(format!("has {} sizes for {} axes", sizes.len(), axes.len()).into());
    }
    if axes.iter().any(|axis| x.shape()[*axis] == 0) {
        return Err("takes a value without elements".into());
    }
    let lengths = axes.iter().map(|axis| x.shape()[*axis] as f32);
    let ratios = sizes
        .iter()
        .zip(lengths.clone())
        .map(|(size, length)| *size as f32 / length);
    let common = match policy {
        "stretch" => {
            let sizes = sizes.iter().zip(ratios);
            return sizes
                .map(|(size, ratio)| Ok((checked_size(*size as f32)?, ratio)))
                .collect();
        }
        "not_larger" => ratios.fold(f32::INFINITY, f32::min),
        "not_smaller" => ratios.fold(0.0, f32::max),
        other => {
            return Err(
                format!("keep_aspect_ratio_policy \"{other}\" is not in the standard").into(),
            );
        }
    };
    let round_half_up = |size: f32| (size + 0.5).floor();
    lengths
        .map(|length| Ok((checked_size(round_half_up(common * length))?, common)))
        .collect()
}

fn checked_size(size: f32) -> Result<usize, Refusal> {
    if size.is_nan() || size < 1.0 {
        return Err("an axis would have no elements".into());
    }
    Ok(size as usize)
}

/// Start and end of the region along each axis, as fractions of it.
fn regions(lowering: &Lowering, node: &GraphNode, axes: usize) -> Result<Vec<(f32, f32)>, Refusal> {
    let region = lowering.floats(node, 1)?.unwrap_or_default();
    if region.len() != 2 * axes {
        return Err(format!("roi has {} numbers for {axes} axes", region.len()).into());
    }
    let (starts, ends) = region.split_at(axes);
    Ok(starts.iter().copied().zip(ends.iter().copied()).collect())
}
