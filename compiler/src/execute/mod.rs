//! Execution of a `Network` on burn: forward passes, and gradients with respect to images, responses and parameters.
//!
//! The graph is interpreted; there is no second definition of any network. Parameters are flat tensors on a device that is chosen
//! at run time. Non-goals: what the gradients are used for (`attack`, `train`, `prune`).

mod device;
mod elementwise;
mod forward;
mod operator;
mod rearrange;
mod trainable;

pub use device::{DeviceChoice, DeviceError};
use forward::forward;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use sinew_models::Network;

use crate::attack::Loss;
use crate::classifier::{Classifier, ComputeError, Differentiable, Gradient, slopes};
pub(crate) use crate::trainable::Normalization;

/// Images that one core computes at a time: few enough for its cache, enough for its vector units.
const PART: usize = 32;

/// A network with its parameters on a device, in evaluation mode: batch norm uses the running statistics.
#[derive(Debug)]
pub struct Executor<'n> {
    network: &'n Network,
    parameters: Vec<Tensor<1>>,
    device: Device,
}

impl<'n> Executor<'n> {
    /// Copies the network's parameters to `device`.
    pub fn new(network: &'n Network, device: &Device) -> Self {
        let parameters = upload(network, device);
        Self::with_parameters(network, parameters, device)
    }

    /// Takes other values for the parameters of `network`, already on the device and without a tape.
    pub(crate) fn with_parameters(
        network: &'n Network,
        parameters: Vec<Tensor<1>>,
        device: &Device,
    ) -> Self {
        Self {
            network,
            parameters,
            device: device.clone(),
        }
    }

    /// The network that is executed.
    pub fn network(&self) -> &Network {
        self.network
    }

    /// Calls `compute` with parts of a batch and the number of each part's first image, on all cores if the device is the processor.
    ///
    /// Parts are as large as they are whatever the number of cores, which must not change the result.
    fn in_parts<T: Send>(
        &self,
        images: &[f32],
        compute: impl Fn(&[f32], usize) -> Result<T, ComputeError> + Sync,
    ) -> Result<Vec<T>, ComputeError> {
        let pixels = self.network.input_shape().iter().product::<usize>();
        if self.device != Device::flex() {
            return Ok(vec![compute(images, 0)?]);
        }
        let parts = images.par_chunks(PART * pixels).enumerate();
        parts
            .map(|(number, part)| compute(part, number * PART))
            .collect()
    }

    fn images(&self, images: &[f32]) -> Tensor<4> {
        upload_images(images, self.network, &self.device)
    }

    fn run(&self, images: Tensor<4>) -> Tensor<2> {
        let mode = Normalization::Running;
        let observer = &mut |_, value| value;
        forward(self.network, &self.parameters, images, mode, observer).logits
    }
}

impl Classifier for Executor<'_> {
    fn input_shape(&self) -> [usize; 3] {
        self.network.input_shape()
    }

    fn classes(&self) -> usize {
        self.network.classes()
    }

    fn logits(&self, images: &[f32]) -> Result<Vec<f32>, ComputeError> {
        let parts = self.in_parts(images, |part, _| download(self.run(self.images(part))))?;
        Ok(parts.concat())
    }
}

impl Differentiable for Executor<'_> {
    fn gradient(&self, images: &[f32], loss: &dyn Loss) -> Result<Gradient, ComputeError> {
        let parts = self.in_parts(images, |part, first| {
            let images = self.images(part).autodiff().require_grad();
            let output = self.run(images.clone());
            let shape = output.dims();
            let logits = download(output.clone().inner())?;
            let (losses, slopes) = slopes(loss, &logits, self.classes(), first);
            let slopes = Tensor::<2>::from_data(TensorData::new(slopes, shape), &self.device);
            // Its gradient is that of the loss: the slopes, pulled back.
            let mut gradients = on_tape((output * slopes).sum(), &images).backward();
            let pixels = images
                .grad_remove(&mut gradients)
                .unwrap_or_else(|| images.inner().zeros_like());
            Ok(Gradient {
                logits,
                losses,
                pixels: download(pixels)?,
            })
        })?;
        let all = |of: fn(&Gradient) -> &[f32]| parts.iter().map(of).collect::<Vec<_>>().concat();
        Ok(Gradient {
            logits: all(|part| &part.logits),
            losses: all(|part| &part.losses),
            pixels: all(|part| &part.pixels),
        })
    }
}

/// The same loss, with `leaf` on its tape even if it does not depend on it: burn differentiates nothing that has no tape.
fn on_tape(loss: Tensor<1>, leaf: &Tensor<4>) -> Tensor<1> {
    loss + leaf.clone().slice([0..1, 0..1, 0..1, 0..1]).reshape([1]) * 0.0
}

/// The network's parameters as flat tensors.
pub(crate) fn upload(network: &Network, device: &Device) -> Vec<Tensor<1>> {
    let parameters = network.parameters().iter();
    parameters
        .map(|p| upload_flat(p.values().to_vec(), device))
        .collect()
}

pub(crate) fn upload_flat(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// A batch for `network`: `[batch, channel, height, width]`.
pub(crate) fn upload_images(images: &[f32], network: &Network, device: &Device) -> Tensor<4> {
    let [channels, height, width] = network.input_shape();
    let batch = images.len() / (channels * height * width);
    let data = TensorData::new(images.to_vec(), [batch, channels, height, width]);
    Tensor::from_data(data, device)
}

pub(crate) fn download<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ComputeError> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| ComputeError(error.to_string()))
}
