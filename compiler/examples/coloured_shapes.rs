//! Draws a data set of coloured shapes:
//! `cargo run --release -p sinew --example coloured_shapes -- FOLDER [PICTURES-OF-EACH-CLASS]`.
//!
//! Eight classes, four shapes each in cool and in warm colours, one folder in FOLDER for each; half of the files are PNG, half
//! JPEG. What tells classes apart is outline and hue, both often so faint that small changes of pixels matter. Everything else
//! says nothing: place, size, angle, brightness, tint of the light, background, stripes, clutter, grain, and the picture's own
//! size and proportions. The same arguments give the same pictures.

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rand::{Rng, RngExt};
use sinew::seed::stream;
use std::f32::consts::TAU;
use std::fs::{self, File};
use std::ops::Range;
use std::{array, env, error::Error, path::Path};

/// A point: right and down from the picture's centre, in units of its shorter side.
type Point = [f32; 2];

/// Red, green and blue, in [0, 1] where a pixel has them.
type Colour = [f32; 3];

/// How far a point is from a shape of about the size of the unit circle; negative inside.
type Distance = fn(Point) -> f32;

const CIRCLE: Distance = |[x, y]| x.hypot(y) - 0.85;

const SHAPES: [(&str, Distance); 4] = [
    ("circle", CIRCLE),
    ("cross", |[x, y]| {
        let bar = |along: f32, across: f32| (along.abs() - 1.0).max(across.abs() - 0.32);
        bar(x, y).min(bar(y, x))
    }),
    ("square", |[x, y]| x.abs().max(y.abs()) - 0.75),
    ("triangle", |[x, y]| {
        (0.866 * x.abs() + 0.5 * y).max(-y) - 0.55
    }),
];

const HUES: [(&str, Colour); 2] = [("cool", [-1.0, 0.2, 0.8]), ("warm", [1.0, -0.2, -0.8])];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let (folder, count) = match arguments.as_slice() {
        [folder] => (folder, 500),
        [folder, count] => (folder, count.parse()?),
        _ => return Err("usage: coloured_shapes FOLDER [PICTURES-OF-EACH-CLASS]".into()),
    };
    for (hue, colour) in HUES {
        for (shape, distance) in SHAPES {
            let class = format!("{hue}-{shape}");
            let path = Path::new(folder).join(&class);
            fs::create_dir_all(&path)?;
            for number in 0..count {
                // A stream for each picture: to ask for more changes none of the others.
                let picture = draw(distance, colour, &mut stream(0, &class, &[number]));
                save(&picture, &path, number)?;
            }
        }
    }
    Ok(())
}

fn save(picture: &RgbImage, folder: &Path, number: u64) -> Result<(), Box<dyn Error>> {
    if number.is_multiple_of(2) {
        picture.save(folder.join(format!("{number:05}.png")))?;
    } else {
        let file = File::create(folder.join(format!("{number:05}.jpg")))?;
        picture.write_with_encoder(JpegEncoder::new_with_quality(file, 90))?;
    }
    Ok(())
}

/// Waves of light, some clutter on them, over both the shape, over all grain.
fn draw(shape: Distance, hue: Colour, random: &mut impl Rng) -> RgbImage {
    let [width, height] = array::from_fn(|_| random.random_range(40..=64_u32));
    let side = width.min(height) as f32;
    let light: Colour = numbers(0.4..0.6, random);
    let waves: [(Wave, Colour); 3] =
        array::from_fn(|_| (Wave::new(0.3..2.0, random), numbers(-0.04..0.04, random)));
    let mut figures: Vec<Figure> = (0..random.random_range(2..6))
        .map(|_| Figure::new(CIRCLE, numbers(-0.2..0.2, random), 0.03..0.06, 0.6, random))
        .collect();
    let saturation = random.random_range(0.25..0.5);
    let brightness = random.random_range(-0.15..0.15);
    let colour = hue.map(|part| saturation * part + brightness);
    figures.push(Figure::new(shape, colour, 0.32..0.45, 0.1, random));

    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let from_centre = |at: u32, size: u32| (at as f32 + 0.5 - size as f32 / 2.0) / side;
        let point = [from_centre(x, width), from_centre(y, height)];
        let mut sum = light;
        let mut add = |amount: f32, colour: Colour| {
            for (sum, part) in sum.iter_mut().zip(colour) {
                *sum += amount * part;
            }
        };
        for (wave, colour) in &waves {
            add(wave.at(point), *colour);
        }
        for figure in &figures {
            let covered = (0.5 - side * figure.distance(point)).clamp(0.0, 1.0);
            add(
                covered * (1.0 + 0.4 * figure.stripes.at(point)),
                figure.colour,
            );
        }
        add(1.0, numbers(-0.03..0.03, random));
        // Colours outside of [0, 1] end at its bounds.
        *pixel = Rgb(sum.map(|part| (255.0 * part).round() as u8));
    }
    picture
}

/// Numbers drawn evenly from `range`.
fn numbers<const COUNT: usize>(range: Range<f32>, random: &mut impl Rng) -> [f32; COUNT] {
    array::from_fn(|_| random.random_range(range.clone()))
}

/// Stripes between -1 and 1.
struct Wave {
    frequencies: Point,
    phase: f32,
}

impl Wave {
    /// Of so many periods in the picture's shorter side, in any direction.
    fn new(frequency: Range<f32>, random: &mut impl Rng) -> Self {
        let (sine, cosine) = random.random_range(0.0..TAU).sin_cos();
        let frequency = random.random_range(frequency);
        Self {
            frequencies: [frequency * sine, frequency * cosine],
            phase: random.random_range(0.0..1.0),
        }
    }

    fn at(&self, [x, y]: Point) -> f32 {
        let [right, down] = self.frequencies;
        (TAU * (right * x + down * y + self.phase)).sin()
    }
}

/// A striped shape somewhere, leaning a little: what it adds to the colours below it.
struct Figure {
    shape: Distance,
    centre: Point,
    radius: f32,
    turn: [f32; 2],
    colour: Colour,
    stripes: Wave,
}

impl Figure {
    fn new(
        shape: Distance,
        colour: Colour,
        radius: Range<f32>,
        offset: f32,
        random: &mut impl Rng,
    ) -> Self {
        Self {
            shape,
            centre: numbers(-offset..offset, random),
            radius: random.random_range(radius),
            turn: random.random_range(-0.35_f32..0.35).sin_cos().into(),
            colour,
            stripes: Wave::new(2.0..8.0, random),
        }
    }

    fn distance(&self, [x, y]: Point) -> f32 {
        let [x, y] = [x - self.centre[0], y - self.centre[1]].map(|part| part / self.radius);
        let [sine, cosine] = self.turn;
        self.radius * (self.shape)([cosine * x + sine * y, cosine * y - sine * x])
    }
}
