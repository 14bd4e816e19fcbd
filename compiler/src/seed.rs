//! Random streams that are functions of the run's seed, a purpose and a position.
//!
//! No generator state is ever stored: a resumed run derives the stream of step 1,234 of epoch 5 again and continues to the bit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The generator of `purpose` at `position` (epoch and step, say) of the run with `seed`.
pub fn stream(seed: u64, purpose: &str, position: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose);
    for index in position {
        hash.update(index.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// A seed for each of the `positions`.
pub fn seeds(seed: u64, purpose: &str, positions: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let of = |position| stream(seed, purpose, &[position]).next_u64();
    positions.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ingredient_changes_the_stream() {
        let first = |seed, purpose, position: &[u64]| stream(seed, purpose, position).next_u64();
        let reference = first(1, "shuffle", &[2, 3]);
        assert_eq!(reference, first(1, "shuffle", &[2, 3]));
        for other in [
            first(2, "shuffle", &[2, 3]),
            first(1, "noise", &[2, 3]),
            first(1, "shuffle", &[3, 3]),
            first(1, "shuffle", &[2]),
        ] {
            assert_ne!(reference, other);
        }
    }
}
