//! One step's part of the weights section, as `docs/FORMAT.md` lays it out.

use sinew_models::Parameter;
use sinew_runtime::format::{self, Encoding, Operator};

/// A step's part of the weights section.
pub(super) struct Weights {
    pub(super) encoding: Encoding,
    pub(super) bytes: Vec<u8>,
    /// Stored weights of a matrix, zeros of a dense one included.
    pub(super) stored: u64,
}

impl Weights {
    pub(super) fn none() -> Self {
        Self::plain(Vec::new())
    }

    fn plain(bytes: Vec<u8>) -> Self {
        Self {
            encoding: Encoding::Dense,
            bytes,
            stored: 0,
        }
    }

    /// Of an affine step.
    pub(super) fn scale_shift(scale: &[f32], shift: &[f32]) -> Self {
        Self::plain([floats(scale), floats(shift)].concat())
    }

    /// Of a constant step.
    pub(super) fn values(values: &[f32]) -> Self {
        Self::plain(floats(values))
    }

    /// Of a gather step.
    pub(super) fn indices(indices: &[Option<usize>]) -> Self {
        let index = |index: &Option<usize>| index.map_or(Operator::FILL, |index| index as u32);
        let bytes = indices.iter().flat_map(|i| index(i).to_le_bytes());
        Self::plain(bytes.collect())
    }

    /// Bias and weights of a convolution or linear layer, sparse if fewer than the fraction `sparse_below` of the weights are not zero.
    pub(super) fn matrix(weight: &Parameter, bias: Option<&Parameter>, sparse_below: f64) -> Self {
        let rows = weight.shape()[0];
        let columns = weight.values().len() / rows;
        let bias = match bias {
            Some(bias) => bias.values().to_vec(),
            None => vec![0.0; rows],
        };
        let density = weight.nonzeros() as f64 / weight.values().len() as f64;
        if density < sparse_below && columns as u64 <= format::MAX_SPARSE_COLUMNS {
            Self::sparse(&bias, weight.values(), columns)
        } else {
            Self {
                encoding: Encoding::Dense,
                bytes: [floats(&bias), floats(weight.values())].concat(),
                stored: weight.values().len() as u64,
            }
        }
    }

    /// Compressed sparse rows.
    fn sparse(bias: &[f32], values: &[f32], columns: usize) -> Self {
        let mut pointers = vec![0u32];
        let mut kept = Vec::new();
        let mut indices = Vec::new();
        for row in values.chunks(columns) {
            let nonzeros = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
            for (column, value) in nonzeros {
                kept.push(*value);
                indices.extend((column as u16).to_le_bytes());
            }
            pointers.push(kept.len() as u32);
        }
        let stored = kept.len() as u64;
        indices.resize(indices.len().next_multiple_of(4), 0);
        let pointers: Vec<u8> = pointers.iter().flat_map(|p| p.to_le_bytes()).collect();
        let bytes = [floats(bias), pointers, floats(&kept), indices].concat();
        Self {
            encoding: Encoding::Sparse,
            bytes,
            stored,
        }
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
