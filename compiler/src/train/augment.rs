//! Augmentation: training images are mirrored, moved and partly covered, differently in every epoch.
//!
//! A random crop of the image with s black pixels around it (Krizhevsky, 2009), a mirror image with probability ½, and cutout (DeVries and
//! Taylor, 2017), in this order. What becomes of an image is a function of seed, epoch and the image's number in the data, whatever batch
//! it is in; and of each kind alone, whatever else is on. Non-goals: corruptions that measure robustness (`corruption`).

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::seed::stream;

/// What is done to training images before they are attacked. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Whether every second image, by chance, is mirrored left to right.
    pub flip: bool,
    /// Pixels by which images move at most, up or down and left or right; what comes in is black.
    pub shift: usize,
    /// Side of the square that covers a part of each image, in pixels; 0 for none. Its centre is anywhere in the image, so parts of it may
    /// lie outside.
    pub cutout: usize,
}

/// Where an image stands in a run: what decides its augmentation.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The run's.
    pub seed: u64,
    /// Counted from 0.
    pub epoch: usize,
}

impl Augmentation {
    /// The first setting that cannot be used on images `[channel, height, width]`, as "key: problem".
    pub fn problem(&self, shape: [usize; 3]) -> Option<String> {
        let side = shape[1].min(shape[2]);
        let settings = [("shift", self.shift), ("cutout", self.cutout)];
        let (key, pixels) = settings.into_iter().find(|(_, pixels)| *pixels >= side)?;
        Some(format!(
            "{key}: {pixels} pixels leave nothing of images of {}×{}",
            shape[1], shape[2]
        ))
    }

    /// Changes a batch of images `[batch, channel, height, width]`, flattened, whose numbers in the data are `indices`. What is cut out
    /// becomes `fill`, one value per channel: by the paper the data's mean, so that no batch's statistics move.
    ///
    /// # Panics
    /// If there are not as many images of this shape as indices, or not a fill for every channel.
    pub fn apply(
        &self,
        images: &mut [f32],
        shape: [usize; 3],
        fill: &[f32],
        moment: Moment,
        indices: &[usize],
    ) {
        let [channels, height, width] = shape;
        let pixels = channels * height * width;
        assert_eq!(images.len(), indices.len() * pixels, "images of one shape");
        assert_eq!(fill.len(), channels, "a fill for each channel");
        for (image, &index) in images.chunks_mut(pixels.max(1)).zip(indices) {
            let random = |purpose| {
                let position = [moment.epoch as u64, index as u64];
                stream(moment.seed, purpose, &position)
            };
            if self.shift > 0 {
                let mut random = random("training shift");
                let [down, right] = [(); 2].map(|()| random.random_range(0..=2 * self.shift));
                for map in image.chunks_mut(height * width) {
                    shift(map, width, self.shift, (down, right));
                }
            }
            if self.flip && random("training flip").random() {
                image.chunks_mut(width).for_each(<[f32]>::reverse);
            }
            if self.cutout > 0 {
                let mut random = random("training cutout");
                let centre = [height, width].map(|side| random.random_range(0..side));
                for (map, fill) in image.chunks_mut(height * width).zip(fill) {
                    cover(map, width, self.cutout, centre, *fill);
                }
            }
        }
    }
}

/// The crop of one map, with `padding` black pixels around it, that begins at these rows and columns.
fn shift(map: &mut [f32], width: usize, padding: usize, (top, left): (usize, usize)) {
    let before = map.to_vec();
    for (index, x) in map.iter_mut().enumerate() {
        let row = (index / width + top).checked_sub(padding);
        let column = (index % width + left).checked_sub(padding);
        let column = column.filter(|column| *column < width);
        // Rows below the map are beyond its end.
        let source = row.zip(column).map(|(row, column)| row * width + column);
        *x = source
            .and_then(|source| before.get(source))
            .map_or(0.0, |x| *x);
    }
}

