//! Sets of units that are joined and pinned: a disjoint-set forest (Tarjan, "Efficiency of a Good But Not Linear Set Union Algorithm", 1975).

/// Units, counted over all layers, in sets.
pub(super) struct Partition {
    /// The next unit on the way to the first of its set, which stands for itself.
    parents: Vec<usize>,
    /// Whether a set must stay, by its first unit.
    pinned: Vec<bool>,
}

impl Partition {
    /// Every unit in a set of its own.
    pub(super) fn new(units: usize) -> Self {
        Self {
            parents: (0..units).collect(),
            pinned: vec![false; units],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parents.len()
    }

    /// The first unit of the set of `unit`; nothing if the set is pinned.
    pub(super) fn first(&mut self, unit: usize) -> Option<usize> {
        let root = self.root(unit);
        (!self.pinned[root]).then_some(root)
    }

    /// Joins two sets. The result is pinned if one of them was.
    pub(super) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (first, second) = (one.min(other), one.max(other));
        self.parents[second] = first;
        self.pinned[first] |= self.pinned[second];
    }

    /// Has the set of `unit` stay.
    pub(super) fn pin(&mut self, unit: usize) {
        let root = self.root(unit);
        self.pinned[root] = true;
    }

    fn root(&mut self, mut unit: usize) -> usize {
        while self.parents[unit] != unit {
            // Halves the way for whoever comes next.
            self.parents[unit] = self.parents[self.parents[unit]];
            unit = self.parents[unit];
        }
        unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_sets_have_the_least_unit_first_and_pins_are_shared() {
        let mut partition = Partition::new(6);
        partition.join(4, 2);
        partition.join(5, 4);
        partition.join(3, 1);
        let mut first = |unit| partition.first(unit);
        assert_eq!([0, 2, 4, 5].map(&mut first), [0, 2, 2, 2].map(Some));
        assert_eq!([1, 3].map(&mut first), [Some(1); 2]);
        partition.pin(3);
        assert_eq!(partition.first(1), None);
        partition.join(0, 1);
        assert_eq!(partition.first(0), None);
        assert_eq!(partition.first(5), Some(2));
    }
}
