//! Names that are unique in a network.

use std::collections::{HashMap, HashSet};

/// Names that are taken.
pub(crate) struct Names {
    taken: HashSet<String>,
    /// The number to try next behind each name that was taken, so that many collisions take no more time than names.
    next: HashMap<String, usize>,
}

impl Names {
    /// Names that are taken from the start.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            taken: names.map(str::to_owned).collect(),
            next: HashMap::new(),
        }
    }

    /// `wanted`, with a number behind it if it is taken.
    pub(crate) fn unique(&mut self, wanted: String) -> String {
        if self.taken.insert(wanted.clone()) {
            return wanted;
        }
        let next = self.next.entry(wanted.clone()).or_insert(2);
        loop {
            let name = format!("{wanted}_{next}");
            *next += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}
