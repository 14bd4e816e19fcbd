//! Evaluation of a model whose strongest attack is known.

use super::*;
use crate::attack::testing::Linear;
use crate::attack::{AttackSettings, Circumstances};
use crate::classifier::Decider;

/// Images of nine grey pixels at different levels around a half; their labels are what [`victim`] says.
fn greys() -> Dataset {
    let levels: Vec<u8> = (0..40)
        .map(|i| if i % 2 == 0 { 120 - i } else { 135 + i })
        .collect();
    let pixels = levels.iter().flat_map(|level| [*level; 9]).collect();
    let labels = (0..40).map(|i| (i + 1) % 2).collect();
    let classes = ["bright", "dark"].map(str::to_owned).to_vec();
    Dataset::new("greys", classes, [1, 3, 3], pixels, labels).unwrap()
}

/// Class 0 above a mean of one half.
fn victim() -> Linear {
    Linear::pair(&[1.0; 9])
}

fn protocol(settings: &[AttackSettings], epsilon: f32, alone: bool) -> Protocol<'static> {
    let threat = ThreatModel::linf(epsilon);
    let at = Circumstances {
        threat,
        classes: 2,
        surrogate: None,
    };
    Protocol {
        threat,
        attacks: settings.iter().map(|s| s.attack(&at).unwrap()).collect(),
        alone,
        seed: 1,
    }
}

const FGSM: AttackSettings = AttackSettings::Fgsm;
const PGD: AttackSettings = AttackSettings::Pgd {
    steps: 3,
    restarts: 2,
    loss: crate::attack::PgdLoss::Ce,
};

fn run(protocol: &Protocol<'_>) -> Findings {
    let data = greys();
    let indices: Vec<usize> = (0..data.len()).collect();
    let samples = Samples {
        data: &data,
        indices: &indices,
    };
    let model = victim();
    evaluate(
        Victim::Gradients(&model),
        samples,
        protocol,
        &mut Volatile,
        &Silent,
    )
    .unwrap()
}

#[test]
fn figures_are_those_of_a_model_whose_strongest_attack_is_known() {
    // A grey level g is turned by ε iff |g − ½| ≤ ε: the pixels 120, 137, 118, 139, … against a half of 127.5.
    let data = greys();
    let epsilon = 0.1;
    let distance = |index: usize| (f64::from(data.pixels(index)[0]) / 255.0 - 0.5).abs();
    let turned: Vec<usize> = (0..40)
        .filter(|i| distance(*i) <= f64::from(epsilon))
        .collect();
    let found = run(&protocol(&[FGSM], epsilon, true)).evaluation;
    assert_eq!(found.clean_accuracy, 1.0);
    assert_eq!(found.attacks[0].turned, turned);
    assert_eq!(found.robust_accuracy, (40 - turned.len()) as f64 / 40.0);
    assert_eq!(found.robust_interval, wilson(40 - turned.len(), 40));
    assert_eq!(found.attacks[0].queries, 1.0);
}

#[test]
fn survivors_alone_are_attacked_again_and_the_figure_is_the_same() {
    let alone = run(&protocol(&[FGSM, PGD], 0.1, true));
    let suite = run(&protocol(&[FGSM, PGD], 0.1, false));
    let (alone, suite) = (alone.evaluation, suite.evaluation);
    assert_eq!(alone.robust_accuracy, suite.robust_accuracy);
    assert_eq!(
        alone.attacks.iter().map(|a| a.alone).collect::<Vec<_>>(),
        [true, true]
    );
    assert_eq!(
        suite.attacks.iter().map(|a| a.alone).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(alone.attacks[1].attacked, 40);
    assert_eq!(
        suite.attacks[1].attacked,
        40 - suite.attacks[0].turned.len()
    );
    assert!(suite.attacks[1].turned.is_empty());
}

#[test]
fn what_is_not_classified_counts_against_the_network_and_is_not_attacked() {
    let mut data = greys();
    let flipped = data.labels().iter().map(|label| 1 - label).take(10);
    let labels = flipped.chain(data.labels()[10..].iter().copied()).collect();
    let pixels = (0..40).flat_map(|i| data.pixels(i).to_vec()).collect();
    data = Dataset::new("greys", data.classes().to_vec(), [1, 3, 3], pixels, labels).unwrap();
    let indices: Vec<usize> = (0..40).collect();
    let samples = Samples {
        data: &data,
        indices: &indices,
    };
    let (model, protocol) = (victim(), protocol(&[FGSM], 0.0, true));
    let victim = Victim::Gradients(&model);
    let found = evaluate(victim, samples, &protocol, &mut Volatile, &Silent).unwrap();
    let evaluation = found.evaluation;
    assert_eq!(evaluation.clean_accuracy, 0.75);
    assert_eq!(evaluation.misclassified, (0..10).collect::<Vec<_>>());
    assert_eq!(
        (evaluation.robust_accuracy, evaluation.attacks[0].attacked),
        (0.75, 30)
    );
}

#[test]
fn adversarial_images_are_given_out_and_turn_the_victim() {
    let found = run(&protocol(&[PGD], 0.1, false));
    let (model, data) = (victim(), greys());
    assert!(!found.adversarial.is_empty());
    for (index, image) in &found.adversarial {
        let label = usize::from(data.labels()[*index]);
        assert_ne!(model.decide(image, 1).unwrap(), [Some(label)]);
        let clean = data.batch(&[*index]);
        assert!(crate::attack::Ball::new(ThreatModel::linf(0.1), &clean).contains(image));
    }
}

/// An attack that cheats.
struct Outside;

impl Attack<Gradients<'_>> for Outside {
    fn perturb(&self, _: &Gradients<'_>, all: &Examples<'_>) -> Result<Vec<f32>, ComputeError> {
        Ok(all.images().iter().map(|x| 1.0 - x).collect())
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let data = greys();
    let model = victim();
    let refused = |victim: Victim<'_>, indices: &[usize], protocol: &Protocol<'_>| {
        let samples = Samples {
            data: &data,
            indices,
        };
        let result = evaluate(victim, samples, protocol, &mut Volatile, &Silent);
        result.err().unwrap().to_string()
    };
    let white = Victim::Gradients(&model);
    let other = [Linear::pair(&[1.0; 4]), Linear::random(3, 9, 1)];
    for model in &other {
        let problem = refused(Victim::Logits(model), &[0], &protocol(&[], 0.1, true));
        assert!(problem.contains("[1, 3, 3] of 2 classes"), "{problem}");
    }
    let fgsm = protocol(&[FGSM], 0.1, true);
    assert!(refused(white, &[], &fgsm).contains("no images"));
    assert!(refused(white, &[40], &fgsm).contains("image 40 of 40"));
    for epsilon in [-0.1, 1.5, f32::NAN] {
        let problem = refused(white, &[0], &protocol(&[FGSM], epsilon, true));
        assert!(problem.contains("not in [0, 1]"), "{problem}");
    }
    let problem = refused(Victim::Logits(&model), &[0], &fgsm);
    assert!(problem.contains("fgsm needs Gradients"), "{problem}");
    let cheat = Protocol {
        attacks: vec![NamedAttack {
            name: "outside".to_owned(),
            budget: 1,
            method: crate::attack::Method::Gradients(Box::new(Outside)),
        }],
        ..protocol(&[], 0.01, true)
    };
    assert!(refused(white, &[0], &cheat).contains("left the ball around image 0"));
}
