//! The shortest way to a hyperplane inside [0, 1]: how far each pixel has to move to bring a linear function to zero.
//!
//! Every pixel moves in the direction that helps, by t times its speed, until it is at its bound: in L∞ all are equally fast, in L2 as fast as
//! their slopes are steep. These are the conditions of Karush, Kuhn and Tucker; what is left is one number, t. The sum that it
//! decides is concave and made of straight pieces, so that Newton's method comes to the root from below and stands on it after
//! finitely many passes, few in practice. Other descriptions of the projection sort the pieces first (Croce and Hein, 2020).

use super::Norm;

/// How one pixel can move.
struct Pixel {
    /// What the function gains per unit.
    weight: f64,
    /// How far it is to the bound.
    room: f64,
    speed: f64,
}

impl Pixel {
    fn is_free_at(&self, time: f64) -> bool {
        time * self.speed < self.room
    }

    fn moved_at(&self, time: f64) -> f64 {
        if self.weight > 0.0 {
            (time * self.speed).min(self.room)
        } else {
            0.0
        }
    }
}

/// The move, shortest in `norm`, from `point` to where the linear function with this `value` at `point` and these `slopes` is zero. If it
/// is zero nowhere in [0, 1], the move to where it is nearest to zero.
pub(super) fn shortest_move(norm: Norm, point: &[f32], value: f64, slopes: &[f32]) -> Vec<f32> {
    let upwards = |slope: f32| (slope > 0.0) == (value < 0.0);
    let pixel = |(x, slope): (&f32, &f32)| {
        let weight = f64::from(slope.abs());
        let x = f64::from(*x);
        Pixel {
            weight,
            room: if upwards(*slope) { 1.0 - x } else { x },
            speed: match norm {
                Norm::Linf => 1.0,
                Norm::L2 => weight,
            },
        }
    };
    let pixels: Vec<Pixel> = point.iter().zip(slopes).map(pixel).collect();
    let mut time = 0.0;
    loop {
        let (mut missing, mut gain) = (value.abs(), 0.0);
        for pixel in &pixels {
            if pixel.is_free_at(time) {
                gain += pixel.weight * pixel.speed;
            } else {
                missing -= pixel.weight * pixel.room;
            }
        }
        // All at their bounds: infinite, and then no more. The same pixels free as before: the same again.
        let next = missing / gain;
        if next > time {
            time = next;
        } else {
            break;
        }
    }
    let signed = |(pixel, slope): (&Pixel, &f32)| {
        let moved = pixel.moved_at(time) as f32;
        if upwards(*slope) { moved } else { -moved }
    };
    pixels.iter().zip(slopes).map(signed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sum that a move makes of the function's value.
    fn value_after(value: f64, slopes: &[f32], moved: &[f32]) -> f64 {
        let gains = slopes.iter().zip(moved);
        value
            + gains
                .map(|(w, d)| f64::from(*w) * f64::from(*d))
                .sum::<f64>()
    }

    /// Time by bisection, the obvious way.
    fn bisected(norm: Norm, point: &[f32], value: f64, slopes: &[f32]) -> Vec<f32> {
        let move_at = |time: f64| -> Vec<f32> {
            let pixels = point.iter().zip(slopes);
            let moved = pixels.map(|(x, w)| {
                let direction = -value.signum() * f64::from(*w).signum();
                let speed = match norm {
                    Norm::Linf => f64::from(u8::from(*w != 0.0)),
                    Norm::L2 => f64::from(w.abs()),
                };
                let end = (f64::from(*x) + direction * time * speed).clamp(0.0, 1.0);
                (end - f64::from(*x)) as f32
            });
            moved.collect()
        };
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if value_after(value, slopes, &move_at(middle)) * value.signum() > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        move_at(high)
    }

    fn points() -> impl Strategy<Value = Vec<f32>> {
        let pixel = prop_oneof![4 => 0.0f32..=1.0, 1 => Just(0.0), 1 => Just(1.0)];
        proptest::collection::vec(pixel, 12)
    }

    fn slopes() -> impl Strategy<Value = Vec<f32>> {
        let slope = prop_oneof![4 => -2.0f32..2.0, 1 => Just(0.0), 1 => -1e-3f32..1e-3];
        proptest::collection::vec(slope, 12)
    }

    proptest! {
        #[test]
        fn it_is_the_move_that_bisection_finds(
            point in points(), slopes in slopes(), value in -6.0f64..6.0,
        ) {
            for norm in [Norm::Linf, Norm::L2] {
                let moved = shortest_move(norm, &point, value, &slopes);
                let expected = bisected(norm, &point, value, &slopes);
                // Equal times give equal moves; where the function is almost flat, times differ more than moves do to it.
                let (ours, naive) = (
                    value_after(value, &slopes, &moved),
                    value_after(value, &slopes, &expected),
                );
                prop_assert!((ours - naive).abs() < 1e-5, "{ours} against {naive}");
                let (ours, naive) = (norm.length(&moved), norm.length(&expected));
                prop_assert!((ours - naive).abs() < 1e-4, "{ours} against {naive}");
                for (x, d) in point.iter().zip(&moved) {
                    prop_assert!((-1e-6..=1.0 + 1e-6).contains(&(x + d)));
                }
            }
        }
    }

    #[test]
    fn bounds_leave_the_work_to_the_others() {
        // The first pixel has 0.1 to go and the function 0.5: L∞ shares the rest.
        let moved = shortest_move(Norm::Linf, &[0.1, 0.5, 0.5], 0.5, &[1.0, 1.0, -1.0]);
        assert_eq!(moved, [-0.1, -0.2, 0.2]);
        // L2: steps of 1 and 2 per unit of time, 5 of the function; the second pixel ends at its bound after a quarter.
        let moved = shortest_move(Norm::L2, &[0.0, 0.5], -1.25, &[1.0, 2.0]);
        assert_eq!(moved, [0.25, 0.5]);
    }

    #[test]
    fn what_cannot_be_reached_is_approached_and_what_is_no_number_moves_nothing() {
        for norm in [Norm::Linf, Norm::L2] {
            let moved = shortest_move(norm, &[0.25, 0.25, 0.25], -9.0, &[1.0, -1.0, 0.0]);
            assert_eq!(moved, [0.75, -0.25, 0.0]);
            for (value, slopes) in [(1.0, [f32::NAN; 2]), (f64::NAN, [1.0; 2]), (1.0, [0.0; 2])] {
                let moved = shortest_move(norm, &[0.5; 2], value, &slopes);
                assert_eq!(moved, [0.0; 2], "{value} {slopes:?}");
            }
        }
    }
}
