//! HopSkipJump on linear networks.

use std::sync::atomic::Ordering;

use super::super::Norm;
use super::super::testing::{Linear, check_promises, images_with_a_way_out, random_images};
use super::*;

#[test]
fn it_comes_near_the_shortest_way_out_of_a_linear_network() {
    // Two classes, because with more the walk may end at the boundary of another than the nearest.
    let (model, images, label) = images_with_a_way_out();
    for norm in [Norm::L2, Norm::Linf] {
        for image in images.chunks(16) {
            let way = model.distance(norm, image, label) as f32;
            let examples = Examples::new(image, std::slice::from_ref(&label), &[0]);
            for (epsilon, expected) in [(1.15 * way, true), (0.99 * way, false)] {
                let attack = HopSkipJump::new(ThreatModel { norm, epsilon });
                let moved = attack.perturb(&model, &examples).unwrap();
                assert_eq!(
                    model.labels(&moved) != [label],
                    expected,
                    "{norm:?}: {epsilon}"
                );
            }
        }
    }
}

#[test]
fn it_keeps_its_promises() {
    let model = Linear::random(5, 16, 1);
    let images = random_images(8, 16, 2);
    let labels = model.labels(&images);
    for threat in [ThreatModel::linf(0.2), ThreatModel::l2(0.7)] {
        let attack = HopSkipJump {
            threat,
            queries: 1500,
        };
        let perturb = |examples: &Examples<'_>| attack.perturb(&model, examples).unwrap();
        let turned = check_promises(perturb, &model, threat, &images, &labels);
        assert!(turned > 0.7, "{turned}");
    }
}

#[test]
fn it_never_asks_more_than_it_may_and_stops_when_it_is_done() {
    let model = Linear::random(5, 16, 1);
    let images = random_images(8, 16, 2);
    let labels = model.labels(&images);
    let seeds = [0; 8];
    let examples = Examples::new(&images, &labels, &seeds);
    let asked = |epsilon, queries| {
        let before = model.asked.load(Ordering::Relaxed);
        let attack = HopSkipJump {
            threat: ThreatModel::linf(epsilon),
            queries,
        };
        attack.perturb(&model, &examples).unwrap();
        model.asked.load(Ordering::Relaxed) - before
    };
    for queries in [0, 1, 137, 1000] {
        assert_eq!(asked(1e-6, queries), 8 * queries);
    }
    assert!(asked(0.3, 1000) < 8 * 1000);
}

#[test]
fn without_a_start_the_image_stays_clean() {
    // The second class never wins, whatever the image.
    let model = Linear::new(vec![vec![1.0; 4], vec![0.0; 4]], vec![1.0, 0.0]);
    let images = [0.0f32, 0.25, 0.5, 1.0];
    let attack = HopSkipJump::new(ThreatModel::linf(0.3));
    let examples = Examples::new(&images, &[0], &[0]);
    assert_eq!(attack.perturb(&model, &examples).unwrap(), images);
    assert_eq!(model.asked.load(Ordering::Relaxed), 100);
}
