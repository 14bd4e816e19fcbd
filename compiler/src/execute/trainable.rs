//! Training on burn: gradients of parameters and responses, of whatever loss the host computes.

use burn::tensor::{Tensor, TensorData};
use sinew_models::{Network, ParameterId, ValueId};

use super::{Executor, Normalization, download, forward, on_tape, upload_flat};
use crate::classifier::ComputeError;
use crate::trainable::{Backward, LossOf, Request, Responses, Trainable, Wanted};

/// What one batch's forward pass leaves on the device.
struct Forward {
    logits: Tensor<2>,
    /// For each point its value, on the tape, and the leaf whose gradient is that of the value.
    points: Vec<(Tensor<4>, Tensor<4>)>,
}

impl Trainable for Executor<'_> {
    fn network(&self) -> &Network {
        self.network
    }

    fn set_parameters(&mut self, values: &[Vec<f32>]) -> Result<(), ComputeError> {
        let values = values.iter().cloned();
        self.parameters = values
            .map(|values| upload_flat(values, &self.device))
            .collect();
        Ok(())
    }

    fn backward(&self, request: &Request<'_>, loss: LossOf<'_>) -> Result<Backward, ComputeError> {
        let trained = self.network.parameters().iter().zip(&self.parameters);
        let leaves: Vec<Tensor<1>> = trained
            .map(|(parameter, tensor)| {
                if request.parameters != Wanted::None && parameter.role().is_trainable() {
                    tensor.clone().autodiff().require_grad()
                } else {
                    tensor.clone()
                }
            })
            .collect();
        let mut result = Backward::default();
        let mut passes = Vec::with_capacity(request.batches.len());
        for images in request.batches {
            let (pass, statistics) = self.forward_on_tape(images, request, &leaves)?;
            passes.push(pass);
            if request.normalization == Normalization::Batch {
                result.statistics.push(statistics);
            }
        }
        let mut responses = Responses::default();
        for pass in &passes {
            responses
                .logits
                .push(download(pass.logits.clone().inner())?);
            let points = pass.points.iter();
            let points: Result<_, _> = points
                .map(|(value, _)| download(value.clone().inner()))
                .collect();
            responses.points.push(points?);
        }
        let slopes = loss(&responses);

        // The gradient of Σ response · slope is that of the loss: the slopes, pulled back.
        let mut total = Tensor::<1>::zeros([1], &self.device);
        for (index, pass) in passes.iter().enumerate() {
            total = total + product(pass.logits.clone(), &slopes.logits[index]);
            let given = slopes.points.get(index).into_iter().flatten();
            for ((value, _), slopes) in pass.points.iter().zip(given) {
                total = total + product(value.clone(), slopes);
            }
            for (_, leaf) in &pass.points {
                total = on_tape(total, leaf);
            }
        }
        for leaf in leaves.iter().filter(|leaf| leaf.is_require_grad()) {
            total = total + leaf.clone().narrow(0, 0, 1) * 0.0;
        }
        let mut gradients = total.backward();
        for leaf in &leaves {
            let gradient = leaf.grad_remove(&mut gradients);
            let gradient = gradient.map_or_else(|| Ok(Vec::new()), download)?;
            result.parameters.push(gradient);
        }
        for pass in &passes {
            let points = pass.points.iter();
            let points: Result<_, _> = points
                .map(|(_, leaf)| {
                    let gradient = leaf.grad_remove(&mut gradients);
                    download(gradient.unwrap_or_else(|| leaf.clone().inner().zeros_like()))
                })
                .collect();
            result.points.push(points?);
        }
        Ok(result)
    }
}

/// Mean and variance at every batch norm, beside the running statistics that they belong to.
type BatchStatistics = Vec<(ParameterId, Vec<f32>)>;

