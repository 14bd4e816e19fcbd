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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_names_get_the_next_free_number() {
        let mut names = Names::new(["a", "a_2", "b"].into_iter());
        let mut unique = |name: &str| names.unique(name.to_owned());
        assert_eq!(unique("c"), "c");
        assert_eq!(unique("a"), "a_3");
        assert_eq!(unique("a"), "a_4");
        assert_eq!(unique("a_3"), "a_3_2");
        assert_eq!(unique("c"), "c_2");
    }
}
