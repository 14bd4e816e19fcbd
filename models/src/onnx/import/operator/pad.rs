//! Padding, and cropping where it is negative.

use super::{GraphNode, Lower, Lowering, Refusal, Value};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Pad", pad)];

fn pad(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let mut x = lowering.input(node, 0)?;
    let (pads, fill) = if node.opset < 11 {
        (node.ints("pads")?, node.float("value", 0.0)?)
    } else {
        let fill = lowering.constant_input(node, 2)?;
        let fill = fill.map_or(Ok(0.0), |fill| match fill.floats()[..] {
            [fill] => Ok(fill),
            _ => Err("its value is not one number"),
        })?;
        (lowering.integers(node, 1)?, fill)
    };
    let pads = pads.ok_or("has no pads")?;
    let axes = match lowering.integers(node, 3)? {
        Some(numbers) => numbers,
        None => (0..x.rank() as i64).collect(),
    };
    x.axes(&axes)?;
    if pads.len() != axes.len() * 2 {
        return Err(Refusal(format!(
            "{} pads for {} axes",
            pads.len(),
            axes.len()
        )));
    }
    let mode = Mode::of(&node.string("mode", "constant")?)?;
    let (before, after) = pads.split_at(axes.len());
    for ((axis, before), after) in axes.iter().zip(before).zip(after) {
        let axis = x.axis(*axis)?;
        let length = x.shape()[axis] as i64;
        let end = length.checked_add(*after);
        let span = end.and_then(|end| Some((end, end.checked_add(*before)?)));
        let (end, padded) = span.ok_or("its pads are too large")?;
        lowering.claim(&[usize::try_from(padded).unwrap_or_default()])?;
        let start = before.checked_neg().ok_or("its pads are too large")?;
        let indices = (start..end).map(|place| mode.source(place, length));
        x = lowering.select(&x, axis, indices.collect(), fill)?;
    }
    Ok(vec![x])
}

/// What lies beside an axis.
#[derive(Clone, Copy)]
enum Mode {
    /// One value.
    Constant,
    /// The outermost element.
    Edge,
    /// The axis mirrored at its outermost elements, again and again.
    Reflect,
    /// The axis again and again.
    Wrap,
}

impl Mode {
    fn of(name: &str) -> Result<Self, Refusal> {
        match name {
            "constant" => Ok(Self::Constant),
            "edge" => Ok(Self::Edge),
            "reflect" => Ok(Self::Reflect),
            "wrap" => Ok(Self::Wrap),
            _ => Err(Refusal(format!("mode \"{name}\" is not known"))),
        }
    }

    /// The position on an axis of `length` of what is seen at `place`.
    fn source(self, place: i64, length: i64) -> Option<usize> {
        let source = match self {
            _ if (0..length).contains(&place) => place,
            Self::Constant => return None,
            _ if length == 0 => return None,
            Self::Edge => place.clamp(0, length - 1),
            Self::Reflect => {
                let period = (2 * (length - 1)).max(1);
                let phase = place.rem_euclid(period);
                phase.min(period - phase)
            }
            Self::Wrap => place.rem_euclid(length),
        };
        usize::try_from(source).ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::onnx::import::testing::{
        Model, float_attribute, floats, ints, ints_attribute, string_attribute,
    };

    fn pad(mode: &str, pads: &[i64]) -> Vec<f32> {
        let pads = ints("pads", &[2], pads);
        let attributes = vec![string_attribute("mode", mode)];
        Model::of_node(19, &[3], "Pad", &[pads], attributes).run(&[1.0, 2.0, 3.0])
    }

    #[test]
    fn every_mode_continues_the_axis() {
        assert_eq!(pad("constant", &[1, 2]), [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(pad("edge", &[1, 2]), [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(pad("reflect", &[2, 1]), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
        assert_eq!(
            pad("wrap", &[1, 4]),
            [3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]
        );
    }

    #[test]
    fn negative_pads_crop() {
        assert_eq!(pad("constant", &[-1, 1]), [2.0, 3.0, 0.0]);
        assert_eq!(pad("reflect", &[1, -2]), [2.0, 1.0]);
    }

    #[test]
    fn axes_and_value_may_be_given() {
        let model = Model::new(18)
            .input("x", &[1, 2])
            .initializer(ints("pads", &[2], &[0, 1]))
            .initializer(floats("value", &[], &[7.0]))
            .initializer(ints("axes", &[1], &[-1]))
            .node("Pad", &["x", "pads", "value", "axes"], &["y"], vec![])
            .output("y");
        assert_eq!(model.run(&[1.0, 2.0]), [1.0, 2.0, 7.0]);
        let attributes = vec![
            ints_attribute("pads", &[1, 0]),
            float_attribute("value", 5.0),
        ];
        let old = Model::of_node(10, &[1], "Pad", &[], attributes);
        assert_eq!(old.run(&[1.0]), [5.0, 1.0]);
    }

    #[test]
    fn pads_that_do_not_fit_are_refused() {
        let huge = ints("pads", &[2], &[i64::MAX, 1]);
        let model = Model::of_node(13, &[3], "Pad", &[huge], vec![]);
        assert!(model.refusal().contains("too large"));
        let wide = ints("pads", &[2], &[1 << 40, 1]);
        let model = Model::of_node(13, &[3], "Pad", &[wide], vec![]);
        assert!(model.refusal().contains("would exceed"));
        let few = ints("pads", &[1], &[1]);
        let model = Model::of_node(13, &[3], "Pad", &[few], vec![]);
        assert!(model.refusal().contains("1 pads for 1 axes"));
    }
}
