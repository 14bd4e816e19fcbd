//! The staged input of a convolution, with the bounds that make unchecked loads sound.

use crate::format::LANES;

/// Planes, the offset of each column in them, and the measures of the output. Any column's offset
/// plus any position, rounded up to whole vectors, is inside the planes.
pub struct Staged<'a> {
    planes: &'a [f32],
    offsets: &'a [u32],
    height: usize,
    width: usize,
    pitch: usize,
}

impl<'a> Staged<'a> {
    /// `[height, width]` is the size of an output map, whose value (y, x) is at position
    /// y · pitch + x.
    pub fn new(planes: &'a [f32], offsets: &'a [u32], [height, width, pitch]: [usize; 3]) -> Self {
        assert!(height > 0 && (1..=pitch).contains(&width));
        // Without values between rows, the map is one long row.
        let staged = if width == pitch {
            Self {
                planes,
                offsets,
                height: 1,
                width: height * width,
                pitch: height * width,
            }
        } else {
            Self {
                planes,
                offsets,
                height,
                width,
                pitch,
            }
        };
        let furthest = offsets.iter().max().map_or(0, |&offset| offset as usize);
        let end = furthest + staged.positions().next_multiple_of(LANES);
        assert!(end <= planes.len(), "staged planes are too short");
        staged
    }

    /// The number of positions from the first output to the last.
    pub fn positions(&self) -> usize {
        (self.height - 1) * self.pitch + self.width
    }

    /// The number of values in an output map.
    pub fn map_len(&self) -> usize {
        self.height * self.width
    }

    /// The width of an output row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The offset of each column.
    pub fn offsets(&self) -> &'a [u32] {
        self.offsets
    }

    /// The values at `offset`, one of [`Staged::offsets`], for output row `y`.
    pub fn row(&self, offset: u32, y: usize) -> &'a [f32] {
        &self.planes[offset as usize + y * self.pitch..][..self.width]
    }

    /// The values at `offset`, one of [`Staged::offsets`], from `position` on. For every position
    /// below [`Staged::positions`] that is a multiple of a vector's length, a whole vector is there.
    #[cfg(target_arch = "x86_64")]
    pub fn from(&self, offset: u32, position: usize) -> *const f32 {
        self.planes
            .as_ptr()
            .wrapping_add(offset as usize + position)
    }

    /// Divides the positions into blocks of at most `most` vectors of `lanes`, as equal as possible.
    #[cfg(target_arch = "x86_64")]
    pub fn blocks(&self, lanes: usize, most: usize) -> impl Iterator<Item = Block> {
        let vectors = self.positions().div_ceil(lanes);
        let size = vectors.div_ceil(vectors.div_ceil(most));
        (0..vectors).step_by(size).map(move |first| Block {
            start: first * lanes,
            vectors: size.min(vectors - first),
            place: [first * lanes / self.pitch, first * lanes % self.pitch],
        })
    }

    /// Copies the results of a block to their places in an output map, leaving out those between its
    /// rows and behind its end.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub fn keep(&self, block: &Block, results: &[f32], map: &mut [f32]) {
        let [first, mut x] = block.place;
        let mut results = results;
        for row in map.chunks_exact_mut(self.width).skip(first) {
            let row = row.get_mut(x..).unwrap_or(&mut []);
            for (value, &result) in row.iter_mut().zip(results) {
                *value = result;
            }
            match results.get(self.pitch - x..) {
                Some(rest) => (results, x) = (rest, 0),
                None => break,
            }
        }
    }
}

/// Some vectors of positions that are computed together.
#[cfg(target_arch = "x86_64")]
pub struct Block {
    /// The first position.
    pub start: usize,
    /// The number of vectors.
    pub vectors: usize,
    /// Row and column of the first position.
    place: [usize; 2],
}
