//! Every way to a size against its definition in the plainest loops; colours and transparency.

use super::*;
use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use proptest::prelude::*;

fn settings(height: u32, width: u32, colour: Colour, resize: Resize) -> ImageSettings {
    ImageSettings {
        height,
        width,
        colour,
        resize,
    }
}

/// One row of a linear filter that makes `from` pixels `to`: how much of each source pixel is in target pixel `at`.
fn weights(from: u32, to: u32, at: u32) -> Vec<f64> {
    let factor = f64::from(from) / f64::from(to);
    let centre = (f64::from(at) + 0.5) * factor;
    let radius = factor.max(1.0);
    let weights = (0..from).map(|x| (1.0 - (f64::from(x) + 0.5 - centre).abs() / radius).max(0.0));
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The part of `picture` at `(left, top)` of size `(width, height)`, resized to `to`, channel by channel.
fn naive(picture: &RgbImage, part: [u32; 4], to: (u32, u32), channel: usize) -> Vec<f64> {
    let [left, top, width, height] = part;
    let mut values = Vec::new();
    for y in 0..to.1 {
        for x in 0..to.0 {
            let mut sum = 0.0;
            for (row, down) in weights(height, to.1, y).into_iter().enumerate() {
                for (column, across) in weights(width, to.0, x).into_iter().enumerate() {
                    let pixel = picture.get_pixel(left + column as u32, top + row as u32);
                    sum += down * across * f64::from(pixel.0[channel]);
                }
            }
            values.push(sum);
        }
    }
    values
}

/// A picture of random pixels.
fn picture() -> impl Strategy<Value = RgbImage> {
    (1..24_u32, 1..24_u32).prop_flat_map(|(width, height)| {
        let pixels = prop::collection::vec(any::<u8>(), (3 * width * height) as usize);
        pixels.prop_map(move |pixels| RgbImage::from_raw(width, height, pixels).unwrap())
    })
}

/// Fails unless `found` is `expected` within one: each of the filter's two passes rounds once.
fn close(found: &[u8], expected: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        prop_assert!(
            (f64::from(*found) - expected).abs() <= 1.0,
            "{found} for {expected}"
        );
    }
    Ok(())
}