/// Covers the part of one map that lies in a square with this side and centre; the centre of an even side is the pixel behind its middle.
fn cover(map: &mut [f32], width: usize, side: usize, [row, column]: [usize; 2], fill: f32) {
    let inside = |at: usize, centre: usize| (centre..centre + side).contains(&(at + side / 2));
    for (index, x) in map.iter_mut().enumerate() {
        if inside(index / width, row) && inside(index % width, column) {
            *x = fill;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SHAPE: [usize; 3] = [2, 4, 3];
    const FILL: [f32; 2] = [0.25, 0.75];
    const MOMENT: Moment = Moment { seed: 7, epoch: 2 };
    const ALL: Augmentation = Augmentation {
        flip: true,
        shift: 1,
        cutout: 2,
    };

    /// Every pixel has a value of its own; none is 0 or a fill.
    fn image() -> Vec<f32> {
        (1..=24).map(|x| x as f32 / 32.5).collect()
    }

    /// What becomes of the image under so many numbers.
    fn changed(augmentation: Augmentation, count: usize) -> Vec<Vec<f32>> {
        let indices: Vec<usize> = (0..count).collect();
        let mut images = image().repeat(count);
        augmentation.apply(&mut images, SHAPE, &FILL, MOMENT, &indices);
        images.chunks(24).map(<[f32]>::to_vec).collect()
    }

    /// The different ones among them, in bits.
    fn distinct(images: &[Vec<f32>]) -> HashSet<Vec<u32>> {
        let bits = images.iter().map(|image| image.iter().map(|x| x.to_bits()));
        bits.map(Iterator::collect).collect()
    }

    /// The value at a channel, row and column; black outside.
    fn at(image: &[f32], channel: usize, row: isize, column: isize) -> f32 {
        let inside = (0..4).contains(&row) && (0..3).contains(&column);
        let index = channel as isize * 12 + row * 3 + column;
        if inside { image[index as usize] } else { 0.0 }
    }

    /// An image made pixel by pixel.
    fn made(of: impl Fn(usize, isize, isize) -> f32) -> Vec<f32> {
        let pixel = |index: usize| {
            let (row, column) = (index / 3 % 4, index % 3);
            of(index / 12, row as isize, column as isize)
        };
        (0..24).map(pixel).collect()
    }

    #[test]
    fn images_move_by_every_step_up_to_the_shift() {
        let shift = Augmentation {
            shift: 2,
            ..Augmentation::default()
        };
        let found = distinct(&changed(shift, 400));
        let steps = (-2..=2).flat_map(|down| (-2..=2).map(move |right| (down, right)));
        let moved = steps.map(|(down, right)| {
            made(|channel, row, column| at(&image(), channel, row + down, column + right))
        });
        let expected: Vec<_> = moved.collect();
        assert_eq!(found, distinct(&expected));
        assert_eq!(found.len(), 25);
    }

    #[test]
    fn half_of_the_images_are_mirrored() {
        let flip = Augmentation {
            flip: true,
            ..Augmentation::default()
        };
        let found = changed(flip, 400);
        let mirrored = made(|channel, row, column| at(&image(), channel, row, 2 - column));
        let count = found.iter().filter(|image| **image == mirrored).count();
        // 400 throws of a coin, within five standard errors.
        assert!((150..=250).contains(&count), "{count}");
        assert_eq!(distinct(&found), distinct(&[image(), mirrored]));
    }

    #[test]
    fn squares_around_every_pixel_are_filled() {
        for (side, before) in [(1, 0), (2, 1), (3, 1)] {
            let cutout = Augmentation {
                cutout: side as usize,
                ..Augmentation::default()
            };
            let centres = (0..4).flat_map(|row| (0..3).map(move |column| (row, column)));
            let covered = centres.map(|(centre_row, centre_column)| {
                let inside = |at: isize, centre: isize| {
                    (centre - before..centre - before + side).contains(&at)
                };
                made(|channel, row, column| {
                    if inside(row, centre_row) && inside(column, centre_column) {
                        FILL[channel]
                    } else {
                        at(&image(), channel, row, column)
                    }
                })
            });
            let expected: Vec<_> = covered.collect();
            assert_eq!(distinct(&changed(cutout, 400)), distinct(&expected));
        }
    }

    #[test]
    fn an_image_changes_with_its_number_its_epoch_and_the_seed_but_not_with_its_batch() {
        let all = changed(ALL, 50);
        let alone = |moment, index: usize| {
            let mut image = image();
            ALL.apply(&mut image, SHAPE, &FILL, moment, &[index]);
            image
        };
        for (index, image) in all.iter().enumerate() {
            assert_eq!(*image, alone(MOMENT, index));
        }
        for moment in [Moment { seed: 8, ..MOMENT }, Moment { epoch: 3, ..MOMENT }] {
            let others: Vec<_> = (0..50).map(|index| alone(moment, index)).collect();
            let same = others.iter().zip(&all).filter(|(a, b)| a == b).count();
            assert!(same < 10, "{same}");
        }
    }

    #[test]
    fn a_kind_does_not_change_with_the_others() {
        let flips = |augmentation| -> Vec<bool> {
            let ascending = |image: &Vec<f32>| at(image, 0, 1, 0) < at(image, 0, 1, 2);
            changed(augmentation, 50).iter().map(ascending).collect()
        };
        let flip = Augmentation {
            flip: true,
            ..Augmentation::default()
        };
        let down_only = |image: &Vec<f32>| at(image, 0, 1, 1) != 0.0;
        // Pixels that moved out leave nothing to tell left from right by; what is left of the middle column always does.
        let both = Augmentation { shift: 1, ..flip };
        let shifted = changed(both, 50);
        assert!(shifted.iter().all(down_only));
        let by_values = |image: &Vec<f32>| {
            let row: Vec<f32> = (0..3).map(|column| at(image, 0, 1, column)).collect();
            let seen: Vec<f32> = row.into_iter().filter(|x| *x != 0.0).collect();
            seen[0] < seen[1]
        };
        assert_eq!(
            shifted.iter().map(by_values).collect::<Vec<_>>(),
            flips(flip)
        );
        // Nor does it follow from them: nine moves, mirrored or not.
        assert_eq!(distinct(&changed(both, 400)).len(), 18);
    }

    #[test]
    fn nothing_happens_by_default_and_settings_that_leave_nothing_are_named() {
        assert_eq!(changed(Augmentation::default(), 3), vec![image(); 3]);
        let read: Augmentation = toml::from_str("shift = 2").unwrap();
        assert_eq!(
            read,
            Augmentation {
                shift: 2,
                ..Augmentation::default()
            }
        );
        assert!(toml::from_str::<Augmentation>("rotate = 2").is_err());
        assert_eq!(read.problem(SHAPE), None);
        assert_eq!(
            Augmentation { shift: 3, ..ALL }.problem(SHAPE).unwrap(),
            "shift: 3 pixels leave nothing of images of 4×3"
        );
        let cutout = Augmentation { cutout: 3, ..ALL };
        assert!(cutout.problem(SHAPE).unwrap().starts_with("cutout: 3"));
    }
}
