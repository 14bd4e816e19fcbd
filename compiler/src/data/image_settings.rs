//! What pictures of any size and colour are brought to before they are images of a data set.
//!
//! Non-goals: reading files (`image_file`); augmentation.

use image::imageops::{self, FilterType};
use image::{DynamicImage, Pixel};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Most rows or columns of a prepared image: the runtime's memory has no room for a convolution on more.
const MAX_SIDE: u32 = 1 << 12;

/// The filter of every change of size: linear, and when shrinking as wide as the pixels that fall into one, so that
/// fine patterns are averaged instead of aliased. A cubic filter is sharper, but adds bright and dark rims at edges.
const FILTER: FilterType = FilterType::Triangle;

/// Size and colours of all images, and how those of another size get there: `[image]` in a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSettings {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Channels.
    pub colour: Colour,
    /// What happens to images of another size.
    pub resize: Resize,
}

/// The channels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// One: luma as in ITU-R BT.709.
    Grey,
    /// Three: red, green, blue.
    Rgb,
}

/// How an image of another size is brought to the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Height and width each by their own factor: proportions change.
    Stretch,
    /// The largest part of the right proportions around the centre, resized: edges are lost.
    Crop,
    /// The whole image, as large as fits, centred on black.
    Pad,
}

impl Resize {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stretch, Self::Crop, Self::Pad];

    /// The name as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stretch => "stretch",
            Self::Crop => "crop",
            Self::Pad => "pad",
        }
    }
}

impl FromStr for Resize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|resize| resize.as_str() == text);
        known.ok_or_else(|| format!("not one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl Colour {
    /// The number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }

    /// The colours of pictures with so many channels, if there are any.
    pub fn of_channels(channels: usize) -> Option<Self> {
        [Self::Grey, Self::Rgb]
            .into_iter()
            .find(|colour| colour.channels() == channels)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grey => "grey",
            Self::Rgb => "rgb",
        })
    }
}

impl ImageSettings {
    /// What brings pictures to `shape`, `[channel, height, width]`; nothing if pictures cannot have it.
    pub fn for_shape([channels, height, width]: [usize; 3], resize: Resize) -> Option<Self> {
        Some(Self {
            height: u32::try_from(height).ok()?,
            width: u32::try_from(width).ok()?,
            colour: Colour::of_channels(channels)?,
            resize,
        })
    }

    /// The shape of prepared images: `[channel, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [
            self.colour.channels(),
            self.height as usize,
            self.width as usize,
        ]
    }

    /// The first value that is out of range: "key: problem".
    pub(crate) fn problem(&self) -> Option<String> {
        [("height", self.height), ("width", self.width)]
            .into_iter()
            .find(|(_, side)| !(1..=MAX_SIDE).contains(side))
            .map(|(key, side)| format!("{key}: {side} is not in [1, {MAX_SIDE}]"))
    }

    /// The bytes of `picture`, brought to [`shape`](Self::shape): each channel row by row.
    pub(super) fn prepare(&self, picture: DynamicImage) -> Vec<u8> {
        let picture = match self.colour {
            Colour::Grey => on_white(picture).into_luma8().into(),
            Colour::Rgb => on_white(picture).into_rgb8().into(),
        };
        let interleaved = self.resized(picture).into_bytes();
        let channels = self.colour.channels();
        (0..channels)
            .flat_map(|channel| interleaved.iter().skip(channel).step_by(channels))
            .copied()
            .collect()
    }

    fn resized(&self, picture: DynamicImage) -> DynamicImage {
        let found = (picture.width(), picture.height());
        let wanted = (self.width, self.height);
        if found == wanted {
            return picture;
        }
        match self.resize {
            Resize::Stretch => picture.resize_exact(wanted.0, wanted.1, FILTER),
            Resize::Crop => {
                let (width, height) = largest_inside(found, wanted);
                let (left, top) = ((found.0 - width) / 2, (found.1 - height) / 2);
                let part = picture.crop_imm(left, top, width, height);
                part.resize_exact(wanted.0, wanted.1, FILTER)
            }
            Resize::Pad => {
                let (width, height) = largest_inside(wanted, found);
                let (left, top) = ((wanted.0 - width) / 2, (wanted.1 - height) / 2);
                let whole = picture.resize_exact(width, height, FILTER);
                let mut padded = DynamicImage::new(wanted.0, wanted.1, whole.color());
                imageops::replace(&mut padded, &whole, left.into(), top.into());
                padded
            }
        }
    }
}

/// The largest width and height inside of `outer` with the proportions of `ratio`, to the nearest pixel, at least one.
fn largest_inside(outer: (u32, u32), ratio: (u32, u32)) -> (u32, u32) {
    let [width, height, across, down] = [outer.0, outer.1, ratio.0, ratio.1].map(u64::from);
    // Not above `outer`, whose sides are 32 bits wide.
    let scaled = |side: u64, from: u64, to: u64| ((side * to + from / 2) / from).max(1) as u32;
    if width * down <= height * across {
        (outer.0, scaled(width, across, down))
    } else {
        (scaled(height, down, across), outer.1)
    }
}

/// The picture as it looks on white paper, if it is transparent anywhere.
fn on_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let mut picture = picture.into_rgba8();
    for pixel in picture.pixels_mut() {
        let alpha = u32::from(pixel.0[3]);
        pixel.apply_without_alpha(|value| {
            ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        });
    }
    picture.into()
}

#[cfg(test)]
mod tests;
