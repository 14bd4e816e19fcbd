//! Chosen positions of an axis: the few nodes that say it most simply.

use super::graph::{GraphWriter, int};

/// Writes what takes `indices` of the axis `axis` of `x`, which is given by its name and its shape without the batch; `fill` stands where
/// there is no index. The result is called `name`.
///
/// A run of positions is a slice, others are gathered; places without an index at the ends are padding. If there are some in between, one
/// position with the fill is appended and gathered. (Steps would be slices too, but tract 0.23 fails where one follows a reshape.)
pub(super) fn write(
    writer: &mut GraphWriter,
    (x, shape): (&str, &[usize]),
    axis: usize,
    (indices, fill): (&[Option<usize>], f32),
    name: &str,
) {
    let mut out = Axis {
        writer,
        axis,
        rank: shape.len(),
        name,
    };
    let length = shape[axis];
    let before = indices.iter().take_while(|index| index.is_none()).count();
    let after = indices[before..]
        .iter()
        .rev()
        .take_while(|index| index.is_none())
        .count();
    let inner: Option<Vec<usize>> = indices[before..indices.len() - after]
        .iter()
        .copied()
        .collect();
    match inner {
        Some(inner) if before + after == 0 => out.take(x, &inner, name),
        Some(inner) if inner.iter().copied().eq(0..length) => out.pad(x, before, after, fill, name),
        Some(inner) if !inner.is_empty() => {
            let taken = out.writer.unique(&format!("{name}/taken"));
            out.take(x, &inner, &taken);
            out.pad(&taken, before, after, fill, name);
        }
        _ => {
            let padded = out.writer.unique(&format!("{name}/padded"));
            out.pad(x, 0, 1, fill, &padded);
            let filled: Vec<usize> = indices
                .iter()
                .map(|index| index.unwrap_or(length))
                .collect();
            out.take(&padded, &filled, name);
        }
    }
}

/// The axis that positions are taken from.
struct Axis<'w, 'n> {
    writer: &'w mut GraphWriter<'n>,
    axis: usize,
    /// Number of axes without the batch.
    rank: usize,
    /// Of the result.
    name: &'w str,
}

impl Axis<'_, '_> {
    fn integers(&mut self, part: &str, values: &[i64]) -> String {
        self.writer
            .integers(&format!("{}/{part}", self.name), values)
    }

    /// The positions `indices` of `x`.
    fn take(&mut self, x: &str, indices: &[usize], name: &str) {
        let axis = self.axis as i64 + 1;
        // Networks keep positions far below what i64 holds.
        let indices: Vec<i64> = indices.iter().map(|index| *index as i64).collect();
        if indices.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
            let indices = self.integers("indices", &indices);
            return self
                .writer
                .node("Gather", &[x, &indices], name, vec![int("axis", axis)]);
        }
        let start = self.integers("start", &indices[..1]);
        let end = self.integers("end", &[indices[indices.len() - 1] + 1]);
        let axis = self.integers("axis", &[axis]);
        self.writer
            .node("Slice", &[x, &start, &end, &axis], name, Vec::new());
    }

    /// `x` with places that hold `fill` before and after.
    fn pad(&mut self, x: &str, before: usize, after: usize, fill: f32, name: &str) {
        let mut pads = vec![0; 2 * (self.rank + 1)];
        pads[self.axis + 1] = before as i64;
        pads[self.rank + 1 + self.axis + 1] = after as i64;
        let pads = self.integers("pads", &pads);
        let fill = self
            .writer
            .floats(&format!("{}/fill", self.name), &[], &[fill]);
        self.writer
            .node("Pad", &[x, &pads, &fill], name, Vec::new());
    }
}
