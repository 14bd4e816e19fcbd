//! Square Attack on linear networks, and its schedule.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::super::testing::{Linear, check_promises, random_images};
use super::*;
use crate::classifier::Classifier;

fn weights(pixels: usize) -> Vec<f32> {
    (0..pixels)
        .map(|pixel| (if pixel % 3 == 0 { -1.0 } else { 1.0 }) * (1.0 + pixel as f32 / 8.0))
        .collect()
}

#[test]
fn it_finds_the_corner_of_a_linear_network_with_all_its_queries() {
    let weights = weights(16);
    let model = Linear::pair(&weights);
    // Too far from the boundary to be turned, with two pixels at the ends of [0, 1].
    let mut clean: Vec<f32> = weights.iter().map(|w| 0.5 + 0.3 * w.signum()).collect();
    (clean[0], clean[1]) = (0.0, 1.0);
    let threat = ThreatModel::linf(0.1);
    let square = Square {
        threat,
        queries: 1500,
    };
    let examples = Examples::new(&clean, &[0], &[3]);
    let moved = square.perturb(&model, &examples).unwrap();
    let (low, high) = Ball::new(threat, &clean).bounds();
    let corner: Vec<f32> = (0..16)
        .map(|pixel| {
            if weights[pixel] > 0.0 {
                low[pixel]
            } else {
                high[pixel]
            }
        })
        .collect();
    // Windows do not touch the last row and column.
    for pixel in (0..16).filter(|pixel| pixel / 4 < 3 && pixel % 4 < 3) {
        assert_eq!(moved[pixel], corner[pixel], "{pixel}");
    }
    assert_eq!(model.asked.load(Ordering::Relaxed), square.budget());
}

#[test]
fn in_l2_it_comes_near_the_steepest_point() {
    // One half of the image up, the other down: what windows of at least 3 × 3 can follow.
    let weights: Vec<f32> = (0..64)
        .map(|pixel| match (pixel / 8, pixel % 8) {
            (7, _) | (_, 7) => 0.0,
            (0..4, _) => 1.0,
            _ => -2.0,
        })
        .collect();
    let model = Linear::pair(&weights);
    let clean: Vec<f32> = weights.iter().map(|w| 0.5 + 0.3 * w.signum()).collect();
    let square = Square {
        threat: ThreatModel::l2(1.0),
        queries: 3000,
    };
    let examples = Examples::new(&clean, &[0], &[3]);
    let moved = square.perturb(&model, &examples).unwrap();
    let along = |image: &[f32]| -> f32 {
        let terms = image.iter().zip(&clean).zip(&weights);
        terms.map(|((x, clean), w)| (x - clean) * w).sum()
    };
    let steepest = squares(&weights).sqrt() as f32;
    // The first tiles are of one length. What they put into the last row and column stays there, as no window touches them.
    let touched = (49.0f32 / 64.0).sqrt();
    let reached = -along(&moved) / (steepest * touched);
    assert!(reached > 0.75, "{reached}");
}

#[test]
fn it_keeps_its_promises_and_turns_what_is_well_within_reach() {
    let model = Linear::random(5, 64, 1);
    let images = random_images(12, 64, 2);
    let labels = model.labels(&images);
    for threat in [ThreatModel::linf(0.2), ThreatModel::l2(1.0)] {
        let square = Square {
            threat,
            queries: 600,
        };
        let perturb = |examples: &Examples<'_>| square.perturb(&model, examples).unwrap();
        let turned = check_promises(perturb, &model, threat, &images, &labels);
        assert!(turned > 0.8, "{turned}");
    }
}

/// Three channels of two rows and three columns, and a logit that is lowered most by one pixel of the last.
struct Coloured(Linear);

impl Classifier for Coloured {
    fn input_shape(&self) -> [usize; 3] {
        [3, 2, 3]
    }

    fn classes(&self) -> usize {
        2
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        self.0.logits(images)
    }
}

