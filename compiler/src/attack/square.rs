//! Square Attack (Andriushchenko, Croce, Flammarion and Hein, 2020): random search with square windows, as AutoAttack runs it.
//!
//! A proposal changes a window of the best image so far; it is kept if it raises the margin max_{j≠y} z_j − z_y. In L∞ every channel of the
//! window goes to one end of the ball. AutoAttack writes that as adding ±2ε and clipping, which ends in the same place. In L2 the window
//! takes over the length of a second one, and what the ball leaves unused. As in AutoAttack, no window smaller than the image touches the
//! last row and column; unlike there, every example draws windows of its own.

mod pattern;

use std::ops::Range;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::live::{Live, close_gaps};
use super::{Attack, Ball, Examples, Logits, Loss, Margin, Norm, ThreatModel};
use crate::classifier::ComputeError;
use pattern::Pattern;

/// Square Attack.
#[derive(Clone, Copy, Debug)]
pub struct Square {
    /// How far the attack may go.
    pub threat: ThreatModel,
    /// Queries per image, the starting point's among them. The window's side shrinks with their number, and does not depend on how many
    /// there will be.
    pub queries: usize,
}

/// The share of pixels in the first windows.
const FIRST_SHARE: f64 = 0.8;

/// The numbers of proposals after which the share is halved.
const HALVINGS: [usize; 9] = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

impl Square {
    /// AutoAttack's 5,000 queries.
    pub fn new(threat: ThreatModel) -> Self {
        Self {
            threat,
            queries: 5000,
        }
    }

    /// The most queries per example.
    pub fn budget(&self) -> usize {
        self.queries
    }
}

impl Attack<Logits<'_>> for Square {
    fn perturb(
        &self,
        model: &Logits<'_>,
        examples: &Examples<'_>,
    ) -> Result<Vec<f32>, ComputeError> {
        let [channels, height, width] = model.input_shape();
        let map = Map {
            channels,
            height,
            width,
        };
        let pixels = examples.pixels();
        let mut searches: Vec<Search<'_>> = (0..examples.len())
            .map(|index| Search::new(self.threat, map, examples, index))
            .collect();
        let mut live = Live::new(*examples);
        // For each live example, what it asks next; for each example, the best so far. Between two queries, they differ in a window.
        let mut candidates = examples.images().to_vec();
        let mut pattern = Pattern::new((height.min(width) / 5).max(1));
        for (search, image) in searches
            .iter_mut()
            .zip(candidates.chunks_mut(pixels.max(1)))
        {
            search.start(image, &pattern);
        }
        let mut best = candidates.clone();
        for query in 0..self.queries {
            let labels = live.labels();
            let logits = model.logits(&candidates)?;
            let slots = live.settle(&candidates, &logits);
            close_gaps(&mut candidates, &slots, pixels);
            if slots.is_empty() || query + 1 == self.queries {
                break;
            }
            let side = map.side(self.threat.norm, query);
            if self.threat.norm == Norm::L2 && pattern.side != side {
                pattern = Pattern::new(side);
            }
            let classes = model.classes();
            let mut slopes = vec![0.0; classes];
            for (slot, candidate) in slots.iter().zip(candidates.chunks_mut(pixels)) {
                let logits = &logits[slot.place * classes..][..classes];
                let margin = Margin(&labels).of(slot.place, logits, &mut slopes);
                let best = &mut best[slot.index * pixels..][..pixels];
                let search = &mut searches[slot.index];
                search.judge(margin, candidate, best);
                search.propose(candidate, side, &pattern);
            }
        }
        Ok(live.finish(best))
    }
}

/// The shape of an image.
#[derive(Clone, Copy)]
struct Map {
    channels: usize,
    height: usize,
    width: usize,
}

