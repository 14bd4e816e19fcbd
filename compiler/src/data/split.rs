//! Setting validation images aside.
//!
//! A split takes one data set apart, the training set: nothing is chosen on test images.

use super::{DataError, Dataset};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Splits `data` into what remains for training and a validation set, both in the order of `data`.
///
/// Stratified: of each class, `validation_fraction` of its images (rounded) go to the validation set, drawn by
/// ChaCha8 from `seed`. Same data, same fraction, same seed: same split, on every machine.
///
/// # Errors
/// [`DataError::Split`] if the fraction is not between 0 and 1, or if either side would be empty.
pub fn split(
    data: &Dataset,
    validation_fraction: f64,
    seed: u64,
) -> Result<(Dataset, Dataset), DataError> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut by_class = vec![Vec::new(); data.classes().len()];
    for (index, &label) in data.labels().iter().enumerate() {
        by_class[usize::from(label)].push(index);
    }
    let mut is_validation = vec![false; data.len()];
    for indices in &mut by_class {
        indices.shuffle(&mut generator);
        let count = (indices.len() as f64 * validation_fraction).round() as usize;
        for &index in indices.iter().take(count) {
            is_validation[index] = true;
        }
    }
    let (validation, train): (Vec<_>, Vec<_>) =
        (0..data.len()).partition(|&index| is_validation[index]);
    let in_range = (0.0..=1.0).contains(&validation_fraction);
    if !in_range || train.is_empty() || validation.is_empty() {
        return Err(DataError::Split {
            name: data.name().to_owned(),
            images: data.len(),
            fraction: validation_fraction,
        });
    }
    Ok((data.subset(train), data.subset(validation)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::tests::numbered;

    /// Class 0 has 100 images, class 1 has 50, in turns of two and one.
    fn uneven() -> Dataset {
        numbered((0..150).map(|index| u16::from(index % 3 == 2)).collect())
    }

    /// Every image is its own index.
    fn indices(data: &Dataset) -> Vec<u8> {
        (0..data.len()).map(|index| data.pixels(index)[0]).collect()
    }

    #[test]
    fn every_class_gives_its_fraction() {
        let (train, validation) = split(&uneven(), 0.2, 1).unwrap();
        let ones = |data: &Dataset| data.labels().iter().filter(|&&label| label == 1).count();
        assert_eq!((train.len(), ones(&train)), (120, 40));
        assert_eq!((validation.len(), ones(&validation)), (30, 10));
    }

    #[test]
    fn the_sides_are_disjoint_complete_and_in_order() {
        let (train, validation) = split(&uneven(), 0.3, 7).unwrap();
        let (train, validation) = (indices(&train), indices(&validation));
        assert!(train.is_sorted() && validation.is_sorted());
        let mut all = [train, validation].concat();
        all.sort();
        assert_eq!(all, (0..150).collect::<Vec<u8>>());
    }

    #[test]
    fn the_seed_decides() {
        let validation = |seed| indices(&split(&uneven(), 0.1, seed).unwrap().1);
        assert_eq!(validation(3), validation(3));
        assert_ne!(validation(3), validation(4));
    }

    /// Pinned: recorded runs must stay repeatable when the crates of random numbers are updated.
    #[test]
    fn the_draw_never_changes() {
        let (_, validation) = split(&uneven(), 0.03, 42).unwrap();
        assert_eq!(indices(&validation), [86, 96, 110, 118, 132]);
    }

    #[test]
    fn an_empty_side_is_refused() {
        for fraction in [0.0, 0.001, 0.999, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = split(&uneven(), fraction, 0).unwrap_err().to_string();
            assert!(
                error.starts_with("split 150 images of numbered: "),
                "{error}"
            );
        }
    }
}