/// The size with the proportions of `ratio` that `outer` has room for.
fn room(outer: (u32, u32), ratio: (u32, u32)) -> (u32, u32) {
    let scale =
        (f64::from(outer.0) / f64::from(ratio.0)).min(f64::from(outer.1) / f64::from(ratio.1));
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    (side(ratio.0), side(ratio.1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn stretched_and_cropped_pictures_are_a_part_through_a_linear_filter(
        picture in picture(), height in 1..16_u32, width in 1..16_u32,
    ) {
        let (columns, rows) = picture.dimensions();
        let (part_width, part_height) = room((columns, rows), (width, height));
        let cropped = [(columns - part_width) / 2, (rows - part_height) / 2, part_width, part_height];
        for (resize, part) in [(Resize::Stretch, [0, 0, columns, rows]), (Resize::Crop, cropped)] {
            let found = settings(height, width, Colour::Rgb, resize).prepare(picture.clone().into());
            let expected: Vec<f64> = (0..3).flat_map(|channel| naive(&picture, part, (width, height), channel)).collect();
            close(&found, &expected)?;
        }
    }

    #[test]
    fn padded_pictures_are_whole_and_centred_on_black(
        picture in picture(), height in 1..16_u32, width in 1..16_u32,
    ) {
        let (columns, rows) = picture.dimensions();
        let whole = room((width, height), (columns, rows));
        let (left, top) = ((width - whole.0) / 2, (height - whole.1) / 2);
        let mut expected = Vec::new();
        for channel in 0..3 {
            let inner = naive(&picture, [0, 0, columns, rows], whole, channel);
            let mut padded = vec![0.0; (width * height) as usize];
            for (row, values) in inner.chunks_exact(whole.0 as usize).enumerate() {
                let start = (top as usize + row) * width as usize + left as usize;
                padded[start..start + values.len()].copy_from_slice(values);
            }
            expected.extend(padded);
        }
        let found = settings(height, width, Colour::Rgb, Resize::Pad).prepare(picture.into());
        close(&found, &expected)?;
    }

    #[test]
    fn pictures_of_the_right_size_stay_as_they_are(picture in picture()) {
        let (width, height) = picture.dimensions();
        let planes: Vec<u8> = (0..3).flat_map(|channel| picture.pixels().map(move |pixel| pixel.0[channel])).collect();
        for resize in Resize::ALL {
            let found = settings(height, width, Colour::Rgb, resize).prepare(picture.clone().into());
            prop_assert_eq!(&found, &planes);
        }
    }
}

#[test]
fn extreme_proportions_leave_at_least_a_pixel() {
    for (width, height) in [(1, 16_384), (16_384, 1)] {
        let picture = DynamicImage::from(GrayImage::from_pixel(width, height, Luma([9])));
        for resize in Resize::ALL {
            let found = settings(3, 3, Colour::Grey, resize).prepare(picture.clone());
            assert_eq!(found.len(), 9);
            assert!(found.contains(&9), "{resize:?}");
        }
    }
}

#[test]
fn transparent_parts_become_white() {
    let rgba: ImageBuffer<_, Vec<u8>> =
        ImageBuffer::from_fn(3, 1, |x, _| Rgba([200, 0, 100, [0, 51, 255][x as usize]]));
    let found = settings(1, 3, Colour::Rgb, Resize::Pad).prepare(rgba.into());
    assert_eq!(found, [255, 244, 200, 255, 204, 0, 255, 224, 100]);
    let grey: ImageBuffer<_, Vec<u8>> = ImageBuffer::from_pixel(1, 1, LumaA([0, 51]));
    let found = settings(1, 1, Colour::Grey, Resize::Pad).prepare(grey.into());
    assert_eq!(found, [204]);
}

#[test]
fn any_kind_of_pixel_becomes_bytes_of_the_colours_asked_for() {
    let deep: ImageBuffer<_, Vec<u16>> = ImageBuffer::from_pixel(1, 1, Rgb([0, 0x8080, 0xFFFF]));
    let rgb = |picture: DynamicImage| settings(1, 1, Colour::Rgb, Resize::Crop).prepare(picture);
    let grey = |picture: DynamicImage| settings(1, 1, Colour::Grey, Resize::Crop).prepare(picture);
    assert_eq!(rgb(deep.into()), [0, 128, 255]);
    let colour = RgbImage::from_pixel(1, 1, Rgb([100, 200, 50]));
    // 0.2126 · 100 + 0.7152 · 200 + 0.0722 · 50 = 167.9
    assert_eq!(grey(colour.into()), [168]);
    assert_eq!(
        rgb(GrayImage::from_pixel(1, 1, Luma([7])).into()),
        [7, 7, 7]
    );
}

#[test]
fn names_are_read_as_they_are_written() {
    for resize in Resize::ALL {
        assert_eq!(resize.as_str().parse(), Ok(resize));
        assert_eq!(
            toml::Value::try_from(resize).unwrap().as_str(),
            Some(resize.as_str())
        );
    }
    assert_eq!(
        "squash".parse::<Resize>(),
        Err("not one of stretch, crop, pad".to_owned())
    );
}

#[test]
fn sizes_out_of_range_are_refused_by_key() {
    let problem = |height, width| settings(height, width, Colour::Grey, Resize::Pad).problem();
    assert_eq!(problem(1, 4096), None);
    assert_eq!(problem(0, 1).unwrap(), "height: 0 is not in [1, 4096]");
    assert_eq!(problem(1, 4097).unwrap(), "width: 4097 is not in [1, 4096]");
}

#[test]
fn only_one_and_three_channels_are_those_of_pictures() {
    for (channels, colour) in [
        (0, None),
        (1, Some(Colour::Grey)),
        (3, Some(Colour::Rgb)),
        (4, None),
    ] {
        let settings = ImageSettings::for_shape([channels, 5, 7], Resize::Crop);
        assert_eq!(settings.map(|settings| settings.colour), colour);
        assert!(settings.is_none_or(|settings| settings.shape() == [channels, 5, 7]));
    }
}