/// Some rows and columns of all channels.
#[derive(Clone)]
struct Window {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Map {
    /// The side of the window of a proposal, `proposals` of which were made before: the share of pixels that the schedule says. In L2 it
    /// is odd and at least 3, where the image has room for that.
    fn side(self, norm: Norm, proposals: usize) -> usize {
        let halvings = HALVINGS.iter().filter(|after| proposals > **after).count();
        let share = FIRST_SHARE / f64::from(1 << halvings);
        let side = (share * (self.height * self.width) as f64).sqrt().round() as usize;
        let side = match norm {
            Norm::Linf => side.max(1),
            Norm::L2 => side.max(3) | 1,
        };
        side.min(self.height).min(self.width)
    }

    fn all(self) -> Window {
        Window {
            rows: 0..self.height,
            columns: 0..self.width,
        }
    }

    fn random_window(self, side: usize, random: &mut ChaCha8Rng) -> Window {
        let mut first = |length: usize| random.random_range(0..(length - side).max(1));
        let (top, left) = (first(self.height), first(self.width));
        Window {
            rows: top..top + side,
            columns: left..left + side,
        }
    }

    /// Where the rows of a window lie in one channel of a flat image.
    fn lines(self, channel: usize, window: &Window) -> impl Iterator<Item = Range<usize>> + use<> {
        let Range { start, end } = window.columns;
        let first = channel * self.height;
        let rows = window.rows.clone();
        rows.map(move |row| {
            let line = (first + row) * self.width;
            line + start..line + end
        })
    }

    /// The sum of squares in one channel of a window.
    fn squares(self, delta: &[f32], channel: usize, window: &Window) -> f64 {
        let lines = self.lines(channel, window);
        lines.map(|line| squares(&delta[line])).sum()
    }
}

fn squares(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
}

fn random_sign(random: &mut impl Rng) -> f32 {
    if random.random() { 1.0 } else { -1.0 }
}

/// The search for one example.
struct Search<'e> {
    threat: ThreatModel,
    map: Map,
    clean: &'e [f32],
    random: ChaCha8Rng,
    /// The margin of the best image.
    highest: f32,
    /// Where the proposal may differ from the best image.
    changed: Window,
    /// In L∞, the ends of the ball.
    low: Vec<f32>,
    high: Vec<f32>,
}

impl<'e> Search<'e> {
    fn new(threat: ThreatModel, map: Map, examples: &Examples<'e>, index: usize) -> Self {
        let clean = examples.image(index);
        let (low, high) = match threat.norm {
            Norm::Linf => Ball::new(threat, clean).bounds(),
            Norm::L2 => (Vec::new(), Vec::new()),
        };
        Self {
            threat,
            map,
            clean,
            random: examples.stream(index, "square", &[]),
            highest: f32::NEG_INFINITY,
            changed: map.all(),
            low,
            high,
        }
    }

    /// The starting point: in L∞ vertical stripes, in L2 tiles of the `pattern`.
    fn start(&mut self, image: &mut [f32], pattern: &Pattern) {
        let map = self.map;
        match self.threat.norm {
            Norm::Linf => {
                for channel in 0..map.channels {
                    for column in 0..map.width {
                        let stripe = Window {
                            rows: 0..map.height,
                            columns: column..column + 1,
                        };
                        self.choose_end(image, channel, &stripe);
                    }
                }
            }
            Norm::L2 => {
                let side = pattern.side;
                let starts = |length: usize| {
                    let tiles = length / side;
                    (0..tiles).map(move |tile| (length - tiles * side) / 2 + tile * side)
                };
                let mut delta = vec![0.0; image.len()];
                for top in starts(map.height) {
                    for left in starts(map.width) {
                        let tile = Window {
                            rows: top..top + side,
                            columns: left..left + side,
                        };
                        let lying = self.random.random();
                        for channel in 0..map.channels {
                            let sign = random_sign(&mut self.random);
                            for (line, row) in map.lines(channel, &tile).zip(0..) {
                                for (d, column) in delta[line].iter_mut().zip(0..) {
                                    *d = sign * pattern.at(row, column, lying);
                                }
                            }
                        }
                    }
                }
                self.at_full_length(image, &delta);
            }
        }
    }

