//! What holds for every attack.

use proptest::prelude::*;

use super::testing::{Linear, check_promises, random_images};
use super::*;

/// Short versions of all attacks that make sense in `at`.
fn attacks<'a>(at: &Circumstances<'a>) -> Vec<NamedAttack<'a>> {
    let short = |settings: &AttackSettings| {
        let parameters = settings.parameters().into_iter();
        parameters.fold(*settings, |settings, (parameter, value)| {
            let most = match parameter.as_str() {
                "queries" => 150,
                "steps" => 12,
                "samples" => 8,
                _ => 2,
            };
            settings.with(&parameter, value.min(most)).unwrap()
        })
    };
    let settings = NAMED.iter().map(|(_, settings)| short(settings));
    settings
        .filter_map(|settings| settings.attack(at).ok())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_attack_leaves_any_ball_and_all_repeat_themselves_alone_and_in_company(
        epsilon in prop_oneof![Just(0.0f32), Just(1.0), 0.0f32..1.0, 1e-7f32..1e-3],
        norm in prop_oneof![Just(Norm::Linf), Just(Norm::L2)],
        classes in prop_oneof![Just(2usize), Just(3), Just(4), Just(12)],
        seed in 0u64..1000,
    ) {
        let model = Linear::random(classes, 25, seed);
        let surrogate = Linear::random(classes, 25, seed + 1);
        let threat = ThreatModel { norm, epsilon };
        let at = Circumstances {
            threat,
            classes,
            surrogate: Some(&surrogate),
        };
        let images = random_images(3, 25, seed);
        let labels = model.labels(&images);
        let attacks = attacks(&at);
        // One is for L2 alone; two need more classes.
        let left_out = usize::from(norm == Norm::Linf) + 4usize.saturating_sub(classes);
        prop_assert_eq!(attacks.len(), NAMED.len() - left_out);
        for attack in attacks {
            let perturb = |examples: &Examples<'_>| {
                Victim::Gradients(&model).attacked_by(&attack.method, examples).unwrap()
            };
            let turned = check_promises(perturb, &model, threat, &images, &labels);
            prop_assert!(epsilon > 0.0 || turned == 0.0, "{} at ε = 0", attack.name);
        }
    }
}
