//! What attacks raise: functions of one image's logits, with their slopes.
//!
//! They are computed on the host from the logits, in `f64`, so that any network that can pull a slope back through itself can be attacked with
//! any of them. Non-goals: losses that networks are trained with (`train`).

use crate::softmax::Softmax;

/// A loss of each image of a batch, for one batch.
pub trait Loss: Sync {
    /// The loss of the image with number `index` in its batch, whose logits are `logits`. Writes ∂loss/∂logit to `slopes`, which come as
    /// zeros.
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32;
}

/// Cross-entropy with each image's label: −log p_y.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a>(
    /// Labels of the batch.
    pub &'a [usize],
);

impl Loss for CrossEntropy<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let label = self.0[index];
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exponential = |z: f32| f64::from(z - largest).exp();
        let sum: f64 = logits.iter().map(|z| exponential(*z)).sum();
        for (slope, z) in slopes.iter_mut().zip(logits) {
            *slope = (exponential(*z) / sum) as f32;
        }
        // 1 − p_y as the sum of the others: the difference would lose its digits where the network is sure.
        let others = logits.iter().enumerate().filter(|(c, _)| *c != label);
        let others: f64 = others.map(|(_, z)| exponential(*z)).sum();
        slopes[label] = (-others / sum) as f32;
        (sum.ln() + f64::from(largest) - f64::from(logits[label])) as f32
    }
}

/// How far the strongest other class is above the label: max_{j≠y} z_j − z_y, positive when the image is turned (Carlini and Wagner,
/// 2017, without their confidence).
#[derive(Clone, Copy, Debug)]
pub struct Margin<'a>(
    /// Labels of the batch.
    pub &'a [usize],
);

impl Loss for Margin<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let label = self.0[index];
        let rival = strongest_rival(logits, label);
        slopes[rival] += 1.0;
        slopes[label] -= 1.0;
        logits[rival] - logits[label]
    }
}

/// How far a chosen class is above the label: z_t − z_y.
#[derive(Clone, Copy, Debug)]
pub struct TargetedMargin<'a> {
    /// Labels of the batch.
    pub labels: &'a [usize],
    /// The class each image is driven to.
    pub targets: &'a [usize],
}

impl Loss for TargetedMargin<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let (label, target) = (self.labels[index], self.targets[index]);
        slopes[target] += 1.0;
        slopes[label] -= 1.0;
        logits[target] - logits[label]
    }
}

/// Difference of logits ratio (Croce and Hein, 2020): −(z_y − max_{j≠y} z_j) / (z_π1 − z_π3 + 10⁻¹²), π by falling logits. At least three
/// classes.
#[derive(Clone, Copy, Debug)]
pub struct Dlr<'a>(
    /// Labels of the batch.
    pub &'a [usize],
);

/// Keeps ratios finite.
const TINY: f64 = 1e-12;

impl Loss for Dlr<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let label = self.0[index];
        let order = descending(logits);
        let rival = if order[0] == label {
            order[1]
        } else {
            order[0]
        };
        let scale = [(order[0], 1.0), (order[2], -1.0)];
        ratio(logits, [(rival, 1.0), (label, -1.0)], &scale, slopes)
    }
}

/// The targeted form (Croce and Hein, 2020): −(z_y − z_t) / (z_π1 − ½(z_π3 + z_π4) + 10⁻¹²). At least four classes.
#[derive(Clone, Copy, Debug)]
pub struct TargetedDlr<'a> {
    /// Labels of the batch.
    pub labels: &'a [usize],
    /// The class each image is driven to.
    pub targets: &'a [usize],
}

impl Loss for TargetedDlr<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let (label, target) = (self.labels[index], self.targets[index]);
        let order = descending(logits);
        let scale = [(order[0], 1.0), (order[2], -0.5), (order[3], -0.5)];
        ratio(logits, [(target, 1.0), (label, -1.0)], &scale, slopes)
    }
}

/// a/(b + tiny), where a and b are sums of weighted logits, and its slopes.
fn ratio(logits: &[f32], a: [(usize, f64); 2], b: &[(usize, f64)], slopes: &mut [f32]) -> f32 {
    let sum = |terms: &[(usize, f64)]| -> f64 {
        let terms = terms.iter();
        terms
            .map(|(class, weight)| weight * f64::from(logits[*class]))
            .sum()
    };
    let (numerator, denominator) = (sum(&a), sum(b) + TINY);
    // Summed in f64: the parts of one class may nearly cancel.
    let mut exact = vec![0.0; logits.len()];
    for (class, weight) in a {
        exact[class] += weight / denominator;
    }
    for (class, weight) in b {
        exact[*class] -= weight * numerator / (denominator * denominator);
    }
    for (slope, exact) in slopes.iter_mut().zip(exact) {
        *slope = exact as f32;
    }
    (numerator / denominator) as f32
}

