//! Elements in another order, repeated or left out, on burn tensors.

use burn::tensor::{Bool, Int, Tensor, TensorData};
use sinew_models::swaps;

use super::operator::Operand;

/// The operand repeated to `batch` images of the axes `wanted`, `[batch, elements, 1, 1]`.
pub(super) fn broadcast(operand: Operand<'_>, batch: usize, wanted: &[usize]) -> Tensor<4> {
    let missing = wanted.len() - operand.shape.0.len();
    let mut axes = vec![1; missing];
    axes.extend(&operand.shape.0);
    // The batch is one more axis.
    axes.insert(0, operand.batch());
    let wanted = [&[batch], wanted].concat();
    let mut tensor: Tensor<3> = operand.tensor.reshape([1, 1, -1]);
    for axis in 0..axes.len() {
        if axes[axis] != wanted[axis] {
            let outer: usize = axes[..axis].iter().product();
            let inner: usize = axes[axis + 1..].iter().product();
            axes[axis] = wanted[axis];
            tensor = tensor
                .reshape([outer, 1, inner])
                .expand([outer, axes[axis], inner]);
        }
    }
    let elements: usize = axes[1..].iter().product();
    tensor.reshape([batch, elements, 1, 1])
}

/// All operands, one after the other along `axis`.
pub(super) fn concat(operands: Vec<Operand<'_>>, axis: usize) -> Tensor<3> {
    let batch = operands.iter().map(Operand::batch).max().unwrap_or(1);
    let parts = operands.into_iter().map(|operand| {
        let shape = operand.shape;
        let tensor = broadcast(operand, batch, &shape.0);
        Operand { tensor, shape }.around(axis)
    });
    Tensor::cat(parts.collect(), 1)
}

/// The axes in another order.
pub(super) fn transpose(operand: Operand<'_>, order: &[usize]) -> Tensor<4> {
    let batch = operand.batch();
    swaps(&operand.shape.0, order)
        .into_iter()
        .fold(operand.tensor, |tensor, swap| {
            tensor
                .reshape([batch * swap.outer, swap.first, swap.second, swap.inner])
                .swap_dims(1, 2)
        })
}

/// The positions `indices` of `axis`, and `fill` where there is none.
pub(super) fn select(
    operand: Operand<'_>,
    axis: usize,
    indices: &[Option<usize>],
    fill: f32,
) -> Tensor<3> {
    let along = operand.around(axis);
    let device = along.device();
    let [outer, _, inner] = along.dims();
    let count = indices.len();
    // A slice needs no index for every position.
    if let Some(start) = indices.first().copied().flatten()
        && indices.iter().copied().eq((start..start + count).map(Some))
    {
        return along.narrow(1, start, count);
    }
    let positions: Vec<i32> = indices
        .iter()
        .map(|index| index.unwrap_or(0) as i32)
        .collect();
    let positions: Tensor<1, Int> = Tensor::from_data(TensorData::new(positions, [count]), &device);
    let selected = along.select(1, positions);
    if indices.iter().all(Option::is_some) {
        return selected;
    }
    let empty: Vec<bool> = indices.iter().map(Option::is_none).collect();
    let empty: Tensor<3, Bool> = Tensor::from_data(TensorData::new(empty, [1, count, 1]), &device);
    selected.mask_fill(empty.expand([outer, count, inner]), fill)
}
