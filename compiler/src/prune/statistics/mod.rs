//! What an attack does to a network: sums over clean images and their adversarial versions, which criteria turn into scores.
//!
//! Images come batch by batch and leave nothing behind but sums in f64, so memory does not depend on their number. Only what is asked for
//! is computed ([`Needs`]). The network is in evaluation mode and the loss is each image's cross-entropy, not the batch's mean.
//! Non-goals: which images, which attack, and scores.

mod accumulate;
mod file;
mod pass;

pub use file::{Provenance, StatisticsError};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sinew_models::Network;

use super::anomaly::{self, AnomalyTable, LayerAnomaly, Measure};
use super::layer::{Layer, layers};
use crate::classifier::ComputeError;
use crate::trainable::Trainable;
use pass::Batch;

/// What is summed. `x` is a clean image, `x'` its adversarial version, `L` the cross-entropy of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// `a_u`, the response of each unit after its activation function.
    Activation,
    /// `∂L/∂a_u`.
    Gradient,
    /// `a_u` weighted by its mean gradient over x and x', `½·(∂L/∂a_u(x) + ∂L/∂a_u(x'))`: to second order, what the response adds to the
    /// loss. Its change counts where it raises the loss, image by image.
    Signed,
    /// `∂L/∂w` of each weight and each single image. One backward pass per image: slow.
    WeightGradient,
    /// What the activation function of each unit takes.
    PreActivation,
    /// What each channel or feature brings into the layer.
    Input,
    /// `∂L/∂w` summed over images.
    MeanGradient,
    /// The Kronecker factors of the loss's curvature at adversarial images, as far as removing weights needs them. One backward pass per
    /// layer.
    Curvature,
}

/// Which sum of a [`Quantity`] q. Norms are over the elements of one unit, input or weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// `Σ‖q(x)‖₁`; of [`Quantity::MeanGradient`], `Σ q(x)`.
    Clean,
    /// `Σ‖q(x')‖₁`; of [`Quantity::MeanGradient`], `Σ q(x')`.
    Attacked,
    /// `Σ‖q(x') − q(x)‖₁`; of [`Quantity::Signed`], `Σ max(q(x') − q(x), 0)` with q summed over the unit's elements.
    Change,
    /// The sum of the images' own ratios of change to clean response, each with an image's own τ.
    Ratio,
    /// `Σ‖q(x)‖₂²`; of [`Quantity::Curvature`], the squared gradient of the layer's output at x', averaged over positions.
    Squares,
    /// `Σ z·a` over images x' and positions: the unit's output times what the weight multiplies.
    Correlation,
}

/// What the entries of a sum belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Unit,
    Input,
    Weight,
}

impl Quantity {
    /// The sums that are kept, and what their entries belong to.
    fn parts(self) -> &'static [(Part, Domain)] {
        use Domain::{Input, Unit, Weight};
        use Part::{Attacked, Change, Clean, Correlation, Ratio, Squares};
        match self {
            Self::Activation | Self::Gradient => &[
                (Clean, Unit),
                (Attacked, Unit),
                (Change, Unit),
                (Ratio, Unit),
            ],
            Self::Signed => &[(Clean, Unit), (Change, Unit), (Ratio, Unit)],
            Self::WeightGradient => &[(Clean, Weight), (Change, Weight), (Ratio, Weight)],
            Self::PreActivation => &[(Change, Unit)],
            Self::Input => &[(Clean, Input), (Change, Input), (Squares, Input)],
            Self::MeanGradient => &[(Clean, Weight), (Attacked, Weight)],
            Self::Curvature => &[(Squares, Unit), (Correlation, Weight)],
        }
    }
}

/// The quantities that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs(BTreeSet<Quantity>);

impl Needs {
    /// These quantities.
    pub fn of(quantities: &[Quantity]) -> Self {
        Self(quantities.iter().copied().collect())
    }

    /// What the anomaly degrees of a measure take.
    pub fn of_measure(measure: Measure) -> Self {
        Self::of(&[measure.quantity()])
    }

    /// These quantities and others.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(&others.0);
        self
    }

    /// Whether a quantity is among them.
    pub fn contains(&self, quantity: Quantity) -> bool {
        self.0.contains(&quantity)
    }

    /// Whether all of `others` are among them.
    pub fn contain(&self, others: &Self) -> bool {
        others.0.is_subset(&self.0)
    }

    /// Whether nothing is wanted: then no image has to be looked at.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = Quantity> + '_ {
        self.0.iter().copied()
    }
}

/// The sums of one layer.
type Sums = BTreeMap<(Quantity, Part), Vec<f64>>;

/// Statistics of a network over the images added so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    needs: Needs,
    images: usize,
    layers: Vec<Layer>,
    sums: Vec<Sums>,
}