#[test]
fn it_works_in_all_channels() {
    let mut weights = weights(18);
    weights[13] = 9.0;
    let model = Coloured(Linear::pair(&weights));
    let clean: Vec<f32> = weights.iter().map(|w| 0.5 + 0.3 * w.signum()).collect();
    for threat in [ThreatModel::linf(0.1), ThreatModel::l2(0.3)] {
        let square = Square {
            threat,
            queries: 1500,
        };
        let examples = Examples::new(&clean, &[0], &[3]);
        let moved = square.perturb(&model, &examples).unwrap();
        assert!(moved[13] < clean[13] - 0.09, "{threat:?}: {moved:?}");
    }
}

#[test]
fn windows_shrink_as_the_schedule_says() {
    let map = Map {
        channels: 3,
        height: 32,
        width: 32,
    };
    let sides = |norm| [0, 10, 11, 50, 51, 201, 8001].map(|n| map.side(norm, n));
    // √(0.8·1024) = 28.6, √(0.4·1024) = 20.2, √(0.2·1024) = 14.3, √(0.05·1024) = 7.2, √(0.8·2/1024) < 2.
    assert_eq!(sides(Norm::Linf), [29, 29, 20, 20, 14, 10, 1]);
    assert_eq!(sides(Norm::L2), [29, 29, 21, 21, 15, 11, 3]);
}

proptest! {
    #[test]
    fn in_l2_one_window_takes_the_length_of_both_and_the_rest_keeps_its_direction(
        seed in any::<u64>(), side in 3usize..=8,
    ) {
        let map = Map {
            channels: 3,
            height: 8,
            width: 9,
        };
        let epsilon = 0.4;
        // In the middle of [0, 1], which cuts off nothing then.
        let clean = [0.5f32; 3 * 8 * 9];
        let seeds = [seed];
        let examples = Examples::new(&clean, &[0], &seeds);
        let mut search = Search::new(ThreatModel::l2(epsilon), map, &examples, 0);
        let mut image = clean.to_vec();
        search.start(&mut image, &Pattern::new(1));
        // A pixel goes back, so that a part of ε is unused.
        image[40] = 0.5;
        let delta = |image: &[f32]| -> Vec<f32> { image.iter().map(|x| x - 0.5).collect() };
        let before = delta(&image);
        let window = map.random_window(side, &mut search.random);
        let other = map.random_window(side, &mut search.random);
        search.move_length(&mut image, &Pattern::new(side), &window, &other);
        let after = delta(&image);

        let epsilon = f64::from(epsilon);
        prop_assert!((squares(&after).sqrt() - epsilon).abs() < 1e-5);
        let inside = |window: &Window, pixel: usize| {
            let (row, column) = (pixel / 9 % 8, pixel % 9);
            window.rows.contains(&row) && window.columns.contains(&column)
        };
        let (mut windows, mut rest, mut rest_after) = (0.0, Vec::new(), Vec::new());
        for pixel in 0..clean.len() {
            if inside(&window, pixel) || inside(&other, pixel) {
                windows += f64::from(before[pixel]).powi(2);
                if !inside(&window, pixel) {
                    prop_assert_eq!(after[pixel], 0.0);
                }
            } else {
                rest.push(before[pixel]);
                rest_after.push(after[pixel]);
            }
        }
        // The rest and each channel of the window have their lengths but for one common scale, which brings all to ε.
        let length = windows + (epsilon * epsilon - squares(&before)) / 3.0;
        let scale = epsilon / (squares(&rest) + 3.0 * length).sqrt();
        for (before, after) in rest.iter().zip(&rest_after) {
            prop_assert!((f64::from(*before) * scale - f64::from(*after)).abs() < 1e-5);
        }
        for channel in 0..3 {
            let found = map.squares(&after, channel, &window).sqrt();
            prop_assert!((found - scale * length.sqrt()).abs() < 1e-5, "{}", found);
        }
    }
}
