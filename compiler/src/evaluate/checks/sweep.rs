//! Accuracy against ε: it falls as ε grows, and ends where every image can be made any other.

use serde::{Deserialize, Serialize};

use super::{Bench, Check};
use crate::attack::{ApgdLoss, AttackSettings, Norm};
use crate::evaluate::EvaluateError;

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Radius of the ball.
    pub epsilon: f32,
    /// Fraction of the checked images, all of which are classified clean, that remain so.
    pub robust_accuracy: f64,
    /// Number of checked images.
    pub samples: usize,
}

/// Fast, and strong enough for a curve.
const ATTACK: AttackSettings = AttackSettings::Apgd {
    loss: ApgdLoss::Ce,
    steps: 20,
    restarts: 1,
};

/// Radii in units of ε.
const MULTIPLES: [f32; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// The curve from 0 to the radius that holds every image there is.
pub(super) fn measure(bench: &mut Bench<'_>) -> Result<Vec<SweepPoint>, EvaluateError> {
    let pixels = bench.runner.data.shape().iter().product::<usize>();
    // At half the cube every image can become plain grey; from there any image is reached at once in L∞. In L2 the cube's diagonal is needed.
    let ends = match bench.threat.norm {
        Norm::Linf => [0.5, 1.0],
        Norm::L2 => [0.5, 1.0].map(|share| share * (pixels as f32).sqrt()),
    };
    let inside = MULTIPLES.map(|multiple| multiple * bench.threat.epsilon);
    let inside = inside.into_iter().filter(|epsilon| *epsilon < ends[0]);
    let mut radii: Vec<f32> = [0.0].into_iter().chain(inside).chain(ends).collect();
    radii.dedup();
    let samples = bench.images.len();
    let mut curve = Vec::with_capacity(radii.len());
    for epsilon in radii {
        let turned = bench.turned(&ATTACK, epsilon)?.len();
        curve.push(SweepPoint {
            epsilon,
            robust_accuracy: (samples - turned) as f64 / samples.max(1) as f64,
            samples,
        });
    }
    Ok(curve)
}

/// Whether the curve falls, and whether it ends at zero.
pub(super) fn check(bench: &Bench<'_>, curve: &[SweepPoint]) -> [Check; 2] {
    let tolerated = bench.few() as f64 / bench.images.len().max(1) as f64 + 1e-9;
    let rise = |pair: &[SweepPoint]| pair[1].robust_accuracy - pair[0].robust_accuracy;
    let highest = curve.windows(2).map(rise).fold(0.0, f64::max);
    let falls = highest <= tolerated;
    let meaning = if falls {
        "larger balls hold more adversarial images"
    } else {
        "a larger ball holds all that a smaller one does, so the attack gets lost"
    };
    let last = curve.last().map_or(0.0, |point| point.robust_accuracy);
    let ends = last <= tolerated;
    let end = if ends {
        "as it must be where any image is reached"
    } else {
        "yet any image is reached there: gradients are masked"
    };
    [
        super::check(
            "falls-with-epsilon",
            falls,
            format!(
                "from one ε to the next it rises by at most {:.0} %: {meaning}",
                100.0 * highest
            ),
        ),
        super::check(
            "reaches-zero",
            ends,
            format!("{:.0} % are left at the largest ε, {end}", 100.0 * last),
        ),
    ]
}
