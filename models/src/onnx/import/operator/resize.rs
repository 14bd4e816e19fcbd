//! `Resize` and `Upsample`: nearest elements are selected; interpolation is a matrix product along each axis.
//!
//! Positions are computed in f32, as ONNX Runtime does: near a tie another precision would select other elements.
//! Non-goals: what a request of a node means for an axis (`request`), and the weights of interpolation (`interpolation`).

mod interpolation;
mod request;

use interpolation::Interpolation;
use request::Request;

use super::composition::apply_along;
use super::{GraphNode, Lower, Lowering, Refusal, Value};

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[("Resize", resize), ("Upsample", upsample)];

fn resize(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let request = match node.opset {
        ..11 => Request::upsample(node, &x, lowering.floats(node, 1)?)?,
        _ => Request::resize(lowering, node, &x)?,
    };
    apply(lowering, &x, &request)
}

/// The forerunner of `Resize`.
fn upsample(lowering: &mut Lowering, node: &GraphNode) -> Result<Vec<Value>, Refusal> {
    let x = lowering.input(node, 0)?;
    let scales = match node.opset {
        ..9 => node.floats("scales")?,
        _ => lowering.floats(node, 1)?,
    };
    let request = Request::upsample(node, &x, scales)?;
    apply(lowering, &x, &request)
}

/// How elements of the result are made of those around their position.
enum Method {
    /// The one at the position that this function rounds to.
    Nearest(fn(f32) -> f32),
    /// Their weighted mean.
    Interpolation(Interpolation),
}

fn apply(lowering: &mut Lowering, x: &Value, request: &Request) -> Result<Vec<Value>, Refusal> {
    let mut y = x.clone();
    for axis in request.axes.iter().filter(|axis| axis.changes()) {
        lowering.claim(&[axis.size])?;
        let positions: Vec<f32> = (0..axis.size).map(|index| axis.position(index)).collect();
        let last = axis.length - 1;
        let inside = |position: f32| !axis.crops() || (0.0..=last as f32).contains(&position);
        y = match &request.method {
            Method::Nearest(round) => {
                let index = |position: f32| (round(position).max(0.0) as usize).min(last);
                let chosen = positions.iter().map(|at| inside(*at).then(|| index(*at)));
                lowering.select(&y, axis.axis, chosen.collect(), request.extrapolation)?
            }
            Method::Interpolation(interpolation) => {
                lowering.claim(&[axis.size, axis.length])?;
                let kept: Vec<bool> = positions.iter().map(|at| inside(*at)).collect();
                let positions: Vec<f32> = positions
                    .iter()
                    .zip(&kept)
                    .map(|(at, kept)| if *kept { *at } else { 0.0 })
                    .collect();
                let matrix = interpolation.matrix(axis.scale, axis.length, &positions);
                let means = apply_along(lowering, &y, axis.axis, axis.size, matrix)?;
                let chosen = kept
                    .iter()
                    .enumerate()
                    .map(|(index, kept)| kept.then_some(index));
                lowering.select(&means, axis.axis, chosen.collect(), request.extrapolation)?
            }
        };
    }
    Ok(vec![y])
}

#[cfg(test)]
mod tests {
    use onnx_protobuf::AttributeProto;

    use crate::onnx::import::testing::{
        Model, float_attribute, floats, floats_attribute, int_attribute, ints, ints_attribute,
        string_attribute,
    };

    fn sized(shape: &[i64], sizes: &[i64], attributes: Vec<AttributeProto>) -> Model {
        Model::new(19)
            .input("x", shape)
            .node("Resize", &["x", "roi", "", "sizes"], &["y"], attributes)
            .initializer(floats("roi", &[4], &[0.0, 0.5, 1.0, 1.5]))
            .initializer(ints("sizes", &[sizes.len() as i64], sizes))
            .output("y")
    }

    fn scaled(length: i64, scale: f32, attributes: Vec<AttributeProto>) -> Model {
        Model::new(19)
            .input("x", &[1, length])
            .node("Resize", &["x", "", "scales"], &["y"], attributes)
            .initializer(floats("scales", &[2], &[1.0, scale]))
            .output("y")
    }

    fn coordinates(name: &str) -> AttributeProto {
        string_attribute("coordinate_transformation_mode", name)
    }

    const X: [f32; 4] = [0.0, 10.0, 20.0, 30.0];

    #[test]
    fn nearest_elements_follow_rounding_and_coordinates() {
        let run = |size, mode: &str, name| {
            let attributes = vec![string_attribute("nearest_mode", mode), coordinates(name)];
            sized(&[1, 4], &[1, size], attributes).run(&X)
        };
        // Half pixels: −0.25, 0.25, 0.75 and so on.
        let doubled = [0.0, 0.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0];
        assert_eq!(run(8, "round_prefer_floor", "half_pixel"), doubled);
        // Every half of the asymmetric coordinates is a tie.
        assert_eq!(run(8, "round_prefer_floor", "asymmetric"), doubled);
        let up = [0.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0, 30.0];
        assert_eq!(run(8, "round_prefer_ceil", "asymmetric"), up);
        assert_eq!(run(8, "ceil", "asymmetric"), up);
        assert_eq!(run(8, "floor", "asymmetric"), doubled);
        // 0, 1.5, 3.
        assert_eq!(
            run(3, "round_prefer_floor", "align_corners"),
            [0.0, 10.0, 30.0]
        );
        // 0.5, 1.5 of two: 1, 3.
        assert_eq!(run(2, "floor", "tf_half_pixel_for_nn"), [10.0, 30.0]);
    }

