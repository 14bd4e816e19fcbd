//! Direct sparse convolution: for each output channel, every stored weight is multiplied with the
//! whole run of staged inputs at its column's offset, and added to the run of outputs. No product
//! with a pruned weight is computed, and none of the indices is decoded more than once per block of
//! outputs. After Park et al., "Faster CNNs with direct sparse convolutions and guided pruning"
//! (2017).

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
mod scalar;

use super::Staged;
use crate::Isa;
use crate::format::{Bounds, SparseMatrix};

/// Computes one output map for each row of `matrix`, one behind the other.
pub fn convolve(
    isa: Isa,
    staged: &Staged,
    matrix: &SparseMatrix,
    bounds: Bounds,
    maps: &mut [f32],
) {
    assert_eq!(maps.len(), matrix.bias.len() * staged.map_len());
    match isa {
        Isa::Scalar => scalar::convolve(staged, matrix, bounds, maps),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(token) => avx2::convolve(token, staged, matrix, bounds, maps),
    }
}

/// The kernel's name.
pub fn name(isa: Isa) -> &'static str {
    match isa {
        Isa::Scalar => "sparse-convolution/scalar",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => "sparse-convolution/avx2",
    }
}

#[cfg(test)]
mod tests {
    use crate::Isa;
    use crate::format::SparseMatrix;
    use crate::kernel::case::{self, Case};

    fn kernel(isa: Isa, case: &Case, maps: &mut [f32]) {
        let blob = case.sparse_blob();
        let matrix = SparseMatrix::from_blob(&blob, case.rows).unwrap();
        matrix.verify(case.columns).unwrap();
        super::convolve(isa, &case.staged(), &matrix, case.bounds, maps);
    }

    case::suite!(kernel);
}
