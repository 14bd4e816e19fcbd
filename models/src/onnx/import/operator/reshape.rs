//! Operators of the family reshape.

use super::Lower;

/// The operators of this family.
pub(super) const OPERATORS: &[(&str, Lower)] = &[];
