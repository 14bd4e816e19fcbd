//! How images get into a model's input: its axes, their order, and how many images it takes at a time.

use std::borrow::Cow;

/// Largest image, or batch where its size is fixed, 1 GiB: what a file declares must not decide how much memory is taken.
const MAX_ELEMENTS: usize = 1 << 28;

/// The input of a model of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// How many images each run takes; `None` for any number.
    batch: Option<usize>,
    /// `[channel, height, width]` of one image.
    image: [usize; 3],
    /// The axes of one image as the model takes it.
    axes: Vec<usize>,
    /// Whether they are `[height, width, channel]`.
    channels_last: bool,
}

impl Input {
    /// `declared` are the sizes that the model says, batch first, `None` where they are open; `image` those of the images to come.
    ///
    /// Without `image`, three axes after the batch of which the last has the size 1, 3 or 4, but not the first, are taken for
    /// `[height, width, channel]`, any other three for `[channel, height, width]`; fewer or more for a vector.
    pub(super) fn new(
        declared: &[Option<usize>],
        image: Option<[usize; 3]>,
    ) -> Result<Self, String> {
        let Some((batch, sample)) = declared.split_first() else {
            return Err("its input has no axes; the first must be the batch".to_owned());
        };
        let known: Option<Vec<usize>> = sample.iter().copied().collect();
        let Some(image) = image.or_else(|| known.as_deref().map(image_of)) else {
            return Err(format!(
                "its input is {}; the size of the images must be given",
                text(declared)
            ));
        };
        let [channels, height, width] = image;
        let last = [height, width, channels];
        let (axes, channels_last) = match known {
            _ if fits(sample, &image) => (image.to_vec(), false),
            _ if fits(sample, &last) => (last.to_vec(), true),
            Some(axes) if axes.len() != 3 && elements(&axes) == elements(&image) => (axes, false),
            _ => {
                return Err(format!(
                    "its input is {}; images of {image:?} do not fit",
                    text(declared)
                ));
            }
        };
        let values = elements(&axes).and_then(|values| values.checked_mul(batch.unwrap_or(1)));
        if !values.is_some_and(|values| (1..=MAX_ELEMENTS).contains(&values)) {
            return Err(format!(
                "its input is {}, which is empty or too large",
                text(declared)
            ));
        }
        Ok(Self {
            batch: *batch,
            image,
            axes,
            channels_last,
        })
    }

    /// How many images each run takes; `None` for any number.
    pub(super) fn batch(&self) -> Option<usize> {
        self.batch
    }

    /// `[channel, height, width]` of one image.
    pub(super) fn image(&self) -> [usize; 3] {
        self.image
    }

    /// Number of values of one image.
    pub(super) fn elements(&self) -> usize {
        self.axes.iter().product()
    }

    /// The input's sizes for `count` images.
    pub(super) fn shape(&self, count: usize) -> Vec<usize> {
        [&[count], self.axes.as_slice()].concat()
    }

    /// Images `[batch, channel, height, width]` in the order that the model takes.
    pub(super) fn arrange<'a>(&self, images: &'a [f32]) -> Cow<'a, [f32]> {
        if !self.channels_last {
            return Cow::Borrowed(images);
        }
        let [channels, height, width] = self.image;
        let plane = height * width;
        let image = |image: &'a [f32]| {
            (0..plane).flat_map(move |pixel| (0..channels).map(move |c| image[c * plane + pixel]))
        };
        images
            .chunks_exact(channels * plane)
            .flat_map(image)
            .collect()
    }
}

/// What images are if nobody says.
fn image_of(axes: &[usize]) -> [usize; 3] {
    let is_channels = |size: usize| matches!(size, 1 | 3 | 4);
    match *axes {
        [height, width, channels] if is_channels(channels) && !is_channels(height) => {
            [channels, height, width]
        }
        [channels, height, width] => [channels, height, width],
        _ => [elements(axes).unwrap_or(0), 1, 1],
    }
}

fn fits(declared: &[Option<usize>], axes: &[usize]) -> bool {
    let open_or_same =
        |(declared, axis): (&Option<usize>, &usize)| declared.is_none_or(|size| size == *axis);
    declared.len() == axes.len() && declared.iter().zip(axes).all(open_or_same)
}

