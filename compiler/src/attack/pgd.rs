//! Projected gradient descent (Madry et al., 2018) in the L∞ ball, on the cross-entropy, with random restarts.

use rand::RngExt;

use super::{Attack, Ball, sign};
use crate::classifier::{ComputeError, Differentiable};
use crate::seed::stream;

/// PGD: every restart begins at a uniformly random point of the ball; for each image the last point of the restart with
/// the highest loss counts.
#[derive(Clone, Copy, Debug)]
pub struct Pgd {
    /// Radius of the ball.
    pub epsilon: f32,
    /// Length of one step in every pixel.
    pub step_size: f32,
    /// Steps per restart.
    pub steps: usize,
    /// Independent tries.
    pub restarts: usize,
}

impl Pgd {
    /// `steps` steps of 2.5·ε/steps, Madry's rule: the whole ball can be crossed, with steps to spare.
    pub fn new(epsilon: f32, steps: usize, restarts: usize) -> Self {
        Self {
            epsilon,
            step_size: 2.5 * epsilon / steps as f32,
            steps,
            restarts,
        }
    }
}

impl Attack for Pgd {
    fn name(&self) -> String {
        format!("pgd{}", self.steps)
    }

    fn perturb(
        &self,
        model: &dyn Differentiable,
        images: &[f32],
        labels: &[usize],
        seed: u64,
    ) -> Result<Vec<f32>, ComputeError> {
        let ball = Ball::new(images, self.epsilon);
        let pixels_per_image = images.len() / labels.len().max(1);
        let mut best = images.to_vec();
        let mut best_losses = vec![f32::NEG_INFINITY; labels.len()];
        for restart in 0..self.restarts {
            let mut random = stream(seed, "pgd start", &[restart as u64]);
            let mut current: Vec<f32> = images
                .iter()
                .map(|x| x + self.epsilon * random.random_range(-1.0..=1.0f32))
                .collect();
            ball.project(&mut current);
            for _ in 0..self.steps {
                let gradient = model.gradient(&current, labels)?;
                for (x, g) in current.iter_mut().zip(&gradient.pixels) {
                    *x += self.step_size * sign(*g);
                }
                ball.project(&mut current);
            }
            if self.restarts == 1 {
                return Ok(current);
            }
            let logits = model.logits(&current)?;
            for (index, loss) in cross_entropies(&logits, labels).enumerate() {
                // `total_cmp`: a loss that is not a number counts as the highest, such an image is surely not classified.
                if loss.total_cmp(&best_losses[index]).is_gt() {
                    best_losses[index] = loss;
                    let image = index * pixels_per_image..(index + 1) * pixels_per_image;
                    best[image.clone()].copy_from_slice(&current[image]);
                }
            }
        }
        Ok(best)
    }

    fn queries(&self) -> usize {
        self.restarts * (self.steps + usize::from(self.restarts > 1))
    }
}

fn cross_entropies<'a>(logits: &'a [f32], labels: &'a [usize]) -> impl Iterator<Item = f32> + 'a {
    let classes = logits.len() / labels.len().max(1);
    logits
        .chunks(classes.max(1))
        .zip(labels)
        .map(|(row, &label)| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = row.iter().map(|z| (z - largest).exp()).sum();
            sum.ln() + largest - row[label]
        })
}

#[cfg(test)]
mod tests {
    use super::super::testing::LinearPair;
    use super::*;

    #[test]
    fn finds_the_corner_of_a_linear_model() {
        let model = LinearPair {
            weights: vec![0.5, -1.0, 3.0],
        };
        let images = [0.5, 0.5, 0.05];
        for restarts in [1, 3] {
            let moved = Pgd::new(0.1, 10, restarts)
                .perturb(&model, &images, &[0], 7)
                .unwrap();
            let mut corner = [0.4, 0.6, 0.0];
            Ball::new(&images, 0.1).project(&mut corner);
            assert_eq!(moved, corner);
        }
    }

    #[test]
    fn the_seed_decides_the_start() {
        let model = LinearPair {
            weights: vec![0.0; 3],
        };
        let attack = Pgd::new(0.1, 1, 1);
        let at = |seed| attack.perturb(&model, &[0.5; 3], &[0], seed).unwrap();
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }

    #[test]
    fn the_restart_with_the_highest_loss_counts() {
        let logits = [0.0, 0.0, 2.0, 0.0];
        let losses: Vec<f32> = cross_entropies(&logits, &[0, 1]).collect();
        assert!((losses[0] - 2.0f32.ln()).abs() < 1e-6);
        assert!((losses[1] - (2.0f32.exp() + 1.0).ln()).abs() < 1e-6);
    }
}
