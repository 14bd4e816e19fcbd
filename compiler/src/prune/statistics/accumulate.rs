//! From what is seen of a batch to sums.

use std::collections::BTreeSet;

use super::pass::{ATTACKED, Batch, CLEAN, Seen};
use super::{Layer, Part, Quantity, Statistics, Sums};
use crate::classifier::ComputeError;
use crate::prune::anomaly::TAU;
use crate::prune::layer::Slots;

impl Statistics {
    /// Everything that is read at values of the network.
    pub(super) fn add_responses(&mut self, batch: &Batch<'_>) -> Result<(), ComputeError> {
        let mut points = BTreeSet::new();
        for layer in &self.layers {
            points.extend(self.needs.iter().filter_map(|quantity| match quantity {
                Quantity::Activation | Quantity::Gradient | Quantity::Signed => {
                    Some(layer.response)
                }
                Quantity::PreActivation => Some(layer.pre_activation),
                Quantity::Input => Some(layer.input),
                Quantity::Curvature => Some(layer.output),
                Quantity::WeightGradient | Quantity::MeanGradient => None,
            }));
        }
        if points.is_empty() {
            return Ok(());
        }
        let seen = batch.see(points)?;
        for (layer, sums) in self.layers.iter().zip(&mut self.sums) {
            for quantity in self.needs.iter() {
                add_quantity(sums, layer, quantity, &seen, batch.labels.len());
            }
        }
        Ok(())
    }

    /// `Σ ∂L/∂w`.
    pub(super) fn add_mean_gradients(&mut self, batch: &Batch<'_>) -> Result<(), ComputeError> {
        for (version, part) in [(CLEAN, Part::Clean), (ATTACKED, Part::Attacked)] {
            let gradients = batch.parameter_gradients(version, 0, batch.labels.len())?;
            for (layer, sums) in self.layers.iter().zip(&mut self.sums) {
                let gradients = gradients[layer.weight.0].iter().copied().map(f64::from);
                add(sums, Quantity::MeanGradient, part, gradients);
            }
        }
        Ok(())
    }

    /// `∂L/∂w` image by image.
    pub(super) fn add_weight_gradients(&mut self, batch: &Batch<'_>) -> Result<(), ComputeError> {
        for image in 0..batch.labels.len() {
            let clean = batch.parameter_gradients(CLEAN, image, 1)?;
            let attacked = batch.parameter_gradients(ATTACKED, image, 1)?;
            for (layer, sums) in self.layers.iter().zip(&mut self.sums) {
                let slots = Slots {
                    count: layer.weights(),
                    run: 1,
                };
                let [clean, attacked] = [&clean, &attacked].map(|g| g[layer.weight.0].as_slice());
                let norms = Norms::of(slots, clean, attacked);
                norms.add_to(sums, Quantity::WeightGradient);
            }
        }
        Ok(())
    }

    /// `Σ z·a`, layer by layer: with slopes at one layer's output alone, the gradient of its weights is just that.
    pub(super) fn add_correlations(&mut self, batch: &Batch<'_>) -> Result<(), ComputeError> {
        for (layer, sums) in self.layers.iter().zip(&mut self.sums) {
            let gradients = batch.correlations(layer.output)?;
            let gradients = gradients[layer.weight.0].iter().copied().map(f64::from);
            add(sums, Quantity::Curvature, Part::Correlation, gradients);
        }
        Ok(())
    }
}

fn add_quantity(
    sums: &mut Sums,
    layer: &Layer,
    quantity: Quantity,
    seen: &Seen<'_>,
    images: usize,
) {
    let (slots, values) = match quantity {
        Quantity::Activation => (layer.unit_slots, both(|v| seen.value(v, layer.response))),
        Quantity::Gradient => (layer.unit_slots, both(|v| seen.gradient(v, layer.response))),
        Quantity::PreActivation => {
            let values = both(|v| seen.value(v, layer.pre_activation));
            (layer.unit_slots, values)
        }
        Quantity::Input => (layer.input_slots, both(|v| seen.value(v, layer.input))),
        Quantity::Signed => {
            let values = both(|v| seen.value(v, layer.response));
            let gradients = both(|v| seen.gradient(v, layer.response));
            let size = values[CLEAN].len() / images;
            for image in 0..images {
                let values = values.map(|all| &all[image * size..][..size]);
                let gradients = gradients.map(|all| &all[image * size..][..size]);
                signed(layer.unit_slots, values, gradients).add_to(sums, quantity);
            }
            return;
        }
        Quantity::Curvature => {
            let gradients = seen.gradient(ATTACKED, layer.output);
            let size = gradients.len() / images;
            for image in gradients.chunks_exact(size) {
                let squares = Norms::of(layer.unit_slots, image, image).squares;
                let positions = (size / layer.units()) as f64;
                let means = squares.into_iter().map(|sum| sum / positions);
                add(sums, quantity, Part::Squares, means);
            }
            return;
        }
        Quantity::WeightGradient | Quantity::MeanGradient => return,
    };
    let size = values[CLEAN].len() / images;
    let [clean, attacked] = values.map(|values| values.chunks_exact(size));
    for (clean, attacked) in clean.zip(attacked) {
        Norms::of(slots, clean, attacked).add_to(sums, quantity);
    }
}

fn both<'a>(of: impl Fn(usize) -> &'a [f32]) -> [&'a [f32]; 2] {
    [of(CLEAN), of(ATTACKED)]
}

