//! What burn says to a request.

use burn::tensor::{Tensor, TensorData};

use super::*;
use crate::execute::{download, forward, upload, upload_images};

/// As [`Trainable::backward`], one batch after the other, on burn's tapes.
pub(super) fn backward(network: &Network, request: &Request<'_>, loss: LossOf<'_>) -> Backward {
    let device = DeviceChoice::Cpu.open().unwrap();
    let mode = match request.normalization {
        Normalization::Running => crate::execute::Normalization::Running,
        Normalization::Batch => crate::execute::Normalization::Batch,
    };
    let mut passes = Vec::new();
    for images in request.batches {
        let roles = network.parameters().iter().map(|p| p.role());
        let leaves: Vec<Tensor<1>> = roles
            .zip(upload(network, &device))
            .map(|(role, tensor)| match role.is_trainable() {
                true => tensor.autodiff().require_grad(),
                false => tensor,
            })
            .collect();
        let mut probes = vec![None; request.points.len()];
        let mut values = vec![None; request.points.len()];
        let images = upload_images(images, network, &device);
        let pass = forward(network, &leaves, images, mode, &mut |value, mut tensor| {
            for (index, point) in request.points.iter().enumerate() {
                if *point == value {
                    let zeros = tensor.clone().inner().zeros_like();
                    let probe: Tensor<4> = zeros.autodiff().require_grad();
                    tensor = tensor + probe.clone();
                    probes[index] = Some(probe);
                    values[index] = Some(tensor.clone());
                }
            }
            tensor
        });
        passes.push((leaves, probes, values, pass));
    }
    let values = |tensors: &[Option<Tensor<4>>]| {
        let values = tensors.iter().flatten();
        values
            .map(|value| download(value.clone().inner()).unwrap())
            .collect()
    };
    let slopes = loss(&Responses {
        logits: passes
            .iter()
            .map(|(.., pass)| download(pass.logits.clone().inner()).unwrap())
            .collect(),
        points: passes
            .iter()
            .map(|(_, _, points, _)| values(points))
            .collect(),
    });
    let mut all = Backward::default();
    for (number, (leaves, probes, values, pass)) in passes.into_iter().enumerate() {
        let shape = pass.logits.dims();
        let data = TensorData::new(slopes.logits[number].clone(), shape);
        let mut sum = (pass.logits * Tensor::<2>::from_data(data, &device)).sum();
        for (value, slopes) in values.into_iter().flatten().zip(&slopes.points[number]) {
            let data = TensorData::new(slopes.clone(), value.dims());
            sum = sum + (value * Tensor::<4>::from_data(data, &device)).sum();
        }
        let mut gradients = sum.backward();
        all.parameters.resize(leaves.len(), Vec::new());
        for ((own, leaf), parameter) in all
            .parameters
            .iter_mut()
            .zip(leaves)
            .zip(network.parameters())
        {
            if !parameter.role().is_trainable() {
                continue;
            }
            let gradient = leaf
                .grad_remove(&mut gradients)
                .map(|g| download(g).unwrap());
            let gradient = gradient.unwrap_or_else(|| vec![0.0; parameter.values().len()]);
            own.resize(gradient.len(), 0.0);
            own.iter_mut()
                .zip(gradient)
                .for_each(|(sum, slope)| *sum += slope);
        }
        let points = probes.into_iter().flatten().map(|probe| {
            let gradient = probe.grad_remove(&mut gradients);
            download(gradient.unwrap_or_else(|| probe.inner().zeros_like())).unwrap()
        });
        all.points.push(points.collect());
        let statistics = pass
            .statistics
            .into_iter()
            .flat_map(|s| [s.mean, s.variance]);
        let statistics = statistics.map(|(id, tensor)| (id, download(tensor).unwrap()));
        if request.normalization == Normalization::Batch {
            all.statistics.push(statistics.collect());
        }
    }
    all
}