impl Executor<'_> {
    fn forward_on_tape(
        &self,
        images: &[f32],
        request: &Request<'_>,
        leaves: &[Tensor<1>],
    ) -> Result<(Forward, BatchStatistics), ComputeError> {
        let mut points: Vec<Option<(Tensor<4>, Tensor<4>)>> = vec![None; request.points.len()];
        let mut attach = |value: ValueId, mut tensor: Tensor<4>| {
            for (point, slot) in request.points.iter().zip(&mut points) {
                if *point == value {
                    // An addition of zeros leaves the value alone and has the wanted gradient.
                    let zeros = tensor.clone().inner().zeros_like();
                    let leaf = zeros.autodiff().require_grad();
                    tensor = tensor + leaf.clone();
                    *slot = Some((tensor.clone(), leaf));
                }
            }
            tensor
        };
        let images = self.images(images);
        let mode = request.normalization;
        let pass = forward(self.network, leaves, images, mode, &mut attach);
        let mut statistics = Vec::with_capacity(2 * pass.statistics.len());
        for seen in pass.statistics {
            for (id, values) in [seen.mean, seen.variance] {
                statistics.push((id, download(values)?));
            }
        }
        let points = points.into_iter().flatten().collect();
        let logits = pass.logits;
        Ok((Forward { logits, points }, statistics))
    }
}

/// Σ value · slope.
fn product<const D: usize>(value: Tensor<D>, slopes: &[f32]) -> Tensor<1> {
    let data = TensorData::new(slopes.to_vec(), value.dims());
    let slopes = Tensor::<D>::from_data(data, &value.clone().inner().device());
    (value * slopes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::DeviceChoice;
    use crate::testing::two_layers;

    /// A smooth function of the logits of two batches and of a response, with its slopes.
    fn loss(responses: &Responses) -> (f64, Responses) {
        let square = |values: &[f32]| -> f64 { values.iter().map(|v| f64::from(*v).powi(2)).sum() };
        let logits = responses
            .logits
            .iter()
            .map(|logits| square(logits))
            .sum::<f64>();
        let points = responses.points.iter().flatten().map(|point| square(point));
        let double = |values: &Vec<f32>| values.iter().map(|v| 2.0 * v).collect::<Vec<f32>>();
        let slopes = Responses {
            logits: responses.logits.iter().map(double).collect(),
            points: responses
                .points
                .iter()
                .map(|p| p.iter().map(double).collect())
                .collect(),
        };
        (logits + points.sum::<f64>(), slopes)
    }

    #[test]
    fn gradients_of_parameters_are_those_of_central_differences_in_both_modes() {
        let network = two_layers();
        let device = DeviceChoice::Cpu.open().unwrap();
        let images: Vec<f32> = (0..4 * 36).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        let (first, second) = images.split_at(3 * 36);
        let values: Vec<Vec<f32>> = network
            .parameters()
            .iter()
            .map(|p| p.values().to_vec())
            .collect();
        // The convolution's response after its activation.
        let points = [ValueId::of_node(2)];
        for normalization in [Normalization::Running, Normalization::Batch] {
            let request = Request {
                batches: &[first, second],
                normalization,
                points: &points,
                parameters: Wanted::All,
            };
            let at = |values: &[Vec<f32>]| {
                let mut executor = Executor::new(&network, &device);
                executor.set_parameters(values).unwrap();
                let mut total = 0.0;
                let backward = executor.backward(&request, &mut |responses| {
                    let (value, slopes) = loss(responses);
                    total = value;
                    slopes
                });
                (total, backward.unwrap())
            };
            let (_, backward) = at(&values);
            let batches = usize::from(normalization == Normalization::Batch) * 2;
            assert_eq!(backward.statistics.len(), batches);
            for (id, parameter) in network.parameters().iter().enumerate() {
                let gradient = &backward.parameters[id];
                assert_eq!(gradient.is_empty(), !parameter.role().is_trainable());
                for at_value in (0..gradient.len()).step_by(7) {
                    let h = 2e-3;
                    let moved = |step: f32| {
                        let mut moved = values.clone();
                        moved[id][at_value] += step;
                        at(&moved).0
                    };
                    let difference = (moved(h) - moved(-h)) / (2.0 * f64::from(h));
                    let found = f64::from(gradient[at_value]);
                    assert!(
                        (difference - found).abs() < 0.02 * (1.0 + found.abs()),
                        "{} [{at_value}], {normalization:?}: {difference} against {found}",
                        parameter.name()
                    );
                }
            }
        }
    }
}