/// How far the answer is from that on the clean image: KL(p(x) ‖ p(x')), which TRADES raises (Zhang et al., 2019). It needs no labels.
#[derive(Clone, Copy, Debug)]
pub struct Divergence<'a> {
    /// Logits of the batch's clean images, `[batch, class]`, flattened: their probabilities in `f32` would lose what tells one sure
    /// answer from another.
    pub clean: &'a [f32],
}

impl Loss for Divergence<'_> {
    fn of(&self, index: usize, logits: &[f32], slopes: &mut [f32]) -> f32 {
        let classes = logits.len();
        let p = Softmax::of(&self.clean[index * classes..][..classes], 1.0);
        let q = Softmax::of(logits, 1.0);
        for (slope, exact) in slopes.iter_mut().zip(p.divergence_slopes(&q)) {
            *slope = exact as f32;
        }
        p.divergence(&q) as f32
    }
}

/// The class with the highest logit besides the label.
pub(crate) fn strongest_rival(logits: &[f32], label: usize) -> usize {
    let others = (0..logits.len()).filter(|class| *class != label);
    others
        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a)))
        .unwrap_or(label)
}

/// The classes by falling logit; of equal ones the lower number first.
pub(crate) fn descending(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value and slopes, checked against central differences.
    fn checked(loss: &dyn Loss, logits: &[f32]) -> (f32, Vec<f32>) {
        let value_at = |logits: &[f32]| loss.of(0, logits, &mut vec![0.0; logits.len()]);
        let mut slopes = vec![0.0; logits.len()];
        let value = loss.of(0, logits, &mut slopes);
        for class in 0..logits.len() {
            let h = 2e-3;
            let at = |step: f32| {
                let mut moved = logits.to_vec();
                moved[class] += step;
                value_at(&moved)
            };
            let difference = (at(h) - at(-h)) / (2.0 * h);
            assert!(
                (difference - slopes[class]).abs() < 2e-3,
                "class {class}: {difference} against {}",
                slopes[class]
            );
        }
        (value, slopes)
    }

    const LOGITS: [f32; 5] = [1.0, 3.0, -0.5, 2.0, 0.25];

    #[test]
    fn values_are_those_of_the_formulas_and_slopes_their_derivatives() {
        let (value, _) = checked(&CrossEntropy(&[3]), &LOGITS);
        let sum: f32 = LOGITS.iter().map(|z| z.exp()).sum();
        assert!((value - (sum.ln() - 2.0)).abs() < 1e-6);
        // Σ p·(log p − log q): a shift of all logits plays no part.
        let clean = LOGITS.map(|z| 5.0 - z);
        let (value, _) = checked(&Divergence { clean: &clean }, &LOGITS);
        let (p_sum, q_sum) = (clean.map(f32::exp).iter().sum::<f32>(), sum);
        let terms = clean.iter().zip(&LOGITS);
        let terms = terms.map(|(a, b)| a.exp() / p_sum * ((a - p_sum.ln()) - (b - q_sum.ln())));
        assert!((value - terms.sum::<f32>()).abs() < 1e-5);
        assert_eq!(checked(&Divergence { clean: &LOGITS }, &LOGITS).0, 0.0);
        assert_eq!(checked(&Margin(&[3]), &LOGITS).0, 1.0);
        assert_eq!(checked(&Margin(&[1]), &LOGITS).0, -1.0);
        let (labels, targets) = (&[1][..], &[4][..]);
        assert_eq!(
            checked(&TargetedMargin { labels, targets }, &LOGITS).0,
            -2.75
        );
        // Label on top: −(3 − 2)/(3 − 1). Another on top: −(2 − 3)/(3 − 1).
        assert_eq!(checked(&Dlr(&[1]), &LOGITS).0, -0.5);
        assert_eq!(checked(&Dlr(&[3]), &LOGITS).0, 0.5);
        // −(3 − 0.25)/(3 − ½(1 + 0.25)).
        let (value, _) = checked(&TargetedDlr { labels, targets }, &LOGITS);
        assert!((value + 2.75 / 2.375).abs() < 1e-6);
    }

    #[test]
    fn the_divergence_compares_with_the_clean_image_of_the_same_number() {
        let clean = [LOGITS, LOGITS.map(|z| -z)].concat();
        let divergence = Divergence { clean: &clean };
        assert_eq!(divergence.of(0, &LOGITS, &mut [0.0; 5]), 0.0);
        assert_eq!(divergence.of(1, &LOGITS.map(|z| -z), &mut [0.0; 5]), 0.0);
        assert!(divergence.of(1, &LOGITS, &mut [0.0; 5]) > 1.0);
    }

    #[test]
    fn the_ratios_do_not_see_the_scale_of_logits_and_cross_entropy_drowns_in_it() {
        let scaled = LOGITS.map(|z| 1e4 * z);
        let mut slopes = [0.0; 5];
        assert_eq!(Dlr(&[1]).of(0, &scaled, &mut slopes), -0.5);
        assert!(slopes.iter().any(|slope| *slope != 0.0));
        let mut slopes = [0.0; 5];
        CrossEntropy(&[1]).of(0, &scaled, &mut slopes);
        assert_eq!(slopes, [0.0; 5]);
    }
}
