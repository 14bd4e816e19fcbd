//! Small pictures inside the page: images, filters, response maps, as PNG in `data:` addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageEncoder, Rgba, RgbaImage};
use maud::{Markup, html};

/// Larger images are shrunk to this many rows and columns, so that a page of photographs stays small.
const SIDE: u32 = 64;

/// Negative and positive weights. They stand on the page's own ground, light or dark, by as much as they weigh.
const NEGATIVE: [u8; 3] = [0x3b, 0x7d, 0xd8];
const POSITIVE: [u8; 3] = [0xe0, 0x60, 0x2a];

/// An image of a data set, `[channel, height, width]` in [0, 1]. Anything but three channels is shown as grey, by the first.
pub(super) fn image(values: &[f32], shape: [usize; 3], title: &str) -> Markup {
    let [channels, height, width] = shape;
    let colours = if channels == 3 { [0, 1, 2] } else { [0; 3] };
    let pixels = paint(height, width, |place| {
        let [r, g, b] = colours.map(|channel| byte(values[channel * height * width + place]));
        [r, g, b, 255]
    });
    picture(pixels, title)
}

/// A unit's response map `[height, width]`, on a scale from `low` (dark) to `high` (bright).
pub(super) fn response(
    values: &[f32],
    [height, width]: [usize; 2],
    low: f32,
    high: f32,
    title: &str,
) -> Markup {
    let pixels = paint(height, width, |place| {
        let share = (values[place] - low) / (high - low);
        let share = if share.is_finite() { share } else { 0.0 };
        let colour = colorous::VIRIDIS.eval_continuous(f64::from(share.clamp(0.0, 1.0)));
        [colour.r, colour.g, colour.b, 255]
    });
    picture(pixels, title)
}

/// A filter's weights `[channel, height, width]`; `largest` is the |w| of full strength. Of three channels the colour is shown, of any other
/// number the mean. A weight of zero is transparent.
pub(super) fn filter(values: &[f32], shape: [usize; 3], largest: f32, title: &str) -> Markup {
    let [channels, height, width] = shape;
    let area = height * width;
    let strength = |weight: f32| (weight / largest.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0);
    let pixels = paint(height, width, |place| {
        let weights = (0..channels).map(|channel| values[channel * area + place]);
        if channels == 3 {
            let [r, g, b] =
                [0, 1, 2].map(|channel| byte(0.5 + 0.5 * strength(values[channel * area + place])));
            let pruned = weights.into_iter().all(|weight| weight == 0.0);
            return [r, g, b, if pruned { 0 } else { 255 }];
        }
        let weight = strength(weights.sum::<f32>() / channels as f32);
        let [r, g, b] = if weight < 0.0 { NEGATIVE } else { POSITIVE };
        [r, g, b, byte(weight.abs())]
    });
    picture(pixels, title)
}

fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

fn paint(height: usize, width: usize, colour: impl Fn(usize) -> [u8; 4]) -> RgbaImage {
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        Rgba(colour(y as usize * width + x as usize))
    })
}

fn picture(pixels: RgbaImage, title: &str) -> Markup {
    let longest = pixels.width().max(pixels.height()).max(1);
    let pixels = if longest > SIDE {
        let side = |length: u32| (length * SIDE / longest).max(1);
        let (width, height) = (side(pixels.width()), side(pixels.height()));
        imageops::resize(&pixels, width, height, FilterType::Triangle)
    } else {
        pixels
    };
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(
            &pixels,
            pixels.width(),
            pixels.height(),
            ExtendedColorType::Rgba8,
        )
        .expect("as many pixels as the sides say");
    let address = format!("data:image/png;base64,{}", STANDARD.encode(png));
    html! { img src=(address) alt=(title) title=(title) width=(pixels.width()) height=(pixels.height()); }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels of a picture in the page.
    fn decoded(markup: &Markup) -> RgbaImage {
        let text = &markup.0;
        let (_, rest) = text.split_once("base64,").unwrap();
        let (data, _) = rest.split_once('"').unwrap();
        let png = STANDARD.decode(data).unwrap();
        image::load_from_memory(&png).unwrap().into_rgba8()
    }

    #[test]
    fn images_keep_their_colours() {
        let grey = decoded(&image(&[0.0, 1.0], [1, 1, 2], "a"));
        assert_eq!(grey.as_raw(), &[0, 0, 0, 255, 255, 255, 255, 255]);
        let red = decoded(&image(&[1.0, 0.0, 0.2], [3, 1, 1], "a"));
        assert_eq!(red.as_raw(), &[255, 0, 51, 255]);
        let two_channels = decoded(&image(&[1.0, 0.0], [2, 1, 1], "a"));
        assert_eq!(two_channels.as_raw(), &[255, 255, 255, 255]);
    }

    #[test]
    fn large_images_are_shrunk_and_keep_their_sides() {
        let wide = decoded(&image(&[0.5; 128 * 300], [1, 128, 300], "a"));
        assert_eq!((wide.width(), wide.height()), (64, 27));
    }

    #[test]
    fn pruned_weights_are_transparent_and_signs_have_colours() {
        let drawn = decoded(&filter(&[0.0, 2.0, -1.0], [1, 1, 3], 2.0, "a"));
        assert_eq!(drawn.get_pixel(0, 0).0[3], 0);
        assert_eq!(drawn.get_pixel(1, 0).0, [0xe0, 0x60, 0x2a, 255]);
        assert_eq!(drawn.get_pixel(2, 0).0, [0x3b, 0x7d, 0xd8, 128]);
        let colour = decoded(&filter(
            &[0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
            [3, 1, 2],
            1.0,
            "a",
        ));
        assert_eq!(colour.get_pixel(0, 0).0[3], 0);
        assert_eq!(colour.get_pixel(1, 0).0, [255, 128, 0, 255]);
        // A filter that is pruned whole has no largest weight.
        assert_eq!(decoded(&filter(&[0.0], [1, 1, 1], 0.0, "a")).as_raw()[3], 0);
    }

    #[test]
    fn responses_of_any_scale_have_a_colour() {
        let drawn = decoded(&response(&[0.0, 1.0], [1, 2], 0.0, 1.0, "a"));
        let [dark, bright] = [0, 1].map(|x| drawn.get_pixel(x, 0).0);
        assert!(u32::from(dark[1]) + 100 < u32::from(bright[1]));
        for (low, high) in [(0.0, 0.0), (f32::NAN, 1.0)] {
            decoded(&response(&[f32::NAN, 3.0], [1, 2], low, high, "a"));
        }
    }

    #[test]
    fn titles_are_escaped() {
        let text = image(&[0.0], [1, 1, 1], "\"><script>").into_string();
        assert!(!text.contains("<script>"), "{text}");
    }
}
