//! Direct dense convolution over the staged input: a matrix product whose right side is never formed,
//! because each of its rows is a run of staged values. For layers that pruning has left too dense for
//! the sparse kernel, and for an honest comparison with it.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
mod scalar;

use super::Staged;
use crate::Isa;
use crate::format::{Bounds, DenseMatrix};

/// Computes one output map for each row of `matrix`, one behind the other.
pub fn convolve(isa: Isa, staged: &Staged, matrix: &DenseMatrix, bounds: Bounds, maps: &mut [f32]) {
    assert_eq!(maps.len(), matrix.bias.len() * staged.map_len());
    assert_eq!(matrix.columns(), staged.offsets().len());
    match isa {
        Isa::Scalar => scalar::convolve(staged, matrix, bounds, maps),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(token) => avx2::convolve(token, staged, matrix, bounds, maps),
    }
}

/// The kernel's name.
pub fn name(isa: Isa) -> &'static str {
    match isa {
        Isa::Scalar => "dense-convolution/scalar",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => "dense-convolution/avx2",
    }
}

#[cfg(test)]
mod tests {
    use crate::Isa;
    use crate::format::DenseMatrix;
    use crate::kernel::case::{self, Case};

    fn kernel(isa: Isa, case: &Case, maps: &mut [f32]) {
        let blob = case.dense_blob();
        let matrix = DenseMatrix::from_blob(&blob, case.rows, case.columns).unwrap();
        super::convolve(isa, &case.staged(), &matrix, case.bounds, maps);
    }

    case::suite!(kernel);
}