    /// Keeps the `candidate` as the best image if its margin is higher, and otherwise takes it back.
    fn judge(&mut self, margin: f32, candidate: &mut [f32], best: &mut [f32]) {
        let better = margin > self.highest;
        for channel in 0..self.map.channels {
            for line in self.map.lines(channel, &self.changed) {
                if better {
                    best[line.clone()].copy_from_slice(&candidate[line]);
                } else {
                    candidate[line.clone()].copy_from_slice(&best[line]);
                }
            }
        }
        if better {
            self.highest = margin;
        }
    }

    /// Turns the best image into the next proposal.
    fn propose(&mut self, image: &mut [f32], side: usize, pattern: &Pattern) {
        let window = self.map.random_window(side, &mut self.random);
        match self.threat.norm {
            Norm::Linf => {
                for channel in 0..self.map.channels {
                    self.choose_end(image, channel, &window);
                }
                self.changed = window;
            }
            Norm::L2 => {
                let other = self.map.random_window(side, &mut self.random);
                self.move_length(image, pattern, &window, &other);
            }
        }
    }

    /// Moves a window of one channel to the low or the high end of the ball.
    fn choose_end(&mut self, image: &mut [f32], channel: usize, window: &Window) {
        let end = if self.random.random() {
            &self.high
        } else {
            &self.low
        };
        for line in self.map.lines(channel, window) {
            image[line.clone()].copy_from_slice(&end[line]);
        }
    }

    /// Gives `window` the direction of what is there plus the `pattern`, and the length of both windows with what is unused of ε; `other`
    /// loses all it has.
    fn move_length(
        &mut self,
        image: &mut [f32],
        pattern: &Pattern,
        window: &Window,
        other: &Window,
    ) {
        let (map, side) = (self.map, pattern.side);
        let mut delta: Vec<f32> = image.iter().zip(self.clean).map(|(x, c)| x - c).collect();
        let epsilon = f64::from(self.threat.epsilon);
        let unused = (epsilon * epsilon - squares(&delta)).max(0.0);
        let mut added = Vec::with_capacity(map.channels * side * side);
        let lying = self.random.random();
        for channel in 0..map.channels {
            let sign = random_sign(&mut self.random);
            let present = map.squares(&delta, channel, window).sqrt() + TINY;
            for (line, row) in map.lines(channel, window).zip(0..) {
                let present = delta[line].iter().map(|d| (f64::from(*d) / present) as f32);
                added.extend(
                    (present.zip(0..)).map(|(d, column)| d + sign * pattern.at(row, column, lying)),
                );
            }
        }
        let before = squares(&delta);
        for channel in 0..map.channels {
            for line in map.lines(channel, other) {
                delta[line].fill(0.0);
            }
            for line in map.lines(channel, window) {
                delta[line].fill(0.0);
            }
        }
        // AutoAttack gives each channel the length of all channels of both windows; the common scale that follows evens it out.
        let windows = (before - squares(&delta)).max(0.0);
        let length = (unused / map.channels as f64 + windows).sqrt();
        for (channel, added) in added.chunks(side * side).enumerate() {
            let scale = length / (squares(added).sqrt() + TINY);
            for (line, added) in map.lines(channel, window).zip(added.chunks(side)) {
                for (d, added) in delta[line].iter_mut().zip(added) {
                    *d = (scale * f64::from(*added)) as f32;
                }
            }
        }
        self.at_full_length(image, &delta);
    }

    /// The image in the direction of `delta`, at the full radius before [0, 1] cuts it off.
    fn at_full_length(&self, image: &mut [f32], delta: &[f32]) {
        image.copy_from_slice(self.clean);
        Norm::L2.step(image, delta, self.threat.epsilon);
        Ball::new(self.threat, self.clean).project(image);
    }
}

/// Keeps quotients finite.
const TINY: f64 = 1e-12;

#[cfg(test)]
mod tests;
