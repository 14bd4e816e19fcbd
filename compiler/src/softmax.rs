//! Class probabilities from one image's logits, and how far two of them are apart, with the slopes that gradient descent needs.
//!
//! In `f64`, and logarithms never through the probabilities: where those are rounded to 0, these are still finite. Non-goals: what is
//! raised or lowered with it (`attack::loss`, `train::loss`).

/// Probabilities of the classes and their logarithms.
pub(crate) struct Softmax {
    pub(crate) probabilities: Vec<f64>,
    pub(crate) logarithms: Vec<f64>,
}

impl Softmax {
    /// Of the logits over `temperature`: 1 is the plain softmax, more flattens it (Hinton, Vinyals and Dean, 2015).
    pub(crate) fn of(logits: &[f32], temperature: f64) -> Self {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shifted = |z: &f32| (f64::from(*z) - f64::from(largest)) / temperature;
        let sum: f64 = logits.iter().map(|z| shifted(z).exp()).sum();
        let logarithms: Vec<f64> = logits.iter().map(|z| shifted(z) - sum.ln()).collect();
        let probabilities = logarithms.iter().map(|log| log.exp()).collect();
        Self {
            probabilities,
            logarithms,
        }
    }

    /// 1 − p of a class, as the sum of the others: the difference would lose its digits where the network is sure.
    pub(crate) fn others(&self, class: usize) -> f64 {
        let others = self.probabilities.iter().enumerate();
        others.filter(|(c, _)| *c != class).map(|(_, p)| p).sum()
    }

    /// The Kullback-Leibler divergence KL(p ‖ q) = Σ p·(log p − log q), p being `self`.
    pub(crate) fn divergence(&self, q: &Self) -> f64 {
        let logarithms = self.logarithms.iter().zip(&q.logarithms);
        let terms = self.probabilities.iter().zip(logarithms);
        terms.map(|(p, (log_p, log_q))| p * (log_p - log_q)).sum()
    }

    /// ∂KL(p ‖ q)/∂logit of q: q − p.
    pub(crate) fn divergence_slopes(&self, q: &Self) -> Vec<f64> {
        let pairs = self.probabilities.iter().zip(&q.probabilities);
        pairs.map(|(p, q)| q - p).collect()
    }

    /// ∂KL(p ‖ q)/∂logit of p: p·(log p − log q − KL).
    pub(crate) fn own_divergence_slopes(&self, q: &Self) -> Vec<f64> {
        let divergence = self.divergence(q);
        let logarithms = self.logarithms.iter().zip(&q.logarithms);
        let terms = self.probabilities.iter().zip(logarithms);
        terms
            .map(|(p, (log_p, log_q))| p * (log_p - log_q - divergence))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    /// Logits whose softmax are these probabilities.
    fn logits(probabilities: &[f32]) -> Vec<f32> {
        probabilities.iter().map(|p| p.ln() + 3.0).collect()
    }

    #[test]
    fn temperature_takes_roots_of_the_probabilities() {
        let odds = logits(&[0.1, 0.9]);
        assert!(close(&Softmax::of(&odds, 1.0).probabilities, &[0.1, 0.9]));
        // √0.1 : √0.9 = 1 : 3.
        let flat = Softmax::of(&odds, 2.0);
        assert!(close(&flat.probabilities, &[0.25, 0.75]));
        assert!(close(&flat.logarithms, &[0.25f64.ln(), 0.75f64.ln()]));
    }

    #[test]
    fn logarithms_and_complements_keep_their_digits_where_the_network_is_sure() {
        let sure = Softmax::of(&[0.0, 2000.0, -50.0], 1.0);
        assert_eq!(sure.probabilities, [0.0, 1.0, 0.0]);
        assert_eq!(sure.logarithms, [-2000.0, 0.0, -2050.0]);
        let nearly = Softmax::of(&[0.0, 40.0], 1.0);
        assert_eq!(nearly.probabilities[1], 1.0);
        assert!((nearly.others(1) / (-40.0f64).exp() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn divergences_are_those_of_the_formula() {
        let p = Softmax::of(&logits(&[0.5, 0.5]), 1.0);
        let q = Softmax::of(&logits(&[0.25, 0.75]), 1.0);
        // ½·ln 2 + ½·ln ⅔ = 0.143841, and ¼·ln ½ + ¾·ln 1.5 = 0.130812.
        assert!((p.divergence(&q) - 0.143_841).abs() < 1e-6);
        assert!((q.divergence(&p) - 0.130_812).abs() < 1e-6);
        assert_eq!(p.divergence(&p), 0.0);
        assert!(close(&p.divergence_slopes(&q), &[-0.25, 0.25]));
        // ½·(ln 2 − 0.143841) = 0.274653, ½·(ln ⅔ − 0.143841) = −0.274653.
        let slopes = p.own_divergence_slopes(&q);
        assert!(close(&slopes, &[0.274_653, -0.274_653]), "{slopes:?}");
        // Nothing is left of p_0: its term is 0, not 0·∞.
        let sure = Softmax::of(&[-2000.0, 0.0], 1.0);
        assert!((sure.divergence(&q) + 0.75f64.ln()).abs() < 1e-6);
    }
}