impl Statistics {
    /// Of no images yet.
    pub fn new(network: &Network, needs: &Needs) -> Self {
        let layers = layers(network);
        let sums = layers.iter().map(|layer| {
            let zeros = |(quantity, part, domain)| {
                let count = length(layer, domain);
                ((quantity, part), vec![0.0; count])
            };
            parts(needs).map(zeros).collect()
        });
        Self {
            needs: needs.clone(),
            images: 0,
            sums: sums.collect(),
            layers,
        }
    }

    /// Adds a batch of clean images and their adversarial versions, both `[batch, channel, height, width]`, flattened.
    ///
    /// # Errors
    /// What the engine reports, and if the network computes something that is not finite. The sums are then of no use.
    pub fn add(
        &mut self,
        engine: &dyn Trainable,
        clean: &[f32],
        adversarial: &[f32],
        labels: &[usize],
    ) -> Result<(), ComputeError> {
        if self.needs.is_empty() || labels.is_empty() {
            return Ok(());
        }
        let batch = Batch {
            engine,
            images: [clean, adversarial],
            labels,
        };
        self.add_responses(&batch)?;
        if self.needs.contains(Quantity::MeanGradient) {
            self.add_mean_gradients(&batch)?;
        }
        if self.needs.contains(Quantity::WeightGradient) {
            self.add_weight_gradients(&batch)?;
        }
        if self.needs.contains(Quantity::Curvature) {
            self.add_correlations(&batch)?;
        }
        self.images += labels.len();
        let finite = |sums: &Sums| sums.values().flatten().all(|sum| sum.is_finite());
        match self.layers.iter().zip(&self.sums).find(|(_, s)| !finite(s)) {
            None => Ok(()),
            Some((layer, _)) => Err(ComputeError(format!(
                "layer \"{}\": responses or gradients are not finite",
                layer.name
            ))),
        }
    }

    /// What was asked for.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Number of images added.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The layers of the network, in the order of all sums.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// A sum of one layer: an entry for each unit, input or weight.
    ///
    /// # Panics
    /// If the quantity was not asked for, or has no such part.
    pub fn sum(&self, layer: usize, quantity: Quantity, part: Part) -> &[f64] {
        let sum = self.sums[layer].get(&(quantity, part));
        sum.unwrap_or_else(|| panic!("{quantity:?} has no {part:?}, or was not asked for"))
    }

    /// The anomaly degree of every unit of a layer, or of every weight with [`Measure::WeightGradient`]. `None`: dead.
    ///
    /// # Panics
    /// If the measure was not asked for.
    pub fn degrees(&self, measure: Measure, layer: usize) -> Vec<Option<f64>> {
        let quantity = measure.quantity();
        let clean = self.sum(layer, quantity, Part::Clean);
        anomaly::degrees(clean, self.sum(layer, quantity, Part::Change))
    }

    /// The same as the mean of the images' own ratios, which units that are silent on most clean images dominate.
    ///
    /// # Panics
    /// If the measure was not asked for.
    pub fn mean_ratios(&self, measure: Measure, layer: usize) -> Vec<Option<f64>> {
        let ratios = self.sum(layer, measure.quantity(), Part::Ratio).iter();
        let dead = self.degrees(measure, layer);
        let images = self.images.max(1) as f64;
        let mean = |(ratio, degree): (&f64, Option<f64>)| degree.map(|_| ratio / images);
        ratios.zip(dead).map(mean).collect()
    }

    /// The anomaly of all layers by one measure.
    ///
    /// # Panics
    /// If the measure was not asked for.
    pub fn table(&self, measure: Measure) -> AnomalyTable {
        let layer = |index| {
            let part = |part| self.sum(index, measure.quantity(), part).to_vec();
            LayerAnomaly {
                clean: part(Part::Clean),
                change: part(Part::Change),
            }
        };
        AnomalyTable {
            measure,
            layers: (0..self.layers.len()).map(layer).collect(),
        }
    }
}

#[cfg(test)]
impl Statistics {
    /// Statistics with sums by hand, for tests of criteria.
    pub(super) fn with_sum(
        mut self,
        layer: usize,
        quantity: Quantity,
        part: Part,
        sum: &[f64],
    ) -> Self {
        let own = self.sums[layer].get_mut(&(quantity, part)).unwrap();
        own.copy_from_slice(sum);
        self.images = 1;
        self
    }

    /// What is summed of a layer.
    pub(super) fn kept(&self, layer: usize) -> Vec<(usize, Quantity, Part)> {
        let keys = self.sums[layer].keys();
        keys.map(|(quantity, part)| (layer, *quantity, *part))
            .collect()
    }
}

/// All sums that are kept for `needs`.
fn parts(needs: &Needs) -> impl Iterator<Item = (Quantity, Part, Domain)> + '_ {
    needs.iter().flat_map(|quantity| {
        let parts = quantity.parts().iter();
        parts.map(move |(part, domain)| (quantity, *part, *domain))
    })
}

fn length(layer: &Layer, domain: Domain) -> usize {
    match domain {
        Domain::Unit => layer.units(),
        Domain::Input => layer.inputs(),
        Domain::Weight => layer.weights(),
    }
}

#[cfg(test)]
mod tests;
