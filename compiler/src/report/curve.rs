//! Accuracy against ε, of both networks as they are deployed, measured once and kept in the run's folder.
//!
//! Non-goals: a figure to quote. The attack is one that is fast, on few images; `sinew attack` makes figures.

use std::fs;

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::ReportError;
use super::run::{Pair, Run, hash};
use crate::atomic_file;
use crate::attack::{AttackSettings, Circumstances, Norm, PgdLoss, ThreatModel, Victim};
use crate::classifier::WithTwin;
use crate::evaluate::{PackedClassifier, Protocol, Samples, Silent, Volatile, evaluate};
use crate::execute::DeviceChoice;
use crate::gradients::with_gradients;
use crate::pipeline::files;
use crate::progress::Progress;

/// The first test images.
const SAMPLES: usize = 200;

const ATTACK: AttackSettings = AttackSettings::Pgd {
    steps: 20,
    restarts: 1,
    loss: PgdLoss::Ce,
};

/// Radii in units of the recipe's ε.
const MULTIPLES: [f32; 8] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0];
/// What stands for ε in a recipe that has none.
const USUAL_EPSILON: f32 = 8.0 / 255.0;
/// From here on every image can become plain grey.
const LARGEST: f32 = 0.5;

/// What decides the curve: a file of another is measured again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Conditions {
    /// Of the threat model.
    pub(super) norm: Norm,
    /// Name of the attack, with its strength.
    pub(super) attack: String,
    /// Number of test images, the first in file order.
    pub(super) samples: usize,
    /// Decides random starts.
    pub(super) seed: u64,
    /// SHA-256 of the packed parent and of the packed pruned network.
    networks: [String; 2],
    /// SHA-256 of the test images.
    test_data: String,
    /// Radii of the balls.
    epsilons: Vec<f32>,
}

/// Accuracies of both networks at rising ε.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Curve {
    /// How they were measured.
    #[serde(flatten)]
    pub(super) conditions: Conditions,
    /// One for each ε.
    pub(super) points: Vec<CurvePoint>,
}

/// Accuracies at one ε.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CurvePoint {
    /// Radius of the ball.
    pub(super) epsilon: f32,
    /// Of the parent.
    pub(super) dense: Share,
    /// Of the pruned network.
    pub(super) sparse: Share,
}

/// A fraction of images, with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    /// Fraction that is still classified.
    pub(super) accuracy: f64,
    /// Of it.
    pub(super) interval: [f64; 2],
}

/// The curve of `run`: from its folder if it is there, else measured and put there.
///
/// # Errors
/// If a network cannot be computed.
pub(super) fn curve(
    run: &Run,
    device: DeviceChoice,
    progress: &Progress,
) -> Result<Curve, ReportError> {
    let conditions = conditions(run);
    let path = run.folder.join(files::CURVE);
    let kept = fs::read(&path).ok();
    let kept = kept.and_then(|bytes| serde_json::from_slice::<Curve>(&bytes).ok());
    if let Some(curve) = kept.filter(|curve| curve.conditions == conditions && curve.is_whole()) {
        return Ok(curve);
    }
    let epsilons = conditions.epsilons.clone();
    let bar = progress.bar("accuracy over ε", 2 * epsilons.len() as u64);
    let measure = |network: &Network, packed: &[u8]| {
        accuracies(run, network, packed, &conditions, device, &|| bar.inc(1))
    };
    let dense = measure(&run.networks.dense, &run.packed.dense)?;
    let sparse = measure(&run.networks.sparse, &run.packed.sparse)?;
    bar.finish_and_clear();
    let shares = dense.into_iter().zip(sparse);
    let points = epsilons.into_iter().zip(shares);
    let curve = Curve {
        points: points
            .map(|(epsilon, (dense, sparse))| CurvePoint {
                epsilon,
                dense,
                sparse,
            })
            .collect(),
        conditions,
    };
    let json = serde_json::to_vec_pretty(&curve).expect("plain data");
    // A folder that cannot be written costs the next report its time, and this one nothing.
    let _ = atomic_file::write(&path, &json);
    Ok(curve)
}

impl Curve {
    /// Whether there is a point for each radius, and every figure is one.
    fn is_whole(&self) -> bool {
        let epsilons = self.points.iter().map(|point| point.epsilon);
        let shares = self.points.iter().flat_map(|p| [p.dense, p.sparse]);
        let figures = shares.flat_map(|s| [s.accuracy, s.interval[0], s.interval[1]]);
        epsilons.eq(self.conditions.epsilons.iter().copied())
            && figures
                .into_iter()
                .all(|figure| (0.0..=1.0).contains(&figure))
    }
}

fn conditions(run: &Run) -> Conditions {
    let unit = match run.recipe().epsilon {
        epsilon if epsilon > 0.0 => epsilon,
        _ => USUAL_EPSILON,
    };
    let mut epsilons = MULTIPLES
        .map(|multiple| (multiple * unit).min(LARGEST))
        .to_vec();
    epsilons.dedup();
    let Pair { dense, sparse } = &run.packed;
    Conditions {
        norm: Norm::Linf,
        attack: ATTACK.name(),
        samples: SAMPLES.min(run.test.len()),
        seed: run.recipe().seed,
        networks: [hash(dense), hash(sparse)],
        test_data: run.record.provenance.test_data.clone(),
        epsilons,
    }
}

/// Accuracy of one packed network at every radius; `network` gives the gradients. `done` is called after each.
fn accuracies(
    run: &Run,
    network: &Network,
    packed: &[u8],
    conditions: &Conditions,
    device: DeviceChoice,
    done: &dyn Fn(),
) -> Result<Vec<Share>, ReportError> {
    let indices: Vec<usize> = (0..conditions.samples).collect();
    let samples = Samples {
        data: &run.test,
        indices: &indices,
    };
    let deployed = &PackedClassifier::new(packed)?;
    with_gradients(network, device, |twin| {
        let victim = WithTwin { deployed, twin };
        let share = |epsilon: &f32| {
            let threat = ThreatModel {
                norm: conditions.norm,
                epsilon: *epsilon,
            };
            let at = Circumstances {
                threat,
                classes: network.classes(),
                surrogate: None,
            };
            let protocol = Protocol {
                threat,
                attacks: vec![ATTACK.attack(&at)?],
                alone: true,
                seed: conditions.seed,
            };
            let victim = Victim::Gradients(&victim);
            let evaluation =
                evaluate(victim, samples, &protocol, &mut Volatile, &Silent)?.evaluation;
            done();
            Ok(Share {
                accuracy: evaluation.robust_accuracy,
                interval: evaluation.robust_interval,
            })
        };
        conditions.epsilons.iter().map(share).collect()
    })?
}
