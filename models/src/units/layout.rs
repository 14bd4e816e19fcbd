//! Where units lie in a value.

use crate::shape::Shape;

/// Units along one axis of a value. A label is a unit, counted over all layers, while groups are sought, and a group afterwards.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// The axis.
    pub(super) axis: usize,
    /// How many positions in a row each label has: one, but in a map that was made a vector.
    pub(super) block: usize,
    /// Nothing for what always stays.
    pub(super) labels: Vec<Option<usize>>,
    /// By label: whether the value is zero there once the label's group is silent.
    pub(super) silent: Vec<bool>,
}

impl Layout {
    /// The label of each position of the axis.
    pub(super) fn positions(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        let labels = self.labels.iter();
        labels.flat_map(|label| std::iter::repeat_n(*label, self.block))
    }

    /// Whether each position of the axis stays, by what is removed.
    pub(super) fn kept(&self, removed: &[bool]) -> Vec<bool> {
        let positions = self.positions();
        positions
            .map(|label| label.is_none_or(|label| !removed[label]))
            .collect()
    }

    /// The same where silent positions are only those that `is_silent` says, too.
    pub(super) fn silent_if(mut self, is_silent: bool) -> Self {
        self.silent
            .iter_mut()
            .for_each(|silent| *silent &= is_silent);
        self
    }

    /// Where the units of a value of shape `before` lie once it has the shape `after`; nothing if they are cut or joined.
    pub(super) fn reshaped(self, before: &Shape, after: &Shape) -> Option<Self> {
        let outer = |shape: &Shape, axis: usize| -> usize { shape.0[..axis].iter().product() };
        let inner = |shape: &Shape, axis: usize| -> usize { shape.0[axis + 1..].iter().product() };
        // The elements in a row that have the same label.
        let run = self.block * inner(before, self.axis);
        let axis = (0..after.0.len()).find(|axis| {
            let same_outside = outer(after, *axis) == outer(before, self.axis);
            same_outside && run.is_multiple_of(inner(after, *axis))
        })?;
        Some(Self {
            axis,
            block: run / inner(after, axis),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(axis: usize, block: usize, units: usize) -> Layout {
        Layout {
            axis,
            block,
            labels: (0..units).map(Some).collect(),
            silent: vec![true; units],
        }
    }

    #[test]
    fn a_map_becomes_a_vector_with_blocks_and_a_map_again() {
        let [map, vector] = [vec![2, 3, 4], vec![24]].map(Shape);
        let flat = layout(0, 1, 2).reshaped(&map, &vector).unwrap();
        assert_eq!(flat, layout(0, 12, 2));
        assert_eq!(flat.clone().reshaped(&vector, &map), Some(layout(0, 1, 2)));
        let rows = Shape(vec![6, 4]);
        assert_eq!(flat.clone().reshaped(&vector, &rows), Some(layout(0, 3, 2)));
        // Neither three nor eight positions of eight elements or three have one label.
        assert_eq!(flat.clone().reshaped(&vector, &Shape(vec![3, 8])), None);
        let leading = Shape(vec![1, 24]);
        assert_eq!(flat.reshaped(&vector, &leading), Some(layout(1, 12, 2)));
    }

    #[test]
    fn what_lies_outside_of_the_units_must_stay_outside() {
        let [before, after] = [vec![5, 2, 3], vec![5, 6]].map(Shape);
        let moved = layout(1, 1, 2).reshaped(&before, &after);
        assert_eq!(moved, Some(layout(1, 3, 2)));
        let vector = Shape(vec![30]);
        assert_eq!(layout(1, 1, 2).reshaped(&before, &vector), None);
    }

    #[test]
    fn a_block_stays_or_goes_whole() {
        let mut blocks = layout(0, 2, 3);
        blocks.labels[0] = None;
        let kept = blocks.kept(&[true, true, false]);
        assert_eq!(kept, [true, true, false, false, true, true]);
    }
}