/// `None` if there are too many to count.
fn elements(axes: &[usize]) -> Option<usize> {
    axes.iter()
        .try_fold(1usize, |product, axis| product.checked_mul(*axis))
}

/// Sizes as "[?, 3, 224, 224]".
fn text(declared: &[Option<usize>]) -> String {
    let size = |size: &Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
    let sizes: Vec<String> = declared.iter().map(size).collect();
    format!("[{}]", sizes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(declared: &[i64], image: Option<[usize; 3]>) -> Result<Input, String> {
        let declared: Vec<Option<usize>> = declared
            .iter()
            .map(|size| usize::try_from(*size).ok())
            .collect();
        Input::new(&declared, image)
    }

    #[test]
    fn channels_first_is_taken_as_it_is() {
        let input = input(&[-1, 3, 4, 5], None).unwrap();
        assert_eq!((input.batch(), input.image()), (None, [3, 4, 5]));
        assert_eq!(input.shape(7), [7, 3, 4, 5]);
        assert_eq!(input.elements(), 60);
        assert!(matches!(input.arrange(&[0.0; 60]), Cow::Borrowed(_)));
    }

    #[test]
    fn channels_last_are_put_last() {
        let input = input(&[1, 2, 2, 3], None).unwrap();
        assert_eq!((input.batch(), input.image()), (Some(1), [3, 2, 2]));
        assert_eq!(input.shape(1), [1, 2, 2, 3]);
        // Image i, channel c, pixel p as the digits icp.
        let digits = |image, channel, pixel| (100 * image + 10 * channel + pixel) as f32;
        let first: Vec<f32> = (0..24).map(|i| digits(i / 12, i / 4 % 3, i % 4)).collect();
        let last: Vec<f32> = (0..24).map(|i| digits(i / 12, i % 3, i / 3 % 4)).collect();
        assert_eq!(input.arrange(&first), last);
    }

    #[test]
    fn given_images_decide_the_order_and_fill_open_sizes() {
        let order = |declared: &[i64], image| {
            let input = input(declared, Some(image)).unwrap();
            (input.shape(2), input.channels_last)
        };
        assert_eq!(
            order(&[-1, 3, -1, -1], [3, 8, 9]),
            (vec![2, 3, 8, 9], false)
        );
        assert_eq!(order(&[-1, -1, -1, 3], [3, 8, 9]), (vec![2, 8, 9, 3], true));
        // As an importer that keeps the order sees it.
        assert_eq!(order(&[-1, 8, 9, 3], [8, 9, 3]), (vec![2, 8, 9, 3], false));
    }

    #[test]
    fn flat_inputs_take_images_of_as_many_values() {
        assert_eq!(input(&[-1, 12], None).unwrap().image(), [12, 1, 1]);
        let flat = input(&[-1, 12], Some([3, 2, 2])).unwrap();
        assert_eq!((flat.image(), flat.shape(1)), ([3, 2, 2], vec![1, 12]));
    }

    #[test]
    fn inputs_that_do_not_fit_are_named() {
        for (declared, image, problem) in [
            (
                &[][..],
                None,
                "its input has no axes; the first must be the batch",
            ),
            (
                &[-1, 3, -1, -1],
                None,
                "its input is [?, 3, ?, ?]; the size of the images must be given",
            ),
            (
                &[-1, 3, 8, 9],
                Some([1, 8, 9]),
                "its input is [?, 3, 8, 9]; images of [1, 8, 9] do not fit",
            ),
            // As many values, in another form.
            (
                &[-1, 3, 8, 9],
                Some([3, 9, 8]),
                "its input is [?, 3, 8, 9]; images of [3, 9, 8] do not fit",
            ),
            (
                &[1, 1 << 31, 1 << 31, 4],
                None,
                "its input is [1, 2147483648, 2147483648, 4], which is empty or too large",
            ),
            (
                &[1 << 21, 3, 8, 9],
                None,
                "its input is [2097152, 3, 8, 9], which is empty or too large",
            ),
            (
                &[1, 0],
                None,
                "its input is [1, 0], which is empty or too large",
            ),
        ] {
            assert_eq!(input(declared, image).unwrap_err(), problem);
        }
    }
}