    #[test]
    fn linear_interpolation_follows_the_coordinates() {
        let run = |size, name| {
            let attributes = vec![string_attribute("mode", "linear"), coordinates(name)];
            sized(&[1, 4], &[1, size], attributes).run(&X)
        };
        assert_eq!(run(2, "half_pixel"), [5.0, 25.0]);
        assert_eq!(run(2, "align_corners"), [0.0, 30.0]);
        assert_eq!(run(2, "asymmetric"), [0.0, 20.0]);
        assert_eq!(run(1, "half_pixel"), [15.0]);
        assert_eq!(run(1, "pytorch_half_pixel"), [0.0]);
        assert_eq!(run(8, "half_pixel")[..3], [0.0, 2.5, 7.5]);
    }

    #[test]
    fn axes_are_resized_one_after_the_other() {
        let attributes = vec![
            string_attribute("mode", "linear"),
            ints_attribute("axes", &[3, 2]),
            coordinates("align_corners"),
        ];
        let model = sized(&[1, 1, 2, 2], &[3, 2], attributes);
        assert_eq!(model.output_shape(), [1, 1, 2, 3]);
        assert_eq!(
            model.run(&[1.0, 3.0, 5.0, 9.0]),
            [1.0, 2.0, 3.0, 5.0, 7.0, 9.0]
        );
        let both = vec![
            string_attribute("mode", "linear"),
            coordinates("align_corners"),
        ];
        let model = sized(&[1, 1, 2, 2], &[1, 1, 3, 3], both);
        let expected = [1.0, 2.0, 3.0, 3.0, 4.5, 6.0, 5.0, 7.0, 9.0];
        assert_eq!(model.run(&[1.0, 3.0, 5.0, 9.0]), expected);
    }

    #[test]
    fn regions_may_leave_the_input() {
        let attributes = |mode| {
            vec![
                string_attribute("mode", mode),
                string_attribute("nearest_mode", "floor"),
                coordinates("tf_crop_and_resize"),
                float_attribute("extrapolation_value", -1.0),
            ]
        };
        // The second axis from the middle to one half beyond its end: 1.5, 3, 4.5.
        let run = |mode| sized(&[1, 4], &[1, 3], attributes(mode)).run(&X);
        assert_eq!(run("nearest"), [10.0, 30.0, -1.0]);
        assert_eq!(run("linear"), [15.0, 30.0, -1.0]);
    }

    #[test]
    fn the_ratio_of_the_sides_may_be_kept() {
        let shape = |policy| {
            let attributes = vec![string_attribute("keep_aspect_ratio_policy", policy)];
            sized(&[2, 4], &[6, 6], attributes).output_shape()
        };
        assert_eq!(shape("stretch"), [6, 6]);
        assert_eq!(shape("not_larger"), [3, 6]);
        assert_eq!(shape("not_smaller"), [6, 12]);
    }

    #[test]
    fn scales_round_the_length_down() {
        assert_eq!(scaled(4, 1.9, vec![]).output_shape(), [1, 7]);
        let attributes = vec![
            string_attribute("mode", "linear"),
            coordinates("half_pixel_symmetric"),
        ];
        // 1.6 elements become one in the middle.
        let middle = scaled(4, 0.4, attributes).run(&X)[0];
        assert!((middle - 15.0).abs() < 1e-5, "{middle}");
    }

    #[test]
    fn upsampling_repeats_or_interpolates_from_the_left() {
        let attributes = |mode| vec![string_attribute("mode", mode)];
        let scales = floats("scales", &[2], &[1.0, 2.0]);
        let run = |mode| {
            Model::of_node(
                9,
                &[1, 2],
                "Upsample",
                std::slice::from_ref(&scales),
                attributes(mode),
            )
            .run(&[1.0, 3.0])
        };
        assert_eq!(run("nearest"), [1.0, 1.0, 3.0, 3.0]);
        assert_eq!(run("linear"), [1.0, 2.0, 3.0, 3.0]);
        let old = vec![floats_attribute("scales", &[1.0, 2.0])];
        let old = Model::of_node(7, &[1, 2], "Upsample", &[], old);
        assert_eq!(old.run(&[1.0, 3.0]), [1.0, 1.0, 3.0, 3.0]);
        let ten = Model::of_node(10, &[1, 2], "Resize", std::slice::from_ref(&scales), vec![]);
        assert_eq!(ten.run(&[1.0, 3.0]), [1.0, 1.0, 3.0, 3.0]);
    }

    #[test]
    fn what_has_no_clear_meaning_is_refused() {
        let corners = vec![
            string_attribute("mode", "linear"),
            coordinates("align_corners"),
        ];
        assert!(
            scaled(4, 0.6, corners)
                .refusal()
                .contains("no agreed meaning")
        );
        assert!(scaled(4, 0.1, vec![]).refusal().contains("no elements"));
        assert!(
            scaled(4, f32::NAN, vec![])
                .refusal()
                .contains("no elements")
        );
        assert!(scaled(4, 1e30, vec![]).refusal().contains("would exceed"));
        let unknown = vec![coordinates("centre")];
        assert!(
            scaled(4, 2.0, unknown)
                .refusal()
                .contains("coordinates \"centre\"")
        );
        assert!(
            sized(&[1, 4], &[4], vec![])
                .refusal()
                .contains("1 sizes for 2 axes")
        );
        let neither = Model::of_node(13, &[2], "Resize", &[], vec![]).refusal();
        assert!(neither.contains("either scales or sizes"), "{neither}");
        let twice = sized(&[1, 4], &[2, 2], vec![ints_attribute("axes", &[1, -1])]);
        assert!(twice.refusal().contains("named twice"));
        let antialias = vec![
            int_attribute("antialias", 1),
            string_attribute("mode", "cubic"),
        ];
        assert!(scaled(4, 0.5, antialias).import().is_ok());
    }
}
