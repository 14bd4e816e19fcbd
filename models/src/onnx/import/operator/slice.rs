//! Operators of the family slice.

use super::Lower;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[];