/// Norms of one image, an entry per slot.
#[derive(Debug, PartialEq)]
struct Norms {
    clean: Vec<f64>,
    attacked: Vec<f64>,
    change: Vec<f64>,
    squares: Vec<f64>,
}

impl Norms {
    fn zero(count: usize) -> Self {
        let zeros = || vec![0.0; count];
        Self {
            clean: zeros(),
            attacked: zeros(),
            change: zeros(),
            squares: zeros(),
        }
    }

    /// `‖q(x)‖₁`, `‖q(x')‖₁`, `‖q(x') − q(x)‖₁` and `‖q(x)‖₂²`.
    fn of(slots: Slots, clean: &[f32], attacked: &[f32]) -> Self {
        let mut norms = Self::zero(slots.count);
        for ((slot, before), (_, after)) in slots.runs(clean).zip(slots.runs(attacked)) {
            for (q, r) in before.iter().zip(after) {
                let (q, r) = (f64::from(*q), f64::from(*r));
                norms.clean[slot] += q.abs();
                norms.attacked[slot] += r.abs();
                norms.change[slot] += (r - q).abs();
                norms.squares[slot] += q * q;
            }
        }
        norms
    }

    /// Adds what `quantity` keeps.
    fn add_to(&self, sums: &mut Sums, quantity: Quantity) {
        for (part, _) in quantity.parts() {
            let norms = match part {
                Part::Clean => &self.clean,
                Part::Attacked => &self.attacked,
                Part::Change => &self.change,
                Part::Squares => &self.squares,
                Part::Ratio => &self.ratios(),
                Part::Correlation => continue,
            };
            add(sums, quantity, *part, norms.iter().copied());
        }
    }

    /// Change over clean response, with τ relative to the layer's mean response to this image.
    fn ratios(&self) -> Vec<f64> {
        let tau = TAU * self.clean.iter().sum::<f64>() / self.clean.len().max(1) as f64;
        let ratio = |(clean, change): (&f64, &f64)| match clean + tau {
            // Nothing in the layer responds to this image: it says nothing.
            0.0 => 0.0,
            response => change / response,
        };
        self.clean.iter().zip(&self.change).map(ratio).collect()
    }
}

/// For one image: `Σ|ḡ|·|a|` as the clean response, `max(Σ ḡ·(a' − a), 0)` as the change, ḡ being the mean of both gradients.
fn signed(slots: Slots, values: [&[f32]; 2], gradients: [&[f32]; 2]) -> Norms {
    let mut norms = Norms::zero(slots.count);
    let pairs = |[clean, attacked]: [_; 2]| slots.runs(clean).zip(slots.runs(attacked));
    for (((slot, a), (_, b)), ((_, g), (_, h))) in pairs(values).zip(pairs(gradients)) {
        for ((a, b), (g, h)) in a.iter().zip(b).zip(g.iter().zip(h)) {
            let [a, b, g, h] = [a, b, g, h].map(|number| f64::from(*number));
            let mean = 0.5 * (g + h);
            norms.clean[slot] += (mean * a).abs();
            norms.change[slot] += mean * (b - a);
        }
    }
    for change in &mut norms.change {
        *change = change.max(0.0);
    }
    norms
}

fn add(sums: &mut Sums, quantity: Quantity, part: Part, numbers: impl Iterator<Item = f64>) {
    let sum = sums.get_mut(&(quantity, part));
    let sum = sum.expect("the part is kept");
    for (sum, number) in sum.iter_mut().zip(numbers) {
        *sum += number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_UNITS: Slots = Slots { count: 2, run: 2 };

    #[test]
    fn norms_are_those_of_each_slot() {
        // Maps of two pixels: (1, −2) becomes (1, 1), (0, 3) becomes (0, −1).
        let norms = Norms::of(TWO_UNITS, &[1.0, -2.0, 0.0, 3.0], &[1.0, 1.0, 0.0, -1.0]);
        assert_eq!(norms.clean, [3.0, 3.0]);
        assert_eq!(norms.attacked, [2.0, 1.0]);
        assert_eq!(norms.change, [3.0, 4.0]);
        assert_eq!(norms.squares, [5.0, 9.0]);
        // τ = 0.01 · 3.
        assert_eq!(norms.ratios(), [3.0 / 3.03, 4.0 / 3.03]);
    }

    #[test]
    fn an_image_to_which_nothing_responds_has_no_ratio() {
        let norms = Norms::of(TWO_UNITS, &[0.0; 4], &[1.0; 4]);
        assert_eq!(norms.ratios(), [0.0, 0.0]);
    }

    #[test]
    fn only_a_change_that_raises_the_loss_counts_as_signed() {
        let values: [&[f32]; 2] = [&[1.0, -1.0, 2.0, 0.0], &[2.0, -1.0, 1.0, 1.0]];
        let gradients: [&[f32]; 2] = [&[1.0, 5.0, 4.0, 1.0], &[3.0, -5.0, 2.0, 1.0]];
        // Mean gradients (2, 0) and (3, 1). Unit 0: 2·(2 − 1) = 2. Unit 1: 3·(1 − 2) + 1·(1 − 0) = −2, which helps.
        let norms = signed(TWO_UNITS, values, gradients);
        assert_eq!(norms.change, [2.0, 0.0]);
        assert_eq!(norms.clean, [2.0, 6.0]);
    }
}
